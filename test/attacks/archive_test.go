package attacks

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// The archive was packed with modes that let anybody change what root runs, or become root by running it.
func TestAnArchivesModesAreNotBelieved(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "packed", Specs: []lab.Spec{{Name: "node1"}}})
	loose := filepath.Join(t.TempDir(), "loose.tar.gz")
	if out, err := exec.Command("sh", "-euc", `d=$(mktemp -d); trap 'rm -rf "$d"' EXIT; tar -xzf "$0" -C "$d"; cd "$d"
		touch extra; for f in bin */bin; do [ ! -d "$f" ] || { chmod 0777 "$f" "$f"/*; cp extra "$f/extra"; chmod 6777 "$f/extra"; chown 1234 "$f"/*; }; done
		rm extra; tar -czf "$1" *`, site.Archive(t), loose).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bad := func(dir string) string {
		return s.On("node1", "find "+dir+" ! -type l \\( ! -user 0 -o -perm /6022 \\) | head")
	}
	s.SetAll(site.Vars{"polardb_package": loose})

	s.Case(t, "the engine", func(t *testing.T) {
		s.Run(0, "new-cluster.yml")
		if out := bad("/opt/polardb"); out != "" {
			t.Errorf("others may change, or become root by\n%s", out)
		}
		s.Run(0, "new-cluster.yml").Unchanged()
	})

	s.Case(t, "what an earlier release left is mended", func(t *testing.T) {
		s.On("node1", "cd /opt/polardb/current/bin && chmod 777 . * && chmod 4777 extra && chown 1234 extra")
		s.Run(0, "new-cluster.yml").Changed()
		if out := bad("/opt/polardb"); out != "" {
			t.Errorf("others may change, or become root by\n%s", out)
		}
		s.Run(0, "new-cluster.yml").Unchanged()
	})

	s.Case(t, "unarchive", func(t *testing.T) {
		s.File("unpack.yml",
			"- name: Unpack\n  hosts: all\n  become: true\n  gather_facts: false\n  tasks:\n    - file: {path: /srv/root, state: directory}\n"+
				"    - unarchive: {src: "+loose+", dest: /srv/root}\n    - unarchive: {src: "+loose+", dest: /srv/m}\n")
		s.On("node1", "useradd -m mallory; mkdir /srv/m; chown mallory: /srv/m")
		s.Run(0, "unpack.yml")
		if out := bad("/srv/root"); out != "" {
			t.Errorf("others may change, or become root by\n%s", out)
		}
		if out := s.On("node1", "find /srv/m ! -type l ! -name '.polarbook*' \\( ! -user mallory -o -perm /6022 \\) | head"); out != "" {
			t.Errorf("in a directory of another account there is not that account's\n%s", out)
		}
		s.Run(0, "unpack.yml").Unchanged()
		// Links of that account below dest lead the archive nowhere.
		s.On("node1", "runuser -u mallory -- sh -c 'cd /srv/m && rm -rf * && for f in bin lib share include; do ln -s /etc $f; done'")
		before := s.On("node1", "ls -lA /etc | sort")
		s.Start(nil, "run", "unpack.yml").Wait()
		if after := s.On("node1", "ls -lA /etc | sort"); after != before {
			t.Errorf("/etc has changed: %s", site.Difference(before, after))
		}
		if strings.Contains(s.On("node1", "ls -A /run | grep polarbook.tmp || true"), "polarbook") {
			t.Error("something was left")
		}
	})
}
