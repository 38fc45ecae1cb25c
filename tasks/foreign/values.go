package foreign

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// textOf is a value as Python's str has it; repr is what it is inside of lists and mappings.
func textOf(value any) string {
	switch x := value.(type) {
	case string:
		return x
	case convert.Moment:
		return x.ISO()
	}
	return repr(value)
}

func repr(value any) string {
	switch x := value.(type) {
	case nil:
		return "None"
	case bool:
		if x {
			return "True"
		}
		return "False"
	case string:
		return pytext.Quoted(x)
	case convert.Moment:
		return pytext.Quoted(x.ISO())
	case []any:
		items := make([]string, len(x))
		for i, item := range x {
			items[i] = repr(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		return repr(ordered.Sorted(x))
	case *ordered.Map:
		var items []string
		for name, item := range x.All() {
			items = append(items, pytext.Quoted(name)+": "+repr(item))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	if f, isFloat := value.(float64); isFloat {
		return pytext.Float(f)
	}
	return fmt.Sprint(value)
}

// plainWord are the characters that Python's shlex.quote leaves alone.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

// pairs are arguments as an old-style module reads them: name=value, with a blank behind each, quoted for a shell.
func pairs(args *ordered.Map) string {
	var out strings.Builder
	for name, x := range args.All() {
		text := textOf(x)
		if text == "" || strings.Trim(text, plainWord) != "" {
			text = `'` + strings.ReplaceAll(text, `'`, `'"'"'`) + `'`
		}
		out.WriteString(name + "=" + text + " ")
	}
	return out.String()
}
