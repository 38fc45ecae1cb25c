package differential

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }

// requireAnsible skips the test where there is no Ansible with the collections that the playbooks use.
func requireAnsible(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Skip("SKIP differential: no ansible-playbook here, so nothing is compared with Ansible; apt-get install ansible openssh-client")
	}
	// Debian's ansible-core has neither the callback that prints JSON nor sysctl and authorized_key.
	out, err := exec.Command("ansible-doc", "-t", "callback", "ansible.posix.json").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "JSON") {
		t.Skipf("SKIP differential: Ansible is here without the collection ansible.posix, so nothing is compared with it; "+
			"apt-get install ansible: %v", err)
	}
}

// desk is where a user sits: one of the two programs, the hosts it works on, and copies of the playbooks.
type desk struct {
	t       *testing.T
	lab     *lab.Lab
	dir     string // holds inventory.yml and the playbooks' directories
	sockets string // of ssh, for Ansible
	run     func(s *desk, book string, args []string) *outcome
}

// newDesk boots hosts and copies the playbooks to a directory of their own.
func newDesk(t *testing.T, scratch, name string, python bool, run func(s *desk, book string, args []string) *outcome) *desk {
	t.Helper()
	s := &desk{t: t, dir: filepath.Join(scratch, name), sockets: filepath.Join(scratch, "cp"), run: run}
	s.lab = lab.New(t, lab.Options{Hosts: []lab.Spec{{Name: "node1", Python: python}, {Name: "node2", Python: python}}})
	if err := os.CopyFS(s.dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	inventory := fmt.Sprintf(`all:
  vars: {in_all: all, of_all: all}
  hosts:
    localhost: {ansible_connection: local, ansible_become: false}
  children:
    db:
      vars: {ansible_user: admin, ansible_become: true, in_db: db, of_all: db}
      children:
        leaders:
          vars: {role: leader, of_all: leaders}
          hosts: {node1: {ansible_host: %s, rank: 1}}
        followers:
          vars: {role: follower}
          hosts: {node2: {ansible_host: %s, rank: 2}}
`, s.lab.Host("node1").Address, s.lab.Host("node2").Address)
	if err := os.WriteFile(filepath.Join(s.dir, "inventory.yml"), []byte(inventory), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// plain takes out of a text what is this desk's and not the other's: where it is, and its hosts' addresses.
func (s *desk) plain(text string) string {
	text = strings.ReplaceAll(text, s.dir, "SITE")
	text = strings.ReplaceAll(text, strings.TrimSuffix(s.lab.Host("node1").Address, ".11")+".", "NET.")
	for _, p := range passing {
		text = p.pattern.ReplaceAllString(text, p.name)
	}
	return text
}
