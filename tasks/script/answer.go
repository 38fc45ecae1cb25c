package script

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// answer holds the values of each name, in the order in which the script printed them.
type answer map[string][]string

type line struct {
	name, value string
	raw         string
}

func split(stdout []byte) []line {
	var all []line
	encoded := false // the last value is being read
	for text := range strings.SplitSeq(string(stdout), "\n") {
		name, value := text, ""
		if at := strings.IndexAny(text, " ="); at >= 0 {
			name, value = text[:at], text[at+1:]
		}
		switch {
		case text == "":
		case encoded && text == ".":
			encoded = false
		case encoded:
			all[len(all)-1].value += text
		case name == "encoded":
			encoded = true
			all = append(all, line{name: value})
		default:
			all = append(all, line{name, value, text})
		}
	}
	return all
}

// has reports whether the script printed a line of this name.
func (a answer) has(name string) bool { return len(a[name]) > 0 }

// text returns the first value of a name; empty when there is none.
func (a answer) text(name string) string {
	if !a.has(name) {
		return ""
	}
	return a[name][0]
}

// decoded returns the first value of a name that is printed in base64.
func (a answer) decoded(name string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(a.text(name)))
	if err != nil {
		return nil, fmt.Errorf("the host's answer %q is not base64: %w", name, err)
	}
	return b, nil
}

// Decode reads what a script printed into a struct: a name and a value on each line, with a blank or an equals sign between
// them. Values that may hold anything, newlines among it, are in base64, on lines of their own between "encoded NAME" and a
// dot. A name may come more than once. A field's tag `answer:"NAME"` names the lines it is for, and its type
// how they are read:
//
//	bool            there is such a line
//	string          the value of the first, without blanks around it
//	int, int64      the same, decimal; empty is 0
//	[]string        all values; of a NAME that ends in *, what follows it in each line that begins with it
//	[]byte          the first, from base64
//	File            what the script look printed
//	[]struct        each such line begins an element, which has the lines up to the next: NAME may be a field of it as well
//
// What nobody asks for is passed over. With `answer:"NAME,required"` an answer without such a line is an error: it was cut
// off.
func Decode(stdout []byte, into any) error {
	return decode(split(stdout), reflect.ValueOf(into).Elem())
}

func decode(lines []line, into reflect.Value) error {
	a := answer{}
	for _, l := range lines {
		a[l.name] = append(a[l.name], l.value)
	}
	for i := range into.NumField() {
		name, option, _ := strings.Cut(into.Type().Field(i).Tag.Get("answer"), ",")
		if name == "" {
			continue
		}
		if prefix, all := strings.CutSuffix(name, "*"); all {
			for _, l := range lines {
				if text, ok := strings.CutPrefix(l.raw, prefix); ok {
					into.Field(i).Set(reflect.Append(into.Field(i), reflect.ValueOf(text)))
				}
			}
			continue
		}
		if !a.has(name) {
			if option == "required" {
				return fmt.Errorf("the host's answer broke off: it has no %q", name)
			}
			continue
		}
		if err := a.field(name, lines, into.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func (a answer) field(name string, all []line, field reflect.Value) error {
	switch v := field.Addr().Interface().(type) {
	case *bool:
		*v = true
	case *string:
		*v = strings.TrimSpace(a.text(name))
	case *[]string:
		*v = a[name]
	case *[]byte:
		b, err := a.decoded(name)
		*v = b
		return err
	case *File:
		f, err := a.file(name)
		*v = f
		return err
	case *int, *int64:
		text := strings.TrimSpace(a.text(name))
		if text == "" {
			return nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("the host's answer %q is %q, which is not a number", name, text)
		}
		field.SetInt(n)
	default:
		for i, l := range all {
			if l.name != name {
				continue
			}
			end := i + 1
			for end < len(all) && all[end].name != name {
				end++
			}
			element := reflect.New(field.Type().Elem()).Elem()
			if err := decode(all[i:end], element); err != nil {
				return err
			}
			field.Set(reflect.Append(field, element))
		}
	}
	return nil
}
