// Package convert turns the values that playbooks give into what an argument of a kind takes, as leniently as Ansible does,
// and lists of texts into values that playbooks can read. An error says what the value is instead, as the end of a sentence
// that begins with the argument's name: "must be an integer, not "x"".
package convert

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/pytext"
)

// Text returns a value as an argument of kind str takes it: texts, booleans and numbers.
func Text(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		if v {
			return "True", nil
		}
		return "False", nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case *big.Int:
		return v.String(), nil
	case ordered.Timestamp:
		return string(v), nil
	case float64:
		return pytext.Float(v), nil
	}
	return "", fmt.Errorf("must be a string, not %s", Describe(value))
}

// mode is a file's mode in octal digits or in clauses for chmod; the module looks at what they come to.
var mode = regexp.MustCompile(`^(?:[0-7]{1,5}|preserve|[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*)?$`)

// Mode returns a file mode as text. A YAML integer is a number that was written in octal (0644) unless it could not have
// been: Ansible's own rule, with its trap (644 without the zero) refused.
func Mode(value any) (string, error) {
	switch v := value.(type) {
	case string:
		if !mode.MatchString(v) {
			return "", fmt.Errorf("is %q, which is not a file mode: write it as \"0644\" or \"u=rw,g=r\"", v)
		}
		return v, nil
	case int:
		if v < 0 || v > 0o7777 {
			return "", fmt.Errorf("is %d, which is not a file mode: write it in quotes, as in \"0644\"", v)
		}
		if meant := strconv.Itoa(v); lostZero(meant, v) {
			return "", fmt.Errorf("is the number %s, which as a file mode is %04o and probably not meant: write it in quotes, as in %q",
				meant, v, "0"+meant)
		}
		return fmt.Sprintf("%04o", v), nil
	}
	return "", fmt.Errorf("must be a mode such as \"0644\" or \"u=rw,g=r\", not %s", Describe(value))
}

// lostZero reports whether an integer was meant as the octal digits it is written with: 644 reads well as a mode, the 01204
// that it is does not. 400 and 500 happen to be modes that nobody asks for, 0620 and 0764.
func lostZero(digits string, v int) bool {
	meant, err := strconv.ParseUint(digits, 8, 12)
	if err != nil || len(digits) < 3 || !sensibleMode(int(meant)) {
		return false
	}
	return !sensibleMode(v) || v == 400 || v == 500
}

// sensibleMode reports whether the owner may read and nobody has a right that those closer to the file lack.
func sensibleMode(mode int) bool {
	user, group, others := mode>>6&7, mode>>3&7, mode&7
	return user&4 != 0 && group&^user == 0 && others&^group == 0
}

// Bool returns a value as a boolean: one, 0 or 1, or one of Ansible's words for it, such as "yes" and "off".
func Bool(value any) (bool, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case int:
		if v == 0 || v == 1 {
			return v == 1, nil
		}
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "yes", "on", "1", "true", "t", "y":
			return true, nil
		case "no", "off", "0", "false", "f", "n":
			return false, nil
		}
	}
	return false, fmt.Errorf("must be a boolean, not %s", Describe(value))
}

// Int returns a value as an integer: an int, a float64 without a fraction, or a text that is one.
func Int(value any) (int, error) {
	switch v := value.(type) {
	case int:
		return v, nil
	case int64:
		return int(v), nil
	case float64:
		if v == float64(int(v)) {
			return int(v), nil
		}
	case string:
		if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("must be an integer, not %s", Describe(value))
}

// Float returns a value as a number: a float64, an int, or a text that is one.
func Float(value any) (float64, error) {
	switch v := value.(type) {
	case float64:
		return v, nil
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f, nil
	case string:
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			return f, nil
		}
	}
	return 0, fmt.Errorf("must be a number, not %s", Describe(value))
}

// List returns a value as a list: one, the parts of a comma-separated text, or the value alone.
func List(value any) []any {
	switch v := value.(type) {
	case []any:
		return v
	case string:
		var list []any
		for _, s := range strings.Split(v, ",") {
			list = append(list, strings.TrimSpace(s))
		}
		return list
	}
	return []any{value}
}

// Describe names a value in a message: its kind, and a text as it is.
func Describe(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v)
	case *ordered.Map, map[string]any:
		return "a dict"
	case []any:
		return "a list"
	case nil:
		return "nothing"
	}
	return fmt.Sprint(value)
}

// AnyTexts returns a list of texts as playbooks have it, in the same order; empty, and not null, of nothing.
func AnyTexts(texts []string) []any {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = t
	}
	return list
}

// Texts returns each value of a list as text.
func Texts(list []any) []string {
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = fmt.Sprint(x)
	}
	return texts
}
