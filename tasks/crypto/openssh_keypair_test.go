package crypto

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// keygen runs ssh-keygen, where there is one; none: there is none.
func keygen(t *testing.T, words string) string {
	t.Helper()
	out, err := taskstest.Sh(t, "command -v ssh-keygen >/dev/null || { echo none; exit 0; }; ssh-keygen "+words)
	if err != nil {
		t.Errorf("ssh-keygen %s: %v: %s", words, err, out)
	}
	return strings.TrimSpace(out)
}

func TestKeypair(t *testing.T) {
	taskstest.Large(t)
	for name, given := range map[string]map[string]any{
		"ed25519": {"type": "ed25519", "comment": "a b"}, "ecdsa": {"type": "ecdsa", "size": 384}, "rsa": {"size": 2048},
		"passphrase": {"type": "ed25519", "passphrase": "it's secret"}, "pkcs8": {"type": "ecdsa", "private_key_format": "pkcs8"},
		"pkcs1": {"size": 1024, "private_key_format": "pkcs1"}, "modes": {"type": "ed25519", "mode": "0640"},
	} {
		t.Run(name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
				path := dir + "/it is"
				args := with(given, "path", path)
				_, r := twice(t, h, "openssh_keypair", args)
				public := taskstest.Read(t, path+".pub")
				if want := fmt.Sprint(r.Values["public_key"]); !strings.HasPrefix(public, want) || r.Values["filename"] != path {
					t.Errorf("%q, returned %v", public, r.Values)
				}
				phrase, _ := given["passphrase"].(string)
				if given["mode"] == nil { // ssh-keygen does not read a key that others may
					said := keygen(t, `-y -P "`+phrase+`" -f '`+path+"'")
					if said != "none" && !strings.HasPrefix(said, fmt.Sprint(r.Values["public_key"])) {
						t.Errorf("ssh-keygen: %s", said)
					}
				}
				if said := keygen(t, "-l -f '"+path+".pub'"); said != "none" &&
					!strings.Contains(said, fmt.Sprintf("%v %v ", r.Values["size"], r.Values["fingerprint"])) {
					t.Errorf("%s, returned %v", said, r.Values)
				}
				modes := map[bool][2]os.FileMode{false: {0o600, 0o644}, true: {0o640, 0o640}}[given["mode"] != nil]
				for i, file := range []string{path, path + ".pub"} {
					if info, err := os.Stat(file); err != nil || info.Mode().Perm() != modes[i] {
						t.Errorf("%s: %v %v", file, info, err)
					}
				}
				p, _ := twice(t, h, "openssh_keypair", map[string]any{"path": path, "state": "absent"})
				if p.Values["comment"] != r.Values["comment"] {
					t.Errorf("absent: %v", p.Values)
				}
				if left, _ := os.ReadDir(dir); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
			})
		})
	}
}

// What was there and does not fit is replaced, or refused with nothing changed, as regenerate says.
func TestKeypairRegenerate(t *testing.T) {
	taskstest.Large(t)
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		path := dir + "/key"
		l := &taskstest.FakeLocal{}
		args := map[string]any{"path": path, "type": "ed25519"}
		remake := func() string {
			taskstest.MustChange(t, h, "openssh_keypair", with(args, "force", true), l)
			return taskstest.Read(t, path)
		}
		before := remake()
		same := func(what string, want bool) {
			t.Helper()
			if is := taskstest.Read(t, path) == before; is != want {
				t.Errorf("%s: the key stayed: %v", what, is)
			}
		}
		other := with(args, "type", "ecdsa")
		taskstest.MustNotChange(t, h, "openssh_keypair", with(other, "regenerate", "never"), l)
		taskstest.MustFail(t, h, "openssh_keypair", with(other, "regenerate", "fail"), l, "it is ed25519 of 256 bits")
		same("another kind", true)
		twice(t, h, "openssh_keypair", other)
		same("another kind, partial_idempotence", false)

		before = remake()
		sealed := with(args, "passphrase", "x")
		taskstest.MustFail(t, h, "openssh_keypair", sealed, l, "not protected by a passphrase")
		same("no passphrase", true)
		twice(t, h, "openssh_keypair", with(sealed, "regenerate", "full_idempotence"))
		before = taskstest.Read(t, path)
		for phrase, why := range map[string]string{"": "protected by a passphrase", "y": "cannot be read"} {
			taskstest.MustFail(t, h, "openssh_keypair", with(args, "passphrase", phrase), l, why)
		}
		same("another passphrase", true)
		taskstest.MustNotChange(t, h, "openssh_keypair", sealed, l)

		taskstest.Write(t, path, "broken\n", 0o600)
		before = "broken\n"
		taskstest.MustFail(t, h, "openssh_keypair", args, l, "cannot be read")
		same("broken", true)
		twice(t, h, "openssh_keypair", with(args, "regenerate", "full_idempotence"))
	})
}

// The public key is written again from the private one, and gets another comment.
func TestKeypairPublic(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		path := dir + "/key"
		args := map[string]any{"path": path, "type": "ed25519", "comment": "one"}
		_, r := twice(t, h, "openssh_keypair", args)
		before := taskstest.Read(t, path)
		if err := os.Remove(path + ".pub"); err != nil {
			t.Fatal(err)
		}
		_, again := twice(t, h, "openssh_keypair", args)
		if again.Values["fingerprint"] != r.Values["fingerprint"] || !strings.HasSuffix(taskstest.Read(t, path+".pub"), " one\n") {
			t.Errorf("%v, before %v", again.Values, r.Values)
		}
		_, again = twice(t, h, "openssh_keypair", with(args, "comment", "two words"))
		if again.Values["public_key"] != r.Values["public_key"] || again.Values["comment"] != "two words" || taskstest.Read(t, path) == before {
			t.Errorf("%v", again.Values)
		}
		if said := keygen(t, "-l -f "+path); said != "none" && !strings.Contains(said, "two words") {
			t.Errorf("in the private key: %s", said)
		}
		taskstest.MustNotChange(t, h, "openssh_keypair", map[string]any{"path": path, "type": "ed25519"}, &taskstest.FakeLocal{})
		twice(t, h, "openssh_keypair", with(args, "comment", "two words", "mode", "0600"))
	})
}

func TestKeypairRefused(t *testing.T) {
	h := &taskstest.LocalHost{Words: []string{"sh"}}
	dir := t.TempDir()
	for text, args := range map[string]map[string]any{
		"dsa is refused": {"type": "dsa"}, "1024 to 16384": {"size": 512}, "256, 384 or 521": {"type": "ecdsa", "size": 255},
		"pkcs1 is not there": {"type": "ed25519", "private_key_format": "pkcs1"}, "more than one line": {"comment": "a\nb"},
		"does not exist": {"type": "ed25519", "path": dir + "/none/key"}, "a directory": {"type": "ed25519", "path": dir},
	} {
		all := with(map[string]any{"path": dir + "/key"}, "type", "rsa")
		for k, v := range args {
			all[k] = v
		}
		refused(t, h, "openssh_keypair", all, text)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
