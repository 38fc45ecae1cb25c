package vault

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Value is a text that stays encrypted until something reads it: one with the tag !vault. A Keyring decrypts it.
type Value struct {
	// Text is what stands behind the tag, from $ANSIBLE_VAULT on.
	Text string
	// File, Line and Column are where it stands, counted from 1; "" and 0 where that is not known.
	File         string
	Line, Column int
}

// NewValue returns a value after a look at its form. The error says what is wrong with it.
func NewValue(text, file string, line, column int) (*Value, error) {
	v := &Value{Text: strings.TrimSpace(text) + "\n", File: file, Line: line, Column: column}
	_, err := Parse([]byte(v.Text))
	return v, err
}

// String is what is shown instead of the value.
func (v *Value) String() string { return "(encrypted with Ansible Vault)" }

// MarshalJSON gives the form that ansible-inventory has: {"__ansible_vault": "$ANSIBLE_VAULT;…"}.
func (v *Value) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"__ansible_vault": v.Text})
}

// ValueError is a value that cannot be decrypted, with its place.
type ValueError struct {
	Value *Value
	Err   error
}

func (e *ValueError) Error() string {
	if at := e.Value; at.File != "" {
		return fmt.Sprintf("%s:%d:%d: %v", at.File, at.Line, at.Column, e.Err)
	}
	return e.Err.Error()
}

func (e *ValueError) Unwrap() error { return e.Err }

// TellOf tells of the texts and numbers in a value, at any depth, that a decrypted file holds.
func (k *Keyring) TellOf(value any) {
	switch v := value.(type) {
	case string:
		if !strings.Contains(v, "{{") && !strings.Contains(v, "{%") {
			k.tell(v)
		}
	case int, *big.Int, float64:
		k.tell(fmt.Sprint(v))
	case []any:
		for _, item := range v {
			k.TellOf(item)
		}
	case *ordered.Map:
		for _, item := range v.All() {
			k.TellOf(item)
		}
	}
}
