package inventory

import (
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

// TellOf tells keys that the variables of a file that was encrypted are secrets: all but those that say how hosts are reached
// (ansible_host, ansible_user and their like), which every message names.
func TellOf(keys *vault.Keyring, vars *ordered.Map) {
	for name, value := range vars.All() {
		if !strings.HasPrefix(name, "ansible_") || SecretName(name) {
			keys.TellOf(value)
		}
	}
}

// tellOfFile is TellOf for the variables that an inventory has from a file.
func (i *Inventory) tellOfFile(path string) {
	tell := func(v variables) {
		read := ordered.New(0)
		for name, value := range v.values.All() {
			if v.where[name].File == path {
				read.Set(name, value)
			}
		}
		TellOf(i.options.Vault, read)
	}
	for _, g := range i.groups {
		tell(g.vars)
	}
	for _, h := range i.hosts {
		tell(h.vars)
	}
}

var (
	quotedPart = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'`)
	longNumber = regexp.MustCompile(`[0-9]{3,}`)
)

// MaskEncrypted is an error about the content of a file that was encrypted, without what it quotes of the file. Its place stays.
func MaskEncrypted(err error) error {
	at, ok := err.(*Error) //nolint:errorlint // what is wrapped is shown as a whole
	if !ok {
		return err
	}
	return &Error{Position: at.Position, Message: MaskQuoted(at.Message)}
}

// MaskQuoted is a message about the content of a file that was encrypted, without what it quotes of it.
func MaskQuoted(message string) string {
	message = quotedPart.ReplaceAllString(message, mask)
	return longNumber.ReplaceAllString(message, mask)
}
