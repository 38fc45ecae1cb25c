package builtin

import (
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

type iniFileArgs struct {
	files.Attributes
	Path           string         `arg:"path,required,path" alias:"dest" doc:"File to edit."`
	Section        string         `arg:"section" doc:"Section that the option is in; without it, or empty, what comes before the first section."`
	SectionHas     []iniCondition `arg:"section_has_values" each:"condition" doc:"Of several sections of the name, take the first that has all of these options (dicts of option, and value or values; without either any value will do). If none has, another section is added."`
	Option         string         `arg:"option" doc:"Option to set or to remove. Without it, the section as a whole is added or removed."`
	Value          *string        `arg:"value" doc:"Value of the option."`
	Values         []string       `arg:"values" doc:"Values of an option that may be there several times."`
	State          string         `arg:"state" default:"present" choices:"absent present" doc:"Set the option, or remove it."`
	Exclusive      bool           `arg:"exclusive" default:"true" doc:"Remove other lines of the option; with absent, all of them whatever their values are."`
	NoExtraSpaces  bool           `arg:"no_extra_spaces" default:"false" doc:"Write no blanks around the equals sign."`
	IgnoreSpaces   bool           `arg:"ignore_spaces" default:"false" doc:"Leave a line that differs in blanks alone."`
	AllowNoValue   bool           `arg:"allow_no_value" default:"false" doc:"Take an option without a value, which is written without an equals sign."`
	ModifyInactive bool           `arg:"modify_inactive_option" default:"true" doc:"Take a line of the option that is commented out for it."`
	Create         bool           `arg:"create" default:"true" doc:"Create the file, and its directory, if it is missing."`
	Follow         bool           `arg:"follow" default:"false" doc:"Edit what a link at path leads to, instead of replacing the link."`
	Backup         bool           `arg:"backup" default:"false" doc:"Keep a copy of the file before the change."`
}

type iniCondition struct {
	Option string   `arg:"option,required" doc:"Name of the option."`
	Value  *string  `arg:"value" doc:"The value that it has to have."`
	Values []string `arg:"values" doc:"Values all of which it has to have; value and values exclude each other."`
}

// wanted are the values of which a section has to have one; none: any will do.
func (c iniCondition) wanted() []string {
	if c.Value != nil {
		return []string{*c.Value}
	}
	return c.Values
}

var iniFileModule = tasks.Define(tasks.Module{
	Name: "ini_file", Collections: []string{"community.general"},
	Summary: "Set or remove an option in a file of sections (INI)",
	Notes: []string{
		"Comments, order and empty lines stay. A line's end that the file lacks is added.",
		"state: absent without section and option removes what is before the first section; Ansible's takes that section's heading away with it.",
		"Before the change it is checked that nobody else has edited the file meanwhile.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "path", Type: "str", Doc: "the file"}, {Name: "msg", Type: "str", Doc: "what was done"},
		{Name: "backup_file", Type: "str", Doc: "copy of the file before"},
	},
	Examples: `
- ini_file: {path: /etc/pgbouncer/pgbouncer.ini, section: pgbouncer, option: listen_port, value: "6432", mode: "0640"}
- ini_file: {path: /etc/app.ini, section: old, state: absent}
- ini_file: {path: /etc/app.conf, section: hosts, option: server, values: [10.0.0.1, 10.0.0.2], no_extra_spaces: true}
`,
}, func(a *iniFileArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "ini_file", Arg: arg, Problem: problem}
	}
	switch {
	case a.Value != nil && a.Values != nil:
		return refuse("values", "and value exclude each other")
	case a.State == "present" && !a.AllowNoValue && a.Value == nil && len(a.Values) == 0:
		return refuse("value", "is required, or values, unless state is absent or allow_no_value is true")
	}
	for _, c := range a.SectionHas {
		if c.Value != nil && c.Values != nil {
			return refuse("section_has_values", "has both value and values for "+c.Option)
		}
	}
	edit := files.EditArgs{Attributes: a.Attributes, Path: a.Path, Backup: a.Backup}
	e, err := files.NewEdit("ini_file", edit, a.Create && a.State == "present", l)
	if err != nil {
		return nil, err
	}
	if a.Create && a.State == "absent" {
		e.Missing = func() tasks.Plan { return tasks.Plan{Msg: "OK"} }
	}
	e.Replace = !a.Follow
	i := ini{iniFileArgs: *a}
	if i.values = a.Values; a.Value != nil {
		i.values = []string{*a.Value}
	}
	e.Rewrite = i.rewrite
	return e, nil
})

