package tasks

// Late is the value of an argument that is a Message: it renders the argument's templates when it is called.
type Late func() (any, error)

// Message is an argument of a module that is read only in certain cases, such as what to say when something fails. Its
// templates are rendered then and not before: what they name is often there only in that case.
type Message struct {
	text   string
	render Late
}

// Text is the message, empty when none was given.
func (m Message) Text() (string, error) {
	if m.render == nil {
		return m.text, nil
	}
	value, err := m.render()
	if err != nil || value == nil {
		return "", err
	}
	return ToString(value)
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
