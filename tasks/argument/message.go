package argument

import "github.com/polarbook/polarbook/tasks/convert"

// Message is an argument of a module that is read only in certain cases, such as what to say when something fails: it
// renders the argument's templates when it is called, for what they name is often there only in that case. nil: none was
// given.
type Message func() (any, error)

// Text is the message, empty when none was given.
func (m Message) Text() (string, error) {
	if m == nil {
		return "", nil
	}
	value, err := m()
	if err != nil || value == nil {
		return "", err
	}
	return convert.Text(value)
}

// Or is the message, or another where none was given. One that cannot be rendered hides nothing of why it was wanted.
func (m Message) Or(name, other string) string {
	text, err := m.Text()
	switch {
	case err != nil:
		return other + "; " + name + " cannot be rendered: " + err.Error()
	case text == "":
		return other
	}
	return text
}
