package tasks

import "context"

// Confirmer is a Local that can ask the one who runs polarbook whether to go on. An error that is a *NotConfirmed stops
// the whole run.
type Confirmer interface {
	Confirm(ctx context.Context, q Confirmation) error
}

// Confirmation is a question to which one word is a yes.
type Confirmation struct {
	Text string
	Word string
	// Always: --yes does not answer it.
	Always bool
}

// NotConfirmed means that nobody said yes.
type NotConfirmed struct{ Reason string }

func (e *NotConfirmed) Error() string { return e.Reason }
