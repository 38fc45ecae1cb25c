package lab_test

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
)

// What makes a flavour one is held here, so that a suite that passes on it has proven something.
func TestFlavours(t *testing.T) {
	lab.Require(t)
	l := lab.New(t, lab.Options{Hosts: []lab.Spec{lab.Spec{Name: "rhel"}.Of("rhel"), lab.Spec{Name: "busybox"}.Of("busybox")}})
	for _, test := range []struct{ host, what, script, want string }{
		{"rhel", "its shell", `[ -n "$BASH_VERSION" ] && readlink /bin/sh`, "bash"},
		{"rhel", "what it is", `. /etc/os-release; echo "$ID $VERSION_ID $PLATFORM_ID"; cat /etc/redhat-release`,
			"rocky 9.4 platform:el9\nRocky Linux release 9.4 (Blue Onyx)"},
		{"rhel", "no tools of Debian's, no python, no perl",
			`for c in apt-get apt dpkg dpkg-query adduser python python3 perl; do command -v $c; done
			ls /etc/debian_version 2>/dev/null; echo none`, "none"},
		{"rhel", "the firewall",
			`n=0; until firewall-cmd -q --state && nft list tables | grep -q firewalld || [ $((n += 1)) -gt 100 ]; do sleep 0.3; done 2>/dev/null
			firewall-cmd --state; nft list tables`, "running\ntable inet firewalld"},
		{"rhel", "packages",
			`dnf -q -y install greeting-1.0 >/dev/null && yum -q -y update greeting >/dev/null &&
			rpm -q greeting && cat /usr/share/lab-packages/greeting`, "greeting-2.0-1.el9.noarch\n2.0"},
		{"rhel", "a package that requires another",
			`dnf -q -y install farewell >/dev/null && rpm -q farewell && dnf -q -y remove greeting >/dev/null; rpm -q farewell; true`,
			"farewell-1.5-1.el9.noarch\npackage farewell is not installed"},
		{"rhel", "an unsigned one",
			`dnf -q -y --enablerepo=lab-extra install unsigned >/dev/null 2>&1; rpm -q unsigned
			dnf -q -y --enablerepo=lab-extra --nogpgcheck install unsigned >/dev/null && rpm -q unsigned`,
			"package unsigned is not installed\nunsigned-1.0-1.el9.noarch"},
		{"rhel", "services", `systemctl is-active sshd firewalld; systemctl list-units --no-legend --failed`, "active\nactive"},
		{"rhel", "accounts",
			`useradd anna && stat -c '%a %U' /home/anna && getent passwd anna | cut -d: -f7
			useradd -r engine && [ $(id -u engine) -gt 200 ] && ls -d /home/engine 2>/dev/null; echo end`, "700 anna\n/bin/bash\nend"},
		{"rhel", "SELinux is off", `getenforce; selinuxenabled || echo no`, "Disabled\nno"},
		{"busybox", "its tools",
			`PATH=/usr/bin:/usr/sbin; for c in sh awk sed stat find tar gzip cp mv rm chmod ps df readlink mktemp sync date sha256sum grep sort cut; do
			case $(readlink -f "$(command -v $c)") in */busybox) ;; *) echo "$c" ;; esac; done`, ""},
		{"busybox", "the lab's own tools", `readlink -f "$(command -v stat)"`, "/usr/local/lib/lab/gnu/stat"},
		{"busybox", "services", `systemctl is-active ssh; systemctl list-units --no-legend --failed`, "active"},
	} {
		t.Run(test.host+": "+test.what, func(t *testing.T) {
			out, err := l.Host(test.host).Exec(t.Context(), test.script+"\n")
			if strings.TrimSpace(out) != test.want {
				t.Errorf("it said %q (%v), want %q", out, err, test.want)
			}
		})
	}
}
