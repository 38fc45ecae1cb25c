package inventory

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAsAnsible compares with what ansible-core 2.14 made of testdata/ansible, see record.py there.
func TestAsAnsible(t *testing.T) {
	data, err := os.ReadFile("testdata/ansible/recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Hosts    map[string]map[string]any
		Order    []string
		Groups   map[string][]string
		Patterns [][2]any
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	i, err := Load([]string{"testdata/ansible/hosts.ini", "testdata/ansible/more.yml"})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.AddPlaybookDir("testdata/ansible/play"); err != nil {
		t.Fatal(err)
	}
	order := []string{}
	for _, h := range i.Hosts() {
		order = append(order, h.Name)
	}
	if diff := cmp.Diff(want.Order, order); diff != "" {
		t.Errorf("order: %s", diff)
	}
	if diff := cmp.Diff(want.Groups, i.Groups()); diff != "" {
		t.Errorf("groups: %s", diff)
	}
	for name, wanted := range want.Hosts {
		h, ok := i.Host(name)
		if !ok {
			t.Errorf("no host %s", name)
			continue
		}
		vars, err := i.Vars(h)
		if err != nil {
			t.Fatal(err)
		}
		if directory, _ := filepath.Abs("testdata/ansible"); vars.Value("inventory_dir") != directory {
			t.Errorf("%s: inventory_dir %v", name, vars.Value("inventory_dir"))
		}
		for _, magic := range []string{"groups", "inventory_dir", "inventory_file"} {
			vars.Delete(magic)
		}
		// Through JSON, so that the numbers are of one type.
		var got map[string]any
		text, err := json.Marshal(vars)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, p := range want.Patterns {
		hosts, err := i.Select(p[0].(string))
		if err != nil {
			t.Errorf("%s: %v", p[0], err)
			continue
		}
		got := []any{}
		for _, h := range hosts {
			got = append(got, h.Name)
		}
		if diff := cmp.Diff(p[1], any(got)); diff != "" {
			t.Errorf("%s: %s", p[0], diff)
		}
	}
}
