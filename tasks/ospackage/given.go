package ospackage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Given is a package that lies on the control node.
type Given struct {
	Package
	FS      fs.FS
	File    string // in FS
	Release string // the directory that says what it is for, such as rocky-9-x86_64; "": none does
}

// Finder finds files and directories on the control node; tasks.Local is one.
type Finder interface {
	Find(kind, name string) (fsys fs.FS, path string, err error)
}

// Shelf reads packages, each once, however many hosts they are for. The zero value is ready, for several goroutines at once.
type Shelf struct {
	mu        sync.Mutex
	packages  map[string]Package
	libraries map[string][]string
}

// releaseDirectory matches the names of directories that say what their packages are for: the system as os-release names it, its
// release, and the machine as uname -m names it.
var releaseDirectory = regexp.MustCompile(`^([a-z][a-z0-9_]*(?:-leap|-sles)?)-([0-9][0-9.]*)-([a-z0-9_]+)$`)

// Collect reads the packages that sources name: files, patterns of files, and directories with what is below them.
func (s *Shelf) Collect(find Finder, sources []string) ([]Given, error) {
	var all []Given
	for _, source := range sources {
		found, err := s.collect(find, source)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s holds no packages (.deb or .rpm)", source)
		}
		for _, g := range found {
			same := func(o Given) bool { return o.File == g.File && o.Package == g.Package }
			if !slices.ContainsFunc(all, same) {
				all = append(all, g)
			}
		}
	}
	return all, nil
}

func (s *Shelf) collect(find Finder, source string) ([]Given, error) {
	if !strings.ContainsAny(source, "*?[") {
		fsys, name, err := find.Find("files", source)
		if err != nil {
			return nil, fmt.Errorf("%s cannot be found: %w", source, err)
		}
		return s.below(fsys, name, source)
	}
	dir, pattern := path.Split(source)
	for strings.ContainsAny(dir, "*?[") {
		var last string
		dir, last = path.Split(strings.TrimSuffix(dir, "/"))
		pattern = path.Join(last, pattern)
	}
	if dir == "" {
		dir = "."
	}
	fsys, name, err := find.Find("files", dir)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be found: %w", source, err)
	}
	below, err := fs.Sub(fsys, name)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(below, pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	var all []Given
	for _, name := range names {
		found, err := s.below(below, name, source)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// below reads a package, or all that lie below a directory.
func (s *Shelf) below(fsys fs.FS, name, source string) ([]Given, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", source, err)
	}
	if !info.IsDir() {
		if !Is(name) {
			return nil, fmt.Errorf("%s is not a package: its name ends neither in .deb nor in .rpm", source)
		}
		g, err := s.read(fsys, name, info)
		return []Given{g}, err
	}
	var all []Given
	err = fs.WalkDir(fsys, name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !Is(p) {
			return err
		}
		info, err := fs.Stat(fsys, p)
		if err != nil {
			return err
		}
		g, err := s.read(fsys, p, info)
		all = append(all, g)
		return err
	})
	return all, err
}

func (s *Shelf) read(fsys fs.FS, name string, info fs.FileInfo) (Given, error) {
	g := Given{FS: fsys, File: name}
	for dir := path.Dir(name); dir != "." && dir != "/" && g.Release == ""; dir = path.Dir(dir) {
		if releaseDirectory.MatchString(path.Base(dir)) {
			g.Release = path.Base(dir)
		}
	}
	key := fmt.Sprintf("%s %d %s", name, info.Size(), info.ModTime().Format(time.RFC3339Nano))
	s.mu.Lock()
	defer s.mu.Unlock()
	var known bool
	if g.Package, known = s.packages[key]; known {
		return g, nil
	}
	var err error
	err = opened(g, func(r io.ReaderAt, size int64) error {
		g.Package, err = Read(name, r, size)
		return err
	})
	if err == nil {
		if s.packages == nil {
			s.packages = map[string]Package{}
		}
		s.packages[key] = g.Package
	}
	return g, err
}

