package flavours

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"

	"github.com/polarbook/polarbook/playbooks/bundle"
	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// sh runs a script on the control node, with words for it, and skips the test where one of its programs is missing.
func sh(t *testing.T, needs, script string, words ...string) {
	t.Helper()
	for _, program := range strings.Fields(needs) {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	if out, err := exec.Command("sh", append([]string{"-c", "set -e; " + script, "sh"}, words...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// needyEngine makes of the stand-in an engine that needs the library libtry.so.1, and packages with that library for hosts like Debian and
// like RHEL.
func needyEngine(t *testing.T, engine, debs, rpms string) {
	t.Helper()
	work := t.TempDir()
	sh(t, "gcc", `cd "$1"; : >empty.c; gcc -shared -nostdlib -Wl,-soname,libtry.so.1 -o libtry.so.1 empty.c
		gcc -shared -nostdlib -Wl,--no-as-needed -o engine_try.so empty.c -L. -l:libtry.so.1`, work)
	site.Repack(t, site.Archive(t), engine, `mkdir -p "$d/lib/postgresql"; cp '`+work+`/engine_try.so' "$d/lib/postgresql/"`)
	sh(t, "dpkg-deb", `mkdir -p "$1/d/DEBIAN" "$1/d/usr/lib" "$2"; cp "$1/libtry.so.1" "$1/d/usr/lib/"
		printf 'Package: libtry1\nVersion: 1.0-1\nArchitecture: %s\nMaintainer: nobody <nobody@example.com>\nDescription: try\n' "$(dpkg --print-architecture)" >"$1/d/DEBIAN/control"
		printf '#!/bin/sh\nldconfig\n' >"$1/d/DEBIAN/postinst"; chmod 755 "$1/d/DEBIAN/postinst"
		dpkg-deb --root-owner-group -b "$1/d" "$2/libtry1_1.0-1.deb"`, work, debs)
	sh(t, "rpmbuild", `mkdir -p "$2"; printf '%s\n' 'Name: libtry' 'Version: 1.0' 'Release: 1.el9' 'Summary: try' 'License: none' 'AutoReq: no' '%description' 'try' '%install' \
			'mkdir -p %{buildroot}/usr/lib' 'cp '"$1"'/libtry.so.1 %{buildroot}/usr/lib/' '%files' '/usr/lib/libtry.so.1' >"$1/libtry.spec"
		rpmbuild --quiet --define "_topdir $1/r" --define "_rpmdir $2" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' --define 'debug_package %{nil}' \
			--define '__os_install_post %{nil}' --define '_build_id_links none' --define '_binary_payload w2.gzdio' -bb "$1/libtry.spec"`, work, rpms)
}

// part is a file of a bundle.
type part struct {
	name, link string
	data       []byte
}

// parts takes a bundle apart: the manifest is the first.
func parts(t *testing.T, file string) []part {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var all []part
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part{name: h.Name, data: data})
	}
}

// packed puts a bundle together.
func packed(t *testing.T, file string, all []part) {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, p := range all {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: p.name, Size: int64(len(p.data)), Mode: 0o644, Format: tar.FormatPAX}
		if p.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, p.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(p.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestClosedSite makes a cluster on hosts of two systems that lack a library of the engine's and reach no network, out of one bundle.
// Bundles that are spoilt or not for these hosts are refused with nothing changed.
func TestClosedSite(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "closed", Specs: []lab.Spec{
		lab.Spec{Name: "node1"}.Of("debian"), lab.Spec{Name: "node2"}.Of("rhel"), lab.Spec{Name: "node3"}.Of("debian")}})
	for _, n := range s.Names() {
		s.On(n, "ip route del default 2>/dev/null; rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/*; ! ip route get 198.51.100.1 2>/dev/null")
	}
	// The directory that becomes the bundle.
	dir := func(name string) string { return filepath.Join(s.Dir, name) }
	debs, rpms := "packages/debian-12-x86_64", "packages/rhel-9-x86_64"
	s.Variant("site/inventory.yml", site.Vars{"polardb_package": "engine.tar.gz", "polardb_os_packages": []string{"packages"},
		"polardb_check_signatures": false, "polardb_tls": site.Vars{"own_ca": true}}, nil)
	needyEngine(t, dir("site/engine.tar.gz"), dir("site/"+debs), dir("site/"+rpms))

	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := public.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	s.File("site.pub", string(key)+"\n")
	// made makes a signed bundle of a directory. (bundle create signs too, with a key whose passphrase takes a gigabyte to try.)
	made := func(from, to string) []part {
		t.Helper()
		sh(t, "", `"$1" bundle create -o "$2" "$3"`, site.Program(t), dir(to), dir(from))
		all := parts(t, dir(to))
		all = append([]part{all[0], {name: "manifest.json.minisig", data: minisign.Sign(private, all[0].data)}}, all[1:]...)
		packed(t, dir(to), all)
		return all
	}
	whole := made("site", "site.bundle")

	const state = "rpm -qa 2>/dev/null | sort; dpkg-query -W 2>/dev/null | sort; cat /etc/passwd; ls -A /opt /etc/systemd/system /etc/sysctl.d /var/lib; find /var/lib/polarbook 2>/dev/null; :"
	states := func() (all string) {
		for _, n := range s.Names() {
			all += s.On(n, state)
		}
		return all
	}
	run := func(code int, file, to string, args ...string) *site.Outcome {
		t.Helper()
		return s.Run(code, "new-cluster.yml", append([]string{"--bundle", file, "--bundle-dir", to, "--key", "site.pub"}, args...)...)
	}
	at := func(all []part, ending string) int {
		for i, p := range all {
			if strings.HasSuffix(p.name, ending) || strings.HasSuffix(p.name, ending+".zst") {
				return i
			}
		}
		t.Fatalf("the bundle has no %s", ending)
		return 0
	}
	// spoilt changes the bundle's parts; remade changes its directory, of which another bundle is made and signed.
	spoilt := func(change func(all []part) []part) func() {
		return func() {
			all := make([]part, len(whole))
			for i, p := range whole {
				all[i] = part{p.name, p.link, bytes.Clone(p.data)}
			}
			packed(t, dir("spoilt.bundle"), change(all))
		}
	}
	remade := func(script string) func() {
		return func() {
			sh(t, "", `rm -rf "$2" "$3"; cp -r "$1" "$2"; cd "$2"; `+script, dir("site"), dir("other"), dir("spoilt.bundle"))
			made("other", "spoilt.bundle")
		}
	}
	before := states()
	for _, c := range []struct {
		name  string
		make  func()
		says  string
		hosts bool // it takes a look at the hosts to tell
	}{
		{"cut", func() {
			spoilt(func(all []part) []part { return all })()
			if err := os.Truncate(dir("spoilt.bundle"), 300_000); err != nil {
				t.Fatal(err)
			}
		}, "it is cut", false},
		{"a file altered", spoilt(func(all []part) []part {
			all[at(all, ".deb")].data[200] ^= 1
			return all
		}), "it was altered", false},
		{"the manifest altered", spoilt(func(all []part) []part {
			all[0].data = bytes.Replace(all[0].data, []byte(`"made_by"`), []byte(`"made_bY"`), 1)
			return all
		}), "altered", false},
		{"signed by another", spoilt(func(all []part) []part {
			all[1].data = minisign.Sign(foreign, all[0].data)
			return all
		}), "which is not trusted here", false},
		{"not signed", spoilt(func(all []part) []part { return append(all[:1], all[2:]...) }), "it is not signed", false},
		{"a file left out", spoilt(func(all []part) []part { return all[:len(all)-1] }), "it lacks", false},
		{"a file added", spoilt(func(all []part) []part { return append(all, part{name: "files/site.yml", data: []byte("x")}) }), "files/site.yml", false},
		{"a link", spoilt(func(all []part) []part {
			all[2] = part{name: all[2].name, link: "/etc/passwd"}
			return all
		}), "which is a link", false},
		{"signed, with a path upwards", spoilt(func(all []part) []part {
			var m bundle.Manifest
			if err := json.Unmarshal(all[0].data, &m); err != nil {
				t.Fatal(err)
			}
			m.Files[0].Path = "../evil"
			all[0].data, err = json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			all[1].data = minisign.Sign(private, all[0].data)
			return all
		}), `the path \"../evil\"`, false},
		{"no engine", remade("rm engine.tar.gz"), "engine.tar.gz", true},
		{"packages for another system alone", remade("rm -r packages/debian-12-x86_64"), "none of the packages is for debian-12-x86_64", true},
		{"packages without the library", remade("mv packages/debian-12-x86_64/libtry1_1.0-1.deb x.deb; dpkg-deb -R x.deb d; rm -r d/usr x.deb; dpkg-deb --root-owner-group -b d packages/debian-12-x86_64/libtry1_1.0-1.deb; rm -r d"),
			"libtry.so.1 not there", true},
		{"an engine for another machine", remade(`mkdir e; tar -xzf engine.tar.gz -C e; f=$(find e -name engine_try.so); printf '\267' | dd of="$f" bs=1 seek=18 conv=notrunc 2>/dev/null; tar -czf engine.tar.gz -C e .; rm -r e`),
			"holds programs for aarch64", true},
		{"an rpm that is not signed", remade(`sed -i 's/\(polardb_check_signatures: *\)false/\1true/' inventory.yml; grep -q 'check_signatures: *true' inventory.yml`),
			"cannot be verified", true},
		{"a package that needs another", remade(`f=$(echo packages/debian-12-x86_64/libtry1_*.deb); dpkg-deb -R "$f" d; echo 'Depends: nowhere-to-be-had' >>d/DEBIAN/control; dpkg-deb --root-owner-group -b d "$f"; rm -r d`),
			"nowhere-to-be-had", true},
	} {
		s.Case(t, c.name, func(t *testing.T) {
			c.make()
			to := "refused-" + strings.ReplaceAll(c.name, " ", "-")
			o := run(2, "spoilt.bundle", to)
			if said := o.Stdout + o.Stderr; !strings.Contains(said, c.says) && !strings.Contains(said, strings.ReplaceAll(c.says, `\"`, `"`)) {
				t.Errorf("it does not say %q:\n%s", c.says, said)
			}
			if _, err := os.Stat(dir(to)); err == nil && !c.hosts {
				t.Error("files of a bundle that was refused were written")
			}
			if has := states(); has != before {
				t.Errorf("it was refused and changed a host:\n%s", site.Difference(before, has))
			}
		})
	}

	run(0, "site.bundle", "mycluster", "--check")
	if has := states(); has != before {
		t.Errorf("a check changed a host:\n%s", site.Difference(before, has))
	}
	run(0, "site.bundle", "mycluster").Changed()
	run(0, "site.bundle", "mycluster").Unchanged(s.Names()...)
	if _, err := os.Stat(dir("mycluster/pki/closed/ca.key")); err != nil {
		t.Errorf("the cluster's CA was not kept in the bundle's directory: %v", err)
	}
	s.On("node1", "dpkg -s libtry1 >/dev/null")
	s.On("node2", "rpm -q libtry")
	s.Polarbook(0, "status", "--bundle", "site.bundle", "--bundle-dir", "mycluster", "--key", "site.pub").Says("leader")

	// The next bundle: the engine stays, a setting is another, and the CA is the same one.
	sh(t, "", `sed -i 's/^    vars:/    vars:\n        polardb_settings: {work_mem: 8MB}/' "$1"; grep -q work_mem "$1"`, dir("site/inventory.yml"))
	made("site", "next.bundle")
	s.Run(0, "reconfigure.yml", "--bundle", "next.bundle", "--bundle-dir", "mycluster", "--key", "site.pub").Changed()
	run(0, "next.bundle", "mycluster").Unchanged(s.Names()...)

	// An update of the sources is refused, and says why, on each system.
	for n, module := range map[string]string{"node1": "apt", "node2": "dnf"} {
		s.File("tool.yml", "- hosts: "+n+"\n  gather_facts: false\n  tasks:\n    - "+module+": {name: no-such-tool}\n")
		s.Run(2, "tool.yml", "-i", "mycluster/inventory.yml", "-e", "polarbook_offline=true").
			Says(module + " would install from the host's repositories what it lacks of no-such-tool, and this site has no network")
	}
}
