package flavours

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// TestModules checks the modules for packages, firewall and SELinux, and the facts, with the real programs of hosts like
// RHEL: one host for each kind, so that none waits for the others. dnf and firewall-cmd take seconds of a processor for each case, so
// that the short form has only the first of them.
func TestModules(t *testing.T) {
	for _, group := range []struct {
		name  string
		cases []moduleCase
		short int
	}{{"packages", packageCases, 14}, {"firewalld", firewalldCases, 8}, {"selinux", selinuxCases, 3}} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			s := modulesHost(t)
			cases := group.cases
			if testing.Short() {
				cases = cases[:group.short]
			}
			for _, c := range cases {
				s.Case(t, c.name, func(t *testing.T) { c.run(t, s) })
			}
			if group.name == "selinux" { // the shortest
				s.Subtest(t, "facts", func(t *testing.T) { facts(t, s) })
			}
		})
	}
}

func modulesHost(t *testing.T) *site.Site {
	s := site.New(t, site.Options{User: "dba", Cluster: "modules", Specs: []lab.Spec{lab.Spec{Name: "node1"}.Of("rhel")}})
	s.On("node1", "mkdir -p /srv/web && cp /usr/share/lab-rpms/files/*.rpm /srv/web/")
	// firewalld is started long before its rules are there on a busy machine, and they are part of what a check must not change.
	s.On("node1", "i=0; until firewall-cmd --state >/dev/null 2>&1 && nft list table inet firewalld >/dev/null 2>&1 || [ $i -ge 120 ]; do i=$((i+1)); sleep 1; done")
	return s
}

// moduleCase runs one task three times: in check mode, which must report the same and change nothing; really; and again,
// when nothing must be left to do.
type moduleCase struct {
	name   string
	before string // run on the host
	task   string // a module and its arguments, in YAML's flow form
	change bool
	fails  string // what it says when it fails
	check  string // what a check of it says; "": the task's own word
	says   string
	want   string // a shell condition on the host that is true afterwards
	event  bool   // happens each time
}

func (c moduleCase) run(t *testing.T, s *site.Site) {
	if c.before != "" {
		s.On("node1", c.before)
	}
	s.File("task.yml", fmt.Sprintf("- hosts: polardb\n  become: true\n  gather_facts: false\n  tasks:\n    - %s\n"+
		"      register: r\n    - debug: {msg: 'RESULT {{ r | to_json }}'}\n", c.task))
	const state = "rpm -qa | sort; nft list ruleset; grep -r . /etc/firewalld; cat /etc/selinux/config"
	had := s.On("node1", state)
	code := 0
	if c.fails != "" {
		code = 2
	}
	if c.fails == "" || c.check != "" {
		o := s.Run(0, "task.yml", "--check")
		if changed := len(o.Changes()) > 0; changed != c.change && c.check == "" {
			t.Errorf("a check says changed=%v\n%s", changed, o.Story())
		}
		if c.check != "" && !strings.Contains(o.Stdout, c.check) {
			t.Errorf("a check does not say %q\n%s", c.check, o.Stdout)
		}
	} else {
		s.Run(2, "task.yml", "--check").Says(c.fails)
	}
	if has := s.On("node1", state); has != had {
		t.Errorf("a check changed the host:\n%s", site.Difference(had, has))
	}
	o := s.Run(code, "task.yml")
	if c.fails != "" {
		o.Says(c.fails)
	}
	if c.says != "" {
		o.Says(c.says)
	}
	if changed := len(o.Changes()) > 0; changed != c.change {
		t.Errorf("it says changed=%v\n%s", changed, o.Story())
	}
	if c.want != "" {
		if got := s.On("node1", "if { "+c.want+"; } >/dev/null 2>&1; then echo yes; else echo no; fi"); strings.TrimSpace(got) != "yes" {
			t.Errorf("the host is not as wanted: %s\n%s", c.want, s.On("node1", "rpm -qa | sort; firewall-cmd --list-all"))
		}
	}
	if c.change && !c.event {
		s.Run(0, "task.yml").Unchanged()
	}
}

