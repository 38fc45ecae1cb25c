package sshkey

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What is made is what ssh-keygen reads, and what it says of it is what is said here.
func TestMake(t *testing.T) {
	if testing.Short() {
		t.Skip("large: make test-long runs it")
	}
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("SKIP: this machine has no ssh-keygen")
	}
	for _, c := range []struct {
		kind, comment, passphrase string
		bits                      int
	}{{"ed25519", "a b", "", 0}, {"rsa", "", "", 2048}, {"ecdsa", "x", "secret words", 384}, {"rsa", "c", "secret", 0}} {
		pair, err := Make(c.kind, c.bits, c.comment, c.passphrase)
		if err != nil {
			t.Fatal(err)
		}
		file := t.TempDir() + "/key"
		if err := os.WriteFile(file, pair.Private, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("ssh-keygen", "-y", "-P", c.passphrase, "-f", file).CombinedOutput()
		public, ok := ReadPublic([]byte(pair.Public))
		if err != nil || !ok || !strings.HasPrefix(string(out), public.Key) || public.Kind != c.kind || public.Comment != c.comment {
			t.Errorf("%+v: %v %s%+v", c, err, out, public)
		}
		if out, err := exec.Command("ssh-keygen", "-y", "-P", "wrong"+c.passphrase, "-f", file).CombinedOutput(); err == nil &&
			c.passphrase != "" {
			t.Errorf("%+v is read with another passphrase: %s", c, out)
		}
		if err := os.WriteFile(file+".pub", []byte(pair.Public+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("ssh-keygen", "-l", "-f", file+".pub").CombinedOutput(); err != nil || string(out) != public.String()+"\n" {
			t.Errorf("%v: ssh-keygen says %s, here it is %s", err, out, public)
		}
	}
}

func TestRefusals(t *testing.T) {
	for kind, bits := range map[string]int{"dsa": 0, "rsa": 512, "ecdsa": 255, "": 0} {
		if _, err := Make(kind, bits, "", ""); err == nil {
			t.Errorf("%s with %d bits is made", kind, bits)
		}
	}
	for _, text := range []string{"", "ssh-rsa", "root:x:0", "ssh-ed25519 AAAA", "\x00\xff"} {
		if p, ok := ReadPublic([]byte(text)); ok {
			t.Errorf("%q is %+v", text, p)
		}
	}
}
