package attacks

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// A run that was killed, or stopped for long, must leave nothing running on a host when another run gets the lock.
func TestTheWorkOfAGoneRunEnds(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "fence", Specs: site.Hosts("node1")})
	s.Limit = time.Minute
	s.Variant("dba.yml", site.Vars{"ansible_user": "dba", "ansible_become_password": s.Lab.Password()}, nil)
	s.File("touch.yml", `
- name: Touch
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - command: touch /root/touched
`)
	begin := func(inventory, script string) *site.Running {
		s.On("node1", "rm -f /srv/log; touch /srv/log; chmod 666 /srv/log")
		s.File("work.yml", `
- name: Work
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Long
      shell: |
        `+strings.ReplaceAll(script, "\n", "\n        ")+`
    - name: Short
      shell: echo short >>/srv/log; sleep 0.1
      loop: "{{ range(600) }}"
`)
		r := s.Start(nil, "run", "work.yml", "-i", inventory)
		for s.On("node1", "cat /srv/log") == "" {
			time.Sleep(50 * time.Millisecond)
		}
		return r
	}
	ends := func(code int, args ...string) *site.Outcome {
		s.T.Helper()
		return s.Start(nil, args...).Wait().Exits(code)
	}
	still := func(t *testing.T) {
		t.Helper()
		before := s.On("node1", "cat /srv/log")
		time.Sleep(1200 * time.Millisecond)
		if after := s.On("node1", "cat /srv/log"); after != before {
			t.Errorf("it writes on:\n%s\n%s", after, s.On("node1", "ps axf -o pid,ppid,sid,user,args; ls /run/polarbook"))
		}
	}
	const loop = "for i in $(seq 600); do echo $i >>/srv/log; sleep 0.1; done"

	for name, script := range map[string]string{
		"in front":    loop,
		"in the back": "nohup setsid sh -c '" + loop + "' >/dev/null 2>&1 &\nsleep 60",
		"as another, with su": "su - dba -c \"setsid sh -c '(" +
			strings.ReplaceAll(strings.ReplaceAll(loop, "$(seq 600)",
				"1 2 3 4 5 6 7 8 9 a b c d e f g h i j k l m n o p q r s t u v w x y z"), "$i", "x") + ") &'\" >/dev/null 2>&1\nsleep 60",
		"as another, with sudo": "sudo -u dba sh -c '(for i in 1 2 3 4 5 6 7 8 9 a b c d e f g h i j k l m n o p q r s t u v w x y z; " +
			"do echo x >>/srv/log; sleep 0.1; done) &' >/dev/null 2>&1\nsleep 60",
		"deaf to a friendly end": "trap '' TERM HUP INT PIPE\n" + loop,
	} {
		s.Case(t, name, func(t *testing.T) {
			for _, inventory := range []string{"inventory.yml", "dba.yml"} {
				first := begin(inventory, script)
				first.Kill()
				first.Wait()
				ends(0, "run", "touch.yml")
				still(t)
			}
		})
	}

	s.Case(t, "who was stopped sends nothing more", func(t *testing.T) {
		first := begin("inventory.yml", "true >>/srv/log")
		first.Await("changed node1")
		first.Signal(syscall.SIGSTOP)
		time.Sleep(11 * time.Second)
		ends(0, "unlock", "--force", "--yes").Says("node1: cleared")
		ends(0, "run", "touch.yml")
		before := s.On("node1", "cat /srv/log")
		first.Signal(syscall.SIGCONT)
		first.Wait().Exits(5).Says("away")
		if after := s.On("node1", "cat /srv/log"); after != before {
			t.Errorf("it went on: %d lines more", strings.Count(after, "\n")-strings.Count(before, "\n"))
		}
	})

	s.Case(t, "who was stopped and lost nothing goes on", func(t *testing.T) {
		first := begin("inventory.yml", "for i in $(seq 10); do echo $i >>/srv/log; sleep 0.1; done")
		first.Signal(syscall.SIGSTOP)
		time.Sleep(12 * time.Second)
		first.Signal(syscall.SIGCONT)
		first.Await("(3)")
		first.Signal(syscall.SIGINT)
		first.Wait()
	})
}
