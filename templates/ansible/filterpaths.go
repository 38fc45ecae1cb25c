package ansible

import (
	"errors"
	"path"
	"path/filepath"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// pathFilters concern the paths of files, on hosts: they look at no disk, but for realpath, which looks at this machine's.
func pathFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"basename": ofText(func(s string) (any, error) { return s[strings.LastIndexByte(s, '/')+1:], nil }),
		"dirname":  ofText(func(s string) (any, error) { return directoryOf(s), nil }),
		"splitext": ofText(func(s string) (any, error) {
			base := s[strings.LastIndexByte(s, '/')+1:]
			at := strings.LastIndexByte(base, '.')
			if at <= 0 || strings.Trim(base[:at], ".") == "" {
				return jinja.Tuple{s, ""}, nil
			}
			cut := len(s) - len(base) + at
			return jinja.Tuple{s[:cut], s[cut:]}, nil
		}),
		"realpath": ofText(func(s string) (any, error) { return realPath(s) }),
		"path_join": of(func(v any) (any, error) {
			if s, ok := v.(string); ok {
				return s, nil
			}
			items, err := jinja.ListOf("path_join", v)
			if err != nil {
				return nil, err
			}
			joined := ""
			for _, item := range items {
				joined = joinPath(joined, jinja.Text(item))
			}
			return joined, nil
		}),
		"relpath": {Parameters: "start!", Do: func(c *jinja.Invocation) (any, error) {
			to, from := cleanPath(jinja.Text(c.Value)), cleanPath(c.Text("start", ""))
			if strings.HasPrefix(to, "/") != strings.HasPrefix(from, "/") {
				return nil, errors.New("relpath needs two absolute or two relative paths")
			}
			return relativePath(from, to), nil
		}},
	}
}

// expandUser puts the home directory of whoever runs polarbook in place of a leading ~.
func expandUser(c *jinja.Invocation) (any, error) {
	s := jinja.Text(c.Value)
	if s != "~" && !strings.HasPrefix(s, "~/") {
		return s, nil
	}
	if env := c.Run.Options().Env; env != nil {
		if home, ok := env("HOME"); ok && home != "" {
			return strings.TrimRight(home, "/") + s[1:], nil
		}
	}
	return s, nil
}

// directoryOf is Python's dirname.
func directoryOf(s string) string {
	head := s[:strings.LastIndexByte(s, '/')+1]
	if strings.Trim(head, "/") != "" {
		head = strings.TrimRight(head, "/")
	}
	return head
}

// joinPath is Python's os.path.join of two.
func joinPath(a, b string) string {
	switch {
	case strings.HasPrefix(b, "/") || a == "":
		return b
	case strings.HasSuffix(a, "/"):
		return a + b
	}
	return a + "/" + b
}

func cleanPath(s string) string { return path.Clean(s) }

func relativePath(from, to string) string {
	parts := func(p string) []string {
		return strings.FieldsFunc(p, func(c rune) bool { return c == '/' })
	}
	a, b := parts(from), parts(to)
	if from == "." {
		a = nil
	}
	common := 0
	for common < len(a) && common < len(b) && a[common] == b[common] {
		common++
	}
	result := []string{}
	for range a[common:] {
		result = append(result, "..")
	}
	result = append(result, b[common:]...)
	if len(result) == 0 {
		return "."
	}
	return strings.Join(result, "/")
}

func commonPath(c *jinja.Invocation) (any, error) {
	items, err := c.Items()
	if err != nil || len(items) == 0 {
		return nil, errors.Join(err, errors.New("commonpath needs a list of paths"))
	}
	var common []string
	for at, item := range items {
		parts := strings.Split(jinja.Text(item), "/")
		if at == 0 {
			common = parts
			continue
		}
		shared := 0
		for shared < len(common) && shared < len(parts) && common[shared] == parts[shared] {
			shared++
		}
		common = common[:shared]
	}
	joined := strings.Join(common, "/")
	if joined == "" && strings.HasPrefix(jinja.Text(items[0]), "/") {
		return "/", nil
	}
	return joined, nil
}

// realPath follows the links in a path of this machine, as far as there is something.
func realPath(s string) (string, error) {
	absolute, err := filepath.Abs(s)
	if err != nil {
		return "", err
	}
	rest := ""
	for at := absolute; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest), nil
		} else if at == "/" {
			return absolute, nil
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}
