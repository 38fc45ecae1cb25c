package settings

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// option is one line of the file, with those that continue it.
type option struct {
	section, key string
	text         string
	line         int // counted from 1, where the key stands
}

// defaultSection is the one whose options count in every other section.
const defaultSection = "DEFAULT"

// parse reads a file as Python's configparser does when it takes ";" for the beginning of a comment within a line too, and
// keeps values as they are, without interpolation. Options come in the order in which they were written; section names are
// as written, keys in lower case. Errors name the line as "file:line".
func parse(file, text string) ([]option, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%s is not UTF-8 text", file)
	}
	failed := func(line int, format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", file, line, fmt.Sprintf(format, args...))
	}
	text = strings.TrimPrefix(text, "\ufeff")
	var options []option
	sections, keys := map[string]int{}, map[[2]string]int{}
	section, inSection := "", false
	continued := -1 // the option that an indented line goes on with, by its place; -1: none
	indent := 0
	for i, line := range strings.Split(text, "\n") {
		number := i + 1
		value, commented := withoutComment(line)
		if value == "" {
			if !commented && continued >= 0 {
				options[continued].text += "\n" // within a value; at its end it is cut off
			}
			continue
		}
		at := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
		if continued >= 0 && at > indent {
			options[continued].text += "\n" + value
			continue
		}
		indent = at
		if name, ok := header(value); ok {
			if first := sections[name]; first != 0 {
				return nil, failed(number, "the section [%s] is here a second time; the first is on line %d", name, first)
			}
			if name != defaultSection {
				sections[name] = number
			}
			section, inSection, continued = name, true, -1
			continue
		}
		if !inSection {
			return nil, failed(number, "this line stands in no section: begin with [defaults]")
		}
		end := strings.IndexAny(value, "=:")
		if end < 0 {
			return nil, failed(number, "%q is neither [section] nor key = value", shorten(value))
		}
		key := strings.ToLower(strings.TrimRightFunc(value[:end], unicode.IsSpace))
		if key == "" {
			return nil, failed(number, "there is no key before the %q", value[end:end+1])
		}
		if first := keys[[2]string{section, key}]; first != 0 {
			return nil, failed(number, "%s is here a second time in [%s]; the first is on line %d", key, section, first)
		}
		keys[[2]string{section, key}] = number
		options = append(options, option{section: section, key: key, text: strings.TrimSpace(value[end+1:]), line: number})
		continued = len(options) - 1
	}
	for i := range options {
		options[i].text = strings.TrimRightFunc(options[i].text, unicode.IsSpace)
	}
	return options, nil
}

// withoutComment returns what a line says, without the space around it, and whether there was a comment.
func withoutComment(line string) (text string, commented bool) {
	end := math.MaxInt
	for at := 0; ; at++ {
		next := strings.IndexByte(line[at:], ';')
		if next < 0 {
			break
		}
		at += next
		before, _ := utf8.DecodeLastRuneInString(line[:at])
		if at == 0 || unicode.IsSpace(before) {
			end = at
			break
		}
	}
	if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
		end = 0
	}
	if end == math.MaxInt {
		return strings.TrimSpace(line), false
	}
	return strings.TrimSpace(line[:end]), true
}

// header returns the name of a section, where the line begins one. It ends with the last bracket, as Python has it.
func header(value string) (name string, ok bool) {
	end := strings.LastIndexByte(value, ']')
	if !strings.HasPrefix(value, "[") || end < 2 {
		return "", false
	}
	return value[1:end], true
}

// shorten keeps a line that is quoted short.
func shorten(text string) string {
	const most = 40
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
