package crypto

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func init() { taskstest.Knowing(Modules()) }

// openssl runs the program, where there is one.
func openssl(t *testing.T, words string) string {
	t.Helper()
	out, err := taskstest.Sh(t, "command -v openssl >/dev/null || { echo none; exit 0; }; openssl "+words)
	if err != nil {
		t.Errorf("openssl %s: %v: %s", words, err, out)
	}
	return out
}

// twice does a task that changes something, and then nothing.
func twice(t *testing.T, h *taskstest.LocalHost, module string, args map[string]any) (tasks.Plan, tasks.Result) {
	t.Helper()
	checking := &taskstest.FakeLocal{Checking: true}
	if p, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, module, args, checking)); err != nil || !p.Change {
		t.Errorf("%s %v in check mode: %+v, %v", module, args, p, err)
	}
	p, r := taskstest.MustChange(t, h, module, args, &taskstest.FakeLocal{})
	taskstest.MustNotChange(t, h, module, args, &taskstest.FakeLocal{})
	return p, r
}

// refused expects a task to be refused with a message that holds text, before or when it is done.
func refused(t *testing.T, h *taskstest.LocalHost, module string, args map[string]any, text string) {
	t.Helper()
	if _, err := taskstest.ModuleNamed(t, module).New(args, &taskstest.FakeLocal{}); err != nil {
		taskstest.MustContain(t, err.Error(), text)
		return
	}
	taskstest.MustFail(t, h, module, args, &taskstest.FakeLocal{}, text)
}

func with(args map[string]any, pairs ...any) map[string]any {
	all := map[string]any{}
	for k, v := range args {
		all[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		all[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return all
}

func TestPrivateKey(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		kinds := []map[string]any{
			{"type": "ECC", "curve": "secp256r1"}, {"type": "RSA", "size": 2048}, {"type": "ECC", "curve": "secp384r1"}, {"type": "Ed25519"}, {"type": "X25519"},
		}
		if h.Words[0] != "dash" {
			kinds = kinds[:1] // keys are made here: what differs between shells does so with one kind
		}
		for _, kind := range kinds {
			for _, passphrase := range []string{"", "pass'word"} {
				for _, format := range []string{"auto", "pkcs8"} {
					path := filepath.Join(dir, fmt.Sprintf("%v%v-%s-%s.key", kind["type"], kind["curve"], format, passphrase[:min(4, len(passphrase))]))
					args := with(kind, "path", path, "format", format)
					if passphrase != "" {
						args = with(args, "passphrase", passphrase)
					}
					p, _ := twice(t, h, "openssl_privatekey", args)
					for _, d := range p.Diff {
						if strings.Contains(d.After, "PRIVATE") || strings.Contains(d.Before, "PRIVATE") {
							t.Errorf("%s: the key is shown", path)
						}
					}
					if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
						t.Errorf("%s: %v, %v", path, info.Mode(), err)
					}
					if out := openssl(t, fmt.Sprintf(`pkey -in "%s" -passin "pass:%s" -noout -text`, path, passphrase)); out != "none\n" && !strings.Contains(out, "rivate-Key") {
						t.Errorf("%s: %s", path, out)
					}
				}
			}
		}
		path := filepath.Join(dir, "kept.key")
		args := map[string]any{"path": path, "type": "RSA", "size": 2048}
		twice(t, h, "openssl_privatekey", args)
		before := taskstest.Read(t, path)
		for _, quiet := range []map[string]any{with(args, "regenerate", "never", "size", 3072), with(args, "regenerate", "fail"),
			with(args, "mode", "0600")} {
			taskstest.MustNotChange(t, h, "openssl_privatekey", quiet, &taskstest.FakeLocal{})
		}
		refused(t, h, "openssl_privatekey", with(args, "regenerate", "fail", "size", 3072), "not as wanted")
		refused(t, h, "openssl_privatekey", with(args, "regenerate", "partial_idempotence", "passphrase", "x"), "passphrase")
		if after := taskstest.Read(t, path); after != before {
			t.Error("a key that is kept was changed")
		}
		// The same key in another format, and with other attributes.
		twice(t, h, "openssl_privatekey", with(args, "format", "pkcs8", "format_mismatch", "convert"))
		a, _, errA := decodeKey([]byte(before), "")
		b, format, errB := decodeKey([]byte(taskstest.Read(t, path)), "")
		if errA != nil || errB != nil || format != "pkcs8" || !a.Equal(b) {
			t.Errorf("converted: %v, %v, %s", errA, errB, format)
		}
		// One that is never made anew is written in another format all the same.
		twice(t, h, "openssl_privatekey", with(args, "format", "pkcs1", "format_mismatch", "convert", "regenerate", "never", "size", 3072))
		if again := taskstest.Read(t, path); again != before {
			t.Errorf("converted back: %q", again)
		}
		twice(t, h, "openssl_privatekey", with(args, "mode", "0640"))
		p, _ := twice(t, h, "openssl_privatekey", with(args, "passphrase", "other", "backup", true))
		if copied := taskstest.Read(t, fmt.Sprint(p.Made["backup_file"])); !strings.Contains(copied, "PRIVATE KEY") {
			t.Errorf("the copy: %q", copied)
		}
		// What OpenSSL wrote is kept too.
		theirs := filepath.Join(dir, "theirs.key")
		if openssl(t, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes-128-cbc -pass pass:x -out "+theirs) != "none\n" {
			_ = os.Chmod(theirs, 0o600)
			taskstest.MustNotChange(t, h, "openssl_privatekey", map[string]any{"path": theirs, "type": "ECC", "curve": "secp256r1",
				"passphrase": "x"}, &taskstest.FakeLocal{})
		}
		l := &taskstest.FakeLocal{}
		v := taskstest.MustNotChange(t, h, "openssl_privatekey", with(args, "passphrase", "other", "return_content", true), l).Values
		if text, _ := v["privatekey"].(string); !strings.Contains(text, "PRIVATE KEY") || !strings.Contains(strings.Join(l.Secrets, ""), text) {
			t.Error("the key is not returned as a secret")
		}
		twice(t, h, "openssl_privatekey", map[string]any{"path": path, "state": "absent"})
		refused(t, h, "openssl_privatekey", map[string]any{"path": filepath.Join(dir, "no/such/dir.key"), "size": 2048}, "does not exist")
		for text, bad := range map[string]map[string]any{
			"cannot be made": {"type": "DSA"}, "secp224r1": {"type": "ECC", "curve": "brainpoolP256r1"}, "1024": {"size": 512}, "raw": {"format": "raw"},
			"AES-256": {"passphrase": "x", "cipher": "des3"}, "pkcs1": {"type": "Ed25519", "format": "pkcs1"},
		} {
			refused(t, h, "openssl_privatekey", with(bad, "path", path), text)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Error("what was refused made a key")
		}
	})
}

