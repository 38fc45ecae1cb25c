package flavours

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// TestBundlePackages has hosts with repositories download what a minimal installation lacks for the engine: the library's package and what
// that needs, whether the host has them already or not, and nothing that every host has. The hosts stay as they were.
func TestBundlePackages(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{User: "dba", Cluster: "packages",
		Specs: []lab.Spec{lab.Spec{Name: "deb"}.Of("debian"), lab.Spec{Name: "red"}.Of("rhel")}})
	dir := func(name string) string { return filepath.Join(s.Dir, name) }
	debs, rpms := dir("debs"), dir("rpms")
	needyEngine(t, dir("engine.tar.gz"), debs, rpms)
	// What the library needs, and what needs the library and is none of ours.
	sh(t, "dpkg-deb dpkg-scanpackages", `cd "$1"; dpkg-deb -R libtry1_1.0-1.deb d; rm libtry1_1.0-1.deb; sed -i 's/^Version/Depends: libc6, libdeep1 (>= 1.0)\nVersion/' d/DEBIAN/control
		dpkg-deb --root-owner-group -b d libtry1_1.0-1_amd64.deb; rm -r d
		for p in libdeep1 other; do mkdir -p d/DEBIAN; printf 'Package: %s\nVersion: 1:1.0-1\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: try\n' $p >d/DEBIAN/control
		dpkg-deb --root-owner-group -b d $p.deb; rm -r d; done; dpkg-scanpackages . >Packages`, debs)
	sh(t, "rpmbuild createrepo_c", `cd "$1"; for p in libdeep other; do printf '%s\n' "Name: $p" 'Version: 1.0' 'Release: 1.el9' 'Summary: try' 'License: none' 'BuildArch: noarch' "$([ $p = libdeep ] || echo 'Requires: libdeep')" '%description' 'try' '%files' >$p.spec
		rpmbuild --quiet --define "_topdir $1/r" --define "_rpmdir $1" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' --define '_binary_payload w2.gzdio' -bb $p.spec; done
		rm -rf r *.spec; createrepo_c --quiet .`, rpms)
	send := func(host, from, to string) {
		t.Helper()
		data, err := exec.Command("tar", "-C", from, "-czf", "-", ".").Output()
		if err != nil {
			t.Fatal(err)
		}
		s.On(host, "mkdir -p "+to+" && base64 -d <<'E' | tar -xzf - -C "+to+"\n"+base64.StdEncoding.EncodeToString(data)+"\nE")
	}
	send("deb", debs, "/srv/repo")
	send("red", rpms, "/srv/repo")
	s.On("deb", "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list; apt-get -q update >/dev/null")
	s.On("red", "rm -f /etc/yum.repos.d/*; printf '[try]\\nname=try\\nbaseurl=file:///srv/repo\\ngpgcheck=0\\n' >/etc/yum.repos.d/try.repo")

	const state = "rpm -qa 2>/dev/null | sort; dpkg-query -W 2>/dev/null | sort; ls -d /tmp/polarbook* 2>/dev/null; cat /var/lib/apt/extended_states 2>/dev/null; :"
	states := func() string { return s.On("deb", state) + s.On("red", state) }
	gather := func(code int, args ...string) *site.Outcome {
		t.Helper()
		return s.Polarbook(code, append([]string{"bundle", "packages", "--package", "engine.tar.gz", "-b"}, args...)...)
	}
	brought := func(dir string) (names []string) {
		_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, _ error) error {
			if d != nil && !d.IsDir() {
				name, _ := filepath.Rel(dir, p)
				names = append(names, name)
			}
			return nil
		})
		return names
	}
	want := func(t *testing.T, dir string, names ...string) {
		t.Helper()
		if got := brought(dir); !slices.Equal(got, names) {
			t.Errorf("%s holds %q, want %q", filepath.Base(dir), got, names)
		}
	}
	fresh := []string{"debian-12-x86_64/libdeep1_1%3a1.0-1_all.deb", "debian-12-x86_64/libtry1_1.0-1_amd64.deb",
		"rocky-9.4-x86_64/libtry-1.0-1.el9.x86_64.rpm"}
	s.Case(t, "no host is named", func(t *testing.T) { gather(1).Says("name the host that has repositories") })
	had := states()
	s.Case(t, "hosts that have nothing of it", func(t *testing.T) {
		gather(0, "-l", "deb,red", "--to", "fresh").Says("libtry1_1.0-1_amd64.deb")
		want(t, dir("fresh"), fresh...)
	})
	s.Case(t, "more than the libraries", func(t *testing.T) {
		gather(0, "-l", "red", "--to", "more", "--also", "other")
		want(t, dir("more"), "rocky-9.4-x86_64/libdeep-1.0-1.el9.noarch.rpm", "rocky-9.4-x86_64/libtry-1.0-1.el9.x86_64.rpm",
			"rocky-9.4-x86_64/other-1.0-1.el9.noarch.rpm")
	})
	s.Case(t, "a package that nobody has", func(t *testing.T) {
		gather(2, "-l", "red", "--to", "none", "--also", "no-such-package").Says("no-such-package")
		gather(2, "-l", "deb", "--to", "none", "--also", "no-such-package").Says("no-such-package")
		want(t, dir("none"))
		gather(1, "-l", "deb", "--also=--yes; reboot").Says("is not the name of a package")
	})
	if has := states(); has != had {
		t.Errorf("the hosts were changed:\n%s", site.Difference(had, has))
	}
	s.Case(t, "hosts that have it already", func(t *testing.T) {
		s.On("deb", "DEBIAN_FRONTEND=noninteractive apt-get -q -y install libtry1 >/dev/null")
		s.On("red", "dnf -q -y install libtry >/dev/null")
		had := states()
		gather(0, "-l", "deb,red", "--to", "again")
		want(t, dir("again"), fresh...)
		if has := states(); has != had {
			t.Errorf("the hosts were changed:\n%s", site.Difference(had, has))
		}
	})
	s.Case(t, "no repository has the library", func(t *testing.T) {
		s.On("deb", "DEBIAN_FRONTEND=noninteractive apt-get -q -y remove libtry1 >/dev/null; : >/srv/repo/Packages; apt-get -q update >/dev/null")
		gather(2, "-l", "deb", "--to", "gone").Says("no package is known here that brings libtry.so.1: name it with --also")
		want(t, dir("gone"))
	})
	if left := s.On("deb", "ls -d /tmp/polarbook-packages-* 2>/dev/null; :") +
		s.On("red", "ls -d /tmp/polarbook-packages-* 2>/dev/null; :"); strings.TrimSpace(left) != "" {
		t.Errorf("left on the hosts: %s", left)
	}
}