// ini is an ini_file with the values that it sets.
type ini struct {
	iniFileArgs
	values []string
}

// rewrite works out the text as Ansible's module does, step by step, for its corners are what files depend on: an option in a comment is
// taken over where it stands, what is missing comes after the section's last line that is neither empty nor a comment.
func (i *ini) rewrite(text string, _ bool) (string, string, map[string]any, error) {
	if text == "" && i.State == "absent" {
		return "", "OK", nil, nil
	}
	text = strings.TrimPrefix(text, "\ufeff")
	lines := files.KeepLines(strings.ReplaceAll(text, "\r\n", "\n"))
	if len(lines) == 0 {
		lines = []string{"\n"}
	}
	if last := &lines[len(lines)-1]; !strings.HasSuffix(*last, "\n") {
		*last += "\n"
	}
	// What stands before the first section is a section too, with a name that no file has, and the last ends where another begins.
	const nameless = "\x00"
	section := i.Section
	if section == "" {
		section = nameless
	}
	all := append([]string{"[" + nameless + "]"}, lines...)
	all = append(all, "[")
	heading := regexp.MustCompile(`^\[\s*` + regexp.QuoteMeta(strings.TrimSpace(section)) + `\s*]`)
	within, start, end := false, 0, 0
	for at, line := range all {
		if within && strings.HasPrefix(line, "[") {
			if i.fits(all[start:at]) {
				end = at
				break
			}
			within, start, end = false, 0, 0
		}
		if heading.MatchString(line) {
			within, start = true, at
		}
	}
	s := iniSection{lines: slices.Clone(all[start:end]), msg: "OK"}
	s.done = make([]bool, len(s.lines))
	values := slices.Clone(i.values)
	values = unique(values)
	if i.State == "present" {
		if i.Option != "" {
			values = i.take(&s, values)
		}
		if i.Option != "" && i.Exclusive && !i.AllowNoValue {
			values = i.override(&s, values)
		}
		i.insert(&s, values)
	} else {
		i.remove(&s, values)
	}
	all = slices.Concat(all[:start], s.lines, all[end:])
	all = all[1 : len(all)-1]
	if !within && i.State == "present" {
		var added []string
		added, s.msg = i.section(section, values)
		all = append(all, added...)
	}
	return strings.Join(all, ""), s.msg, nil, nil
}

