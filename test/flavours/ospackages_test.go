package flavours

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// buildDeb makes a Debian package on the control node, and refuses to go on without dpkg-deb.
func buildDeb(t *testing.T, to, name, version string, fields ...string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	control := "Package: " + name + "\nVersion: " + version + "\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: " +
		name + "\n"
	for _, f := range fields {
		control += f + "\n"
	}
	for file, text := range map[string]string{"DEBIAN/control": control, "usr/lib/try/" + name: version + "\n"} {
		file = filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(to, name+"_"+strings.ReplaceAll(version, ":", "%3a")+"_all.deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", dir, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestOSPackages installs packages that lie on the control node, with the real programs of a host like RHEL and of Debian, which reach
// no repository.
func TestOSPackages(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip(err)
	}
	s := site.New(t, site.Options{User: "dba", Cluster: "packages",
		Specs: []lab.Spec{lab.Spec{Name: "red"}.Of("rhel"), lab.Spec{Name: "deb"}.Of("debian")}})
	s.On("deb", "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*")
	s.On("red", "mv /usr/share/lab-rpms/repo /usr/share/lab-rpms/gone")
	packages := func(dir string) string { return filepath.Join(s.Dir, dir) }
	fetch := func(dir string, names ...string) {
		for _, name := range names {
			data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s.On("red", "base64 -w0 /usr/share/lab-rpms/"+name)))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(packages(dir), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(packages(dir), filepath.Base(name)), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func(code int, src string, args ...string) *site.Outcome {
		s.File("packages.yml", "- hosts: polardb\n  become: true\n  gather_facts: false\n  tasks:\n"+
			"    - polardb_os_packages: {src: ["+src+"], check_signatures: false, try_only: \"{{ try | default(false) }}\"}\n")
		return s.Run(code, "packages.yml", args...)
	}
	const installed = "rpm -qa 2>/dev/null | sort; dpkg-query -W 2>/dev/null | sort; ls /var/lib/polarbook/packages 2>/dev/null; :"
	state := func() string { return s.On("red", installed) + s.On("deb", installed) }
	refused := func(name, src, says string, args ...string) {
		s.Case(t, name, func(t *testing.T) {
			had := state()
			run(2, src, append(args, "-e", "try=true")...).Says(says)
			run(2, src, args...).Says(says)
			if has := state(); has != had {
				t.Errorf("it was refused and changed the host:\n%s", site.Difference(had, has))
			}
		})
	}
	fetch("good/rocky-9-x86_64", "gone/greeting-1.1-1.el9.noarch.rpm", "gone/farewell-1.0-1.el9.noarch.rpm")
	buildDeb(t, packages("good/debian-12-x86_64"), "libtry1", "1.1-1")
	buildDeb(t, packages("good/debian-12-x86_64"), "trytool", "1.0-1", "Depends: libtry1 (>= 1.0)")
	s.Case(t, "install", func(t *testing.T) {
		had := state()
		run(0, "good", "--check").Changed()
		if has := state(); has != had {
			t.Errorf("a check changed the hosts:\n%s", site.Difference(had, has))
		}
		run(0, "good", "-e", "try=true").Unchanged()
		if has := state(); has != had {
			t.Errorf("what was only tried changed the hosts:\n%s", site.Difference(had, has))
		}
		run(0, "good").Changed().Says("install farewell-1.0-1.el9.noarch, greeting-1.1-1.el9.noarch").Says("install libtry1 1.1-1 all, trytool 1.0-1 all")
		run(0, "good").Unchanged()
		s.On("red", "rpm -q greeting-1.1 farewell-1.0 && ! [ -e /var/lib/polarbook/packages ]")
		s.On("deb", "[ \"$(cat /usr/lib/try/libtry1)\" = 1.1-1 ] && ! [ -e /var/lib/polarbook/packages ]")
	})
	s.Case(t, "a newer one, and no way back", func(*testing.T) {
		fetch("newer/rocky-9-x86_64", "gone/greeting-2.0-1.el9.noarch.rpm")
		buildDeb(t, packages("newer/debian-12-x86_64"), "libtry1", "1:0.5-1")
		run(0, "newer").Changed().Says("(now 1.1-1")
		run(0, "good").Unchanged()
	})
	fetch("needy/rocky-9-x86_64", "files/needy-1.0-1.el9.noarch.rpm")
	buildDeb(t, packages("needy/debian-12-x86_64"), "needy", "1.0-1", "Depends: nowhere-to-be-had")
	refused("what needs more", "needy", "companion", "--limit", "red")
	refused("what needs more, on Debian", "needy", "nowhere-to-be-had", "--limit", "deb")
	fetch("rival/rocky-9-x86_64", "gone/rival-1.0-1.el9.noarch.rpm")
	buildDeb(t, packages("rival/debian-12-x86_64"), "rival", "1.0-1", "Conflicts: libtry1")
	refused("what conflicts", "rival", "greeting", "--limit", "red")
	refused("what would remove another", "rival", "these would be removed: ", "--limit", "deb")
	refused("nothing for the system", "rival/rocky-9-x86_64", "none of the packages is for debian-12-x86_64", "--limit", "deb")

	s.Case(t, "signatures", func(t *testing.T) {
		fetch("signed/rocky-9-x86_64", "files/loose-1.0-1.el9.noarch.rpm")
		s.File("packages.yml", "- hosts: red\n  become: true\n  gather_facts: false\n  tasks:\n    - polardb_os_packages: {src: [signed]}\n")
		s.Run(2, "packages.yml").Says("the signature of loose_noarch.rpm cannot be verified")
		key := sign(t, filepath.Join(packages("signed/rocky-9-x86_64"), "loose-1.0-1.el9.noarch.rpm"))
		s.Run(2, "packages.yml").Says("cannot be verified")
		s.On("red", "cat >/tmp/key <<'E'\n"+key+"\nE\nrpm --import /tmp/key")
		s.Run(0, "packages.yml").Changed()
		s.Run(0, "packages.yml").Unchanged()
	})
}

// sign signs an rpm with a key that is made for it, and returns the public key.
func sign(t *testing.T, file string) string {
	t.Helper()
	for _, program := range []string{"gpg", "rpmsign"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	home, err := os.MkdirTemp("", "gpg") // gpg's sockets need a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c := exec.Command("gpgconf", "--kill", "gpg-agent")
		c.Env = append(os.Environ(), "GNUPGHOME="+home)
		_ = c.Run()
		_ = os.RemoveAll(home)
	})
	run := func(name string, args ...string) string {
		c := exec.Command(name, args...)
		c.Env = append(os.Environ(), "GNUPGHOME="+home)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
		return string(out)
	}
	run("gpg", "--batch", "--passphrase", "", "--quick-gen-key", "lab@example.com", "rsa2048", "sign", "never")
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Fatal(err)
	}
	run("rpmsign", "--define", "__gpg "+gpg, "--define", "_gpg_name lab@example.com", "--addsign", file)
	return run("gpg", "--armor", "--export", "lab@example.com")
}
