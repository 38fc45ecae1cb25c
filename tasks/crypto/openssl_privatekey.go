package crypto

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

// keyArgs are what openssl_privatekey and openssl_privatekey_pipe have alike.
type keyArgs struct {
	Type       string `arg:"type" default:"RSA" choices:"DSA ECC Ed25519 Ed448 RSA X25519 X448" doc:"What kind of key. DSA, Ed448 and X448 are refused: nothing here can make them."`
	Size       int    `arg:"size" default:"4096" doc:"Bits of an RSA key, at least 1024."`
	Curve      string `arg:"curve" doc:"Curve of an ECC key, which needs one: secp224r1, secp256r1, secp384r1 or secp521r1. Others that Ansible knows are refused."`
	Passphrase string `arg:"passphrase,secret" doc:"Passphrase of the key."`
	Cipher     string `arg:"cipher" default:"auto" doc:"How a passphrase protects it: auto, which is AES-256, and nothing else."`
	Format     string `arg:"format" default:"auto_ignore" choices:"pkcs1 pkcs8 raw auto auto_ignore" doc:"How it is written; auto is pkcs1 for RSA and ECC and pkcs8 for others, auto_ignore the same for new keys alone. raw is refused."`
	Mismatch   string `arg:"format_mismatch" default:"regenerate" choices:"regenerate convert" doc:"Make another key where the format is not the wanted one, or write the same in that."`
	Regenerate string `arg:"regenerate" default:"full_idempotence" choices:"never fail partial_idempotence full_idempotence always" doc:"When another key is made: never; never, and fail when it is not as wanted; when it is not, but fail when it cannot be read; when it is not or cannot be read; always."`
	Backend    string `arg:"select_crypto_backend" default:"auto" choices:"auto cryptography" doc:"Of no effect: Go's crypto makes the keys."`
}

type privateKeyArgs struct {
	files.Attributes
	keyArgs
	Path   string `arg:"path,required,path" doc:"File of the key."`
	State  string `arg:"state" default:"present" choices:"absent present" doc:"Have it, or remove it."`
	Force  bool   `arg:"force" default:"false" doc:"Make another key in any case."`
	Backup bool   `arg:"backup" default:"false" doc:"Keep a copy of the key before."`
	Return bool   `arg:"return_content" default:"false" doc:"Return the key, which everything that keeps the task's result then has."`
}

var privateKeyModule = tasks.Define(tasks.Module{
	Name: "openssl_privatekey", Collections: collection,
	Summary: "Make a private key",
	Notes: []string{
		"The key is made on the control node and written with mode 0600 unless mode says otherwise. A key that is there and fits is kept.",
		"Without the passphrase of a key that is there, or with another, a new key takes its place, as in Ansible; regenerate: " +
			"partial_idempotence fails instead.",
		"type, size and curve are returned as they were asked for, as in Ansible: the size of a key of ECC is 4096 where none was given.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "filename", Type: "str", Doc: "the file"}, {Name: "type", Type: "str", Doc: "the argument"},
		{Name: "size", Type: "int", Doc: "likewise"},
		{Name: "curve", Type: "str", Doc: "likewise, for ECC"},
		{Name: "fingerprint", Type: "dict", Doc: "hashes of the public key, by their names; in check mode those of the key that is there"},
		{Name: "privatekey", Type: "str", Doc: "the key, with return_content; in check mode the one that is there"},
		{Name: "backup_file", Type: "str", Doc: "copy of the key before"},
	},
	Examples: `
- openssl_privatekey: {path: /etc/ssl/private/app.key, size: 2048, owner: app}
- openssl_privatekey: {path: /etc/ssl/private/app.key, type: ECC, curve: secp256r1, passphrase: "{{ key_passphrase }}", cipher: auto}
- openssl_privatekey: {path: /etc/ssl/private/old.key, state: absent}
`,
}, func(a *privateKeyArgs, l tasks.Local) (tasks.Action, error) {
	if arg, problem := a.check(); arg != "" {
		return nil, &tasks.ArgError{Module: "openssl_privatekey", Arg: arg, Problem: problem}
	}
	if a.Mode == "" {
		a.Mode = "0600"
	}
	k := &keyMaker{keyArgs: &a.keyArgs, name: a.Path, force: a.Force, asking: l.Check()}
	gone := k.values(nil)
	if a.Return {
		gone["privatekey"] = nil
	}
	return newFile("openssl_privatekey", fileArgs{a.Attributes, a.Path, a.State, a.Backup, gone}, l, &keyFile{a, k, l.Secret})
})