func unique(list []string) []string {
	var out []string
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// iniSection is the section that is edited.
type iniSection struct {
	lines []string
	done  []bool // lines that are as they are to be
	msg   string
}

// option matches a line of an option, and returns whether it is commented out and what follows the equals sign.
func (i *ini) option(name, line string, inactive bool) (comment bool, value string, ok bool) {
	begin := `^([ \t]*)([#;]?)[ \t]*`
	if !inactive {
		begin = `^()()[ \t]*`
	}
	m := regexp.MustCompile(begin + regexp.QuoteMeta(name) + `[ \t]*(?:=|$)[ \t]*(.*)`).FindStringSubmatch(strings.TrimSuffix(line, "\n"))
	if m == nil {
		return false, "", false
	}
	return m[2] != "", m[3], true
}

// fits reports whether a section has the values by which it is told from others of its name.
func (i *ini) fits(lines []string) bool {
	for _, c := range i.SectionHas {
		if !slices.ContainsFunc(lines, func(line string) bool {
			_, value, ok := i.option(c.Option, line, true)
			return ok && (len(c.wanted()) == 0 || slices.Contains(c.wanted(), value))
		}) {
			return false
		}
	}
	return true
}

func (i *ini) line(value string) string {
	if i.NoExtraSpaces {
		return i.Option + "=" + value + "\n"
	}
	return i.Option + " = " + value + "\n"
}

// put makes a line of the section another, unless they differ in blanks alone and that is to be passed over.
func (i *ini) put(s *iniSection, at int, line string) {
	s.done[at] = true
	if i.IgnoreSpaces {
		commented, old, _ := i.option(i.Option, s.lines[at], true)
		_, value, _ := i.option(i.Option, line, true)
		if !commented && old == value {
			return
		}
	}
	if s.lines[at] != line {
		s.lines[at], s.msg = line, "option changed"
	}
}

// take goes through the lines that have the option with a wanted value, and returns the values that are still to be set. One that is
// wanted without a value is put into the first line of the option; s.done tells of it.
func (i *ini) take(s *iniSection, values []string) []string {
	for at, line := range s.lines {
		_, value, ok := i.option(i.Option, line, i.ModifyInactive)
		switch {
		case !ok:
		case slices.Contains(values, value):
			if value == "" && i.AllowNoValue {
				i.put(s, at, i.Option+"\n")
			} else {
				i.put(s, at, i.line(value))
			}
			gone := slices.Index(values, value)
			values = slices.Delete(slices.Clone(values), gone, gone+1)
			if len(values) == 0 && i.AllowNoValue && value == "" {
				return values
			}
		case len(values) == 0 && i.AllowNoValue:
			i.put(s, at, i.Option+"\n")
			return values
		}
	}
	return values
}

// override puts what is still to be set into other lines of the option, and removes those that are left.
func (i *ini) override(s *iniSection, values []string) []string {
	for at, line := range s.lines {
		if len(values) == 0 {
			break
		}
		if _, _, ok := i.option(i.Option, line, i.ModifyInactive); ok && !s.done[at] {
			i.put(s, at, i.line(values[0]))
			values = values[1:]
		}
	}
	for at := len(s.lines) - 1; at > 0; at-- {
		if _, _, ok := i.option(i.Option, s.lines[at], i.ModifyInactive); ok && !s.done[at] {
			s.lines, s.done = slices.Delete(s.lines, at, at+1), slices.Delete(s.done, at, at+1)
			s.msg = "option changed"
		}
	}
	return values
}

var iniNothing = regexp.MustCompile(`^[ \t]*([#;].*)?$`)

// insert adds what is missing at the end of the section.
func (i *ini) insert(s *iniSection, values []string) {
	if i.Option == "" {
		return
	}
	for at := len(s.lines); at > 0; at-- {
		if iniNothing.MatchString(strings.TrimSuffix(s.lines[at-1], "\n")) {
			continue
		}
		var added []string
		switch {
		case len(values) > 0:
			for _, value := range values {
				added = append(added, i.line(value))
			}
		case i.AllowNoValue && len(i.values) == 0 && !slices.Contains(s.done, true):
			added = []string{i.Option + "\n"}
		}
		if len(added) > 0 {
			s.lines, s.msg = slices.Insert(s.lines, at, added...), "option added"
		}
		return
	}
}

// remove removes lines of the option, or the whole section.
func (i *ini) remove(s *iniSection, values []string) {
	before := len(s.lines)
	switch {
	case i.Option == "":
		if i.Section == "" { // the heading that no file has
			s.lines = s.lines[:1]
		} else {
			s.lines = nil
		}
		if len(s.lines) != before {
			s.msg = "section removed"
		}
		return
	case i.Exclusive || len(values) > 0:
		s.lines = slices.DeleteFunc(s.lines, func(line string) bool {
			_, value, ok := i.option(i.Option, line, false)
			return ok && (i.Exclusive || slices.Contains(values, value))
		})
	}
	if len(s.lines) != before {
		s.msg = "option changed"
	}
}

// section returns the lines of a section that is missing.
func (i *ini) section(name string, values []string) (lines []string, msg string) {
	lines, msg = []string{"[" + name + "]\n"}, "section and option added"
	for _, c := range i.SectionHas {
		switch {
		case c.Option != i.Option:
			other := ini{iniFileArgs: i.iniFileArgs}
			other.Option = c.Option
			for _, value := range c.wanted() {
				lines = append(lines, other.line(value))
			}
			if len(c.wanted()) == 0 && i.AllowNoValue {
				lines = append(lines, c.Option+"\n")
			}
		case !i.Exclusive:
			values = unique(append(slices.Clone(values), c.wanted()...))
		}
	}
	switch {
	case i.Option != "" && len(values) > 0:
		for _, value := range values {
			lines = append(lines, i.line(value))
		}
	case i.Option != "" && i.AllowNoValue:
		lines = append(lines, i.Option+"\n")
	default:
		msg = "only section added"
	}
	return lines, msg
}
