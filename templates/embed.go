package templates

import (
	"embed"
	"fmt"
	"io/fs"
	"sort"

	"github.com/polarbook/polarbook/templates/suggest"
)

//go:embed *.j2
var builtin embed.FS

// Builtin returns the text of a built-in template file, such as postgresql.conf.j2.
func Builtin(name string) (string, error) {
	data, err := builtin.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("there is no built-in template %q%s", name, suggest.Suffix(name, Builtins()))
	}
	return string(data), nil
}

// Builtins returns the names of the built-in template files, sorted.
func Builtins() []string {
	names, err := fs.Glob(builtin, "*.j2")
	if err != nil {
		return nil
	}
	sort.Strings(names)
	return names
}

// Files holds the built-in template files by their names, such as postgresql.conf.j2.
func Files() fs.FS { return builtin }
