package attacks

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// Another account owns the directory in which root is to write, and changes it meanwhile.
//
// This test does not run in parallel: the racer needs its share of the CPU.
func TestRootWritesWhereAnotherAccountOwns(t *testing.T) {
	s := site.New(t, site.Options{Cluster: "linked", Specs: []lab.Spec{{Name: "node1"}}})
	bring(s, "node1", "racer")
	s.On("node1", "useradd -m mallory; mkdir -p /srv/m /root/.ssh; chown mallory: /srv/m; stat -c '%U %a' /root/.ssh")
	keys := s.On("node1", "cat /root/.ssh/authorized_keys 2>/dev/null; stat -c '%U %a' /root/.ssh")
	as := func(script string) {
		s.T.Helper()
		s.On("node1", "runuser -u mallory -- sh -euc '"+script+"'")
	}
	s.File("large.bin", strings.Repeat("a large file\n", 300000))
	play := func(name, tasks string) {
		s.File(name, "- name: Attacked\n  hosts: all\n  become: true\n  gather_facts: false\n  tasks:\n"+tasks)
	}
	untouched := func(t *testing.T) {
		t.Helper()
		out := s.On("node1", "ls /etc/pwn-target 2>/dev/null; cat /root/.ssh/authorized_keys 2>/dev/null; stat -c '%U %a' /root/.ssh; true")
		if out != keys {
			t.Errorf("root's files were touched:\n%s", out)
		}
	}

	s.Case(t, "a racer swaps what root has just made", func(t *testing.T) {
		play("race.yml", "    - copy: {content: \"{{ item }}\\n\", dest: /srv/m/file, mode: \"0644\", owner: mallory}\n"+
			"      loop: \"{{ range(40) }}\"\n      ignore_errors: true\n"+
			"    - copy: {src: large.bin, dest: \"/srv/m/large{{ item }}\"}\n      loop: \"{{ range(3) }}\"\n      ignore_errors: true\n"+
			"    - lineinfile: {path: /srv/m/file, line: \"more {{ item }}\"}\n      loop: \"{{ range(10) }}\"\n      ignore_errors: true\n")
		s.On("node1", "rm -f /tmp/racer.won; setsid runuser -u mallory -- /usr/local/bin/racer /srv/m /etc/pwn-target "+
			">/tmp/racer.log 2>&1 & sleep 0.5")
		// The racer wins the race only in some runs, because it is scheduled like any other process.
		for range 60 {
			s.Start(nil, "run", "race.yml").Wait()
			untouched(t)
			if t.Failed() || s.On("node1", "cat /tmp/racer.won 2>/dev/null || true") != "" {
				break
			}
		}
		won := s.On("node1", "for d in /proc/[0-9]*; do if [ \"$(readlink $d/exe)\" = /usr/local/bin/racer ]; then kill ${d#/proc/}; "+
			"fi; done; cat /tmp/racer.won 2>/dev/null || true")
		s.On("node1", "find /srv/m -type l -delete; rm -rf /srv/m/.*polarbook*")
		s.Run(0, "race.yml")
		out := s.On("node1", "stat -c '%U %a' /srv/m/file; head -n 1 /srv/m/file; sha256sum </srv/m/large2 | cut -c1-8; "+
			"ls -A /srv/m | grep polarbook || true")
		if !strings.HasPrefix(out, "mallory 644\n39\n") {
			t.Errorf("the honest run came to %q", out)
		}
		if won == "" && !t.Failed() {
			t.Skip("the racer never came in time, on a machine that does much else: nothing is shown")
		}
	})

	s.Case(t, "a linked .ssh", func(t *testing.T) {
		play("key.yml", "    - authorized_key: {user: "+
			"mallory, key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMalloryMalloryMalloryMalloryMalloryMall m\"}\n")
		as("cd; rm -rf .ssh; ln -s /root/.ssh .ssh")
		s.Run(2, "key.yml").Says("is not followed")
		untouched(t)
		as("cd; rm .ssh")
		s.Run(0, "key.yml")
		s.Run(0, "key.yml").Unchanged()
		if out := s.On("node1", "stat -c '%U %a' ~mallory/.ssh ~mallory/.ssh/authorized_keys"); out != "mallory 700\nmallory 600\n" {
			t.Errorf("the account's files are %q", out)
		}
	})

	s.Case(t, "files of a home", func(t *testing.T) {
		play("home.yml", "    - file: {path: /home/mallory/conf, owner: mallory, mode: \"0666\"}\n      ignore_errors: true\n"+
			"    - lineinfile: {path: /home/mallory/conf, line: evil}\n      ignore_errors: true\n"+
			"    - file: {path: /home/mallory/dir/new, state: directory, owner: mallory}\n      ignore_errors: true\n"+
			"    - copy: {content: evil, dest: /home/mallory/dir/cron}\n      ignore_errors: true\n"+
			"    - file: {path: /home/mallory, state: directory, recurse: true, owner: mallory, mode: \"u=rwX,go=rwX\"}\n")
		as("cd; ln -s /etc/shadow conf; ln -s /etc/cron.d dir; mkdir sub; ln -s /etc/passwd sub/x")
		before := s.On("node1", "stat -c '%n %U %a' /etc/shadow /etc/passwd /etc/cron.d; ls -A /etc/cron.d; grep -c . /etc/shadow")
		s.Run(0, "home.yml").Says("is not followed")
		out := s.On("node1", "stat -c '%n %U %a' /etc/shadow /etc/passwd /etc/cron.d; ls -A /etc/cron.d; grep -c . /etc/shadow")
		if out != before {
			t.Errorf("root's files were\n%sand are\n%s", before, out)
		}
	})
}
