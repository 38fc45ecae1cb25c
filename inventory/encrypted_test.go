package inventory

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/inventory/vault"
)

func TestEncryptedVariables(t *testing.T) {
	sealed := func(text string) string { return string(vault.Seal([]byte(text), []byte("pw"), "", nil)) }
	value := "db_password: !vault |\n" + strings.ReplaceAll("  "+strings.TrimSpace(sealed("value one")), "\n", "\n  ") + "\n"
	dir := write(t, map[string]string{
		"hosts.ini":           "[dev]\na\n[prod]\nb\n",
		"group_vars/dev.yml":  value,
		"group_vars/prod.yml": sealed("api: value two\nansible_user: admin\nlist: [{x: value three}]\n"),
		"host_vars/b.yml":     sealed("bad: {\n"),
	})
	load := func(keys *vault.Keyring) (*Inventory, error) {
		return LoadWith(Options{Vault: keys}, []string{filepath.Join(dir, "hosts.ini")})
	}

	i, err := load(nil)
	if err != nil {
		t.Fatalf("without a password: %v", err)
	}
	a, _ := i.Host("a")
	vars, err := i.Vars(a)
	if err != nil {
		t.Fatalf("a host whose variables nobody has to decrypt: %v", err)
	}
	v, ok := vars.Value("db_password").(*vault.Value)
	if !ok || v.File != filepath.Join(dir, "group_vars/dev.yml") || v.Line != 1 {
		t.Errorf("the value is %#v", vars.Value("db_password"))
	}
	b, _ := i.Host("b")
	if _, err := i.Vars(b); err == nil || !strings.Contains(err.Error(),
		"prod.yml:1:1: this is encrypted with Ansible Vault, and no password") {
		t.Errorf("a host whose variables are encrypted: %v", err)
	}

	var told []string
	keys := &vault.Keyring{
		Secrets: []vault.Secret{{ID: vault.DefaultID, Password: []byte("pw")}}, Tell: func(s string) { told = append(told, s) },
	}
	if _, err := load(keys); err == nil || !strings.Contains(err.Error(), "b.yml:2: this is not YAML") &&
		!strings.Contains(err.Error(), "b.yml:1") {
		t.Errorf("a mistake in an encrypted file: %v", err)
	}
	if got := strings.Join(told, ", "); got != "value two, value three" {
		t.Errorf("told of %q", got)
	}
	if text, err := keys.Text(v); err != nil || text != "value one" {
		t.Errorf("%q, %v", text, err)
	}
}
