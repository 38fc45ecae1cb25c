package crypto

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"math/big"

	"github.com/polarbook/polarbook/tasks"
)

type keyInfoArgs struct {
	Path       string `arg:"path,path" doc:"File on the host with the key. Required, or content."`
	Content    string `arg:"content,secret" doc:"The key itself."`
	Passphrase string `arg:"passphrase,secret" doc:"Passphrase of the key."`
	Private    bool   `arg:"return_private_key_data" default:"false" doc:"Return the private numbers, which everything that keeps the task's result then has."`
	Check      bool   `arg:"check_consistency" default:"false" doc:"Say whether the numbers go together."`
	Backend    string `arg:"select_crypto_backend" default:"auto" choices:"auto cryptography" doc:"Of no effect: Go's crypto reads the key."`
}

var keyInfoModule = tasks.Define(tasks.Module{
	Name: "openssl_privatekey_info", Collections: collection,
	Summary: "Tell what a private key is",
	Notes: []string{
		"The key is read from the host and understood on the control node. Whether an RSA key's numbers go together is found when it is read: " +
			"one whose do not cannot be parsed here, whatever check_consistency says.",
		"Keys of DSA, Ed448, X448 and on other curves than NIST's cannot be read.",
	},
	Returns: []tasks.Return{
		{Name: "can_load_key", Type: "bool", Doc: "whether there is something to read; of a failure too"},
		{Name: "can_parse_key", Type: "bool", Doc: "whether it is a key that the passphrase opens; of a failure too"},
		{Name: "key_is_consistent", Type: "bool", Doc: "with check_consistency, whether its numbers go together; none for X25519"},
		{Name: "type", Type: "str", Doc: "RSA, ECC, Ed25519 or X25519"},
		{Name: "public_key", Type: "str", Doc: "the public key in PEM"},
		{Name: "public_key_fingerprints", Type: "dict", Doc: "its hashes by their names"},
		{Name: "public_data", Type: "dict", Doc: "its numbers: size, modulus and exponent, or curve, exponent_size, x and y"},
		{Name: "private_data", Type: "dict", Doc: "the private ones, with return_private_key_data: p, q and exponent, or multiplier"},
	},
	Examples: `
- openssl_privatekey_info: {path: /etc/ssl/private/app.key, passphrase: "{{ key_passphrase }}"}
  register: key
- assert: {that: "key.type == 'ECC' or key.public_data.size >= 2048"}
`,
}, func(a *keyInfoArgs, l tasks.Local) (tasks.Action, error) {
	state := func(load, parse bool) map[string]any {
		return map[string]any{"can_load_key": load, "can_parse_key": parse, "key_is_consistent": nil}
	}
	return newInfo("openssl_privatekey_info", &info{
		source: source{a.Path, a.Content}, what: "a private key", asking: l.Check(), failed: state(false, false),
		tell: func(text []byte) (map[string]any, error) {
			key, _, err := decodeKey(text, a.Passphrase)
			if err != nil {
				return nil, &tasks.Failure{Msg: "the key cannot be read: " + err.Error(), Values: state(true, false)}
			}
			der, err := x509.MarshalPKIXPublicKey(key.Public())
			if err != nil {
				return nil, err
			}
			v := state(true, true)
			v["type"], v["public_data"], v["public_key"] = describeKey(key.Public(), der)
			v["public_key_fingerprints"] = digests(der)
			if a.Private {
				v["private_data"] = privateNumbers(key, l.Secret)
			}
			if kind, _, _ := kindOf(key); a.Check && kind != "X25519" {
				v["key_is_consistent"] = true
			}
			return v, nil
		},
	})
})

// privateNumbers are the numbers of a key that nobody else is to know.
func privateNumbers(key privateKey, secret func(string)) map[string]any {
	v := map[string]any{}
	note := func(name string, n *big.Int) {
		secret(n.String())
		v[name] = whole(n)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		note("p", k.Primes[0])
		note("q", k.Primes[1])
		note("exponent", k.D)
	case *ecdsa.PrivateKey:
		if raw, err := k.Bytes(); err == nil {
			note("multiplier", new(big.Int).SetBytes(raw))
		}
	}
	return v
}
