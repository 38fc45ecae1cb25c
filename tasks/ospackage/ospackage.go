package ospackage

import (
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	debversion "github.com/knqyf263/go-deb-version"
	rpmversion "github.com/knqyf263/go-rpm-version"
)

// The forms of packages.
const (
	Deb = "deb"
	RPM = "rpm"
)

// Package is what a package says of itself.
type Package struct {
	Format       string // Deb or RPM
	Name         string
	Version      string // [epoch:]version[-release]
	Architecture string // as the format names it: amd64, x86_64; all and noarch fit every machine
}

// Is reports whether a file's name is that of a package.
func Is(file string) bool { return path.Ext(file) == ".deb" || path.Ext(file) == ".rpm" }

// The names and versions that packages may have: they stand in commands on hosts.
var (
	plainName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]*$`)
	plainVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+.~^_:-]*$`)
)

// Read reads what a package says of itself. Its form is that of its name's ending.
func Read(file string, r io.ReaderAt, size int64) (Package, error) {
	var p Package
	var err error
	switch path.Ext(file) {
	case ".deb":
		p, err = readDeb(r, size)
	case ".rpm":
		var h header
		h, _, err = readRPM(r, size)
		p = h.describe()
	default:
		err = errors.New("its name ends neither in .deb nor in .rpm")
	}
	switch {
	case err != nil:
	case !plainName.MatchString(p.Name):
		err = fmt.Errorf("its name %q is not one that a package can have", p.Name)
	case !plainVersion.MatchString(p.Version):
		err = fmt.Errorf("its version %q is not one that a package can have", p.Version)
	case !plainName.MatchString(p.Architecture):
		err = fmt.Errorf("its architecture %q is not one that a package can have", p.Architecture)
	}
	if err != nil {
		return Package{}, fmt.Errorf("%s cannot be read as a package: %w", path.Base(file), err)
	}
	return p, nil
}

// Libraries returns the names of the libraries that a package brings, as programs ask for them.
func Libraries(file string, r io.ReaderAt, size int64) ([]string, error) {
	var names []string
	var err error
	if path.Ext(file) == ".deb" {
		names, err = debLibraries(r, size)
	} else {
		var h header
		if h, _, err = readRPM(r, size); err == nil {
			names = h.libraries()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read as a package: %w", path.Base(file), err)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// machines are the names that Debian has for what uname -m says.
var machines = map[string]string{"x86_64": "amd64", "aarch64": "arm64", "i686": "i386", "armv7l": "armhf", "ppc64le": "ppc64el"}

// Fits reports whether the package is one for a machine of this kind, as uname -m names it.
func (p Package) Fits(machine string) bool {
	switch {
	case p.Architecture == "all" || p.Architecture == "noarch" || p.Architecture == machine:
		return true
	case p.Format == Deb:
		return p.Architecture == machines[machine]
	}
	return machine == "i686" && strings.HasPrefix(p.Architecture, "i")
}

// Compare compares the package's version with another, by its format's rules: -1, 0 or 1. A version that cannot be read is older.
func (p Package) Compare(other string) int {
	if p.Format == RPM {
		return rpmversion.NewVersion(p.Version).Compare(rpmversion.NewVersion(other))
	}
	mine, err := debversion.NewVersion(p.Version)
	if err != nil {
		return -1
	}
	theirs, err := debversion.NewVersion(other)
	if err != nil {
		return 1
	}
	return min(1, max(-1, mine.Compare(theirs)))
}

// String is the package as its format names it.
func (p Package) String() string {
	if p.Format == RPM {
		return p.Name + "-" + p.Version + "." + p.Architecture
	}
	return p.Name + " " + p.Version + " " + p.Architecture
}

var libraryName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_+.-]*\.so(\.[0-9A-Za-z.]+)?$`)
