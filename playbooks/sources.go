package playbooks

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

// source is an argument that names a file on the control node.
type source struct {
	argument string
	kind     string // the folder that such files are kept in
	// onHost are arguments that say, when true, that the file is on the host; notOnHost when false.
	onHost, notOnHost string
}

// sources are the modules with such arguments.
var sources = map[string]source{
	"copy":      {argument: "src", kind: "files", onHost: "remote_src"},
	"template":  {argument: "src", kind: "templates"},
	"unarchive": {argument: "src", kind: "files", onHost: "remote_src", notOnHost: "copy"},
	"script":    {argument: "cmd", kind: "files"},
}

// checkSources checks that a file with a literal name is there, and that a template can be read. That it is missing is only noted where
// the playbook says what is to happen when its task fails.
func (l *loader) checkSources(c *scope, m *tasks.Module, args arguments, t *Task) {
	s, ok := sources[m.Name]
	if !ok || t.ArgsFrom.Given() {
		return
	}
	v, ok := args.values[s.argument]
	name, isString := v.Raw.(string)
	if !ok || !isString || name == "" || isTemplate(name) {
		return
	}
	if m.Name == "script" {
		name = firstWord(name)
	}
	if onHost, ok := args.values[s.onHost]; ok && !isFalse(onHost.Raw) {
		return
	}
	if copied, ok := args.values[s.notOnHost]; ok && !isTrue(copied.Raw) {
		return
	}
	if m.Name == "unarchive" && hasScheme(name) {
		return
	}
	fsys, p, err := t.Origin.Find(s.kind, name)
	if errors.Is(err, fs.ErrNotExist) && l.makes {
		return // a task before may have made it when this one is run
	}
	if err != nil {
		var missing *NotFoundError
		hint := ""
		if errors.As(err, &missing) {
			for i, place := range missing.Looked {
				missing.Looked[i] = l.shorten(place)
			}
		}
		defer l.perhaps(l.maybe || c.tolerant || t.IgnoreErrors.Given())()
		_ = l.lack(v.Pos, 0, hint, "%v", err)
		return
	}
	if m.Name == "template" {
		l.checkTemplateFile(fsys, p, args, v.Pos)
	}
}

// shorten is a place as display would show it.
func (l *loader) shorten(shown string) string {
	if filepath.IsAbs(shown) {
		return l.display(hostFiles, inHost(shown))
	}
	return shown
}

func firstWord(s string) string {
	tokens, err := splitTokens(s)
	if err != nil || len(tokens) == 0 {
		return s
	}
	return unquote(trimBlanks(tokens[0].text))
}

func trimBlanks(s string) string {
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\n') {
		s = s[:len(s)-1]
	}
	return s
}

func hasScheme(name string) bool {
	for i := 0; i+2 < len(name); i++ {
		if name[i:i+3] == "://" {
			return true
		}
	}
	return false
}

func isTrue(raw any) bool {
	return raw == true || raw == "yes" || raw == "true" || raw == "True" || raw == 1
}
func isFalse(raw any) bool {
	return raw == false || raw == "no" || raw == "false" || raw == "False" || raw == 0
}

// checkTemplateFile reads a template unless it has delimiters of its own, which the checker does not know.
func (l *loader) checkTemplateFile(fsys fs.FS, p string, args arguments, at Position) {
	for name := range args.values {
		if strings.HasSuffix(name, "_start_string") || strings.HasSuffix(name, "_end_string") {
			return
		}
	}
	f := &file{name: l.display(fsys, p), fsys: fsys, path: p}
	if _, read := l.files[f.name]; read {
		return
	}
	data, err := readLimited(fsys, p)
	if err != nil {
		l.fail(at, 0, "", "cannot read the template %s: %v", f.name, reason(err))
		return
	}
	if !isFalse(args.values["decrypt"].Raw) {
		if data, f.sealed, err = l.Vault.File(data); err != nil {
			l.fail(at, 0, "", "cannot read the template %s: %v", f.name, err)
			return
		}
	}
	f.setText(data)
	l.register(f)
	if err := l.Checker.Check(f.text); err != nil {
		msg, line, column := splitPlace(err)
		if line == 0 {
			l.fail(at, 0, "", "the template %s cannot be read: %s", f.name, msg)
			return
		}
		l.fail(Position{f.name, line, column}, 1, "", "bad template: %s", msg)
	}
}
