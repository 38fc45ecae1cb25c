package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes the files below a new directory and returns its path.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range files {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func names(hosts []*Host) string {
	list := []string{}
	for _, h := range hosts {
		list = append(list, h.Name)
	}
	return strings.Join(list, " ")
}

func TestLoadYAML(t *testing.T) {
	directory := write(t, map[string]string{"hosts.yml": `
polardb:
  vars: {polardb_port: 5432, ssl: yes}
  hosts:
    node1: {ansible_host: 10.0.0.1, weight: 9}
    node[2:3]: {weight: 0o5}
  children:
    extra: {hosts: {logger-a: }}
`})
	i, err := Load([]string{filepath.Join(directory, "hosts.yml")})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(i.Hosts()); got != "node1 node2 node3 logger-a" {
		t.Errorf("hosts: %s", got)
	}
	want := map[string][]string{
		"all": {"node1", "node2", "node3", "logger-a"}, "ungrouped": {},
		"polardb": {"node1", "node2", "node3", "logger-a"}, "extra": {"logger-a"},
	}
	if diff := cmp.Diff(want, i.Groups()); diff != "" {
		t.Error(diff)
	}
	h, _ := i.Host("logger-a")
	vars, err := i.Vars(h)
	if err != nil {
		t.Fatal(err)
	}
	if vars.Value("polardb_port") != 5432 || vars.Value("ssl") != true {
		t.Errorf("vars: %v", vars)
	}
	if diff := cmp.Diff([]string{"extra", "polardb"}, h.Groups()); diff != "" {
		t.Error(diff)
	}
	if got := i.Where("node1", "weight").String(); got != filepath.Join(directory, "hosts.yml")+":5:37" {
		t.Errorf("where: %s", got)
	}
}
