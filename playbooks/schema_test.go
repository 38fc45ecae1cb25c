package playbooks

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/templates/ordered"
)

var schemas sync.Map // compiled ones, by kind

// compiled returns a schema, which is also valid as a schema.
func compiled(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	make, _ := schemas.LoadOrStore(kind, sync.OnceValues(func() (*jsonschema.Schema, error) {
		data, err := Schema(kind)
		if err != nil {
			return nil, err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(kind+".json", document); err != nil {
			return nil, err
		}
		return c.Compile(kind + ".json")
	}))
	s, err := make.(func() (*jsonschema.Schema, error))()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a text of YAML as JSON has it.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	root, _, err := parseYAML(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if root == nil {
		return nil
	}
	data, err := json.Marshal(plainOf(t, root))
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// plainOf is a node's value; a key is what is written, as editors have it, also where YAML 1.1 would read a truth (on).
func plainOf(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n = follow(n); n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for _, e := range entries(n) {
			m[e.key] = plainOf(t, e.value)
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, plainOf(t, item))
		}
		return list
	}
	value, err := inventory.DecodeYAML(n)
	if err != nil {
		t.Fatal(err)
	}
	return ordered.Plain(value)
}

// TestSchemaTakesWhatIsRight: the built-in playbooks and their tasks, the modules' examples, and the example inventory.
func TestSchemaTakesWhatIsRight(t *testing.T) {
	if testing.Short() {
		t.Skip("large: make test-long runs it")
	}
	check := func(kind, name string, text []byte) {
		if err := compiled(t, kind).Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s as %s: %v", name, kind, err)
		}
	}
	n := 0
	err := fs.WalkDir(Builtin(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isPlaybookName(p) {
			return err
		}
		text, err := fs.ReadFile(Builtin(), p)
		switch dir := filepath.Base(filepath.Dir(p)); {
		case dir == ".":
			check("playbook", p, text)
		case dir == "tasks" || dir == "handlers":
			check("tasks", p, text)
		case dir == "defaults" || dir == "vars":
			check("variables", p, text)
		default:
			return err
		}
		n++
		return err
	})
	if err != nil || n < 50 {
		t.Errorf("%d files, %v", n, err)
	}
	for _, m := range all.All() {
		if m.Examples != "" {
			check("tasks", "the examples of "+m.Name, []byte(m.Examples))
		}
	}
	good, err := filepath.Glob("testdata/good/*.yml")
	if err != nil || len(good) == 0 {
		t.Fatalf("%d playbooks, %v", len(good), err)
	}
	for _, name := range append(good, "../cmd/polarbook/inventory.yml.example") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		kind := "playbook"
		if strings.HasSuffix(name, ".example") {
			kind = "inventory"
		}
		check(kind, name, text)
	}
}

// TestSchemaRefusesWhatIsWrong: each of these, and none of them when its mistake is mended.
func TestSchemaRefusesWhatIsWrong(t *testing.T) {
	if testing.Short() {
		t.Skip("large: make test-long runs it")
	}
	for _, c := range []struct{ kind, wrong, right string }{
		{"playbook", "- {hosts: all, gather_fact: false}", "- {hosts: all, gather_facts: false}"},
		{"playbook", "- {hosts: all, gather_facts: maybe}", `- {hosts: all, gather_facts: "{{ x }}"}`},
		{"playbook", "- {hosts: {a: b}}", "- {hosts: [a, b]}"},
		{"playbook", "- {hosts: all, strategy: liner}", "- {hosts: all, strategy: linear}"},
		{"playbook", "- {hosts: all, task: []}", "- {hosts: all, tasks: []}"},
		{"playbook", "hosts: all", "- hosts: all"},
		{"playbook", "- {import_playbook: x.yml, hosts: all}", "- {import_playbook: x.yml, when: x}"},
		{"playbook", "- {hosts: all, vars_prompt: [{nam: x}]}", "- {hosts: all, vars_prompt: [{name: x}]}"},
		{"tasks", "- {ping: , retrys: 3}", "- {ping: , retries: 3}"},
		{"tasks", "- {ping: , retries: many}", `- {ping: , retries: "{{ many }}"}`},
		{"tasks", "- {copy: {src: a, dest: b, onwer: x}}", "- {copy: {src: a, dest: b, owner: x}}"},
		{"tasks", "- {ansible.builtin.copy: {src: a, dest: b, onwer: x}}", "- {ansible.builtin.copy: {src: a, dest: b, owner: x}}"},
		{"tasks", "- {ansible.builtin.coppy: {src: a}}", "- {community.general.sefcontext: {target: a}}"},
		{"tasks", "- {coppy: {src: a, dest: b}}", "- {copy: src=a dest=b}"},
		{"tasks", "- {copy: {src: a, dest: b, backup: perhaps}}", "- {copy: {src: a, dest: b, backup: yes}}"},
		{"tasks", "- {file: {path: a, state: dir}}", `- {file: {path: a, state: "{{ dir }}"}}`},
		{"tasks", "- {file: {path: [a], state: directory}}", "- {file: {path: a, state: directory}}"},
		{"tasks", "- {wait_for: {port: ssh}}", "- {wait_for: {port: 22}}"},
		{"tasks", "- {copy: [src, dest]}", "- {copy: }"},
		{"tasks", "- {ping: , when: {a: b}}", "- {ping: , when: [a, true]}"},
		{"tasks", "- {block: [{ping: }], loop: [1]}", "- {block: [{ping: }], rescue: [{fail: {msg: x}}]}"},
		{"tasks", "- {block: [{ping: , nam: x}]}", "- {block: [{ping: , name: x}]}"},
		{"tasks", "- {ping: , loop: 3}", "- {ping: , with_items: 3}"},
		{"tasks", "- {ping: , loop: [1], loop_control: {loopvar: x}}", "- {ping: , loop: [1], loop_control: {loop_var: x}}"},
		{"tasks", "- {ping: , become_method: magic}", "- {ping: , become_method: sudo}"},
		{"inventory", "db: {host: {a: }}", "db: {hosts: {a: }}"},
		{"inventory", "db: {hosts: {a: {polardb_prt: 1}}}", "db: {hosts: {a: {polardb_port: 1, mine: 2}}}"},
		{"inventory", "db: {children: {c: {var: {}}}}", "db: {children: {c: {vars: {}}}}"},
		{"variables", "polardb_port: high", `polardb_port: "{{ high }}"`},
		{"variables", "polardb_settings: [a]", "polardb_settings: {a: 1}"},
		{"variables", "polardb_setings: {}", "other: {}"},
	} {
		if err := compiled(t, c.kind).Validate(asJSON(t, []byte(c.wrong))); err == nil {
			t.Errorf("%s: %s is taken", c.kind, c.wrong)
		}
		if err := compiled(t, c.kind).Validate(asJSON(t, []byte(c.right))); err != nil {
			t.Errorf("%s: %s: %v", c.kind, c.right, err)
		}
	}
	if _, err := Schema("plays"); err == nil {
		t.Error("there is a schema of plays")
	}
}

// TestSchemaKnowsEveryKeyword: each of the loader's has a kind in the schema, and the schema has no others.
func TestSchemaKnowsEveryKeyword(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(keywords)) {
		if kind := kindOfKeyword[name]; (kind == nil) != (keywords[name].without != "") {
			t.Errorf("keyword %s: its kind is %v, and instead of it one is to write %q", name, kind, keywords[name].without)
		}
	}
	for name := range kindOfKeyword {
		if _, known := keywords[name]; !known {
			t.Errorf("there is no keyword %s", name)
		}
	}
}
