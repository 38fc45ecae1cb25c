package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A host that was taken out is in no group and under no name, also when the sources are read anew.
func TestWithout(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hosts.yml")
	text := "db: {children: {pay: {hosts: {a: {}, b: {}}}, web: {hosts: {c: {}}}}}\nother: {hosts: {d: {}, c: {}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := Load([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		if _, there := inv.Host("c"); there || strings.Join(inv.Names(), " ") != "a b d" {
			t.Errorf("there are %v", inv.Names())
		}
		for group, hosts := range inv.Groups() {
			if strings.Contains(" "+strings.Join(hosts, " ")+" ", " c ") {
				t.Errorf("%s has %v", group, hosts)
			}
		}
	}
	inv.Without([]string{"c", "nobody"})
	check()
	if err := inv.Reread(); err != nil {
		t.Fatal(err)
	}
	check()
}
