package jinja

import (
	"errors"

	"github.com/polarbook/polarbook/inventory/vault"
)

// decrypted is a value that was encrypted with Ansible Vault. As in Ansible it is no template, whatever it contains.
func (s *session) decrypted(v *vault.Value) (any, error) {
	text, err := s.engine.Options.Vault.Text(v)
	if err != nil {
		return nil, err
	}
	s.shared.unsafe = true
	value := s.named("", true, text)
	if seen, ok := value.(string); ok {
		if s.shared.sealed == nil {
			s.shared.sealed = map[string]bool{}
		}
		s.shared.sealed[seen] = true
	}
	return value, nil
}

// undecrypted is the value that an error says cannot be decrypted, nil for other errors. Whether it is defined, and that it
// is encrypted, can be told all the same.
func undecrypted(err error) *vault.Value {
	var failed *vault.ValueError
	if errors.As(err, &failed) {
		return failed.Value
	}
	return nil
}

// Sealed reports whether a value is one that is, or in this rendering was, encrypted.
func (r *Run) Sealed(value any) bool {
	switch v := value.(type) {
	case *vault.Value:
		return true
	case string:
		return r.session.shared.sealed[v]
	}
	return false
}