// TestKeyResults compares what is returned with what Ansible's module returns: the arguments, and in check mode the key that is there.
func TestKeyResults(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		path := filepath.Join(dir, "k.key")
		args := map[string]any{"path": path, "type": "ECC", "curve": "secp384r1", "return_content": true}
		values := func(check bool, args map[string]any) map[string]any {
			t.Helper()
			p, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "openssl_privatekey", args, &taskstest.FakeLocal{Checking: check}))
			if err != nil {
				t.Fatal(err)
			}
			return p.Values
		}
		want := func(what string, v map[string]any, size int, curve, fingerprint, key any) {
			t.Helper()
			if _, there := v["privatekey"]; v["size"] != size || v["curve"] != curve || !reflect.DeepEqual(v["fingerprint"], fingerprint) ||
				!there || v["privatekey"] != key {
				t.Errorf("%s: %v", what, v)
			}
		}
		want("none in check mode", values(true, args), 4096, "secp384r1", nil, nil)
		p, _ := taskstest.MustChange(t, h, "openssl_privatekey", args, &taskstest.FakeLocal{})
		key := taskstest.Read(t, path)
		want("new", p.Made, 4096, "secp384r1", p.Made["fingerprint"], key)
		have, _, err := decodeKey([]byte(key), "")
		if err != nil {
			t.Fatal(err)
		}
		want("another in check mode", values(true, with(args, "type", "RSA", "size", 2048)), 2048, nil, fingerprints(have), key)
		want("kept", values(false, with(args, "type", "RSA", "size", 2048, "regenerate", "never")), 2048, nil, fingerprints(have), key)
		want("absent", values(false, with(args, "state", "absent")), 4096, "secp384r1", nil, nil)
		if err := os.WriteFile(path, []byte("no\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		want("no key in check mode", values(true, args), 4096, "secp384r1", nil, "bm8K")
	})
}