// Brings returns the libraries that a package brings.
func (s *Shelf) Brings(g Given) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if names, known := s.libraries[g.File]; known {
		return names, nil
	}
	var names []string
	err := opened(g, func(r io.ReaderAt, size int64) (err error) {
		names, err = Libraries(g.File, r, size)
		return err
	})
	if s.libraries == nil {
		s.libraries = map[string][]string{}
	}
	if err == nil {
		s.libraries[g.File] = names
	}
	return names, err
}

func opened(g Given, use func(r io.ReaderAt, size int64) error) error {
	f, err := g.FS.Open(g.File)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return fmt.Errorf("read %s: its file system does not support reads at an offset", g.File)
	}
	return use(r, info.Size())
}

// System is what a host says of itself.
type System struct {
	ID, Like, Version string // of os-release
	Machine           string // of uname -m
	Format            string // Deb or RPM: what it installs packages with
}

func (s System) String() string { return fmt.Sprintf("%s-%s-%s", s.ID, s.Version, s.Machine) }

// For chooses the packages that are for a system: those in the directories of its release where there are such, else those of its
// form and machine.
func For(given []Given, s System) ([]Given, error) {
	var chosen []Given
	var others []string
	for _, g := range given {
		if g.Release != "" && !s.is(g.Release) {
			if !slices.Contains(others, g.Release) {
				others = append(others, g.Release)
			}
			continue
		}
		if g.Format == s.Format && g.Fits(s.Machine) {
			chosen = append(chosen, g)
		}
	}
	if len(chosen) == 0 {
		has := "those that are given are for other systems"
		if len(others) > 0 {
			has = "there are some for " + strings.Join(others, ", ")
		}
		return nil, fmt.Errorf("none of the packages is for %s: %s", s, has)
	}
	versions := map[string]Given{}
	for _, g := range chosen {
		key := g.Name + " " + g.Architecture
		if other, twice := versions[key]; twice && other.Version != g.Version {
			return nil, fmt.Errorf("two versions of %s are given, %s and %s: leave one of them out", g.Name, other.File, g.File)
		} else if twice {
			continue
		}
		versions[key] = g
	}
	unique := chosen[:0:0]
	for _, g := range chosen {
		if versions[g.Name+" "+g.Architecture].File == g.File {
			unique = append(unique, g)
		}
	}
	slices.SortStableFunc(unique, func(a, b Given) int { return strings.Compare(a.Name, b.Name) })
	return unique, nil
}

// is reports whether a directory is one of the system's release: debian-12-x86_64, rocky-9-x86_64 for 9.4 too, rhel-9-x86_64 for what
// is like it.
func (s System) is(directory string) bool {
	m := releaseDirectory.FindStringSubmatch(directory)
	if m == nil || m[3] != s.Machine {
		return false
	}
	major, _, _ := strings.Cut(s.Version, ".")
	return slices.Contains(append([]string{s.ID}, strings.Fields(s.Like)...), m[1]) && (m[2] == s.Version || m[2] == major)
}

// families are the words of os-release that tell how a system installs packages.
var families = map[string]string{
	"debian": Deb, "ubuntu": Deb, "uos": Deb, "deepin": Deb,
	"rhel": RPM, "fedora": RPM, "centos": RPM, "rocky": RPM, "almalinux": RPM, "ol": RPM, "anolis": RPM, "openeuler": RPM,
	"alinux": RPM, "kylin": RPM,
	"suse": RPM, "sles": RPM, "opensuse": RPM, "amzn": RPM, "tencentos": RPM,
}

// ErrUnknownSystem means that nothing tells how a system installs packages.
var ErrUnknownSystem = errors.New("it is not known how this system installs packages: it has neither rpm nor dpkg")

// FormatOf returns the form of a system's packages, by os-release and by the programs that it has.
func FormatOf(id, like string, hasRPM, hasDpkg bool) (string, error) {
	for _, word := range append([]string{id}, strings.Fields(like)...) {
		if f := families[strings.ToLower(word)]; f == RPM && hasRPM || f == Deb && hasDpkg {
			return f, nil
		}
	}
	switch {
	case hasDpkg:
		return Deb, nil
	case hasRPM:
		return RPM, nil
	}
	return "", ErrUnknownSystem
}
