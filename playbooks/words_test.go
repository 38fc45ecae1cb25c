package playbooks

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
	"gopkg.in/yaml.v3"
)

// TestDocumented: every variable that the built-in playbooks and templates speak of is set by one of them or can be looked
// up; one that nobody documents would be called unread.
func TestDocumented(t *testing.T) {
	known, err := Documented()
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{}
	for _, name := range known {
		made[name] = true
	}
	var read Words
	var files []*file
	for _, from := range []fs.FS{Builtin(), templates.Files()} {
		err := fs.WalkDir(from, ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(from, p)
			if err != nil {
				return err
			}
			f := &file{name: p}
			f.setText(data)
			if path.Ext(p) == ".yml" {
				f.root, _, err = parseYAML(f.text)
			}
			files = append(files, f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// What is registered, set or looped over is no setting.
	var define func(n *yaml.Node)
	define = func(n *yaml.Node) {
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			switch key, value := n.Content[i], n.Content[i+1]; key.Value {
			case "register", "loop_var", "index_var":
				made[value.Value] = true
			case "set_fact", "vars":
				for j := 0; j < len(value.Content); j += 2 {
					made[value.Content[j].Value] = true
				}
			}
		}
		for _, child := range n.Content {
			define(child)
		}
	}
	for _, f := range files {
		read.file(f)
		if f.root != nil {
			define(f.root)
		}
	}
	made["polardb_state"] = true // a fact, of the module polardb_facts
	made["polardb_watch"] = true // an account
	made["polardb_probe"] = true // another
	for name := range read.names {
		if strings.HasPrefix(name, "polardb_node_") || strings.HasPrefix(name, "polardb_cluster_") {
			continue // a metric (metrics.yml)
		}
		if _, module := all.Lookup(name); strings.HasPrefix(name, "polardb_") && !made[name] && !module {
			t.Errorf("%s is read, and neither documented nor set", name)
		}
	}
}

func TestWords(t *testing.T) {
	var w Words
	w.Value(ordered.Of("key", []any{"{{ a_b.c_d['e_f'] | default(g_h) }} i_j=1 k_l == 2",
		"lookup('vars', 'm_n_' ~ x)", "vars['o_p_{{ x }}']", 1}))
	for _, name := range []string{"a_b", "c_d", "e_f", "g_h", "k_l", "m_n_q", "o_p_q"} {
		if !w.Has(name) {
			t.Errorf("%s is spoken of", name)
		}
	}
	for _, name := range []string{"key", "i_j", "m_n", "a_bc"} {
		if w.Has(name) {
			t.Errorf("%s is not spoken of", name)
		}
	}
}