// TestWrittenResults: in check mode return_content returns what there is.
func TestWrittenResults(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		key := filepath.Join(dir, "a.key")
		taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": key, "type": "Ed25519"}, &taskstest.FakeLocal{})
		for module, result := range map[string]string{"openssl_csr": "csr", "x509_certificate": "certificate", "openssl_dhparam": "dhparams"} {
			path := filepath.Join(dir, module)
			args := map[string]any{"path": path, "privatekey_path": key, "return_content": true}
			switch module {
			case "x509_certificate":
				args["provider"] = "selfsigned"
			case "openssl_dhparam":
				delete(args, "privatekey_path")
			}
			for _, want := range []any{nil, "no\n"} {
				if want != nil {
					if err := os.WriteFile(path, []byte("no\n"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				p, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, module, args, &taskstest.FakeLocal{Checking: true}))
				if got, there := p.Values[result]; err != nil || !there || got != want {
					t.Errorf("%s: %v, %v", module, p.Values, err)
				}
			}
		}
	})
}

// TestAbsentResults: what was asked for is returned where there is to be no file, too.
func TestAbsentResults(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		path := filepath.Join(dir, "gone")
		for module, want := range map[string]map[string]any{
			"openssl_privatekey": {"filename": path, "type": "RSA", "size": 4096, "fingerprint": nil, "privatekey": nil},
			"openssl_dhparam":    {"filename": path, "size": 4096, "dhparams": nil},
			"openssl_csr": {"filename": path, "privatekey": nil, "subject": []any{}, "subjectAltName": nil, "keyUsage": nil, "extendedKeyUsage": nil,
				"basicConstraints": nil, "ocspMustStaple": false, "ocsp_must_staple": false, "name_constraints_permitted": []any{},
				"name_constraints_excluded": []any{}, "csr": nil},
			"x509_certificate": {"filename": path, "privatekey": nil, "csr": nil, "certificate": nil},
		} {
			args := map[string]any{"path": path, "state": "absent", "return_content": true}
			if v := taskstest.MustNotChange(t, h, module, args, &taskstest.FakeLocal{}).Values; !reflect.DeepEqual(v, want) {
				t.Errorf("%s: %v", module, v)
			}
		}
	})
}

// Hundreds of passphrases are hashed here; as often as it is advised that takes minutes.
func init() { iterations = 2048 }

// TestAdvised seals as it is done outside of tests: the file says how often its passphrase was hashed.
func TestAdvised(t *testing.T) {
	taskstest.Large(t)
	before := iterations
	iterations = advised
	defer func() { iterations = before }()
	sealed, err := sealPKCS8([]byte("a key"), "x")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(sealed, []byte{2, 3, 0x09, 0x27, 0xc0}) { // the integer 600,000
		t.Errorf("% x", sealed)
	}
}

// TestKeyForms reads what is written, and nothing by another passphrase.
func TestKeyForms(t *testing.T) {
	key, err := newKey("ECC", 0, "secp256r1")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"pkcs1", "pkcs8"} {
		for _, passphrase := range []string{"", "x"} {
			text, err := encodeKey(key, format, passphrase)
			if err != nil {
				t.Fatal(err)
			}
			again, have, err := decodeKey(text, passphrase)
			if err != nil || have != format || !again.Equal(key) {
				t.Errorf("%s %q: %v", format, passphrase, err)
			}
			if _, _, err := decodeKey(text, passphrase+"y"); err == nil {
				t.Errorf("%s is read by another passphrase", format)
			}
		}
	}
	der, _ := x509.MarshalPKCS8PrivateKey(key)
	sealed, err := sealPKCS8(der, "x")
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed { // nothing that is cut off makes it panic
		if _, err := openPKCS8(sealed[:i], "x"); err == nil {
			t.Errorf("%d of %d bytes are a key", i, len(sealed))
		}
	}
}
