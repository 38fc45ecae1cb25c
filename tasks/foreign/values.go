package foreign

import (
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates/ordered"
)

// textOf is a value as Python's str has it.
func textOf(value any) string {
	switch x := value.(type) {
	case string:
		return x
	case convert.Moment:
		return x.ISO()
	}
	return convert.Repr(value)
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
