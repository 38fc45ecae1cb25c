package argument

import (
	"strings"

	"github.com/polarbook/polarbook/tasks/convert"
)

// Message is an argument of a module that is read only in certain cases, such as what to say when something fails: it
// renders the argument's templates when it is called, for what they name is often there only in that case. nil: none was
// given. It is a text, or a list of texts.
type Message func() (any, error)

// Or returns the message as a text for people, a list's texts on a line each, and as the value that it was given as; or
// another where none was given. One that cannot be rendered hides nothing of why it was wanted.
func (m Message) Or(name, other string) (text string, value any) {
	if m == nil {
		return other, other
	}
	value, err := m()
	if err == nil && value != nil {
		text, value, err = message(value)
	}
	switch {
	case err != nil:
		text = other + "; " + name + " cannot be rendered: " + err.Error()
		return text, text
	case text == "":
		return other, other
	}
	return text, value
}

// message reads a text, or a list of texts.
func message(value any) (text string, given any, err error) {
	list, many := value.([]any)
	if !many {
		text, err = convert.Text(value)
		return text, text, err
	}
	lines := make([]string, len(list))
	for i, x := range list {
		if lines[i], err = convert.Text(x); err != nil {
			return "", nil, err
		}
	}
	return strings.Join(lines, "\n"), value, nil
}
