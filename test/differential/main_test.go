package differential

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }

// ansibles are the versions to compare with, the reference first, and where Debian has them.
var ansibles = []ansible{{"2.19", "trixie"}, {"2.14", "bookworm"}}

type ansible struct{ version, release string }

// ansiblePackages are what a control node of Ansible's has.
var ansiblePackages = []string{"ansible", "openssh-client", "python3-jmespath", "python3-netaddr", "python3-passlib", "rsync"}

// findAnsible returns the tree that has Ansible of that version as Debian packs it, "/" for this machine. A tree is made
// where this machine has another version or none.
func findAnsible(t *testing.T, version, release string) (tree string, err error) {
	t.Helper()
	if hasAnsible("/", version) {
		return "/", nil
	}
	tree, err = lab.Tree(context.Background(), release, ansiblePackages, testLog{t})
	if err == nil && !hasAnsible(tree, version) {
		err = fmt.Errorf("Debian %s has another Ansible", release)
	}
	return tree, err
}

// hasAnsible looks for Ansible and its collections: ansible-core alone has neither the callback that prints JSON nor sysctl
// and authorized_key.
func hasAnsible(tree, version string) bool {
	packages := filepath.Join(tree, "usr/lib/python3/dist-packages")
	release, err := os.ReadFile(filepath.Join(packages, "ansible/release.py"))
	_, missing := os.Stat(filepath.Join(packages, "ansible_collections/ansible/posix/plugins/callback/json.py"))
	return err == nil && missing == nil && strings.Contains(string(release), "__version__ = '"+version+".")
}

type testLog struct{ t *testing.T }

func (l testLog) Write(text []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}

// desk is where a user sits: one of the programs, the hosts it works on, and copies of the playbooks.
type desk struct {
	t       *testing.T
	name    string // of the program, as differences have it
	lab     *lab.Lab
	dir     string // holds inventory.yml and the playbooks' directories
	sockets string // of ssh, for Ansible
	tree    string // where Ansible is
	python  string // of the hosts, which Ansible needs
	run     func(s *desk, b *batch, args []string) *outcome
}

// newDesk boots hosts of the desk's own. The scratch directory's path is a short one: it holds the sockets of ssh.
func newDesk(t *testing.T, scratch, letter, name, flavour string, packages []string) *desk {
	t.Helper()
	s := &desk{t: t, name: name, python: "/usr/bin/python3", dir: filepath.Join(scratch, letter), sockets: filepath.Join(scratch, "c"+letter),
		run: runAnsible}
	var hosts []lab.Spec
	for _, name := range []string{"node1", "node2"} {
		spec := lab.Spec{Name: name, Flavour: flavour, Packages: packages}
		if flavour == "rhel" {
			s.python = "/usr/libexec/platform-python"
		} else {
			spec.Python, spec.Packages = true, append([]string{"python3-apt"}, packages...)
		}
		hosts = append(hosts, spec)
	}
	if kept := os.Getenv("DIFFERENTIAL_HOSTS"); kept == "" {
		s.lab = lab.New(t, lab.Options{Hosts: hosts})
	} else {
		var err error
		if s.lab, err = lab.Open(kept + "-" + letter); err != nil {
			if s.lab, err = lab.Start(context.Background(), lab.Options{Name: kept + "-" + letter, Keep: true, Hosts: hosts}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, h := range s.lab.Hosts() {
		// A firewall that some table's packages bring is for its rows to start.
		if _, err := h.Exec(context.Background(), "systemctl disable --quiet --now firewalld ufw 2>/dev/null || true"); err != nil {
			t.Fatal(err)
		}
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
	s.write("inventory.yml", inventory)
	s.write("ansible.cfg", "# Nothing of the machine's own configuration.\n[defaults]\n")
	for name, path := range map[string]string{"id_ed25519": s.lab.KeyFile(), "known_hosts": s.lab.KnownHosts()} {
		s.write(name, readFile(t, path))
	}
	return s
}

// write writes a file of the desk's directory.
func (s *desk) write(path, text string) {
	s.t.Helper()
	path = filepath.Join(s.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	} else if strings.Contains(text, "PRIVATE KEY") {
		mode = 0o600
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

// folder is the batch's directory below the desk's.
func (b *batch) folder() string { return slug(b.name) }

// slug is a name as that of a file.
func slug(name string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(name) {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", r) {
			r = '-'
		}
		out.WriteRune(r)
	}
	return out.String()
}

// unmount takes away what an earlier case mounted.
const unmount = `sed -n 's|^[^ ]* \(/srv/case/[^ ]*\) .*|\1|p' /proc/mounts | sort -r | while read -r at; do umount -l "$at"; done; `

// prepare writes the batch's files and empties the hosts' scratch directories.
func (s *desk) prepare(b *batch) {
	s.t.Helper()
	if b.dir != "" {
		if err := os.CopyFS(filepath.Join(s.dir, b.folder()), os.DirFS(b.dir)); err != nil {
			s.t.Fatal(err)
		}
	}
	for path, text := range b.files {
		s.write(filepath.Join(b.folder(), path), text)
	}
	var all sync.WaitGroup
	for _, h := range s.lab.Hosts() {
		all.Go(func() {
			// A run that failed leaves handlers for the next run of the same playbook, which is another case's here.
			if _, err := h.Exec(context.Background(), unmount+"rm -rf /srv/case /var/lib/polarbook/owed; mkdir -m 755 /srv/case"); err != nil {
				s.t.Error(err)
			}
		})
	}
	all.Wait()
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
