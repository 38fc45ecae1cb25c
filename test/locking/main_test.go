package locking

import (
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }

// newPlace is two hosts with no cluster, which root's inventory names, and in dba.yml another account's.
func newPlace(t *testing.T) *site.Site {
	s := site.New(t, site.Options{Cluster: "locking", Specs: site.Hosts("node1", "node2")})
	s.Limit = time.Minute
	s.Variant("dba.yml", site.Vars{"ansible_user": "dba", "ansible_become_password": s.Lab.Password()}, nil)
	s.File("hold.yml", `
- name: Hold
  hosts: all
  gather_facts: false
  tasks:
    - command: sleep 0.3
      loop: "{{ range(200) }}"
`)
	s.File("touch.yml", `
- name: Touch
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - command: touch /root/touched
`)
	s.File("short.yml", `
- name: Short
  hosts: all
  gather_facts: false
  tasks:
    - command: sleep 4
`)
	return s
}

// start sets an operator to work, and another one when the first word is dba.
func start(s *site.Site, args ...string) *site.Running {
	s.T.Helper()
	if args[0] == "dba" {
		args = append(args[1:len(args):len(args)], "-i", "dba.yml")
	}
	return s.Start(nil, args...)
}

// ends runs polarbook to its end, and wants its exit code.
func ends(s *site.Site, code int, args ...string) *site.Outcome {
	s.T.Helper()
	return start(s, args...).Wait().Exits(code)
}

// begin starts a run and waits for its first task, when it holds the lock.
func begin(s *site.Site, args ...string) *site.Running {
	s.T.Helper()
	r := start(s, args...)
	r.Await("TASK")
	return r
}
