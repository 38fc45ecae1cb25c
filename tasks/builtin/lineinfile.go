package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/templates/pattern"
)

type lineinfileArgs struct {
	files.EditArgs
	Create       bool    `arg:"create" default:"false" doc:"Create the file, and its directory, if it is missing."`
	Line         *string `arg:"line" alias:"value" doc:"The line. Required for state: present."`
	Regexp       *string `arg:"regexp" alias:"regex" doc:"Expression for the line to replace (the last match), or the lines to remove."`
	SearchString *string `arg:"search_string" doc:"Text that the line has to contain, instead of regexp."`
	State        string  `arg:"state" default:"present" choices:"absent present" doc:"Insert the line, or remove it."`
	InsertAfter  *string `arg:"insertafter" doc:"EOF, or an expression: a new line goes after the last match."`
	InsertBefore *string `arg:"insertbefore" doc:"BOF, or an expression: a new line goes before the last match."`
	FirstMatch   bool    `arg:"firstmatch" default:"false" doc:"Take the first match, not the last."`
	Backrefs     bool    `arg:"backrefs" default:"false" doc:"Replace \\1 and the like in line by what regexp matched; no match, no change."`
}

var lineinfileModule = tasks.Define(tasks.Module{
	Name: "lineinfile", Collections: []string{"ansible.builtin"},
	Summary: "Manage a line of a text file",
	Notes: []string{
		"Expressions are Python's, for bytes: `\\w` and its like know letters of ASCII alone.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "backup", Type: "str", Doc: "copy of the file before"},
		{Name: "found", Type: "int", Doc: "lines removed, with absent"},
		{Name: "msg", Type: "str", Doc: "what was done"},
	},
	Examples: `
- lineinfile: {path: /etc/hosts, regexp: '^10\.0\.0\.1\s', line: 10.0.0.1 node1}
- lineinfile:
    path: /etc/selinux/config
    regexp: ^SELINUX=
    line: SELINUX=permissive
- lineinfile: {path: /etc/fstab, regexp: '^([^#].*\sswap\s.*)$', line: '# \1', backrefs: true}
`,
}, buildLineinfile)

// bytewise is how Python reads an expression for bytes, as lineinfile, blockinfile and wait_for of Ansible's have it.
var bytewise = pattern.Flags{ASCII: true}

// lines is a lineinfile with its expressions read.
type lines struct {
	lineinfileArgs
	match, insert *pattern.Pattern
	expand        *pattern.Template // of line, with backrefs; nil without
}

func buildLineinfile(a *lineinfileArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "lineinfile", Arg: arg, Problem: problem}
	}
	switch {
	case a.Regexp != nil && a.SearchString != nil:
		return refuse("search_string", "and regexp exclude each other")
	case a.InsertAfter != nil && a.InsertBefore != nil:
		return refuse("insertbefore", "and insertafter exclude each other")
	case a.State == "present" && a.Line == nil:
		return refuse("line", "is required for state: present")
	case a.State == "absent" && a.Line == nil && a.Regexp == nil && a.SearchString == nil:
		return refuse("line", "is required for state: absent, or regexp or search_string")
	case a.Backrefs && a.Regexp == nil:
		return refuse("regexp", "is required for backrefs")
	}
	e, err := files.NewEdit("lineinfile", a.EditArgs, a.Create && a.State == "present", l)
	if err != nil {
		return nil, err
	}
	f := lines{lineinfileArgs: *a}
	if a.Regexp != nil {
		if f.match, err = files.Pattern("lineinfile", "regexp", *a.Regexp, bytewise); err != nil {
			return nil, err
		}
		if a.Backrefs {
			if f.expand, err = f.match.Template(*a.Line); err != nil {
				return refuse("line", err.Error())
			}
		}
	}
	if a.InsertAfter == nil && a.InsertBefore == nil {
		eof := "EOF"
		f.InsertAfter = &eof
	}
	if a.InsertAfter != nil && *a.InsertAfter != "EOF" && *a.InsertAfter != "BOF" {
		if f.insert, err = files.Pattern("lineinfile", "insertafter", *a.InsertAfter, bytewise); err != nil {
			return nil, err
		}
	} else if a.InsertBefore != nil && *a.InsertBefore != "BOF" {
		if f.insert, err = files.Pattern("lineinfile", "insertbefore", *a.InsertBefore, bytewise); err != nil {
			return nil, err
		}
	}
	e.Rewrite = f.present
	if a.State == "absent" {
		e.Rewrite = f.absent
		e.Missing = func() tasks.Plan { return tasks.Plan{Msg: "file not present", Values: map[string]any{"found": 0}} }
	}
	return a.Marked("lineinfile", a.Path, "", e)
}

