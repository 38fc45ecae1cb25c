// Package vault reads and writes what Ansible Vault encrypts: whole files and the values that playbooks and inventories tag
// with !vault. The format is that of ansible-vault, versions 1.1 and 1.2 with the cipher AES256, as
// https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html describes it.
//
// It knows nothing of the rest of the project, and no error of it holds a password or what was encrypted.
package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	header     = "$ANSIBLE_VAULT"
	cipherName = "AES256"
	// DefaultID is the id of passwords that are given none, and of what says none.
	DefaultID  = "default"
	iterations = 10_000
	saltLength = 32
	keyLength  = 32
	lineLength = 80
)

// ErrPassword means that a password is not the one that something was encrypted with, or that the data was changed since: the
// format does not tell these apart.
var ErrPassword = errors.New("the password does not fit, or the data was changed")

// Is reports whether data is encrypted by its beginning, as Ansible looks for it: nothing may stand before the header, and all
// of it is ASCII.
func Is(data []byte) bool {
	if !bytes.HasPrefix(data, []byte(header)) {
		return false
	}
	return !bytes.ContainsFunc(data, func(r rune) bool { return r > 0x7f })
}

// Sealed is encrypted data, taken apart.
type Sealed struct {
	// ID is the id that the data names, DefaultID where it names none.
	ID string

	salt, sum, content []byte
}

// Parse takes encrypted data apart. Line ends may be of any system, and blanks around lines do not count. The error says what is
// wrong with the data.
func Parse(data []byte) (*Sealed, error) {
	first, rest, _ := bytes.Cut(bytes.TrimSpace(data), []byte("\n"))
	parts := strings.Split(strings.TrimSpace(string(first)), ";")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	switch {
	case parts[0] != header:
		return nil, errors.New("it does not begin with " + header)
	case len(parts) < 3:
		return nil, errors.New("its first line has to be " + header + ";1.1;" + cipherName + ", or ;1.2;" + cipherName + ";ID")
	case parts[1] != "1.1" && parts[1] != "1.2":
		return nil, fmt.Errorf("its format is %.20q; 1.1 and 1.2 can be read", parts[1])
	case parts[2] != cipherName:
		return nil, fmt.Errorf("its cipher is %.20q; %s can be read", parts[2], cipherName)
	}
	sealed := &Sealed{ID: DefaultID}
	if len(parts) > 3 {
		sealed.ID = parts[3]
	}
	inner, err := unhex(bytes.Join(bytes.Fields(rest), nil))
	if err != nil {
		return nil, err
	}
	fields := bytes.SplitN(inner, []byte("\n"), 3)
	if len(fields) != 3 {
		return nil, errors.New("a part of it is missing")
	}
	for i, into := range []*[]byte{&sealed.salt, &sealed.sum, &sealed.content} {
		if *into, err = unhex(fields[i]); err != nil {
			return nil, err
		}
	}
	if len(sealed.sum) != sha256.Size || len(sealed.content) == 0 || len(sealed.content)%aes.BlockSize != 0 {
		return nil, errors.New("a part of it is missing")
	}
	return sealed, nil
}

func unhex(text []byte) ([]byte, error) {
	out := make([]byte, hex.DecodedLen(len(text)))
	if len(text)%2 != 0 {
		return nil, errors.New("a part of it is missing: its digits are odd in number")
	}
	if _, err := hex.Decode(out, text); err != nil {
		return nil, errors.New("there is a character in it that is no hexadecimal digit")
	}
	return out, nil
}

// Open decrypts the data with a password. The error is ErrPassword.
func (s *Sealed) Open(password []byte) ([]byte, error) {
	stream, key := keys(password, s.salt)
	mac := hmac.New(sha256.New, key)
	mac.Write(s.content)
	if !hmac.Equal(mac.Sum(nil), s.sum) {
		return nil, ErrPassword
	}
	plain := make([]byte, len(s.content))
	stream.XORKeyStream(plain, s.content)
	length := int(plain[len(plain)-1])
	if length == 0 || length > aes.BlockSize || !bytes.Equal(plain[len(plain)-length:], bytes.Repeat([]byte{byte(length)}, length)) {
		return nil, ErrPassword
	}
	return plain[:len(plain)-length], nil
}

// Seal encrypts data. The result is text in lines of 80 characters, of format 1.1 where the id is "" or DefaultID, else of 1.2.
// salt is nil but where the same data has to become the same text each time.
func Seal(plain, password []byte, id string, salt []byte) []byte {
	if salt == nil {
		salt = make([]byte, saltLength)
		_, _ = rand.Read(salt) // never fails, says its documentation
	}
	stream, key := keys(password, salt)
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	content := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	stream.XORKeyStream(content, content)
	mac := hmac.New(sha256.New, key)
	mac.Write(content)
	inner := hex.EncodeToString(salt) + "\n" + hex.EncodeToString(mac.Sum(nil)) + "\n" + hex.EncodeToString(content)
	digits := hex.EncodeToString([]byte(inner))

	var out bytes.Buffer
	if id == "" || id == DefaultID {
		out.WriteString(header + ";1.1;" + cipherName + "\n")
	} else {
		out.WriteString(header + ";1.2;" + cipherName + ";" + id + "\n")
	}
	for at := 0; at < len(digits); at += lineLength {
		out.WriteString(digits[at:min(at+lineLength, len(digits))] + "\n")
	}
	return out.Bytes()
}

// keys derives from a password the stream that encrypts, and the key of the checksum.
func keys(password, salt []byte) (cipher.Stream, []byte) {
	derived, err := pbkdf2.Key(sha256.New, string(password), salt, iterations, 2*keyLength+aes.BlockSize)
	if err != nil {
		panic("derive the keys of a vault: " + err.Error()) // only lengths can be wrong, and these are not
	}
	block, err := aes.NewCipher(derived[:keyLength])
	if err != nil {
		panic("make the cipher of a vault: " + err.Error())
	}
	return cipher.NewCTR(block, derived[2*keyLength:]), derived[keyLength : 2*keyLength]
}
