package ansible

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

// digest is the sum of a text in hexadecimal digits, by the names that Python's hashlib has for the kinds.
func digest(kind, s string) (any, error) {
	var h hash.Hash
	var err error
	switch strings.ReplaceAll(strings.ToLower(kind), "-", "_") {
	case "sha1":
		h = sha1.New()
	case "sha224", "sha2_224":
		h = sha256.New224()
	case "sha256", "sha2_256":
		h = sha256.New()
	case "sha384", "sha2_384":
		h = sha512.New384()
	case "sha512", "sha2_512":
		h = sha512.New()
	case "sha512_224", "sha2_512/224":
		h = sha512.New512_224()
	case "sha512_256", "sha2_512/256":
		h = sha512.New512_256()
	case "sha3_224":
		h = sha3.New224()
	case "sha3_256":
		h = sha3.New256()
	case "sha3_384":
		h = sha3.New384()
	case "sha3_512":
		h = sha3.New512()
	case "blake2b", "blake2b512":
		h, err = blake2b.New512(nil)
	case "blake2s", "blake2s256":
		h, err = blake2s.New256(nil)
	case "md5":
		h = md5.New()
	default:
		known := []string{"sha1", "sha224", "sha256", "sha384", "sha512", "sha512_224", "sha512_256", "sha3_224", "sha3_256", "sha3_384",
			"sha3_512", "blake2b", "blake2s", "md5"}
		return nil, fmt.Errorf("hash knows %s, not %q", strings.Join(known, ", "), kind)
	}
	if err != nil {
		return nil, err
	}
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil)), nil
}

// uuidNamespace is the namespace of Ansible's identifiers.
const uuidNamespace = "361e6d51-faec-444a-9079-341386da8e2e"

// toUUID makes an identifier of a text that is always the same for it: version 5 of RFC 9562.
func toUUID(c *jinja.Invocation) (any, error) {
	given := c.Text("namespace", uuidNamespace)
	trimmed := strings.NewReplacer("urn:", "", "uuid:", "", "{", "", "}", "", "-", "").Replace(given)
	space, err := hex.DecodeString(trimmed)
	if err != nil || len(space) != 16 {
		return nil, fmt.Errorf("to_uuid: the namespace %q is no UUID such as %s", given, uuidNamespace)
	}
	if err := jinja.CheckDefined(c.Value); err != nil {
		return nil, err
	}
	sum := sha1.Sum(append(space, jinja.Text(c.Value)...))
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]), nil
}

// xmlAttributes writes a mapping as the attributes of an element. What is None or undefined is left out.
func xmlAttributes(c *jinja.Invocation) (any, error) {
	m, ok := c.Value.(*ordered.Map)
	if !ok {
		return nil, fmt.Errorf("xmlattr needs a mapping, this is %s", jinja.Describe(c.Value))
	}
	space, err := c.Truth("autospace", true)
	if err != nil {
		return nil, err
	}
	parts := []string{}
	for key, value := range m.All() {
		if _, absent := value.(*jinja.Undefined); absent || value == nil {
			continue
		}
		if strings.ContainsAny(key, " \t\n\v\f\r/>=") {
			return nil, fmt.Errorf("xmlattr: %q is no name of an attribute", key)
		}
		parts = append(parts, escapeHTML(key)+`="`+escapeHTML(jinja.Text(value))+`"`)
	}
	text := strings.Join(parts, " ")
	if space && text != "" {
		text = " " + text
	}
	return text, nil
}
