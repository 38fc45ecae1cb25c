package templates

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/templates/ordered"
)

// known is the secrets of a test: one, whose twin has other letters.
type known struct {
	secret, twin string
	made         map[string]string
}

func (k *known) Twin(text string) string          { return strings.ReplaceAll(text, k.secret, k.twin) }
func (k *known) TwinOf(value string) string       { return k.Twin(value) }
func (k *known) SecretName(name string) bool      { return name == "pw" }
func (k *known) SecretValue(_, value string) bool { return value == k.secret }
func (k *known) AboutTask(func(string) bool, string) bool {
	return false
}
func (k *known) Add(string) {}
func (k *known) Follow(outcome, twin string, _ []string) {
	if outcome != twin {
		k.made[outcome] = twin
	}
}

// A command that gets a secret is run once, with the secret, and what it prints is one too; another command's output is not.
func TestCommandsAreRunOnce(t *testing.T) {
	at := filepath.Join(t.TempDir(), "runs")
	secrets := &known{"sesame", "ftusnf", map[string]string{}}
	e := New(Options{Outside: true, Secrets: secrets})
	got, err := e.Render("{{ lookup('pipe', 'echo x >> "+at+"; echo abc ' ~ pw) }} {{ lookup('pipe', 'echo public') }}", Map{"pw": "sesame"})
	if err != nil || got != "abc sesame public" {
		t.Error(got, err)
	}
	if data, err := os.ReadFile(at); err != nil || string(data) != "x\n" {
		t.Errorf("%q, %v", data, err)
	}
	if secrets.made["abc sesame public"] == "" || secrets.made["public"] != "" {
		t.Error(secrets.made)
	}
}

// collecting are secrets that keep what was added to them.
type collecting struct {
	known
	added []string
}

func (c *collecting) SecretName(name string) bool     { return name == "pw" || name == "secret" }
func (c *collecting) SecretValue(string, string) bool { return true }
func (c *collecting) AboutTask(has func(string) bool, name string) bool {
	return has("failed") && name == "cmd"
}
func (c *collecting) Add(value string) { c.added = append(c.added, value) }

// A result that has a secret's name holds secrets in what it brought, not in what it tells of its task.
func TestResultUnderASecretName(t *testing.T) {
	result := ordered.Of("changed", true, "failed", false, "cmd", []any{"expr", "{{ 1 + 1 }}"}, "stdout", "sesame")
	for _, template := range []string{"{{ pw }}", "{{ pw.cmd }} {{ pw.stdout }}", "{{ pw.cmd[0] }} {{ pw['stdout'] }}"} {
		secrets := &collecting{known: known{made: map[string]string{}}}
		if _, err := New(Options{Secrets: secrets}).Render(template, Map{"pw": result}); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(secrets.added, "sesame") || slices.Contains(secrets.added, "expr") {
			t.Errorf("%s: %q", template, secrets.added)
		}
	}
}
