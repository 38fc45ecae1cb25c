package lint

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/playbooks"
)

var (
	octal    = regexp.MustCompile(`^0[0-7]{1,5}$`)
	decimal  = regexp.MustCompile(`^[1-9][0-9]{2,3}$`)
	digits   = regexp.MustCompile(`^(?:0o?)?([0-7])?([0-7])([0-7])([0-7])$`)
	othersBy = regexp.MustCompile(`(?:^|,)[ug]*[oa][uoga]*[+=][rxXst]*w`)
)

// makes are the modules that make files, by whether they always do.
var makes = []string{"copy", "template", "assemble", "get_url"}

// modes looks at what a task says of a file's mode.
func modes(l *linter, t *task) {
	found := false
	for _, name := range []string{"mode", "directory_mode"} {
		n := t.written(name)
		if v, ok := t.arg(name); ok && n == nil {
			found = found || name == "mode"
			if s, isText := v.Raw.(string); isText {
				l.mode(t, v.Pos, s)
			}
		}
		if n == nil {
			continue
		}
		found = found || name == "mode"
		at := t.source.At(n)
		plain := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
		switch {
		case plain && octal.MatchString(n.Value):
			l.report(octalMode, at, t.node, `write "`+n.Value+`"`, "a mode without quotes is a number")
		case plain && decimal.MatchString(n.Value):
			if f := l.report(octalMode, at, t.node, `write "0`+n.Value+`"`, "a mode without quotes and without a 0 before it is a decimal number, and another mode than it looks"); f != nil {
				f.Severity = Error
			}
		}
		l.mode(t, at, n.Value)
	}
	state, _ := t.arg("state")
	needs := slices.Contains(makes, t.module) || t.is("file") && (state.Raw == "directory" || state.Raw == "touch")
	if needs && !found && !t.ArgsFrom.Given() && t.Unavailable == nil {
		l.report(missingMode, t.at(), t.node, "mode: \"0644\"", t.module+" says no mode: the umask decides")
	}
}

// mode finds one with which everybody may write.
func (l *linter) mode(t *task, at playbooks.Position, text string) {
	if playbooks.IsTemplate(text) {
		return
	}
	open := othersBy.MatchString(text)
	if d := digits.FindStringSubmatch(strings.TrimSpace(text)); d != nil {
		sticky := d[1] != "" && (d[1][0]-'0')&1 != 0
		open = (d[4][0]-'0')&2 != 0 && !sticky
	}
	if open {
		l.report(openMode, at, t.node, "leave out the write permission of others", "with this mode everybody may write")
	}
}

// written is the node of an argument; nil where it stands in a text with others, or nowhere.
func (t *task) written(name string) *yaml.Node {
	var lists []playbooks.Entry
	if e, ok := t.call(); ok {
		lists = append(lists, playbooks.Entries(e.Value)...)
	}
	if e, ok := t.key("args"); ok {
		lists = append(lists, playbooks.Entries(e.Value)...)
	}
	for _, e := range lists {
		if e.Key == name && e.Value.Kind == yaml.ScalarNode {
			return e.Value
		}
	}
	return nil
}
