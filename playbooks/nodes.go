package playbooks

import (
	"errors"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// entry is one key of a mapping. Keys that a merge (<<) brings have the place where they were written.
type entry struct {
	key   string
	at    *yaml.Node
	value *yaml.Node // aliases followed
}

// entries are the keys of a mapping in their order, merges resolved: what the mapping says itself wins, and of several
// merged mappings the earlier. Keys that are not plain words have been reported when the file was read.
func entries(n *yaml.Node) []entry {
	var list []entry
	seen := map[string]bool{}
	var add func(n *yaml.Node)
	add = func(n *yaml.Node) {
		var merges []*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := follow(n.Content[i]), follow(n.Content[i+1])
			switch {
			case key.Kind != yaml.ScalarNode:
			case isMerge(key) && value.Kind == yaml.SequenceNode:
				merges = append(merges, value.Content...)
			case isMerge(key):
				merges = append(merges, value)
			case !seen[key.Value]:
				seen[key.Value] = true
				list = append(list, entry{key.Value, key, value})
			}
		}
		for _, m := range merges {
			if m = follow(m); m.Kind == yaml.MappingNode {
				add(m)
			}
		}
	}
	add(n)
	return list
}

func isMerge(key *yaml.Node) bool {
	return key.Value == "<<" && key.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0
}

// follow goes through aliases to what they stand for.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return false
	}
	switch n.Value {
	case "", "~", "null", "Null", "NULL":
		return n.ShortTag() == "!!null" || n.Value == ""
	}
	return false
}

// value decodes a node as Ansible's YAML and checks the templates in it.
func (l *loader) value(f *file, n *yaml.Node) Value {
	l.templates(f, n)
	return l.plain(f, n)
}

// variable is value for what a variable holds, of which alone a date is more than its text.
func (l *loader) variable(f *file, n *yaml.Node) Value {
	l.templates(f, n)
	return l.decoded(f, n)
}

// plain decodes a node whose strings are not templates.
func (l *loader) plain(f *file, n *yaml.Node) Value {
	v := l.decoded(f, n)
	v.Raw = ordered.TextOfTimestamps(v.Raw)
	return v
}

func (l *loader) decoded(f *file, n *yaml.Node) Value {
	raw, err := inventory.DecodeYAMLIn(f.name, n)
	if err != nil {
		var at *inventory.Error
		if errors.As(err, &at) && at.Position.Line > 0 {
			if l.failedOn(f.name, at.Position.Line) {
				return Value{Pos: f.at(n)} // keys were checked when the file was read
			}
			l.fail(Position{f.name, at.Position.Line, at.Position.Column}, 0, "", "%s", at.Message)
		} else {
			l.fail(f.at(n), 0, "", "%v", err)
		}
	}
	return Value{Raw: raw, Pos: f.at(n)}
}

// isTemplate reports whether a string has anything for the template engine to do.
func isTemplate(s string) bool {
	return strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#")
}

// literal reports whether no string within a value is a template.
func literal(raw any) bool {
	switch v := raw.(type) {
	case string:
		return !isTemplate(v)
	case *vault.Value:
		return false
	case ordered.Unsafe:
		return false // no template, but nothing that can be compared with what is wanted either
	case []any:
		for _, item := range v {
			if !literal(item) {
				return false
			}
		}
	case *ordered.Map:
		for key, item := range v.All() {
			if isTemplate(key) || !literal(item) {
				return false
			}
		}
	}
	return true
}

// templates checks every string within a node.
func (l *loader) templates(f *file, n *yaml.Node) {
	if n = follow(n); n.Tag == "!unsafe" {
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if isTemplate(n.Value) {
			l.templateError(f, n, l.Checker.Check(n.Value), 0)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			l.templates(f, item)
		}
	case yaml.MappingNode:
		for _, e := range entries(n) {
			if isTemplate(e.key) {
				l.templateError(f, e.at, l.Checker.Check(e.key), 0)
			}
			l.templates(f, e.value)
		}
	}
}

// expression checks one condition. Ansible warns of braces in it and takes them away; so does polarbook.
func (l *loader) expression(f *file, n *yaml.Node) {
	if isTemplate(n.Value) {
		before := len(l.problems)
		l.warn(f.at(n), 0, "leave the braces out", "a condition is an expression already")
		l.templateError(f, n, l.Checker.Check(n.Value), 0)
		bare := strings.NewReplacer("{{", "(", "}}", ")").Replace(n.Value)
		if err := l.Checker.CheckCondition(bare); err != nil && len(l.problems) == before && !isTemplate(bare) {
			msg, _, _ := splitPlace(err)
			l.fail(f.at(n), 0, "leave the braces out", "bad template: %s", msg)
		}
		return
	}
	if strings.TrimSpace(n.Value) == "" {
		return
	}
	before := len(l.problems)
	l.templateError(f, n, l.Checker.CheckCondition(n.Value), 0)
	if len(l.problems) > before {
		l.problems[before].Hint = expressionHint(n.Value, l.problems[before])
	}
}

var assignment = regexp.MustCompile(`(?:^|[^=!<>~])=(?:[^=]|$)`)

// expressionHint says what people write who come from another language.
func expressionHint(text string, e *Error) string {
	switch {
	case e.Hint != "":
		return e.Hint
	case strings.Contains(text, "&&"):
		return "write and"
	case strings.Contains(text, "||"):
		return "write or"
	case strings.Contains(e.Msg, `"="`) && assignment.MatchString(text):
		return "compare with =="
	case strings.Contains(e.Msg, `"!"`):
		return "write not"
	case strings.Contains(e.Msg, "there is no test"):
		return "compare with ==, and quote a text"
	}
	return ""
}

// templateError reports what a Checker said of a scalar's text, or of what follows skip characters of it.
func (l *loader) templateError(f *file, n *yaml.Node, err error, skip int) {
	if err == nil {
		return
	}
	msg, line, column := splitPlace(err)
	at := f.at(n)
	if line > 0 {
		if line == 1 {
			column += skip
		}
		at = f.inside(n, line, column)
	}
	if lacksName(msg) {
		_ = l.lack(at, 1, "", "bad template: %s", msg)
		return
	}
	l.fail(at, 1, "", "bad template: %s", msg)
}

// splitPlace takes an error of a Checker apart: what is wrong, and at which line and column of the text, 0 when that is not
// known.
func splitPlace(err error) (msg string, line, column int) {
	var at *templates.Error
	if errors.As(err, &at) {
		return at.Message, at.Line, at.Column
	}
	return err.Error(), 0, 0
}
