package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/ospackage"
	"github.com/polarbook/polarbook/tasks/polardb"
)

// software checks that the archive fits the host, before anything is sent.
func (c *checkAction) software(r *checkRows, h checkHost, n polardb.NodeState) {
	a := c.args
	if a.Src == "" {
		found := either(n.Postgres, "no archive is given, and nothing is installed under "+a.Home)
		r.when(n.Postgres != "", statusFail, "package", found, "the engine's install prefix, packed",
			"set polardb_package to the archive's path on the control node")
		return
	}
	if c.archiveErr != nil {
		found, fix := c.archiveErr.Error(), "pack the engine's install prefix anew: tar -czf polardb.tar.gz -C /path/to/prefix ."
		if errors.Is(c.archiveErr, fs.ErrNotExist) {
			found, fix = a.Src+" does not exist", "set polardb_package to the archive's path on the control node"
		}
		r.add("package", statusFail, found, "the engine's install prefix, packed", fix)
		return
	}
	p := c.archive
	if p.Unread != "" {
		r.add("package", statusWarn, p.Name+" is "+p.Unread+" and cannot be read on the control node", "programs for "+h.Machine,
			"nothing to do: it is compared with the host when it is unpacked there")
		return
	}
	foreign := slices.DeleteFunc(slices.Clone(p.Machines), func(m string) bool { return sameMachine(m, h.Machine) })
	if len(foreign) > 0 {
		r.add("package", statusFail, p.Name+" holds programs for "+strings.Join(foreign, ", "), h.Machine,
			"take an archive that was built for "+h.Machine)
		return
	}
	r.add("package", statusPass, p.Name+" "+strings.Join(p.Machines, ", "), h.Machine, "")
	if len(p.Libraries) == 0 {
		return
	}
	var missing []string
	for _, l := range p.Libraries {
		if !h.Libraries[l] {
			missing = append(missing, l)
		}
	}
	given, err := c.bringers(h)
	if err != nil {
		r.add("OS packages", statusFail, err.Error(), "packages for this host", "correct polardb_os_packages, or leave it empty")
	}
	r.libraries(missing, len(p.Libraries), given, h.family())
	if p.GLIBC != "" {
		name, version, _ := strings.Cut(strings.TrimSpace(h.Libc), " ")
		if name != "glibc" {
			version = regexp.MustCompile(`[0-9.]*$`).FindString(strings.TrimSpace(h.Libc))
		}
		good := numbers(version) != nil && newer(version, p.GLIBC) == version
		r.when(good, statusFail, "glibc", either(version, "unknown")+musl(h.Libc), "at least "+p.GLIBC,
			"take an archive that was built on a system as old as this host's ("+h.osName()+")")
	}
	if p.GLIBCXX != "" && h.GLIBCXX != "" && slices.Contains(p.Libraries, "libstdc++.so.6") {
		r.when(newer(h.GLIBCXX, p.GLIBCXX) == h.GLIBCXX, statusFail, "libstdc++", "GLIBCXX_"+h.GLIBCXX, "at least GLIBCXX_"+p.GLIBCXX,
			"take an archive that was built on a system as old as this host's, or that brings its own libstdc++.so.6 in lib")
	}
}

// bringers are the packages of polardb_os_packages that are for the host, each with the libraries that it brings.
func (c *checkAction) bringers(h checkHost) (map[string]string, error) {
	if c.givenErr != nil || len(c.given) == 0 {
		return nil, c.givenErr
	}
	id, like := h.OS["ID"], h.OS["ID_LIKE"]
	format, err := ospackage.FormatOf(id, like, h.family() == "RedHat", h.family() == "Debian")
	if err != nil {
		return nil, err
	}
	wanted, err := ospackage.For(c.given, ospackage.System{ID: id, Like: like, Version: h.OS["VERSION_ID"], Machine: h.Machine,
		Format: format})
	if err != nil {
		return nil, err
	}
	brings := map[string]string{}
	for _, g := range wanted {
		names, err := c.shelf.Brings(g)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			brings[name] = path.Base(g.File)
		}
	}
	return brings, nil
}

// libraries tells which libraries are missing: those that a given package brings are no fault, since new-cluster.yml installs it.
func (r *checkRows) libraries(missing []string, all int, given map[string]string, family string) {
	var files, brought, lacking []string
	for _, l := range missing {
		if file := given[l]; file != "" {
			brought = append(brought, l)
			files = append(files, file)
		} else {
			lacking = append(lacking, l)
		}
	}
	if len(brought) > 0 {
		slices.Sort(files)
		r.add("libraries", statusWarn, strings.Join(brought, " ")+" not there", "those that the programs name",
			"nothing to do: new-cluster.yml installs "+strings.Join(slices.Compact(files), ", "))
		if len(lacking) == 0 {
			return
		}
	}
	r.when(len(lacking) == 0, statusFail, "libraries", either(strings.Join(lacking, " ")+absent(lacking), fmt.Sprintf("all %d there", all)),
		"those that the programs name", install(family, lacking))
}

func absent(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	return " not there"
}

func musl(libc string) string {
	if strings.HasPrefix(libc, "musl") {
		return " (musl, where glibc is needed)"
	}
	return ""
}

func sameMachine(archive, host string) bool {
	aliases := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "i386": "i686", "i586": "i686"}
	if a, ok := aliases[host]; ok {
		host = a
	}
	return archive == host
}

// otherRelease is the advice for the other cause of a missing library: only the release that a program was built on has all of
// its libraries.
const otherRelease = "; if there is no such package, take an archive that was built on this release"

// withoutNetwork is the advice for a host that reaches no repository.
const withoutNetwork = ", or give the packages in polardb_os_packages"

// install returns how to install libraries. Debian names the package after the library; RPM packages provide the library's own
// name.
func install(family string, missing []string) string {
	var names []string
	switch family {
	case "Debian":
		for _, l := range missing {
			names = append(names, debianPackage(l))
		}
		slices.Sort(names)
		return "apt-get install " + strings.Join(slices.Compact(names), " ") + withoutNetwork + otherRelease
	case "RedHat":
		for _, l := range missing {
			names = append(names, "'"+l+"()(64bit)'")
		}
		return "yum install " + strings.Join(names, " ") + withoutNetwork + otherRelease
	}
	return "install the packages that hold them"
}

// debianPackage returns the name of a library's package by Debian's policy (8.1): libssl.so.3 is in libssl3, libfoo-2.so.1 in
// libfoo-2-1.
func debianPackage(library string) string {
	switch library {
	case "libz.so.1":
		return "zlib1g"
	case "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libcrypt.so.1":
		return map[bool]string{true: "libcrypt1", false: "libc6"}[library == "libcrypt.so.1"]
	case "libcrypto.so.3", "libcrypto.so.1.1":
		return strings.Replace(strings.Replace(library, "crypto", "ssl", 1), ".so.", "", 1)
	}
	name, version, found := strings.Cut(library, ".so.")
	if !found {
		return strings.TrimSuffix(library, ".so")
	}
	if name != "" && name[len(name)-1] >= '0' && name[len(name)-1] <= '9' {
		name += "-"
	}
	return strings.ToLower(strings.ReplaceAll(name+version, "_", "-"))
}
