package ansible

import (
	"os"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/polarbook/polarbook/templates/jinja"
)

// placeTests are the tests of addresses, and of what is mounted on this machine.
func placeTests() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"uri": {Parameters: "schemes", Do: func(c *jinja.Invocation) (any, error) { return isURI(c, c.Get("schemes", nil)) }},
		"urn": {Do: func(c *jinja.Invocation) (any, error) { return isURI(c, []any{"urn"}) }},
		"url": {Parameters: "schemes", Do: func(c *jinja.Invocation) (any, error) {
			yes, err := isURI(c, c.Get("schemes", nil))
			s, isText := c.Value.(string)
			if !yes || !isText {
				return false, err
			}
			scheme, host, _ := uriParts(s)
			return host != "" || scheme == "file", err
		}},
		"mount": fileTest(isMount, true),
	}
}

// isURI is as generous as Ansible's test: nearly any text has a path. What is empty and no text counts too.
func isURI(c *jinja.Invocation, schemes any) (bool, error) {
	scheme, ok := "", true
	switch v := c.Value.(type) {
	case string:
		scheme, _, ok = uriParts(v)
	case *jinja.Undefined:
		return false, v.Error()
	default:
		full, err := jinja.Truth(v)
		if err != nil || full {
			return false, err
		}
	}
	given, err := jinja.Truth(schemes)
	if err != nil || !ok || !given {
		return ok, err
	}
	return c.Run.Contains(schemes, scheme)
}

// uriParts returns the scheme in small letters and the host with what stands around it, each "" where there is none, as Python's
// urlsplit finds them. ok is false for what that refuses: brackets that do not match, or signs that normalize to others that part.
func uriParts(text string) (scheme, host string, ok bool) {
	text = strings.TrimLeftFunc(text, func(r rune) bool { return r <= ' ' })
	text = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(text)
	if at := strings.IndexByte(text, ':'); at > 0 && isLetter(text[0]) {
		named := true
		for i := range at {
			named = named && (isLetter(text[i]) || text[i] >= '0' && text[i] <= '9' || strings.IndexByte("+-.", text[i]) >= 0)
		}
		if named {
			scheme, text = strings.ToLower(text[:at]), text[at+1:]
		}
	}
	after, found := strings.CutPrefix(text, "//")
	if !found {
		return scheme, "", true
	}
	if at := strings.IndexAny(after, "/?#"); at >= 0 {
		after = after[:at]
	}
	if strings.Contains(after, "[") != strings.Contains(after, "]") {
		return scheme, after, false
	}
	plain := strings.NewReplacer("@", "", ":", "", "#", "", "?", "").Replace(after)
	if normal := norm.NFKC.String(plain); normal != plain && strings.ContainsAny(normal, "/?#@:") {
		return scheme, after, false
	}
	return scheme, after, true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isMount reports whether something is mounted at a directory of this machine: it is on another device than the one above, or is
// the same.
func isMount(path string, info os.FileInfo) bool {
	if info.Mode()&os.ModeSymlink != 0 {
		return false
	}
	above, err := os.Lstat(path + "/..")
	if err != nil {
		return false
	}
	return mounted(info, above)
}
