package differential

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// watched are the places on the hosts that must be alike: where the playbooks work, and where accounts and settings are.
const watched = "/srv /opt /home /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/hosts /etc/hostname /etc/timezone /etc/localtime " +
	"/etc/sysctl.conf /etc/sysctl.d /etc/security /etc/systemd/system /etc/skel /etc/cron.d /etc/fstab /etc/modules /etc/modules-load.d " +
	"/etc/modprobe.d /etc/alternatives /etc/locale.gen /etc/apt /etc/ufw /etc/default /etc/firewalld /usr/share/keyrings"

// listing is a script that prints a line for each file: path, type, mode, owner and group, target of a link; then the
// hash of each. They are sorted, so that of files whose names differ by a time alone the newest is the last. Ansible's own traces
// in a home are not the playbook's work, nor is sudo's, nor are the lab's key and password. git's index and logs hold times.
const listing = `set -- ` + watched + `
skip='-name .ansible -prune -o -name .sudo_as_admin_successful -o -path /home/admin/.ssh -prune -o -path /home/dba/.ssh -prune -o'
skip="$skip -path */.git/index -prune -o -path */.git/logs -prune -o"
set -f
find "$@" $skip -printf 'state\t%p\t%y %m %u:%g %l\n' 2>/dev/null | LC_ALL=C sort
find "$@" $skip -type f ! -name 'shadow*' -exec sha256sum -z {} + 2>/dev/null | tr '\0' '\n' | sed 's/^\([0-9a-f]*\)  /hash\t\1\t/' | LC_ALL=C sort -k 3
printf 'hash\t%s\t/etc/shadow\n' "$(grep -v ^dba: /etc/shadow | sha256sum)"
true`

// compareFiles lists how the hosts' files differ.
func compareFiles(ansible, ours *desk) []string {
	var all []string
	for _, host := range []string{"node1", "node2"} {
		want, got := ansible.hostFiles(host), ours.hostFiles(host)
		for _, d := range treesDiffer(want, got) {
			why := d.why
			if d.content {
				w, g := ansible.content(host, want[d.path].path), ours.content(host, got[d.path].path)
				why = fmt.Sprintf("content: only Ansible has %q, only polarbook has %q", without(w, g), without(g, w))
			}
			all = append(all, fmt.Sprintf("%s:%s %s", host, d.path, why))
		}
	}
	return all
}

// compareDesks lists how the playbooks' own directories differ: tasks on localhost write there.
func compareDesks(ansible, ours *desk, b *batch) []string {
	var all []string
	for _, d := range treesDiffer(ansible.deskFiles(b), ours.deskFiles(b)) {
		all = append(all, fmt.Sprintf("localhost:%s %s", d.path, d.why))
	}
	return all
}

// fileState is a file as it is compared; its path is the real one, for a name may hold a time.
type fileState struct{ path, state, hash string }

type fileDifference struct {
	path, why string
	content   bool
}

func treesDiffer(want, got map[string]fileState) []fileDifference {
	paths := maps.Clone(want)
	maps.Copy(paths, got)
	var all []fileDifference
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		w, inWant := want[path]
		g, inGot := got[path]
		switch {
		case !inGot:
			all = append(all, fileDifference{path, "only Ansible has it: " + w.state, false})
		case !inWant:
			all = append(all, fileDifference{path, "only polarbook has it: " + g.state, false})
		case w.state != g.state:
			all = append(all, fileDifference{path, fmt.Sprintf("Ansible %s, polarbook %s", w.state, g.state), false})
		}
		if inWant && inGot && w.hash != g.hash {
			all = append(all, fileDifference{path, "content differs", true})
		}
	}
	return all
}

func (s *desk) hostFiles(host string) map[string]fileState {
	s.t.Helper()
	out, err := s.lab.Host(host).Exec(context.Background(), listing)
	if err != nil {
		s.t.Fatal(err)
	}
	files := map[string]fileState{}
	for line := range strings.Lines(out) {
		words := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		if len(words) != 3 {
			s.t.Fatalf("%s lists %q", host, line)
		}
		if words[0] == "state" {
			files[s.plain(words[1])] = fileState{path: words[1], state: s.plain(words[2])}
		} else {
			f := files[s.plain(words[2])]
			f.hash = words[1]
			files[s.plain(words[2])] = f
		}
	}
	return files
}

// without returns the lines of a text that another has not, or all where only their order differs.
func without(text, other string) []string {
	lines, others := strings.Split(text, "\n"), strings.Split(other, "\n")
	only := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
	if len(only) == 0 {
		return lines
	}
	return only
}

func (s *desk) content(host, path string) string {
	s.t.Helper()
	out, err := s.lab.Host(host).Exec(context.Background(), "grep -v ^dba:.*[$] '"+path+"' || true")
	if err != nil {
		s.t.Fatal(err)
	}
	return s.plain(out)
}

func (s *desk) deskFiles(b *batch) map[string]fileState {
	s.t.Helper()
	files := map[string]fileState{}
	root := filepath.Join(s.dir, b.folder())
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := fileState{path: path, state: info.Mode().String()}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			f.state += " " + s.plain(target)
		case info.Mode().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f.hash = fmt.Sprintf("%x", sha256.Sum256([]byte(s.plain(string(text)))))
		}
		if name := strings.TrimPrefix(path, root); name != "/site.yml" { // polarbook's lacks what it refuses
			files[s.plain(name)] = f
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}