var packageCases = []moduleCase{
	{name: "install", task: "dnf: {name: [solo, farewell], state: present}", change: true, says: "Installed: solo-1.0-1.el9.noarch",
		want: "rpm -q solo companion farewell greeting"},
	{name: "remove", task: "dnf: {name: solo, state: absent}", change: true, says: "Removed: solo-1.0-1.el9.noarch", want: "! rpm -q solo"},
	{name: "remove what is not there", task: "dnf: {name: [solo, nosuch], state: absent}"},
	{name: "remove what another needs", task: "yum: {name: greeting, state: removed}", change: true, want: "! rpm -q farewell"},
	{name: "without what it recommends", before: "dnf -y -q remove companion >/dev/null",
		task: "dnf: {name: solo, install_weak_deps: false}", change: true, want: "rpm -q solo && ! rpm -q companion"},
	{name: "what nothing needs", before: "dnf -y -q install farewell >/dev/null && " +
		"dnf -y -q --setopt=clean_requirements_on_remove=False remove farewell >/dev/null", task: "dnf: {autoremove: true}",
		change: true, want: "! rpm -q greeting"},
	{name: "a version", task: "dnf: {name: greeting-1.0}", change: true, want: "rpm -q greeting-1.0"},
	{name: "present leaves an old one", task: "dnf: {name: greeting}"},
	{name: "a newer version", task: "dnf: {name: greeting-1.1-1.el9.noarch}", change: true, want: "rpm -q greeting-1.1"},
	{name: "an older version, not asked for", task: "dnf: {name: greeting-1.0}", want: "rpm -q greeting-1.1"},
	{name: "an older version", task: "dnf: {name: greeting-1.0, allow_downgrade: true}", change: true, want: "rpm -q greeting-1.0"},
	{name: "at least a version that is there", task: "dnf: {name: 'greeting >= 1.0'}"},
	{name: "at least a newer version", task: "dnf: {name: 'greeting > 1.0'}", change: true, want: "rpm -q greeting-2.0"},
	{name: "latest, there is one", before: "dnf -y -q downgrade greeting-1.0 >/dev/null", task: "dnf: {name: greeting, state: latest}",
		change: true, says: "Installed: greeting-2.0-1.el9.noarch", want: "rpm -q greeting-2.0"},
	{name: "latest of what is not there", task: "yum: {name: [greeting, native], state: latest}", change: true, want: "rpm -q native"},
	{name: "latest, updates only", before: "dnf -y -q remove native >/dev/null",
		task: "dnf: {name: native, state: latest, update_only: true}", want: "! rpm -q native"},
	{name: "everything", before: "dnf -y -q downgrade greeting-1.0 >/dev/null", task: "dnf: {name: '*', state: latest}",
		change: true, want: "rpm -q greeting-2.0 && ! rpm -q webserver"},
	{name: "everything but one", before: "dnf -y -q downgrade greeting-1.0 >/dev/null",
		task: "dnf: {name: '*', state: latest, exclude: greeting}", want: "rpm -q greeting-1.0"},
	{name: "a pattern", task: "dnf: {name: 'compani*'}", change: true, want: "rpm -q companion"},
	{name: "removed by a pattern", task: "dnf: {name: 'compani*', state: absent}", change: true, want: "! rpm -q companion"},
	{name: "by what it provides", task: "dnf: {name: httpd}", change: true, want: "rpm -q webserver"},
	{name: "by its file", task: "dnf: {name: /usr/share/lab-packages/dated}", change: true, want: "rpm -q dated"},
	{name: "with an epoch", task: "dnf: {name: '1:dated-1.0-1.el9.noarch'}"},
	{name: "an rpm file", task: "dnf: {name: /srv/web/loose-1.0-1.el9.noarch.rpm, disable_gpg_check: true}",
		change: true, want: "rpm -q loose-1.0"},
	{name: "a newer rpm file", task: "dnf: {name: /srv/web/loose-1.1-1.el9.noarch.rpm, disable_gpg_check: true}",
		change: true, want: "rpm -q loose-1.1"},
	{name: "an older rpm file", task: "dnf: {name: /srv/web/loose-1.0-1.el9.noarch.rpm, disable_gpg_check: true}", want: "rpm -q loose-1.1"},
	{name: "an rpm file that needs a package", task: "package: {name: /srv/web/needy-1.0-1.el9.noarch.rpm}", change: true,
		want: "rpm -q needy companion"},
	{name: "a URL", before: "dnf -y -q remove loose >/dev/null",
		task: "dnf: {name: 'file:///srv/web/loose-1.0-1.el9.noarch.rpm', disable_gpg_check: true}", change: true, want: "rpm -q loose-1.0"},
	{name: "a group", before: "dnf -y -q remove greeting farewell >/dev/null", task: "dnf: {name: '@greetings'}", change: true,
		want: "rpm -q greeting farewell && ! rpm -q optional"},
	{name: "a group is removed", task: "dnf: {name: '@greetings', state: absent}", change: true, want: "! rpm -q farewell"},
	{name: "an environment", task: "dnf: {name: '@Manners'}", change: true, want: "rpm -q greeting farewell"},
	{name: "nobody has it", task: "dnf: {name: [companion, nosuch]}", fails: "no repository has nosuch", check: "no repository has nosuch"},
	{name: "no such group", task: "dnf: {name: '@nosuch'}", fails: "no repository has nosuch", check: "no repository has nosuch"},
	{name: "nobody has what it needs", task: "dnf: {name: broken}", fails: "nothing provides no-such-thing"},
	{name: "one is in the way", task: "dnf: {name: rival}", fails: "conflict"},
	{name: "one in the way goes", task: "dnf: {name: rival, allowerasing: true}", change: true, want: "rpm -q rival && ! rpm -q greeting"},
	{name: "a repository that is switched off", task: "dnf: {name: unsigned}", fails: "no repository has unsigned",
		check: "no repository has unsigned"},
	{name: "another repository, and no signature needed",
		task: "dnf: {name: unsigned, enablerepo: lab-extra, disable_gpg_check: true}", change: true, want: "rpm -q unsigned"},
	{name: "no repository", task: "dnf: {name: native, disablerepo: '*'}", fails: "There are no enabled repositories"},
	{name: "the cache", task: "dnf: {update_cache: true}", says: "Cache updated"},
	{name: "the cache, and a package", task: "yum: {name: native, update_cache: true}", change: true, want: "rpm -q native"},
	{name: "a list of what is installed", task: "dnf: {list: installed}", says: `"name": "solo"`},
	{name: "a list of what there is", task: "dnf: {list: greeting}", says: `0:greeting-1.1-1.el9.noarch`},
	{name: "a list of repositories", task: "dnf: {list: repos}", says: `"repoid": "lab"`},
	{name: "package", task: "package: {name: [solo, bash], state: present}", before: "dnf -y -q remove solo >/dev/null",
		change: true, want: "rpm -q solo"},
	{name: "package, gone", task: "package: {name: solo, state: absent}", change: true, want: "! rpm -q solo"},
	{name: "apt-get is not there", task: "apt: {name: solo}", fails: "no apt-get"},
}

