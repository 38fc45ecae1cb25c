package inventory

import (
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

// Exposed is the warning about a file of variables that every account of this machine may read and that holds secrets in
// plain text; "": it does not. A template (of an environment variable, say) and a hash are none.
func Exposed(file string, mode fs.FileMode, values map[string]any) string {
	if !mode.IsRegular() || mode.Perm()&0o004 == 0 || runtime.GOOS == "windows" { // whose modes say nothing about accounts
		return ""
	}
	names := plainSecrets(values)
	if len(names) == 0 {
		return ""
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%s holds secrets in plain text (%s), and every account of this machine may read it (mode %04o): "+
		"run chmod o-rwx %s, or have it look them up: \"{{ lookup('env', 'NAME') }}\"",
		file, strings.Join(names, ", "), mode.Perm(), shellWord(file))
}

// Exposed are such warnings about the files that the inventory was read from, group_vars and host_vars among them.
func (i *Inventory) Exposed() []string {
	files := map[string]map[string]any{}
	i.Each(func(name string, value any, at Position) {
		if file := at.File; file != "" {
			if files[file] == nil {
				files[file] = map[string]any{}
			}
			if _, plain := files[file][name]; !plain || len(plainSecrets(map[string]any{name: value})) > 0 {
				files[file][name] = value
			}
		}
	})
	var warnings []string
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if i.encrypted[file] {
			continue
		}
		if info, err := os.Stat(file); err == nil {
			if w := Exposed(file, info.Mode(), files[file]); w != "" {
				warnings = append(warnings, w)
			}
		}
	}
	return warnings
}

// plainSecrets are the names of the variables that are secret by name, at any depth, and whose value is written out.
func plainSecrets(values map[string]any) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if holdsPlain(name, SecretName(name), values[name]) {
			names = append(names, name)
		}
	}
	return names
}

func holdsPlain(name string, secret bool, value any) bool {
	switch v := value.(type) {
	case string:
		template := strings.Contains(v, "{{") || strings.Contains(v, "{%")
		encrypted := hashed.MatchString(v) || vault.Is([]byte(v))
		return secret && SecretValue(name, v) && !template && !encrypted
	case int, int64, uint64, *big.Int, float64:
		return secret && SecretValue(name, fmt.Sprint(v))
	case *ordered.Map:
		for inner, item := range v.All() {
			if holdsPlain(inner, secret || SecretName(inner), item) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if holdsPlain(name, secret, item) {
				return true
			}
		}
	}
	return false
}

// hashed are passwords of which only a hash is kept: crypt(3)'s, and PostgreSQL's.
var hashed = regexp.MustCompile(`^(\$[0-9a-z]+\$|SCRAM-SHA-256\$|md5[0-9a-f]{32}$)`)

// shellWord is a file's name as it can be pasted into a shell.
func shellWord(file string) string {
	if plainWord.MatchString(file) {
		return file
	}
	return "'" + strings.ReplaceAll(file, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./@%+=:,-]*$`)
