package badinput

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// TestBeforeAnyHost checks that mistakes that can be seen on the control node are found there: the only host of the
// inventory is a listener of this test, which nobody may have connected to.
func TestBeforeAnyHost(t *testing.T) {
	// An address of its own: at 127.0.0.1 others of this machine look for a server that they lost.
	listener, err := net.Listen("tcp4", "127.83.71.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var calls atomic.Int32
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = c.Close()
		}
	}()
	group := site.Vars{"ansible_port": listener.Addr().(*net.TCPAddr).Port, "ansible_user": "root"}
	hosts := map[string]site.Vars{"node1": {"ansible_host": "127.83.71.1"}}
	task := func(line string) map[string]string {
		return map[string]string{"site.yml": "- name: Mine\n  hosts: polardb\n  gather_facts: false\n  tasks:\n    - " + line + "\n"}
	}

	for _, c := range []struct {
		name  string
		files map[string]string
		args  string
		say   []string
	}{
		{"unknown key of a play", map[string]string{"site.yml": "- hosts: polardb\n  becom: true\n  tasks: []\n"}, "run site.yml",
			[]string{"site.yml:2:3: ", "\n   2 |   becom: true\n     |   ^^^^^\n", "become"}},
		{"unknown module", task("cpy: {dest: /etc/x}"), "run site.yml",
			[]string{`site.yml:5:7: `, `"cpy"`, "\n     |       ^^^\n", `did you mean "copy"?`}},
		{"unknown argument", task("copy: {dst: /etc/x, content: y}"), "run site.yml",
			[]string{`site.yml:5:14: copy has no argument "dst"`, "\n     |              ^^^\n", `did you mean "dest"?`}},
		{"value that an argument cannot have", task("file: {path: /x, state: dir}"), "run site.yml",
			[]string{`site.yml:5:31: the argument "state" of file must be one of absent, directory, file, hard, link, touch, not "dir"`}},
		{"file that is not there", task("copy: {dest: /etc/x, src: nosuchfile}"), "run site.yml",
			[]string{`site.yml:5:33: there is no file "nosuchfile"; looked for files/nosuchfile, nosuchfile`}},
		{"task file that is not there", task("import_tasks: nosuch.yml"), "run site.yml",
			[]string{`site.yml:5:21: there is no file "nosuch.yml"`}},
		{"unknown filter", task(`copy: {dest: /etc/x, content: "{{ a | nosuch }}"}`), "run site.yml",
			[]string{`site.yml:5:45: bad template: there is no filter "nosuch"`, "\n     |                                             ^\n"}},
		{"bracket that is not closed", task(`copy: {dest: /etc/x, content: "{{ a "}`), "run site.yml",
			[]string{`site.yml:5:38: bad template: this tag is not closed by }}`}},
		{"two mistakes", map[string]string{"site.yml": "- hosts: polardb\n  becom: true\n  tasks:\n    - cpy:\n"}, "run site.yml",
			[]string{"site.yml:2:3: ", "site.yml:4:7: "}},
		{"no such playbook", nil, "run nwe-cluster.yml", []string{`there is no playbook "nwe-cluster.yml"`}},
		{"unknown host in --limit", nil, "run check.yml --limit nde1", []string{`no host or group is called "nde1"; did you mean "node1"?`}},
		{"pattern of a play that cannot be read", map[string]string{"site.yml": "- hosts: ~(polardb\n  tasks: []\n"}, "run site.yml",
			[]string{"site.yml:1:10: ", `the host pattern "~(polardb" is not a regular expression`}},
		{"missing inventory", nil, "run check.yml -i nosuch.yml", []string{"the inventory nosuch.yml does not exist"}},
		{"missing inventory for status", nil, "status -i nosuch.yml", []string{"the inventory nosuch.yml does not exist"}},
		{"missing inventory for ping", nil, "ping -i nosuch.yml", []string{"the inventory nosuch.yml does not exist"}},
		{"bad YAML in the inventory", map[string]string{"inventory.yml": "polardb:\n\thosts:\n"}, "run check.yml",
			[]string{"inventory.yml:2: this is not YAML: "}},
		{"unknown key in the inventory", map[string]string{"inventory.yml": "polardb:\n  hostss:\n    node1:\n"}, "run check.yml",
			[]string{`inventory.yml:2:3: a group has hosts, vars and children, not "hostss"; did you mean "hosts"?`}},
		{"host twice in the inventory", map[string]string{"inventory.yml": "polardb:\n  hosts:\n    node1: {ansible_host: 10.0.0.1}\n" +
			"    node1: {ansible_host: 10.0.0.2}\n"}, "run check.yml",
			[]string{`inventory.yml:4:5: the key "node1" is here a second time; it is already on line 3`}},
		{"bad extra variables", nil, "run check.yml -e {bad", []string{"-e {bad: "}},
		{"missing file of extra variables", nil, "run check.yml -e @nosuch.yml", []string{"-e @nosuch.yml: ", "no such file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := site.NewControlNode(t)
			l.Inventory("inventory.yml", group, hosts)
			for name, text := range c.files {
				l.File(name, text)
			}
			before := calls.Load()
			o := l.Start(nil, strings.Fields(c.args)...).Wait()
			wants(o, 1, c.say...)
			if o.Stdout != "" {
				t.Errorf("it began: %s", o.Stdout)
			}
			if n := calls.Load() - before; n != 0 {
				t.Errorf("the host was called %d times", n)
			}
		})
	}
}
