package ansible

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

// toYAML writes YAML as PyYAML does for Ansible's filters, but never breaks long lines. flow puts
// lists and mappings without further ones within them on one line.
func toYAML(c *jinja.Invocation, flow bool, indent int) (any, error) {
	indent, err := c.Integer("indent", indent)
	if err != nil || indent < 1 || indent > 9 {
		return nil, errors.Join(err, fmt.Errorf("%s: the indent is between 1 and 9", c.Name))
	}
	sorted, err := c.Truth("sort_keys", true)
	if err != nil {
		return nil, err
	}
	w := &yamlWriter{indent: max(indent, 2), flow: flow, sorted: sorted}
	if style, ok := c.Given("default_flow_style"); ok && style != nil {
		all, err := jinja.Truth(style)
		if err != nil {
			return nil, err
		}
		w.flow, w.all = all, all
	}
	if err := jinja.CheckDefined(c.Value); err != nil {
		return nil, err
	}
	start, err := c.Truth("explicit_start", false)
	if err != nil {
		return nil, err
	}
	if start {
		w.out.WriteString("---\n")
	}
	if err := w.node(c.Value, 0, false); err != nil {
		return nil, err
	}
	return w.out.String() + "\n", nil
}

type yamlWriter struct {
	out    strings.Builder
	indent int
	flow   bool // leaves on one line
	all    bool // everything on one line
	sorted bool // by key
}

func (w *yamlWriter) keys(m *ordered.Map) []string { return jinja.WrittenKeys(m, w.sorted) }

// node writes a value. It stands at the column level*indent already.
func (w *yamlWriter) node(value any, column int, inMapping bool) error {
	switch v := value.(type) {
	case jinja.Tuple:
		return w.node([]any(v), column, inMapping)
	case []any:
		if len(v) == 0 || w.oneLine(v) {
			return w.inline(value)
		}
		if inMapping { // PyYAML does not indent lists within mappings
			column -= w.indent
		}
		for at, item := range v {
			if at > 0 || inMapping {
				w.newline(column)
			}
			if w.block(item) {
				w.out.WriteString("-" + strings.Repeat(" ", w.indent-1))
			} else {
				w.out.WriteString("- ")
			}
			if err := w.node(item, column+w.indent, false); err != nil {
				return err
			}
		}
		return nil
	case *ordered.Map:
		if v.Len() == 0 || w.oneLine(v) {
			return w.inline(value)
		}
		for at, key := range w.keys(v) {
			if at > 0 || inMapping {
				w.newline(column)
			}
			w.out.WriteString(yamlText(key, false) + ":")
			item := v.Value(key)
			if !w.block(item) {
				w.out.WriteByte(' ')
			}
			if err := w.node(item, column+w.indent, true); err != nil {
				return err
			}
		}
		return nil
	}
	return w.scalar(value)
}

// block reports whether a value begins on a line of its own.
func (w *yamlWriter) block(value any) bool {
	switch v := value.(type) {
	case jinja.Tuple:
		return len(v) > 0 && !w.oneLine(v)
	case []any:
		return len(v) > 0 && !w.oneLine(v)
	case *ordered.Map:
		return v.Len() > 0 && !w.oneLine(v)
	}
	return false
}

func (w *yamlWriter) newline(column int) {
	w.out.WriteString("\n" + strings.Repeat(" ", max(column, 0)))
}

func (w *yamlWriter) oneLine(value any) bool {
	if w.all || !w.flow {
		return w.all
	}
	items := []any{}
	switch v := value.(type) {
	case jinja.Tuple:
		items = v
	case []any:
		items = v
	case *ordered.Map:
		items = v.Values()
	}
	for _, item := range items {
		switch item.(type) {
		case jinja.Tuple, []any, *ordered.Map:
			return false
		}
	}
	return true
}