// check returns which argument is wrong and how.
func (a *keyArgs) check() (arg, problem string) {
	switch a.Type {
	case "DSA", "Ed448", "X448":
		return "type", a.Type + " cannot be made: RSA, ECC, Ed25519 and X25519 can"
	case "ECC":
		if curves[a.Curve] == nil {
			return "curve", "has to be secp224r1, secp256r1, secp384r1 or secp521r1 for a key of ECC"
		}
	case "RSA":
		if a.Size < 1024 || a.Size > 16384 {
			return "size", "has to be from 1024 to 16384"
		}
	}
	switch {
	case a.Format == "raw":
		return "format", "raw is not there: take pkcs8"
	case a.Format == "pkcs1" && (a.Type == "Ed25519" || a.Type == "X25519"):
		return "format", "pkcs1 is not there for " + a.Type
	case a.Passphrase != "" && a.Cipher != "auto":
		return "cipher", "has to be auto, which is AES-256"
	}
	return "", ""
}

// keyFile makes the text of a key's file.
type keyFile struct {
	*privateKeyArgs
	maker  *keyMaker
	secret func(string)
}

func (f *keyFile) sources() []source { return nil }
func (f *keyFile) hidden() bool      { return true }

func (f *keyFile) make(text []byte, from []given) (made, error) {
	m, err := f.maker.make(text, from)
	if err != nil {
		return m, err
	}
	m.values["filename"] = f.Path
	if f.Return {
		m.values["privatekey"] = f.content(m.text, text)
	}
	return m, nil
}

// content is the key as it is returned: in check mode, where none is made, the one that is there. What is no PEM is in base64.
func (f *keyFile) content(after, before []byte) any {
	content, ok := written(after, before, f.maker.asking).(string)
	if !ok {
		return nil
	}
	if block, _ := pem.Decode([]byte(content)); block == nil {
		content = base64.StdEncoding.EncodeToString([]byte(content))
	}
	f.secret(content)
	return content
}

// keyMaker makes a key's text.
type keyMaker struct {
	*keyArgs
	name   string // of the key, for messages
	force  bool
	asking bool
	key    privateKey // made once for a task
}

// make returns what the file is to hold. A key that cannot be read and one that is not as wanted are told apart by regenerate.
func (k *keyMaker) make(text []byte, _ []given) (made, error) {
	have, format, err := decodeKey(text, k.Passphrase)
	if len(text) == 0 {
		return k.another("make the key "+k.name, nil)
	}
	fail := func(why string) (made, error) {
		return made{}, &tasks.Failure{Msg: k.name + ": " + why, Hint: "regenerate: full_idempotence makes another key then; what the old one " +
			"protects is lost"}
	}
	switch {
	case k.force || k.Regenerate == "always":
		return k.another("make another key "+k.name, have)
	case err != nil && k.Regenerate != "full_idempotence":
		return fail(err.Error())
	case err != nil:
		return k.another(fmt.Sprintf("make another key %s: %v", k.name, err), nil)
	}
	kind, size, curve := kindOf(have)
	fits := kind == k.Type && (kind != "RSA" || size == k.Size) && (kind != "ECC" || curve == k.Curve)
	sameFormat := k.Format == "auto_ignore" || format == k.format()
	switch {
	case (fits || k.Regenerate == "never") && !sameFormat && k.Mismatch == "convert":
		return k.written(have, "write the key "+k.name+" as "+k.format())
	case k.Regenerate == "never":
	case (!fits || !sameFormat) && k.Regenerate == "fail":
		return fail("the key is not as wanted")
	case !fits || !sameFormat:
		return k.another("make another key "+k.name, have)
	}
	m := made{text: text}
	m.values = k.values(have)
	return m, nil
}

func (k *keyMaker) format() string {
	switch {
	case k.Format == "pkcs1" || k.Format == "pkcs8":
		return k.Format
	case k.Type == "RSA" || k.Type == "ECC":
		return "pkcs1"
	}
	return "pkcs8"
}

// another makes a key in the place of the one that is there, if there is one that can be read.
func (k *keyMaker) another(msg string, have privateKey) (made, error) {
	if k.asking { // a key that nobody gets is not worth the time
		return made{text: []byte("a new key\n"), msg: msg, values: k.values(have)}, nil
	}
	if k.key == nil {
		var err error
		if k.key, err = newKey(k.Type, k.Size, k.Curve); err != nil {
			return made{}, err
		}
	}
	return k.written(k.key, msg)
}

func (k *keyMaker) written(key privateKey, msg string) (made, error) {
	text, err := encodeKey(key, k.format(), k.Passphrase)
	if err == nil && len(text) == 0 {
		err = errors.New("the key cannot be written")
	}
	return made{text: text, msg: msg, values: k.values(key)}, err
}

// values are those of the result. Of a key that is nil there are no hashes.
func (k *keyMaker) values(key privateKey) map[string]any {
	v := map[string]any{"type": k.Type, "size": k.Size, "fingerprint": nil}
	if key != nil {
		v["fingerprint"] = fingerprints(key)
	}
	if k.Type == "ECC" {
		v["curve"] = k.Curve
	}
	return v
}
