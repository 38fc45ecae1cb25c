package builtin

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

type replaceArgs struct {
	files.EditArgs
	Regexp  string `arg:"regexp,required" doc:"Expression to replace, everywhere in the file; ^ and $ match at lines."`
	Replace string `arg:"replace" doc:"Replacement; \\1 and \\g<name> are what groups matched. Without it, matches are removed."`
	After   string `arg:"after" doc:"Replace only what follows a match of this expression."`
	Before  string `arg:"before" doc:"Replace only what comes before a match of this expression."`
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
	re, err := files.Pattern("replace", "regexp", a.Regexp, "(?m)")
	if err != nil {
		return nil, err
	}
	section := ""
	switch {
	case a.After != "" && a.Before != "":
		section = "(?s)" + a.After + "(?P<subsection>.*?)" + a.Before
	case a.After != "":
		section = "(?s)" + a.After + "(?P<subsection>.*)"
	case a.Before != "":
		section = "(?s)(?P<subsection>.*)" + a.Before
	}
	var within *regexp.Regexp
	if section != "" {
		if within, err = files.Pattern("replace", "after", section, ""); err != nil {
			return nil, err
		}
	}
	e, err := files.NewEdit("replace", a.EditArgs, false, l)
	if err != nil {
		return nil, err
	}
	e.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
		from, to := 0, len(text)
		if within != nil {
			m := within.FindStringSubmatchIndex(text)
			if m == nil {
				return text, "Pattern for before/after params did not match the given file", nil, nil
			}
			i := within.SubexpIndex("subsection")
			from, to = m[2*i], m[2*i+1]
		}
		after, n := replaceAll(re, text[from:to], a.Replace)
		after = text[:from] + after + text[to:]
		if n == 0 || after == text {
			return text, "", nil, nil
		}
		return after, fmt.Sprintf("%d replacements made", n), nil, nil
	}
	return e, nil
})

// replaceAll replaces as Python's subn does and counts.
func replaceAll(re *regexp.Regexp, text, with string) (string, int) {
	var b strings.Builder
	at, n := 0, 0
	for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[at:m[0]])
		b.WriteString(files.ExpandReferences(re, with, text, m))
		at = m[1]
		n++
	}
	b.WriteString(text[at:])
	return b.String(), n
}
