package inventory

import (
	"regexp"
	"strings"
)

// MaskLine is a line of a YAML file as an error may quote it: without the values that are secret by the name they stand
// behind, be it on this line or, for lists, dicts and texts of several lines, on one above. line counts from 1.
func MaskLine(lines []string, line int) string {
	if line < 1 || line > len(lines) {
		return ""
	}
	text := lines[line-1]
	if !secretAbove(lines, line-1, 0) {
		return MaskNamed(text)
	}
	// Of what stands in a secret the names may be shown.
	head := entry.FindString(text)
	if strings.TrimSpace(text[len(head):]) == "" {
		return text
	}
	return head + mask
}

// MaskIn is a message about a line of a file, which may quote what stands there, without the secrets of that line; about
// those of all lines where the line is not known (0).
func MaskIn(lines []string, line int, message string) string {
	from, to := line, line
	if line == 0 {
		from, to = 1, len(lines)
	}
	for at := from; at <= to && at <= len(lines); at++ {
		masked := MaskLine(lines, at)
		if masked == lines[at-1] {
			continue
		}
		for _, word := range strings.FieldsFunc(lines[at-1], func(r rune) bool { return strings.ContainsRune(" \t\r\"'[]{},:=", r) }) {
			for _, part := range []string{word, strings.TrimLeft(word, "*&!|>%@-")} {
				if len(part) > 2 && !strings.Contains(masked, part) {
					message = strings.ReplaceAll(message, part, mask)
				}
			}
		}
	}
	return message
}

// MaskRest is a text given on the command line without all that follows the first name of a secret in it.
func MaskRest(text string) string {
	for _, found := range named.FindAllStringIndex(text, -1) {
		if name := strings.TrimRight(line0(text[found[0]:found[1]]), "\"' \t"); SecretName(name) || nearly(name) {
			return text[:found[1]] + mask
		}
	}
	return text
}

// entry matches what stands before the value on a line: blanks, the dashes of lists, a name.
var entry = regexp.MustCompile(`^[ \t]*(?:- +)*(?:[?:] +)?(?:["']?[A-Za-z_][\w.-]*["']?[ \t]*:(?:[ \t]+|$))?`)

// key is the name that a line begins with.
var key = regexp.MustCompile(`^[ \t]*(?:- +)*["']?([A-Za-z_][\w.-]*)["']?[ \t]*:(?:[ \t]|$)`)

// secretAbove reports whether a line is a part of the value of a secret whose name stands on a line above it.
func secretAbove(lines []string, at, depth int) bool {
	text := strings.TrimLeft(lines[at], " \t")
	if strings.TrimSpace(text) == "" || depth > 200 {
		return false
	}
	indent := len(lines[at]) - len(text)
	item := strings.HasPrefix(text, "-")
	if found := key.FindStringSubmatch(lines[at]); found != nil && (found[1] == "default" || found[1] == "value") && namedBeside(lines, at) {
		return true
	}
	above := at - 1
	for ; above >= 0; above-- {
		other := strings.TrimLeft(lines[above], " \t")
		if strings.TrimSpace(other) == "" || strings.HasPrefix(other, "#") {
			continue
		}
		inner := len(lines[above]) - len(other)
		switch {
		case !item && !key.MatchString(lines[at]): // it goes on with what is above
		case inner < indent, inner == indent && item && !strings.HasPrefix(other, "-"):
		default:
			continue
		}
		break
	}
	if above < 0 {
		return false
	}
	if opensSecret(lines[above]) {
		return true
	}
	return secretAbove(lines, above, depth+1)
}

// opensSecret reports whether what follows a line may be a part of the value of a secret that is named on it.
func opensSecret(line string) bool {
	if name, ok := strings.CutPrefix(strings.TrimLeft(line, " \t-"), "? "); ok {
		return SecretName(strings.Trim(name, " \t\r\"'"))
	}
	for _, found := range named.FindAllStringIndex(line, -1) {
		if name := strings.TrimRight(line0(line[found[0]:found[1]]), "\"' \t"); SecretName(name) || nearly(name) {
			return true
		}
	}
	return false
}

// namedBeside reports whether among the entries beside a line one says name: NAME_OF_A_SECRET, as in vars_prompt.
func namedBeside(lines []string, at int) bool {
	for _, step := range []int{-1, 1} {
		for near := at; near >= 0 && near < len(lines); near += step {
			if name := beside.FindStringSubmatch(lines[near]); name != nil && SecretName(name[1]) {
				return true
			}
			dash := strings.HasPrefix(strings.TrimLeft(lines[near], " \t"), "-")
			if dash && (step < 0 || near != at) {
				break
			}
		}
	}
	return false
}

var beside = regexp.MustCompile(`^[ \t]*(?:- +)*name:[ \t]+["']?([\w.-]+)`)

// conceal is an error about a file without the secrets that stand where it is.
func conceal(data []byte, err error) error {
	at, ok := err.(*Error) //nolint:errorlint // what is wrapped is shown as a whole
	if !ok {
		return err
	}
	return &Error{Position: at.Position, Message: MaskIn(strings.Split(string(data), "\n"), at.Position.Line, at.Message)}
}
