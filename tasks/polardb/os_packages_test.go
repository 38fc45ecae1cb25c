package polardb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/polarbook/polarbook/tasks/ospackage"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func givenPackage(release, file, format, name, version, arch string) ospackage.Given {
	return ospackage.Given{Release: release, File: file, FS: fstest.MapFS{},
		Package: ospackage.Package{Format: format, Name: name, Version: version, Architecture: arch}}
}

const (
	rockyHost  = "os.id=rocky\nos.like=rhel centos fedora\nos.version=9.4\nmachine=x86_64\nrpm=yes\n"
	debianHost = "os.id=debian\nos.version=12\nmachine=x86_64\ndpkg=yes\n"
)

func TestOSPackagesPlan(t *testing.T) {
	both := []ospackage.Given{
		givenPackage("debian-12-x86_64", "d/liba1.deb", "deb", "liba1", "1.0-1", "amd64"),
		givenPackage("debian-12-x86_64", "d/common.deb", "deb", "common", "2.0-1", "all"),
		givenPackage("rhel-9-x86_64", "r/liba.rpm", "rpm", "liba", "1.0-1.el9", "x86_64"),
		givenPackage("rhel-9-aarch64", "r/liba-arm.rpm", "rpm", "liba", "1.0-1.el9", "aarch64"),
	}
	plain := []ospackage.Given{
		givenPackage("", "liba1.deb", "deb", "liba1", "1.0-1", "amd64"), givenPackage("", "liba1_arm.deb", "deb", "liba1", "1.0-1", "arm64"),
		givenPackage("", "liba.rpm", "rpm", "liba", "1.0-1.el9", "x86_64"),
	}
	twice := append([]ospackage.Given{givenPackage("", "old/liba1.deb", "deb", "liba1", "0.9-1", "amd64")}, plain...)
	for _, c := range []struct {
		name  string
		given []ospackage.Given
		host  string
		want  string
	}{
		{"nothing there", both, debianHost, "install common 2.0-1 all, liba1 1.0-1 amd64"},
		{"one there", both, debianHost + "deb=liba1 amd64 installed 1.0-1\n", "install common 2.0-1 all"},
		{"all there", both, debianHost + "deb=liba1 amd64 installed 1.0-1\ndeb=common all installed 2.0-1\n", ""},
		{"newer there", both, debianHost + "deb=liba1 amd64 installed 1.1-1\ndeb=common all installed 1:0.1\n", ""},
		{"older there", both, debianHost + "deb=liba1 amd64 installed 1.0~rc1-1\ndeb=common all installed 2.0-1\n", "install liba1 1.0-1 amd64 (now 1.0~rc1-1)"},
		{"of another machine", both, debianHost + "deb=liba1 i386 installed 1.0-1\ndeb=common all installed 2.0-1\n", "install liba1 1.0-1 amd64"},
		{"half there", both, debianHost + "deb=liba1 amd64 half-configured 1.0-1\ndeb=common all installed 2.0-1\n", "install liba1 1.0-1 amd64"},
		{"removed, its files left", both, debianHost + "deb=liba1 amd64 config-files 1.0-1\ndeb=common all installed 2.0-1\n", "install liba1 1.0-1 amd64"},
		{"like rhel", both, rockyHost, "install liba-1.0-1.el9.x86_64"},
		{"rhel, all there", both, rockyHost + "rpm=liba x86_64 installed 1.0-1.el9\n", ""},
		{"rhel 8", both, strings.Replace(rockyHost, "9.4", "8.10", 1),
			"refuse: none of the packages is for rocky-8.10-x86_64: there are some for debian-12-x86_64, rhel-9-x86_64, rhel-9-aarch64"},
		{"another release of Debian", both, strings.Replace(debianHost, "12", "13", 1), "refuse: none of the packages is for debian-13-x86_64"},
		{"without directories", plain, debianHost, "install liba1 1.0-1 amd64"},
		{"without directories, rpm", plain, rockyHost, "install liba-1.0-1.el9.x86_64"},
		{"two versions", twice, debianHost, "refuse: two versions of liba1 are given, old/liba1.deb and liba1.deb: leave one of them out"},
		{"a system that says nothing", plain, "machine=x86_64\n", "refuse: it is not known how this system installs packages"},
		{"a system that is not known, with dpkg", plain, "os.id=new\nmachine=x86_64\ndpkg=yes\n", "install liba1 1.0-1 amd64"},
	} {
		o := &osPackages{args: &osPackagesArgs{}, given: c.given}
		found := probeText()
		found.Stdout = []byte(c.host)
		p, _, err := o.Plan(found)
		checkPlan(t, c.name, c.want, p, err)
	}
}

// What the sources name is read on the control node, and what is no package is refused before a host is contacted.
func TestOSPackagesSources(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ src, want string }{
		{"nowhere", "nowhere cannot be found"},
		{"empty", "empty holds no packages"},
		{"a.txt", "a.txt is not a package"},
		{"*.deb", "bad.deb cannot be read as a package: it is not a Debian package"},
	} {
		taskstest.MustWrite(t, filepath.Join(dir, "a.txt"), "x")
		taskstest.MustWrite(t, filepath.Join(dir, "bad.deb"), "x")
		_ = os.Mkdir(filepath.Join(dir, "empty"), 0o755)
		_, err := osPackagesModule.New(map[string]any{"src": []any{c.src}}, &taskstest.FakeLocal{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.src, err, c.want)
		}
	}
}

