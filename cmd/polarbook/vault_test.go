package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/polarbook/polarbook/inventory/vault"
)

// vaulted runs polarbook vault in a directory, and returns what it printed.
func vaulted(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	in := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(in, []byte(stdin), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out, messages bytes.Buffer
	term := &terminal{in: file, out: &out, err: &messages}
	var c vaultCmd
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	k, err := parser.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	err = k.Run(term, runContext{context.Background(), nil})
	return out.String(), err
}

func put(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestVaultCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("ANSIBLE_CONFIG", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	const text = "a: 1\nb: two\n"
	put(t, "one", "first\n", 0o600)
	put(t, "two", "second\n", 0o600)
	put(t, "f.yml", text, 0o644)
	if err := os.Symlink("f.yml", "link"); err != nil {
		t.Fatal(err)
	}
	must := func(stdin string, args ...string) string {
		t.Helper()
		out, err := vaulted(t, stdin, args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out
	}
	mode := func(want os.FileMode) {
		t.Helper()
		if info, err := os.Lstat("f.yml"); err != nil || info.Mode() != want {
			t.Errorf("%v, %v, not %v", info.Mode(), err, want)
		}
	}

	must("", "encrypt", "--vault-password-file", "one", "link")
	if !strings.HasPrefix(get(t, "f.yml"), "$ANSIBLE_VAULT;1.1;AES256\n") {
		t.Errorf("encrypted: %.40q", get(t, "f.yml"))
	}
	if info, err := os.Lstat("link"); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info, err)
	}
	mode(0o600)
	if out := must("", "view", "--vault-password-file", "one", "f.yml"); out != text {
		t.Errorf("view: %q", out)
	}
	if err := os.Chmod("f.yml", 0o640); err != nil {
		t.Fatal(err)
	}
	must("", "rekey", "--vault-password-file", "one", "--new-vault-id", "dev@two", "f.yml")
	if !strings.HasPrefix(get(t, "f.yml"), "$ANSIBLE_VAULT;1.2;AES256;dev\n") {
		t.Errorf("rekeyed: %.40q", get(t, "f.yml"))
	}
	mode(0o640)

	before := get(t, "f.yml")
	t.Setenv("EDITOR", "true")
	must("", "edit", "--vault-id", "dev@two", "f.yml")
	t.Setenv("EDITOR", "sed -i s/two/lost/ \"$1\"; false")
	if _, err := vaulted(t, "", "edit", "--vault-id", "dev@two", "f.yml"); err == nil {
		t.Error("an editor that failed was believed")
	}
	if get(t, "f.yml") != before {
		t.Error("a file that was not changed was written")
	}
	t.Setenv("EDITOR", "sed -i.bak s/two/three/")
	must("", "edit", "--vault-id", "dev@two", "f.yml")
	mode(0o640)
	if left, err := os.ReadDir(os.Getenv("XDG_RUNTIME_DIR")); err != nil || len(left) != 0 {
		t.Errorf("the editor's directory was left: %v, %v", left, err)
	}
	must("", "decrypt", "--vault-id", "x@one", "--vault-id", "y@two", "f.yml", "--output", "plain")
	if got := get(t, "plain"); got != "a: 1\nb: three\n" {
		t.Errorf("edited: %q", got)
	}
	must("", "decrypt", "--vault-password-file", "two", "f.yml")
	mode(0o600)

	piped := must("piped\xff", "encrypt", "--vault-password-file", "one")
	if out := must(piped, "decrypt", "--vault-password-file", "one", "-"); out != "piped\xff" {
		t.Errorf("piped: %q", out)
	}
	t.Setenv("EDITOR", "echo made >")
	must("", "create", "--skip-tty-check", "--vault-password-file", "one", "new.yml")
	if out := must("", "view", "--vault-password-file", "one", "new.yml"); out != "made\n" {
		t.Errorf("created: %q", out)
	}

	out := must("from stdin", "encrypt-string", "--vault-id", "dev@two", "-n", "a", "--stdin-name", "s", "text")
	values := strings.Split(out, "a: !vault |\n")
	if len(values) != 2 || !strings.HasPrefix(values[0], "s: !vault |\n          $ANSIBLE_VAULT;1.2;AES256;dev\n          ") {
		t.Fatalf("as values: %s", out)
	}
	keys := &vault.Keyring{Secrets: []vault.Secret{{ID: "dev", Password: []byte("second")}}}
	for i, want := range []string{"from stdin", "text"} {
		if plain, _, err := keys.Open([]byte(strings.TrimPrefix(values[i], "s: !vault |\n"))); err != nil || string(plain) != want {
			t.Errorf("value %d: %q, %v", i, plain, err)
		}
	}
}

func TestVaultErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("ANSIBLE_CONFIG", "")
	put(t, "one", "first\n", 0o600)
	put(t, "two", "second\n", 0o600)
	put(t, "plain", "hidden text", 0o644)
	put(t, "sealed", string(vault.Seal([]byte("hidden text"), []byte("first"), "", nil)), 0o644)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"plain: this is not data of Ansible Vault", []string{"decrypt", "--vault-password-file", "one", "sealed", "plain"}},
		{"sealed: it is encrypted already", []string{"encrypt", "--vault-password-file", "one", "plain", "sealed"}},
		{"no password that was given fits (default)", []string{"view", "--vault-password-file", "two", "sealed"}},
		{"--encrypt-vault-id", []string{"encrypt", "--vault-id", "a@one", "--vault-id", "b@two", "plain"}},
		{`no password of the label "c"`, []string{"encrypt", "--vault-id", "a@one", "--encrypt-vault-id", "c", "plain"}},
		{"no terminal to prompt on", []string{"encrypt", "plain"}},
		{"exclude each other", []string{"view", "--ask-vault-pass", "--vault-password-file", "one", "sealed"}},
		{"there already", []string{"create", "--vault-password-file", "one", "plain"}},
		{"--output takes what one file becomes", []string{"decrypt", "--vault-password-file", "one", "sealed", "sealed", "--output", "x"}},
		{"no such file", []string{"view", "--vault-password-file", "one", "none"}},
		{"standard input: it is empty", []string{"encrypt-string", "--vault-password-file", "one"}},
	} {
		out, err := vaulted(t, "", c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden") || out != "" {
			t.Errorf("%v: %q, %v", c.args, out, err)
		}
	}
	if get(t, "plain") != "hidden text" {
		t.Error("a file was touched though another had an error")
	}
}
