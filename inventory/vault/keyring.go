package vault

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// Secret is a password with the id that it goes by. Several may have the same id.
type Secret struct {
	ID       string
	Password []byte
}

// Keyring decrypts with the passwords that it holds. It is safe for use from many goroutines. A nil one holds none.
type Keyring struct {
	Secrets []Secret
	// OnlyMatching tries passwords of the id that the data names alone, and no other (ANSIBLE_VAULT_ID_MATCH).
	OnlyMatching bool
	// Tell is told of every value that was decrypted, and of what stands in decrypted files of variables: they are not to be
	// shown. nil: nobody is told.
	Tell func(secret string)

	mutex sync.Mutex
	texts map[string]string // of values, by what they are decrypted from
}

// Open decrypts data and says with which of the passwords: those whose id the data names are tried first, then the others in
// their order, as Ansible does. The error says whether the data is damaged, there is no password, or none fits.
func (k *Keyring) Open(data []byte) ([]byte, Secret, error) {
	sealed, err := Parse(data)
	if err != nil {
		return nil, Secret{}, fmt.Errorf("this is not data of Ansible Vault: %w", err)
	}
	if k == nil || len(k.Secrets) == 0 {
		return nil, Secret{}, &LockedError{"this is encrypted with Ansible Vault, and no password was given: " +
			"use --vault-id, --vault-password-file or --ask-vault-pass"}
	}
	for _, matching := range []bool{true, false} {
		if !matching && k.OnlyMatching {
			continue
		}
		for _, secret := range k.Secrets {
			if (secret.ID == sealed.ID) != matching {
				continue
			}
			if plain, err := sealed.Open(secret.Password); err == nil {
				return plain, secret, nil
			}
		}
	}
	return nil, Secret{}, k.unopened(sealed)
}

// LockedError means that there is no password that opens something.
type LockedError struct{ msg string }

func (e *LockedError) Error() string { return e.msg }

func (k *Keyring) unopened(sealed *Sealed) error {
	var ids []string
	for _, s := range k.Secrets {
		if !k.OnlyMatching || s.ID == sealed.ID {
			ids = append(ids, s.ID)
		}
	}
	if len(ids) == 0 {
		return &LockedError{fmt.Sprintf("this is encrypted with the vault id %q, of which there is no password, "+
			"and others are not tried (ANSIBLE_VAULT_ID_MATCH)", sealed.ID)}
	}
	return &LockedError{fmt.Sprintf("this is encrypted with Ansible Vault (vault id %s), and no password that was given fits "+
		"(%s), or the data was changed", sealed.ID, strings.Join(ids, ", "))}
}

// File returns the content of a file, decrypted where it is encrypted. The error is that of Open.
func (k *Keyring) File(data []byte) (content []byte, encrypted bool, err error) {
	if !Is(data) {
		return data, false, nil
	}
	plain, _, err := k.Open(data)
	return plain, true, err
}

// Text decrypts a value, once, however often it is asked for. The error says where the value stands.
func (k *Keyring) Text(v *Value) (string, error) {
	if k != nil {
		k.mutex.Lock()
		defer k.mutex.Unlock()
		if text, ok := k.texts[v.Text]; ok {
			return text, nil
		}
	}
	plain, _, err := k.Open([]byte(v.Text))
	if err == nil && !utf8.Valid(plain) {
		err = errors.New("what is encrypted here is no text")
	}
	if err != nil {
		return "", &ValueError{Value: v, Err: err}
	}
	text := string(plain)
	if k.texts == nil {
		k.texts = map[string]string{}
	}
	k.texts[v.Text] = text
	k.tell(text)
	return text, nil
}

// TellOfFile tells of the content of a file that was encrypted. A very long one is not looked for in what is shown.
func (k *Keyring) TellOfFile(content []byte) {
	const longest = 64 << 10
	if len(content) <= longest {
		k.tell(string(content))
	}
}

func (k *Keyring) tell(secret string) {
	if k != nil && k.Tell != nil {
		k.Tell(secret)
	}
}