func (w *yamlWriter) inline(value any) error {
	switch v := value.(type) {
	case jinja.Tuple:
		return w.inline([]any(v))
	case []any:
		w.out.WriteByte('[')
		for at, item := range v {
			if at > 0 {
				w.out.WriteString(", ")
			}
			if err := w.inline(item); err != nil {
				return err
			}
		}
		w.out.WriteByte(']')
		return nil
	case *ordered.Map:
		w.out.WriteByte('{')
		for at, key := range w.keys(v) {
			if at > 0 {
				w.out.WriteString(", ")
			}
			w.out.WriteString(yamlText(key, true) + ": ")
			if err := w.inline(v.Value(key)); err != nil {
				return err
			}
		}
		w.out.WriteByte('}')
		return nil
	case string:
		w.out.WriteString(yamlText(v, true))
		return nil
	case jinja.Moment:
		// libyaml writes no colon without quotes here, and says with the tag that what it quotes has a type. Files that were
		// written by Ansible stay as they are.
		if text := v.String(); strings.Contains(text, ":") {
			w.out.WriteString("! '" + text + "'")
			return nil
		}
	}
	return w.scalar(value)
}

func (w *yamlWriter) scalar(value any) error {
	switch v := value.(type) {
	case nil:
		w.out.WriteString("null")
	case bool:
		w.out.WriteString(map[bool]string{true: "true", false: "false"}[v])
	case float64:
		switch {
		case math.IsNaN(v):
			w.out.WriteString(".nan")
		case math.IsInf(v, 1):
			w.out.WriteString(".inf")
		case math.IsInf(v, -1):
			w.out.WriteString("-.inf")
		default:
			s := jinja.FloatText(v)
			if !strings.Contains(s, ".") { // YAML 1.1 has no 1e+20
				s = strings.Replace(s, "e", ".0e", 1)
			}
			w.out.WriteString(s)
		}
	case int, *big.Int:
		w.out.WriteString(jinja.Text(v))
	case jinja.Moment:
		w.out.WriteString(v.String())
	case string:
		w.out.WriteString(yamlText(v, false))
	default:
		return fmt.Errorf("%s cannot be written as YAML", jinja.Describe(value))
	}
	return nil
}

var (
	yamlNull = regexp.MustCompile(`^(?:~|null|Null|NULL|)$`)
	yamlBool = regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
	yamlInts = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|` +
		`[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlFloat = regexp.MustCompile(`^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|` +
		`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	yamlOther = regexp.MustCompile(`^(?:=|<<|[0-9]{4}-[0-9]{2}-[0-9]{2}|` +
		`[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)$`)
)

// plainScalar returns what YAML 1.1 reads an unquoted text as.
func plainScalar(s string) string {
	switch {
	case yamlNull.MatchString(s):
		return "null"
	case yamlBool.MatchString(s):
		return "bool"
	case yamlInts.MatchString(s):
		return "int"
	case yamlFloat.MatchString(s):
		return "float"
	}
	return "str"
}

// yamlText writes a string: plain where that reads as the same string, else quoted.
func yamlText(s string, inFlow bool) string {
	if !printable(s) || strings.ContainsAny(s, "\t") && strings.TrimSpace(s) != s {
		return yamlDouble(s)
	}
	plain := s != "" && plainScalar(s) == "str" && !yamlOther.MatchString(s) && !strings.Contains(s, "\n") &&
		!strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") && !strings.HasPrefix(s, "---") && !strings.HasPrefix(s, "...") &&
		!strings.ContainsAny(s[:1], "#,[]{}&*!|>'\"%@`") && !strings.Contains(s, ": ") && !strings.Contains(s, " #") &&
		!strings.HasSuffix(s, ":") &&
		!(strings.ContainsAny(s[:1], "?-:") && (len(s) == 1 || s[1] == ' ')) && !(inFlow && strings.ContainsAny(s, ",[]{}?"))
	if plain && inFlow && strings.Contains(s, ":") {
		plain = false
	}
	if plain {
		return s
	}
	if strings.Contains(s, "\n") {
		return yamlDouble(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func yamlDouble(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case strings.ContainsRune("\x00\a\b\t\n\v\f\r\x1b", r):
			out.WriteByte('\\')
			out.WriteByte("0abtnvfre"[strings.IndexRune("\x00\a\b\t\n\v\f\r\x1b", r)])
		case r < ' ' || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&out, `\x%02X`, r)
		case r == 0x2028 || r == 0x2029 || r == 0xfeff:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