// The probe and the installation, with programs that stand in for the managers: what would remove, downgrade or need more is refused
// before the transaction, and a transaction gets all files at once.
func TestOSPackagesScripts(t *testing.T) {
	const apt = `case "$*" in *" -s "*) echo "Inst liba1 (1.0)"; cat "$SAID" ;; *) echo "$*" >>"$DONE" ;; esac`
	const rpm = `case $* in *-K*) echo "$2: $(cat "$KEYS")" ;; *--test*) cat "$SAID" >&2; [ ! -s "$SAID" ] ;; *-qp*) echo oldlib ;; -q*) [ -e "$OLD" ] ;; *) echo "rpm $*" >>"$DONE" ;; esac`
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		said, done, keys, old := filepath.Join(dir, "said"), filepath.Join(dir, "done"), filepath.Join(dir, "keys"), filepath.Join(dir, "old")
		environment := strings.Join([]string{"SAID='" + said + "'", "DONE='" + done + "'", "KEYS='" + keys + "'", "OLD='" + old + "'",
			"export SAID DONE KEYS OLD", ""}, "\n")
		taskstest.Pretend(t, dir, map[string]string{"apt-get": apt, "dpkg": ":", "rpm": rpm, "dnf": `echo "dnf $*" >>"$DONE"`})
		for _, c := range []struct{ name, format, signed, says, keys, old, want, done, try string }{
			{name: "deb", format: "deb", done: "sent/common.deb"},
			{name: "removes", format: "deb", says: "Remv important [1.0]", want: "these would be removed: important"},
			{name: "needs more", format: "deb", says: "Inst elsewhere (2.0)", want: "needed too, and not given: elsewhere"},
			{name: "rpm", format: "rpm", signed: "no", done: "dnf -y -q --disablerepo=* --setopt=install_weak_deps=False --nogpgcheck install "},
			{name: "signed", format: "rpm", signed: "yes", keys: "digests signatures OK", done: "--setopt=localpkg_gpgcheck=1 install"},
			{name: "not signed", format: "rpm", signed: "yes", keys: "digests OK", want: "the signature of libpgp1.deb cannot be verified"},
			{name: "signed by another", format: "rpm", signed: "yes", keys: "digests SIGNATURES NOT OK", want: "cannot be verified"},
			{name: "conflicts", format: "rpm", signed: "no", says: "liba conflicts with libb", want: "cannot be installed, and nothing was changed: liba conflicts with libb"},
			{name: "deb, tried", format: "deb", try: "yes"},
			{name: "removes, tried", format: "deb", says: "Remv important [1.0]", want: "these would be removed: important", try: "yes"},
			{name: "rpm, tried", format: "rpm", signed: "no", try: "yes"},
			{name: "conflicts, tried", format: "rpm", signed: "no", says: "liba conflicts with libb", want: "nothing was changed", try: "yes"},
			{name: "not signed, tried", format: "rpm", signed: "yes", keys: "digests OK", want: "cannot be verified", try: "yes"},
			{name: "obsoletes", format: "rpm", signed: "no", old: "yes", want: "these would be removed: oldlib"},
		} {
			for file, text := range map[string]string{said: c.says, keys: c.keys} {
				if text != "" {
					text += "\n"
				}
				taskstest.MustWrite(t, file, text)
			}
			_ = os.Remove(done)
			_ = os.Remove(old)
			if c.old != "" {
				taskstest.MustWrite(t, old, "")
			}
			place := filepath.Join(dir, "sent")
			if err := os.MkdirAll(place, 0o755); err != nil {
				t.Fatal(err)
			}
			text := scripts.Script("polardb_os_install", script.Values{"DIR": place, "FORMAT": c.format, "NAMES": "liba1 common",
				"SIGNED": c.signed, "TRY": c.try}, "libpgp1.deb", "common.deb")
			answer, err := h.Run(t.Context(), remote.Command{Script: environment + text})
			if err != nil {
				t.Fatal(err)
			}
			out, failed := string(answer.Stderr), answer.Status != 0
			did, _ := os.ReadFile(done)
			switch {
			case c.want != "" && (!failed || !strings.Contains(out, c.want) || len(did) > 0):
				t.Errorf("%s: status %d %q, did %q", c.name, answer.Status, out, did)
			case c.try != "" && c.want == "" && (failed || len(did) > 0):
				t.Errorf("%s: status %d %q, did %q", c.name, answer.Status, out, did)
			case c.try == "" && c.want == "" && (failed || !strings.Contains(string(did), c.done) || strings.Count(string(did), "\n") != 1):
				t.Errorf("%s: status %d %q, did %q", c.name, answer.Status, out, did)
			}
			if _, err := os.Stat(place); err == nil {
				t.Errorf("%s: what was sent is left behind", c.name)
			}
		}
	})
}
