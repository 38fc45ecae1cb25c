package builtin

import (
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/templates/pattern"
)

type replaceArgs struct {
	files.EditArgs
	Regexp   string `arg:"regexp,required" doc:"Expression to replace, everywhere in the file; ^ and $ match at lines."`
	Replace  string `arg:"replace" doc:"Replacement; \\1 and \\g<name> are what groups matched. Without it, matches are removed."`
	After    string `arg:"after" doc:"Replace only what follows a match of this expression."`
	Before   string `arg:"before" doc:"Replace only what comes before a match of this expression."`
	Encoding string `arg:"encoding" default:"utf-8" doc:"How the file is written: utf-8, latin-1 or ascii."`
}

var replaceModule = tasks.Define(tasks.Module{
	Name: "replace", Collections: []string{"ansible.builtin"},
	Summary: "Replace all matches of an expression in a text file",
	Notes:   lineinfileModule.Notes,
	Returns: []tasks.Return{
		{Name: "backup_file", Type: "str", Doc: "copy of the file before"},
		{Name: "msg", Type: "str", Doc: "how many were replaced"},
	},
	Examples: `
- replace: {path: /etc/hosts, regexp: '(\s+)old\.example\.com(\s|$)', replace: '\1new.example.com\2'}
`,
}, func(a *replaceArgs, l tasks.Local) (tasks.Action, error) {
	re, err := files.Pattern("replace", "regexp", a.Regexp, pattern.Flags{MultiLine: true})
	if err != nil {
		return nil, err
	}
	if _, err := re.Template(a.Replace); err != nil {
		return nil, &tasks.ArgError{Module: "replace", Arg: "replace", Problem: err.Error()}
	}
	encoding, err := files.NewEncoding(a.Encoding)
	if err != nil {
		return nil, &tasks.ArgError{Module: "replace", Arg: "encoding", Problem: err.Error()}
	}
	section := ""
	switch {
	case a.After != "" && a.Before != "":
		section = a.After + "(?P<subsection>.*?)" + a.Before
	case a.After != "":
		section = a.After + "(?P<subsection>.*)"
	case a.Before != "":
		section = "(?P<subsection>.*)" + a.Before
	}
	var within *pattern.Pattern
	if section != "" {
		if within, err = files.Pattern("replace", "after", section, pattern.Flags{DotAll: true}); err != nil {
			return nil, err
		}
	}
	e, err := files.NewEdit("replace", a.EditArgs, false, l)
	if err != nil {
		return nil, err
	}
	e.Encoding = encoding
	e.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
		from, to := 0, len(text)
		if within != nil {
			m, err := within.Find(text)
			if err != nil {
				return "", "", nil, err
			}
			if m == nil {
				return text, "Pattern for before/after params did not match the given file", nil, nil
			}
			i, _ := within.Group("subsection")
			from, to = m[2*i], m[2*i+1]
		}
		after, n, err := re.Replace(text[from:to], a.Replace, 0)
		if err != nil {
			return "", "", nil, err
		}
		after = text[:from] + after + text[to:]
		if n == 0 || after == text {
			return text, "", nil, nil
		}
		return after, fmt.Sprintf("%d replacements made", n), nil, nil
	}
	return a.Marked("replace", a.Path, "", e)
})
