package engine

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// TestMappingsKeepTheirOrder holds what ansible-core 2.14 says in this play, with debug in the place of echo.
func TestMappingsKeepTheirOrder(t *testing.T) {
	b := newBench(t)
	b.file("inv.yml", "all:\n  vars: {inv: {z: 1, y: {d: 1, c: 2}, b: 3}}\n  children:\n    zeta: {hosts: {c: , a: , b: }}\n"+
		"    alpha: {hosts: {d: , a: }}\n")
	b.file("vf.yml", "from_file: {z: 1, m: {y: 2, b: 1}, a: [ {q: 1, c: 2} ]}\n")
	b.file("iv.yml", "included: {z: 1, c: 2, a: 3}\nsecond: {y: 1, b: 2}\n")
	inv, err := inventory.Load([]string{filepath.Join(b.dir, "inv.yml")})
	if err != nil {
		t.Fatal(err)
	}
	b.inv, b.o.Inventory = inv, inv
	b.o.ExtraVars = map[string]any{"given": ordered.Of("z", 1, "k", ordered.Of("y", 1, "a", 2), "a", 3)}
	_, err = b.run(`
- hosts: a
  gather_facts: false
  vars: {phases: {prepare: 1, install: 2, configure: 3, activate: 4}, templated: {z: "{{ phases }}", b: "{{ phases.install }}"}}
  vars_files: [vf.yml]
  tasks:
    - include_vars: iv.yml
    - include_vars: {file: iv.yml, name: named}
    - set_fact: {made: {z: "x", y: {x: 1, a: 2}, b: "{{ phases }}"}}
    - set_fact: {made: "{{ made | combine({'new': 1, 'y': {'0': 1}}, recursive=true) }}"}
    - set_fact: {gathered: "{{ gathered | default({}) | combine({item: loop_index}) }}"}
      loop: [z, y, x, a]
      loop_control: {index_var: loop_index}
    - echo: "{{ item.key }}"
      with_dict: "{{ phases }}"
      register: looped
    - echo: "{{ item.n }}"
      loop: [{n: 1, a: 2}, {z: 1, n: 3, b: 2}]
      register: written
    - echo: "{{ phases | to_json }} {{ templated.z | to_json }} {{ from_file | to_json }} {{ included | to_json }} {{ named | to_json }}"
    - echo: "{{ made | to_json }} {{ made }} {{ gathered }}"
    - echo: "{{ looped.results | map(attribute='item') | map(attribute='key') | join(' ') }} {{ written.results | map(attribute='item') | list | to_json }}"
    - echo: "{{ given | to_json }} {{ hostvars['a'].made | to_json }} {{ hostvars['a']['inv'] | to_json }} {{ vars['phases'] | to_json }}"
    - echo: "{{ hostvars | list | to_json }} {{ hostvars.keys() | list | to_json }} {{ groups | to_json }}"
    - echo: "{{ looped.results[0].item | to_json }} {{ looped.results[0].item == {'value': 1, 'key': 'prepare'} }} {{ {'key': 'install', 'value': 2} in looped.results | map(attribute='item') | list }}"
    - echo: "{% for k, v in phases.items() %}{{ v }}. {{ k }}, {% endfor %}{{ phases | dict2items | to_json }} {{ phases | to_nice_yaml(sort_keys=false) | to_json }}"
    - echo: "{{ query('dict', included) | map(attribute='key') | join(' ') }} {{ lookup('vars', 'second') | to_json }} {{ (text | from_yaml) | to_json }} {{ text | from_yaml | to_nice_json }}"
      vars: {text: "{z: 1, b: {y: 1, a: 2}, a: 3}"}
`)
	b.wantKind(err, 0)
	var got []string
	for _, e := range b.rec.events {
		d, ok := e.(event.HostDone)
		if ok && d.Values.Value("msg") != nil && d.Values.Value("ansible_facts") == nil && d.Values.Value("results") == nil {
			got = append(got, text(d.Values.Value("msg")))
		}
	}
	want := []string{
		"prepare", "install", "configure", "activate", "1", "3",
		`{"prepare": 1, "install": 2, "configure": 3, "activate": 4} {"prepare": 1, "install": 2, "configure": 3, "activate": 4} {"z": 1, "m": {"y": 2, "b": 1}, "a": [{"q": 1, "c": 2}]} {"z": 1, "c": 2, "a": 3} {"included": {"z": 1, "c": 2, "a": 3}, "second": {"y": 1, "b": 2}}`,
		`{"z": "x", "y": {"x": 1, "a": 2, "0": 1}, "b": {"prepare": 1, "install": 2, "configure": 3, "activate": 4}, "new": 1} {'z': 'x', 'y': {'x': 1, 'a': 2, '0': 1}, 'b': {'prepare': 1, 'install': 2, 'configure': 3, 'activate': 4}, 'new': 1} {'z': 0, 'y': 1, 'x': 2, 'a': 3}`,
		`prepare install configure activate [{"n": 1, "a": 2}, {"z": 1, "n": 3, "b": 2}]`,
		`{"z": 1, "k": {"y": 1, "a": 2}, "a": 3} {"z": "x", "y": {"x": 1, "a": 2, "0": 1}, "b": {"prepare": 1, "install": 2, "configure": 3, "activate": 4}, "new": 1} {"z": 1, "y": {"d": 1, "c": 2}, "b": 3} {"prepare": 1, "install": 2, "configure": 3, "activate": 4}`,
		`["c", "a", "b", "d"] ["c", "a", "b", "d"] {"all": ["c", "a", "b", "d"], "ungrouped": [], "zeta": ["c", "a", "b"], "alpha": ["d", "a"]}`,
		`{"key": "prepare", "value": 1} True True`,
		`1. prepare, 2. install, 3. configure, 4. activate, [{"key": "prepare", "value": 1}, {"key": "install", "value": 2}, {"key": "configure", "value": 3}, {"key": "activate", "value": 4}] "prepare: 1\ninstall: 2\nconfigure: 3\nactivate: 4\n"`,
		"z c a {\"y\": 1, \"b\": 2} {\"z\": 1, \"b\": {\"y\": 1, \"a\": 2}, \"a\": 3} {\n    \"a\": 3,\n    \"b\": {\n" +
			"        \"a\": 2,\n        \"y\": 1\n    },\n    \"z\": 1\n}",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
	// What is told outside has the order too.
	for _, e := range b.rec.events {
		d, ok := e.(event.HostDone)
		if !ok || !d.InLoop || d.Values.Value("ansible_facts") != nil {
			continue
		}
		item, err := json.Marshal(d.Values.Value("item"))
		if err != nil || string(item) != `{"key":"prepare","value":1}` {
			t.Errorf("the first item is %s %v", item, err)
		}
		break
	}
}

// TestOrderedSecretsAreMasked: what is secret by its name is masked in a mapping, whatever its place.
func TestOrderedSecretsAreMasked(t *testing.T) {
	b := newBench(t, "a")
	secrets := &inventory.Secrets{}
	b.o.Secrets, b.o.Templates = secrets, templates.New(templates.Options{Secrets: secrets})
	_, err := b.run(`
- hosts: a
  gather_facts: false
  vars: {users: {zoe: {password: "S3cret-of-zoe", age: 1}, adam: {age: 2, db_password: "S3cret-{{ 'of' }}-adam"}}}
  tasks:
    - set_fact: {shown: "{{ users }}"}
    - echo: "{{ users | to_json }} {{ users.zoe.password | upper }} {{ users.adam.db_password | b64encode }}"
      with_dict: "{{ users }}"
`)
	b.wantKind(err, 0)
	for _, e := range b.rec.events {
		if d, ok := e.(event.HostDone); ok {
			told, _ := json.Marshal(d.Values)
			for _, secret := range []string{"S3cret-of-zoe", "S3cret-of-adam", "S3CRET-OF-ZOE", "UzNjcmV0LW9mLWFkYW0="} {
				if strings.Contains(string(told), secret) || strings.Contains(d.Msg, secret) {
					t.Errorf("%s is told: %s", secret, told)
				}
			}
		}
	}
}