var firewalldCases = []moduleCase{
	{name: "a port, now and for good", task: "firewalld: {port: 5432/tcp, permanent: true, immediate: true, state: enabled}",
		change: true, want: "firewall-cmd --query-port=5432/tcp && firewall-cmd --permanent --query-port=5432/tcp"},
	{name: "a port, for good alone", task: "firewalld: {port: 6000/udp, permanent: true, state: enabled}", change: true,
		want: "! firewall-cmd --query-port=6000/udp && firewall-cmd --permanent --query-port=6000/udp"},
	{name: "a port, now alone", task: "firewalld: {port: 6001/tcp, state: enabled}", change: true,
		want: "firewall-cmd --query-port=6001/tcp && ! firewall-cmd --permanent --query-port=6001/tcp"},
	{name: "a port is closed", task: "firewalld: {port: 5432/tcp, permanent: true, immediate: true, state: disabled}",
		change: true, want: "! firewall-cmd --query-port=5432/tcp && ! firewall-cmd --permanent --query-port=5432/tcp"},
	{name: "a range", task: "firewalld: {port: 7000-7010/tcp, permanent: true, immediate: true, state: enabled}", change: true,
		want: "firewall-cmd --query-port=7005/tcp"},
	{name: "a service", task: "firewalld: {service: postgresql, permanent: true, immediate: true, state: enabled}", change: true,
		want: "firewall-cmd --query-service=postgresql"},
	{name: "a service is disabled", task: "firewalld: {service: postgresql, permanent: true, immediate: true, state: disabled}",
		change: true, want: "! firewall-cmd --query-service=postgresql"},
	{name: "no such service", task: "firewalld: {service: nosuch, permanent: true, state: enabled}", fails: "INVALID_SERVICE",
		check: "enable service nosuch"},
	{name: "a zone", task: "firewalld: {zone: database, permanent: true, state: present}", change: true,
		want: "firewall-cmd --permanent --get-zones | grep -qw database"},
	{name: "a source in a zone", before: "firewall-cmd --reload",
		task: "firewalld: {source: 10.9.0.0/16, zone: database, permanent: true, immediate: true, state: enabled}", change: true,
		want: "firewall-cmd --zone=database --query-source=10.9.0.0/16"},
	{name: "an interface", task: "firewalld: {interface: lab9, zone: database, permanent: true, immediate: true, state: enabled}",
		change: true, want: "firewall-cmd --zone=database --query-interface=lab9 && " +
			"firewall-cmd --permanent --zone=database --query-interface=lab9"},
	{name: "an interface goes to another zone",
		task: "firewalld: {interface: lab9, zone: internal, permanent: true, immediate: true, state: enabled}", change: true,
		want: "firewall-cmd --zone=internal --query-interface=lab9 && " +
			"firewall-cmd --permanent --zone=internal --query-interface=lab9 && ! firewall-cmd --zone=database --query-interface=lab9"},
	{name: "a rich rule",
		task: `firewalld: {rich_rule: 'rule family="ipv4" source address="10.0.0.0/24" port port="15432" protocol="tcp" accept', permanent: true, immediate: true, state: enabled, zone: database}`, change: true,
		want: `firewall-cmd --zone=database --list-rich-rules | grep -q 'source address="10.0.0.0/24" port port="15432"'`},
	{name: "a rich rule in other words",
		task: `firewalld: {rich_rule: 'rule family=ipv4 source address=10.0.0.0/24 port port=15432 protocol=tcp accept', permanent: true, immediate: true, state: enabled, zone: database}`},
	{name: "a rich rule goes",
		task: `firewalld: {rich_rule: 'rule family=ipv4 source address=10.0.0.0/24 port port=15432 protocol=tcp accept', permanent: true, immediate: true, state: disabled, zone: database}`, change: true,
		want: `[ -z "$(firewall-cmd --zone=database --list-rich-rules)" ]`},
	{name: "nonsense for a rich rule", task: `firewalld: {rich_rule: 'rule nonsense', permanent: true, state: enabled}`,
		fails: "INVALID_RULE"},
	{name: "a protocol", task: "firewalld: {protocol: vrrp, permanent: true, immediate: true, state: enabled}", change: true,
		want: "firewall-cmd --query-protocol=vrrp"},
	{name: "masquerading", task: "firewalld: {masquerade: true, permanent: true, immediate: true, state: enabled}", change: true,
		want: "firewall-cmd --query-masquerade && firewall-cmd --permanent --query-masquerade"},
	{name: "no masquerading", task: "firewalld: {masquerade: true, permanent: true, immediate: true, state: disabled}",
		change: true, want: "! firewall-cmd --query-masquerade && ! firewall-cmd --permanent --query-masquerade"},
	{name: "masquerading in Ansible's other way to say no",
		before: "firewall-cmd --add-masquerade; firewall-cmd --permanent --add-masquerade",
		task:   "firewalld: {masquerade: false, permanent: true, immediate: true, state: enabled}", change: true,
		want: "! firewall-cmd --query-masquerade"},
	{name: "forwarding within a zone", task: "firewalld: {forward: true, zone: public, permanent: true, immediate: " +
		"true, state: disabled}", change: true, want: "! firewall-cmd --query-forward"},
	{name: "ICMP", task: "firewalld: {icmp_block: echo-request, zone: database, permanent: true, immediate: true, state: enabled}",
		change: true, want: "firewall-cmd --zone=database --query-icmp-block=echo-request"},
	{name: "all ICMP but what is blocked",
		task:   "firewalld: {icmp_block_inversion: true, zone: database, permanent: true, immediate: true, state: enabled}",
		change: true, want: "firewall-cmd --zone=database --query-icmp-block-inversion"},
	{name: "a port forwarded", task: "firewalld: {port_forward: [{port: 443, proto: tcp, toport: 8443}], zone: " +
		"database, permanent: true, immediate: true, state: enabled}", change: true,
		want: "firewall-cmd --zone=database --query-forward-port=port=443:proto=tcp:toport=8443"},
	{name: "a zone's target", task: "firewalld: {zone: database, target: DROP, permanent: true, state: enabled}", change: true,
		want: "firewall-cmd --permanent --zone=database --get-target | grep -qx DROP"},
	{name: "a zone's own target again", task: "firewalld: {zone: database, target: DROP, permanent: true, state: disabled}",
		change: true, want: "firewall-cmd --permanent --zone=database --get-target | grep -qx default"},
	{name: "a zone goes", task: "firewalld: {zone: database, permanent: true, state: absent}", change: true,
		want: "! firewall-cmd --permanent --get-zones | grep -qw database"},
	{name: "an unknown zone", task: "firewalld: {port: 1/tcp, zone: nosuch, permanent: true, state: enabled}", fails: "INVALID_ZONE"},
	{name: "for a while", task: "firewalld: {port: 6002/tcp, timeout: 60, state: enabled}", change: true,
		want: "firewall-cmd --query-port=6002/tcp"},
	{name: "firewalld does not run", before: "systemctl stop firewalld",
		task: "firewalld: {port: 6003/tcp, permanent: true, state: enabled, offline: true}", change: true,
		want: "grep -q 6003 /etc/firewalld/zones/public.xml"},
	{name: "at once, where firewalld does not run", task: "firewalld: {port: 6003/tcp, immediate: true, state: enabled}",
		fails: "does not run", check: "does not run"},
	{name: "firewalld is started", before: started, task: "firewalld: {port: 6003/tcp, immediate: true, permanent: true, state: enabled}"},
}

