package ansible

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// encodingFilters turn values into texts and back.
func encodingFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"to_json": {Parameters: "indent ensure_ascii sort_keys separators vault_to_text preprocess_unsafe",
			Do: func(c *jinja.Invocation) (any, error) { return toJSON(c, 0, false) }},
		"to_nice_json": {Parameters: "indent sort_keys ensure_ascii separators vault_to_text preprocess_unsafe",
			Do: func(c *jinja.Invocation) (any, error) { return toJSON(c, 4, true) }},
		"tojson": {Parameters: "indent", Do: func(c *jinja.Invocation) (any, error) {
			s, err := toJSON(c, 0, true)
			return strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "'", `\u0027`).Replace(s), err
		}},
		"from_json": ofText(fromJSON),
		"to_yaml": {Parameters: "indent default_flow_style sort_keys width explicit_start", Do: func(c *jinja.Invocation) (any, error) {
			return toYAML(c, true, 2)
		}},
		"to_nice_yaml": {Parameters: "indent default_flow_style sort_keys width explicit_start", Do: func(c *jinja.Invocation) (any, error) {
			return toYAML(c, false, 4)
		}},
		"from_yaml":     of(fromYAML),
		"from_yaml_all": of(fromYAMLAll),
		"b64encode":     {Parameters: "encoding urlsafe", Do: toBase64},
		"b64decode":     {Parameters: "encoding urlsafe", Do: fromBase64},
		"to_uuid":       {Parameters: "namespace", Do: toUUID},
		"xmlattr":       {Parameters: "autospace", Do: xmlAttributes},
		"hash": {Parameters: "hashtype",
			Do: func(c *jinja.Invocation) (any, error) { return digest(c.Text("hashtype", "sha1"), jinja.Text(c.Value)) }},
		"sha1":     ofText(func(s string) (any, error) { return digest("sha1", s) }),
		"md5":      ofText(func(s string) (any, error) { return digest("md5", s) }),
		"checksum": ofText(func(s string) (any, error) { return digest("sha1", s) }),
	}
}

// toJSON writes JSON as Python does: ", " and ": " between values, \u escapes beyond ASCII. sorted is whether keys are,
// unless the arguments say.
func toJSON(c *jinja.Invocation, indent int, sorted bool) (string, error) {
	indent, err := c.Integer("indent", indent)
	if err != nil || indent > 100 || indent < 0 {
		return "", errors.Join(err, jinja.ErrTooLarge)
	}
	ascii, err := c.Truth("ensure_ascii", true)
	if err != nil {
		return "", err
	}
	if given, ok := c.Given("sort_keys"); ok {
		if sorted, err = jinja.Truth(given); err != nil {
			return "", err
		}
	}
	w := &jsonWriter{indent: indent, ascii: ascii, sorted: sorted, comma: ", ", colon: ": "}
	if indent > 0 {
		w.comma = ","
	}
	if given, ok := c.Given("separators"); ok && given != nil {
		pair, err := c.Run.Iterate(given)
		if err != nil || len(pair) != 2 {
			return "", errors.Join(err, fmt.Errorf("%s: separators are two strings", c.Name))
		}
		w.comma, w.colon = jinja.Text(pair[0]), jinja.Text(pair[1])
	}
	if err := w.value(c.Value, 0); err != nil {
		return "", err
	}
	return w.out.String(), nil
}

type jsonWriter struct {
	out          strings.Builder
	indent       int
	ascii        bool
	sorted       bool
	comma, colon string
}

func (w *jsonWriter) newline(level int) {
	if w.indent > 0 {
		w.out.WriteString("\n" + strings.Repeat(" ", w.indent*level))
	}
}

func (w *jsonWriter) value(value any, level int) error {
	switch v := value.(type) {
	case nil:
		w.out.WriteString("null")
	case bool:
		w.out.WriteString(strconv.FormatBool(v))
	case int, *big.Int:
		w.out.WriteString(jinja.Repr(v))
	case float64:
		w.out.WriteString(pytext.JSONFloat(v))
	case string:
		w.text(v)
	case jinja.Moment:
		w.text(v.ISO())
	case jinja.Tuple:
		return w.value([]any(v), level)
	case []any:
		return w.list(v, level)
	case *ordered.Map:
		return w.mapping(v, level)
	case *jinja.Undefined:
		return v.Error()
	default:
		return fmt.Errorf("%s cannot be written as JSON", jinja.Describe(value))
	}
	return nil
}

