package engine

import (
	"context"
	"strings"
	"testing"
)

// TestAnswersAreHashed: encrypt of vars_prompt, with a salt and with one made up, of answers and of defaults.
func TestAnswersAreHashed(t *testing.T) {
	if testing.Short() {
		t.Skip("large: make test-long runs it")
	}
	b := newBench(t, "a")
	b.o.Prompt = func(context.Context, Question) (string, error) { return "abc", nil }
	_, err := b.run(`
- hosts: a
  gather_facts: false
  vars_prompt:
    - {name: one, private: false, encrypt: md5_crypt, salt: saltsalt}
    - {name: two, private: false, encrypt: sha512_crypt, salt_size: 8}
  tasks:
    - echo: "{{ one == 'abc' | password_hash('md5', 'saltsalt') }} {{ two.split('$')[1] }} {{ two.split('$')[-2] | length }}"
`)
	b.wantKind(err, 0)
	if got := told(b); got != "echo a ok: True 6 8" {
		t.Error(got)
	}
	b = newBench(t, "a")
	_, err = b.run(`
- hosts: a
  gather_facts: false
  vars_prompt:
    - {name: one, default: abc, encrypt: sha256_crypt, salt: saltsalt}
  tasks:
    - echo: "{{ one[:13] | replace('$', '-') }}"
`)
	b.wantKind(err, 0)
	if got := told(b); !strings.Contains(got, "-5-") {
		t.Error(got)
	}
}
