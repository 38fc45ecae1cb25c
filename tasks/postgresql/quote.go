package postgresql

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
)

func identifier(name string) string { return dma.Identifier(name) }
func literal(text string) string    { return dma.Literal(text) }

func identifiers(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = identifier(name)
	}
	return strings.Join(quoted, ",")
}

func literals(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = literal(text)
	}
	return strings.Join(quoted, ", ")
}

// qualified quotes a name that may be in a schema, and that in a database: a.b, "a.b".c. Parts that are quoted already stay.
func qualified(name string, most int) (string, error) {
	parts, err := nameParts(name)
	if err != nil {
		return "", err
	}
	if len(parts) > most {
		return "", fmt.Errorf("%q has more than the %d parts that such a name can have", name, most)
	}
	for i, part := range parts {
		parts[i] = identifier(part)
	}
	return strings.Join(parts, "."), nil
}

// nameParts splits a name at the dots outside of quotes, and takes the quotes off.
func nameParts(name string) ([]string, error) {
	var parts []string
	for rest := name; ; {
		part := ""
		switch end := strings.IndexByte(rest, '.'); {
		case strings.HasPrefix(rest, `"`) && len(rest) > 1:
			var b strings.Builder
			i := 1
			for ; i < len(rest); i++ {
				if rest[i] != '"' {
					b.WriteByte(rest[i])
					continue
				}
				if i+1 < len(rest) && rest[i+1] == '"' {
					b.WriteByte('"')
					i++
					continue
				}
				break
			}
			if i >= len(rest) || i+1 < len(rest) && rest[i+1] != '.' {
				return nil, fmt.Errorf("%q is not quoted as a name: quotes within it are written twice", name)
			}
			part, rest = b.String(), rest[i+1:]
		case end >= 0:
			part, rest = rest[:end], rest[end:]
		default:
			part, rest = rest, ""
		}
		if part == "" {
			return nil, fmt.Errorf("%q is no name: a part of it is empty", name)
		}
		parts = append(parts, part)
		if rest == "" {
			return parts, nil
		}
		rest = rest[1:]
	}
}

// dangers are what Ansible takes for an attempt to smuggle in SQL, where trust_input is no.
var dangers = []*regexp.Regexp{
	regexp.MustCompile(`['"].*--`),
	regexp.MustCompile(`(?i)(UNION|INTERSECT|EXCEPT).*SELECT`),
	regexp.MustCompile(`(?i);.*(SELECT|UPDATE|INSERT|DELETE|DROP|TRUNCATE|ALTER)`),
}

func dangerous(text string) bool {
	for _, d := range dangers {
		if d.MatchString(text) {
			return true
		}
	}
	return false
}