// started waits until firewalld has also made its rules, which it does after systemd takes it for started.
const started = `systemctl start firewalld
for i in $(seq 100); do
	firewall-cmd -q --state && nft list chain inet firewalld filter_IN_public >/dev/null 2>&1 && break
	sleep 0.1
done; sleep 0.5`

// The kernel has no SELinux: the test checks the file, and what is said about a reboot.
var selinuxCases = []moduleCase{
	{name: "disabled, as it is", task: "selinux: {state: disabled}"},
	{name: "permissive at the next boot", task: "selinux: {state: permissive, policy: targeted}", change: true,
		says: "reboot_required", want: "grep -qx SELINUX=permissive /etc/selinux/config && grep -qx SELINUXTYPE=targeted /etc/selinux/config"},
	{name: "disabled again", task: "selinux: {state: disabled}", change: true,
		want: "grep -qx SELINUX=disabled /etc/selinux/config && grep -qx SELINUXTYPE=targeted /etc/selinux/config"},
}

func facts(t *testing.T, s *site.Site) {
	s.File("facts.yml", "- hosts: polardb\n  tasks:\n    - debug: {msg: 'FACTS {{ ansible_facts | to_json }} END'}\n")
	o := s.Run(0, "facts.yml")
	var text string
	for _, e := range o.Events {
		if before, rest, found := strings.Cut(fmt.Sprint(e.Msg), "FACTS "); found && before == "" {
			text, _, _ = strings.Cut(rest, " END")
		}
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	for name, want := range map[string]any{
		"os_family": "RedHat", "distribution": "Rocky", "distribution_version": "9.4", "distribution_major_version": "9",
		"distribution_release":   "Blue Onyx",
		"distribution_file_path": "/etc/redhat-release", "distribution_file_variety": "RedHat", "distribution_file_parsed": true,
		"pkg_mgr": "dnf", "service_mgr": "systemd", "system": "Linux", "hostname": "node1", "nodename": "node1",
	} {
		if got := all[name]; got != want {
			t.Errorf("ansible_%s is %v, want %v", name, got, want)
		}
	}
	if got, _ := all["selinux"].(map[string]any); got["status"] != "disabled" {
		t.Errorf("ansible_selinux is %v", all["selinux"])
	}
}
