package lint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
)

var (
	keyBegins = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----`)
	inURL     = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^/\s:@{}"']+:[^/\s@{}"']+@`)
	// hashed are passwords that are no longer in clear.
	hashed = regexp.MustCompile(`^(\$(1|2[aby]?|5|6|y|gy|7)\$|SCRAM-SHA-256\$|md5[0-9a-f]{32}$|\{SSHA|[!*]+$|\*[0-9A-F]{40}$)`)
	// variableName is what a variable with a secret may be called, as in password_from: db_password, and a password hardly is.
	variableName = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)
	// assigned is a secret on a line of name=value.
	assigned = regexp.MustCompile(`(?:^|\s)(\w+)=("[^"{]+"|'[^'{]+'|[^\s"'{]+)`)
)

// secrets finds what stands in clear. What it finds is not said, nor is its line shown.
func (l *linter) secrets(s *playbooks.Source, n, about *yaml.Node, name string) {
	text := n.Value
	tell := func(rule, hint, message string) {
		at := s.At(n)
		last := n.Line
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			last += strings.Count(text, "\n") + 1
		}
		for row := n.Line; row <= last; row++ {
			l.secret[line{s.Name, row}] = true
		}
		l.report(rule, at, about, hint, message)
	}
	switch {
	case n.Tag == "!vault" || n.Tag == "!!null" || n.Tag == "!!bool" || n.Tag == "!vault-encrypted":
	case keyBegins.MatchString(text):
		tell(privateKey, "polarbook vault encrypt-string, or a file that is encrypted", "a private key stands here in clear")
	case secretName(name) && secretText(name, text):
		tell(secretInClear, "polarbook vault encrypt-string, or lookup('env', …)", fmt.Sprintf("the value of %q stands here in clear", name))
	case inURL.MatchString(text):
		tell(secretInClear, "take it from a variable that is encrypted", "a password stands here in clear, in an address")
	default:
		for _, found := range assigned.FindAllStringSubmatch(text, -1) {
			if secretName(found[1]) && secretText(found[1], strings.Trim(found[2], `"'`)) && !strings.HasPrefix(found[2], "$") {
				tell(secretInClear, "take it from a variable that is encrypted", fmt.Sprintf("the value of %q stands here in clear", found[1]))
				return
			}
		}
	}
}

// secretText reports whether a text is a secret that can be read, and not where to find one.
func secretText(name, text string) bool {
	switch {
	case strings.TrimSpace(text) == "" || text == "omit" || hashed.MatchString(text) || !inventory.SecretValue(name, text):
		return false
	case playbooks.IsTemplate(text):
		return false
	}
	return !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "~/") && !(variableName.MatchString(text) && inventory.SecretName(text))
}

// texts looks at a template.
func (l *linter) texts(s *playbooks.Source) {
	for i, text := range s.Lines {
		if at := keyBegins.FindStringIndex(text); at != nil {
			l.secret[line{s.Name, i + 1}] = true
			l.report(privateKey, playbooks.Position{File: s.Name, Line: i + 1, Column: len([]rune(text[:at[0]])) + 1}, nil,
				"take it from a variable that is encrypted", "a private key stands here in clear")
		}
	}
}

// hides are modules whose values are masked wherever they show, or that show none.
func hides(module string) bool {
	switch module {
	case "assert", "fail", "include_vars", "validate_argument_spec", "meta", "pause":
		return true
	}
	return strings.HasPrefix(module, "polardb_")
}

// passwords finds tasks that handle one and do not hide it.
func passwords(l *linter, t *task) {
	if t.noLog || hides(t.module) || t.Loop != nil && t.NoLog.Given() {
		return
	}
	e, ok := t.call()
	if !ok {
		return
	}
	nodes := []*yaml.Node{e.Value}
	if args, ok := t.key("args"); ok {
		nodes = append(nodes, args.Value)
	}
	if name := l.handles(t, nodes); name != "" {
		l.report(missingNoLog, t.at(), t.node, "no_log: true", fmt.Sprintf("this task handles a password (%s), and has no no_log", name))
	}
}

// handles is the name of a secret that a task's arguments hold; empty: none.
func (l *linter) handles(t *task, nodes []*yaml.Node) string {
	for _, name := range slices.Sorted(maps.Keys(t.Args)) {
		text, isText := t.Args[name].Raw.(string)
		secret := secretName(name)
		if m := t.spec(); m != nil {
			if spec, ok := m.Arg(name); ok {
				secret = spec.Secret
			}
		}
		if secret && isText && text != "" && !hashed.MatchString(text) && (playbooks.IsTemplate(text) || secretText(name, text)) {
			return name
		}
	}
	for _, n := range nodes {
		if name := l.readsSecret(n, 0); name != "" {
			return name
		}
	}
	return ""
}

func (l *linter) readsSecret(n *yaml.Node, depth int) string {
	if depth > maxDepth {
		return ""
	}
	if n.Kind == yaml.ScalarNode {
		if r, ok := l.x.Reads(n.Value); ok {
			for _, read := range r.Reads {
				switch {
				case read.Name != "ansible_facts" && secretName(read.Name) && !pathLike(read.Name):
					return read.Name
				case secretName(read.Attribute) && read.Name != "ansible_facts":
					return read.Name + "." + read.Attribute
				}
			}
		}
	}
	for _, child := range n.Content {
		if name := l.readsSecret(child, depth+1); name != "" {
			return name
		}
	}
	return ""
}

// maxDepth bounds how deeply what is looked at may nest.
const maxDepth = 100

// pathLike reports whether a name with such an end mostly names a file.
func pathLike(name string) bool {
	for _, end := range []string{"key", "keys", "credentials", "creds", "pwd"} {
		if strings.HasSuffix(strings.ToLower(name), end) {
			return true
		}
	}
	return false
}
