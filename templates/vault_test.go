package templates

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

func TestEncryptedValues(t *testing.T) {
	seal := func(text, password string) *vault.Value {
		v, err := vault.NewValue(string(vault.Seal([]byte(text), []byte(password), "", nil)), "vars.yml", 3, 5)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	keys := &vault.Keyring{Secrets: []vault.Secret{{ID: vault.DefaultID, Password: []byte("pw")}}}
	e := New(Options{Vault: keys})
	vars := Map{
		"open": seal("{{ 1 + 1 }}", "pw"), "locked": seal("x", "other"), "plain": "p", "list": []any{seal("inner", "pw")},
		"over": "{{ open }}", "unsafe": Unsafe{Value: []any{seal("inner", "pw")}},
	}
	for expression, want := range map[string]any{
		"open":                    "{{ 1 + 1 }}",
		"open | length":           11,
		"over ~ '!'":              "{{ 1 + 1 }}!",
		"list[0] ~ unsafe[0]":     "innerinner",
		"list":                    []any{"inner"},
		"open is vault_encrypted": true, "list[0] is vault_encrypted": true, "locked is vault_encrypted": true,
		"plain is vault_encrypted": false, "locked is defined": true, "locked is undefined": false,
		"locked | unvault('other')":       "x",
		"'t' | vault('k') | unvault('k')": "t",
		"plain | unvault('k')":            "p",
	} {
		got, err := e.Evaluate(expression, vars)
		if err != nil || want != nil && fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v", expression, got, err)
		}
	}
	if _, err := e.Evaluate("locked ~ ''", vars); err == nil || !strings.Contains(err.Error(), "vars.yml:3:5: this is encrypted") {
		t.Errorf("a value that cannot be decrypted: %v", err)
	}
	if got, err := e.RenderValue(map[string]any{"a": vars["open"]}, vars); err != nil ||
		!strings.Contains(fmt.Sprint(got.(*ordered.Map).Value("a")), "{{ 1 + 1 }}") {
		t.Errorf("within a value: %v, %v", got, err)
	}
}
