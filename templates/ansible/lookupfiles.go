package ansible

import (
	"errors"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// inline takes the k=v out of a term, which is the old way to give a lookup options. What is left is the term itself.
func inline(term string) (rest string, pairs map[string]any, err error) {
	pairs = map[string]any{}
	var words []string
	var word strings.Builder
	var quote rune
	for _, r := range term + " " {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote = r
			word.WriteRune(r)
		case r == ' ' || r == '\t' || r == '\n':
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return "", nil, fmt.Errorf("a quote is not closed in %q", term)
	}
	var left []string
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok || key == "" {
			left = append(left, w)
			continue
		}
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		pairs[key] = value
	}
	return strings.Join(left, " "), pairs, nil
}

// merged are the options of a lookup, and what the term has of its own.
func merged(options, own map[string]any) map[string]any {
	all := map[string]any{}
	for key, value := range options {
		all[key] = value
	}
	for key, value := range own {
		all[key] = value
	}
	return all
}

// given are the options of one call of a lookup.
func given(options map[string]any) *jinja.Invocation { return &jinja.Invocation{Bound: options} }

// yes reads an option that is a boolean, which may be a word.
func yes(options map[string]any, name string, otherwise bool) (bool, error) {
	value, ok := options[name]
	if !ok || value == nil {
		return otherwise, nil
	}
	if s, isText := value.(string); isText {
		switch strings.ToLower(s) {
		case "yes", "true", "on", "1", "y", "t":
			return true, nil
		case "no", "false", "off", "0", "n", "f", "":
			return false, nil
		}
		return false, fmt.Errorf("%s is yes or no, not %q", name, s)
	}
	return jinja.Truth(value)
}

// number reads an option that is a whole number, which may be in a text.
func number(options map[string]any, name string, otherwise int) (int, error) {
	value, ok := options[name]
	if !ok || value == nil {
		return otherwise, nil
	}
	if s, isText := value.(string); isText {
		parsed, err := parsePythonInt(strings.TrimSpace(s), 10)
		i, fits := parsed.(int)
		if err != nil || !fits {
			return 0, fmt.Errorf("%s must be a whole number, not %q", name, s)
		}
		return i, nil
	}
	return given(options).Integer(name, otherwise)
}

// lookupCSV gives the value of a column in the first row that has the term in another.
func lookupCSV(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	if len(terms) == 0 {
		return nil, errors.New("it needs what is to be searched for")
	}
	found := []any{}
	for _, term := range terms {
		key, own, err := inline(jinja.Text(term))
		if err != nil {
			return nil, err
		}
		if key == "" {
			return nil, errors.New("it needs what is to be searched for")
		}
		options = merged(options, own) // what a term gives holds for the ones after it too
		if err := onlyOptions(options, "col", "keycol", "default", "delimiter", "encoding", "file"); err != nil {
			return nil, err
		}
		value, err := csvValue(r, key, options)
		if err != nil {
			return nil, err
		}
		switch v := value.(type) {
		case nil:
		case []any:
			found = append(found, v...)
		default:
			found = append(found, v)
		}
	}
	return found, nil
}

func csvValue(r *jinja.Run, key string, options map[string]any) (any, error) {
	o := given(options)
	column, e1 := number(options, "col", 1)
	keyColumn, e2 := number(options, "keycol", 0)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	delimiter := o.Text("delimiter", "TAB")
	if delimiter == "TAB" {
		delimiter = "\t"
	}
	signs := []rune(delimiter)
	if len(signs) != 1 {
		return nil, fmt.Errorf("delimiter is one character, or TAB, not %q", delimiter)
	}
	name := o.Text("file", "ansible.csv")
	_, data, err := find(r, name, "files")
	if err != nil {
		return nil, err
	}
	text, err := decoded(string(data), o.Text("encoding", "utf-8"))
	if err != nil {
		return nil, err
	}
	at := func(row []string, column int) (string, error) {
		if column < 0 {
			column += len(row)
		}
		if column < 0 || column >= len(row) {
			return "", fmt.Errorf("%s: a row has %d columns and none of the number asked for, counted from 0: %s", name, len(row),
				strings.Join(row, delimiter))
		}
		return row[column], nil
	}
	for _, row := range csvRows(text, signs[0]) {
		cell, err := at(row, keyColumn)
		if err != nil {
			return nil, err
		}
		if cell == key {
			return at(row, column)
		}
	}
	return o.Get("default", nil), nil
}

// csvRows reads rows as Python's module csv does, which takes nearly anything: quotes count where a column begins with one, and two of
// them are one. Empty lines are left out.
func csvRows(text string, delimiter rune) [][]string {
	var rows [][]string
	var row []string
	var cell strings.Builder
	begun, quoted, closed := false, false, false // a column has begun; within quotes; just after the quote that may close it
	finish := func() {
		row = append(row, cell.String())
		cell.Reset()
		begun, closed = false, false
	}
	line := func() {
		if begun || len(row) > 0 {
			finish()
			rows = append(rows, row)
		}
		row = nil
	}
	for _, r := range strings.ReplaceAll(text, "\r\n", "\n") {
		switch {
		case quoted && r == '"':
			quoted, closed = false, true
		case quoted:
			cell.WriteRune(r)
		case closed && r == '"':
			cell.WriteRune('"')
			quoted, closed = true, false
		case r == delimiter:
			finish()
			begun = true
		case r == '\n' || r == '\r':
			line()
		case r == '"' && (!begun || cell.Len() == 0 && !closed):
			begun, quoted = true, true
		default:
			cell.WriteRune(r)
			begun, closed = true, false
		}
	}
	line()
	return rows
}
