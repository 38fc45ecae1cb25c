package ansible

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"strings"

	"github.com/go-crypt/x/bcrypt"
	"github.com/go-crypt/x/crypt"

	"github.com/polarbook/polarbook/templates/jinja"
)

// passwordFilters hash passwords.
func passwordFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"password_hash": {Parameters: "hashtype salt salt_size rounds ident", Do: func(c *jinja.Invocation) (any, error) {
			secret, ok := c.Value.(string)
			if !ok {
				if err := jinja.CheckDefined(c.Value); err != nil {
					return nil, err
				}
				return nil, fmt.Errorf("password_hash needs a text, this is %s: write | string before it", jinja.Describe(c.Value))
			}
			size, e1 := c.Integer("salt_size", 0)
			rounds, e2 := c.Integer("rounds", 0)
			for _, err := range []error{e1, e2} {
				if err != nil {
					return nil, err
				}
			}
			return hashPassword(c.Run, secret, passwordHash{
				kind: c.Text("hashtype", "sha512"), salt: c.Text("salt", ""), saltSize: size, rounds: rounds, ident: c.Text("ident", ""),
			})
		}},
	}
}

// passwordHash is how a password is to be hashed. What is empty or zero is chosen as Ansible does.
type passwordHash struct {
	kind             string // sha512, sha256, blowfish (bcrypt), md5, or their longer names
	salt             string
	saltSize, rounds int
	ident            string
}

// saltSigns are what a salt is of.
const saltSigns = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// hashPassword hashes as passlib does, which Ansible does it with: the same password and salt give the same text.
func hashPassword(r *jinja.Run, secret string, how passwordHash) (string, error) {
	if strings.ContainsRune(secret, 0) {
		return "", fmt.Errorf("password_hash: the password has a NUL byte")
	}
	longest := 16
	kind := how.kind
	switch kind {
	case "sha512", "sha512_crypt", "sha256", "sha256_crypt":
	case "md5", "md5_crypt":
		longest = 8
	case "blowfish", "bcrypt":
		longest = 22
	default:
		return "", fmt.Errorf("password_hash knows sha512, sha256, blowfish and md5, not %q", kind)
	}
	salt := how.salt
	if salt == "" {
		size := longest
		if how.saltSize > 0 {
			size = how.saltSize
		}
		if size > longest || longest == 22 && size != longest {
			return "", fmt.Errorf("password_hash: a salt of %s has %d characters, not %d", kind, longest, size)
		}
		signs := make([]byte, size)
		for i := range signs {
			signs[i] = saltSigns[r.Random().IntN(len(saltSigns))]
		}
		salt = string(signs)
	}
	if strings.ContainsFunc(salt, func(c rune) bool { return !strings.ContainsRune(saltSigns, c) }) {
		return "", fmt.Errorf("password_hash: the salt has other characters than letters, digits, dots and slashes")
	}
	if len(salt) > longest {
		return "", fmt.Errorf("password_hash: the salt of %s has at most %d characters, this has %d", kind, longest, len(salt))
	}
	switch longest {
	case 8:
		if how.rounds > 0 {
			return "", fmt.Errorf("password_hash: md5 has no rounds")
		}
		return "$1$" + salt + "$" + string(crypt.KeyMD5Crypt([]byte(secret), []byte(salt))), nil
	case 22:
		return hashBlowfish(secret, salt, how)
	}
	return hashSHA(secret, salt, how)
}

func hashSHA(secret, salt string, how passwordHash) (string, error) {
	mark, rounds, sum := "6", 656000, sha512.New
	if strings.HasPrefix(how.kind, "sha256") {
		mark, rounds, sum = "5", 535000, sha256.New
	}
	if how.rounds > 0 {
		rounds = how.rounds
	}
	if rounds < 1000 || rounds > 999_999_999 {
		return "", fmt.Errorf("password_hash: %s has between 1000 and 999999999 rounds, not %d", how.kind, rounds)
	}
	named := ""
	if rounds != 5000 { // which is what no number means
		named = fmt.Sprintf("rounds=%d$", rounds)
	}
	return "$" + mark + "$" + named + salt + "$" + string(crypt.KeySHACrypt(sum, []byte(secret), []byte(salt), rounds)), nil
}

func hashBlowfish(secret, salt string, how passwordHash) (string, error) {
	if len(salt) != 22 {
		return "", fmt.Errorf("password_hash: a salt of blowfish has 22 characters, this has %d", len(salt))
	}
	rounds, ident := 12, "2b"
	if how.rounds > 0 {
		rounds = how.rounds
	}
	if rounds < 4 || rounds > 31 {
		return "", fmt.Errorf("password_hash: blowfish has between 4 and 31 rounds, not %d", rounds)
	}
	switch given := strings.Trim(how.ident, "$"); given {
	case "":
	case "2a", "2b", "2y":
		ident = given
	default:
		return "", fmt.Errorf("password_hash: the ident is 2b, 2a or 2y, not %q", how.ident)
	}
	const signs = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	last := strings.IndexByte(signs, salt[21]) &^ 0xf // the last sign holds two bits of the salt
	salt = salt[:21] + signs[last:last+1]
	raw, err := bcrypt.Base64Decode([]byte(salt))
	if err != nil {
		return "", fmt.Errorf("password_hash: %w", err)
	}
	if len(secret) > 72 {
		secret = secret[:72] // more counts for nothing
	}
	key, err := bcrypt.Key([]byte(secret), raw, rounds)
	if err != nil {
		return "", fmt.Errorf("password_hash: %w", err)
	}
	return fmt.Sprintf("$%s$%02d$%s%s", ident, rounds, salt, key), nil
}