func (w *jsonWriter) list(items []any, level int) error {
	w.out.WriteByte('[')
	for at, item := range items {
		if at > 0 {
			w.out.WriteString(w.comma)
		}
		w.newline(level + 1)
		if err := w.value(item, level+1); err != nil {
			return err
		}
	}
	if len(items) > 0 {
		w.newline(level)
	}
	w.out.WriteByte(']')
	return nil
}

func (w *jsonWriter) mapping(m *ordered.Map, level int) error {
	w.out.WriteByte('{')
	for at, key := range jinja.WrittenKeys(m, w.sorted) {
		if at > 0 {
			w.out.WriteString(w.comma)
		}
		w.newline(level + 1)
		w.text(keyOfJSON(jinja.KeyOf(m, key)))
		w.out.WriteString(w.colon)
		if err := w.value(m.Value(key), level+1); err != nil {
			return err
		}
	}
	if m.Len() > 0 {
		w.newline(level)
	}
	w.out.WriteByte('}')
	return nil
}

// keyOfJSON is how json.dumps writes what is no text.
func keyOfJSON(key any) string {
	switch k := key.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(k)
	case float64:
		return pytext.JSONFloat(k)
	}
	return jinja.Text(key)
}

func (w *jsonWriter) text(s string) { pytext.WriteJSON(&w.out, s, w.ascii) }

func fromJSON(s string) (any, error) {
	value, err := ordered.DecodeJSON([]byte(s))
	if err != nil && (strings.Contains(s, "NaN") || strings.Contains(s, "Infinity")) {
		return fromPythonJSON(s)
	}
	if errors.Is(err, ordered.ErrTrailing) {
		return nil, fmt.Errorf("from_json: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("from_json: the text is not JSON: %w", err)
	}
	return jsonNumbers(value, "")
}

// fromPythonJSON reads JSON with the words NaN, Infinity and -Infinity among its values, which Python writes and reads. They are put in as
// numbers that it does not have otherwise.
func fromPythonJSON(s string) (any, error) {
	nan := "0e-0"
	for strings.Contains(s, nan) {
		nan += "0"
	}
	var out strings.Builder
	quoted := false
	for at := 0; at < len(s); at++ {
		switch {
		case quoted && s[at] == '\\' && at+1 < len(s):
			out.WriteByte(s[at])
			at++
		case s[at] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(s[at:], "NaN") && (at == 0 || s[at-1] != '-'):
			out.WriteString(nan)
			at += len("NaN") - 1
			continue
		case !quoted && strings.HasPrefix(s[at:], "Infinity"):
			out.WriteString("1e999")
			at += len("Infinity") - 1
			continue
		}
		out.WriteByte(s[at])
	}
	value, err := ordered.DecodeJSON([]byte(out.String()))
	if err != nil {
		return nil, fmt.Errorf("from_json: the text is not JSON: %w", err)
	}
	return jsonNumbers(value, nan)
}

// jsonNumbers makes Python's numbers of JSON's. nan is how the one that is none is written; "": there is none.
func jsonNumbers(value any, nan string) (any, error) {
	switch v := value.(type) {
	case json.Number:
		if nan != "" && v.String() == nan {
			return math.NaN(), nil
		}
		if !strings.ContainsAny(v.String(), ".eE") {
			i, err := jinja.ParseWhole(v.String(), 10)
			if err != nil {
				return nil, fmt.Errorf("from_json: %w", err)
			}
			return i, nil
		}
		f, _ := v.Float64() // what is too large is infinite
		return f, nil
	case []any:
		for at, item := range v {
			converted, err := jsonNumbers(item, nan)
			if err != nil {
				return nil, err
			}
			v[at] = converted
		}
	case *ordered.Map:
		for key, item := range v.All() {
			converted, err := jsonNumbers(item, nan)
			if err != nil {
				return nil, err
			}
			v.Set(key, converted)
		}
	}
	return value, nil
}