func (f *lines) absent(text string, _ bool) (string, string, map[string]any, error) {
	all := files.KeepLines(text)
	var failed error
	kept := slices.DeleteFunc(slices.Clone(all), func(line string) bool {
		switch {
		case f.match != nil:
			m, err := f.match.Find(line)
			failed = errors.Join(failed, err)
			return m != nil
		case f.SearchString != nil:
			return strings.Contains(line, *f.SearchString)
		}
		return files.Bare(line) == *f.Line
	})
	if failed != nil {
		return "", "", nil, failed
	}
	found := len(all) - len(kept)
	msg := ""
	if found > 0 {
		msg = fmt.Sprintf("%d line(s) removed", found)
	}
	return strings.Join(kept, ""), msg, map[string]any{"found": found}, nil
}

// present follows Ansible's own order of things, to the letter: a match of regexp is replaced; else a line that is
// there already is left; else the place is sought.
func (f *lines) present(text string, _ bool) (string, string, map[string]any, error) {
	all := files.KeepLines(text)
	line := *f.Line // may be several, which no single line of the file is the same as: without regexp they are added at each run
	at, insertAt := -1, -1
	var groups []int
	for i, current := range all {
		switch {
		case f.match != nil:
			m, err := f.match.Find(current)
			if err != nil {
				return "", "", nil, err
			}
			if m == nil {
				continue
			}
			groups = m
		case f.SearchString == nil || !strings.Contains(current, *f.SearchString):
			continue
		}
		at = i
		if f.FirstMatch {
			break
		}
	}
	matched := at >= 0
	if !matched {
		for i, current := range all {
			if files.Bare(current) == line {
				at = i
				continue
			}
			if f.insert == nil {
				continue
			}
			m, err := f.insert.Find(current)
			if err != nil {
				return "", "", nil, err
			}
			if m != nil {
				insertAt = i
				if f.InsertAfter != nil {
					insertAt = i + 1
				}
				if f.FirstMatch {
					break
				}
			}
		}
	}
	add := func(i int) (string, string, map[string]any, error) {
		if i > 0 && !strings.HasSuffix(all[i-1], "\n") {
			all[i-1] += "\n"
		}
		return strings.Join(slices.Insert(all, i, line+"\n"), ""), "line added", nil, nil
	}
	switch {
	case at >= 0:
		if f.Backrefs && matched {
			line = f.expand.Expand(all[at], groups)
		}
		if !strings.HasSuffix(line, "\n") {
			line += "\n"
		}
		if all[at] == line {
			return text, "", nil, nil
		}
		all[at] = line
		return strings.Join(all, ""), "line replaced", nil, nil
	case f.Backrefs:
		return text, "", nil, nil
	case f.InsertBefore != nil && *f.InsertBefore == "BOF", f.InsertAfter != nil && *f.InsertAfter == "BOF":
		return add(0)
	case insertAt >= 0:
		if insertAt < len(all) && files.Bare(all[insertAt]) == line {
			return text, "", nil, nil
		}
		return add(insertAt)
	}
	return add(len(all))
}
