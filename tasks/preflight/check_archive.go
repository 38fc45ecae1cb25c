package preflight

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/ospackage"
)

// archive describes a packed install prefix.
type archive struct {
	Name      string
	Size      int64    // packed, in bytes
	Unread    string   // why its content is not known; then everything below is empty
	Machines  []string // the machine types of all programs, as uname -m names them; none when they are scripts
	Libraries []string // libraries that its programs and libraries name but that it does not hold
	GLIBC     string   // the newest symbol versions needed: "2.34"; empty: none
	GLIBCXX   string
}

// errNoPrefix is the error for an archive that holds something else.
var errNoPrefix = errors.New("it is not an install prefix of the engine")

// archiveReader reads each archive once. Its cache is keyed by checksum, so that it cannot be out of date.
type archiveReader struct {
	mu    sync.Mutex
	known map[string]*archive
}

func (r *archiveReader) read(src string, l tasks.Local) (*archive, error) {
	fsys, file, err := l.Find("files", src)
	if err != nil {
		return nil, err
	}
	sum, size, err := l.Sum(fsys, file)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.known[sum]; ok {
		return a, nil
	}
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := readFile(file, f, size)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path.Base(file), err)
	}
	a.Name, a.Size = path.Base(file), size
	if r.known == nil {
		r.known = map[string]*archive{}
	}
	r.known[sum] = a
	return a, nil
}

// readFile reads an archive, or a package with the engine, by the ending of its name.
func readFile(name string, f io.Reader, size int64) (*archive, error) {
	if !ospackage.Is(name) {
		return readArchive(bufio.NewReaderSize(f, 1<<20))
	}
	at, ok := f.(io.ReaderAt)
	if !ok {
		return nil, errors.New("its file system does not support reads at an offset")
	}
	prefix, files := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := ospackage.WritePrefix(files, name, at, size)
		files.CloseWithError(err)
		written <- err
	}()
	a, err := readPrefix(tar.NewReader(prefix))
	if err == nil {
		_, err = io.Copy(io.Discard, prefix)
	}
	prefix.CloseWithError(err)
	if failed := <-written; failed != nil && !errors.Is(failed, err) {
		return nil, failed
	}
	return a, err
}

// Needs returns the libraries that the programs of the engine name and that it does not hold, each with the name that Debian's
// policy gives its package. The file is a packed install prefix or a package, by its name. An archive that only a host can unpack
// is an error.
func Needs(name string, f io.Reader, size int64) (map[string]string, error) {
	a, err := readFile(name, f, size)
	if err != nil {
		return nil, err
	}
	if a.Unread != "" {
		return nil, fmt.Errorf("it is %s and cannot be read on the control node: pack it with gzip", a.Unread)
	}
	needs := map[string]string{}
	for _, l := range a.Libraries {
		needs[l] = debianPackage(l)
	}
	return needs, nil
}

// readArchive reads a tar, plain or packed with gzip or bzip2. Its files may be in a top folder.
func readArchive(r *bufio.Reader) (*archive, error) {
	magic, _ := r.Peek(6)
	var content io.Reader = r
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		unpacked, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		content = unpacked
	case bytes.HasPrefix(magic, []byte("BZh")):
		content = bzip2.NewReader(r)
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		return &archive{Unread: "packed with xz"}, nil
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		return &archive{Unread: "packed with zstd"}, nil
	}
	return readPrefix(tar.NewReader(content))
}

// maxProgram bounds what is read into memory for one program; one with all of its debug information is smaller.
const maxProgram = 1 << 30

func readPrefix(t *tar.Reader) (*archive, error) {
	var (
		a        archive
		needed   = map[string]bool{}
		held     = map[string]bool{}
		programs = map[string]bool{}
	)
	for {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("it breaks off or is not a tar archive: %w", err)
		}
		dir, name := inPrefix(header.Name)
		if dir == "" || header.Typeflag == tar.TypeDir {
			continue
		}
		if dir == "bin" {
			programs[name] = true
		}
		if dir == "lib" {
			held[name] = true
		}
		if header.Typeflag != tar.TypeReg || header.Size > maxProgram {
			continue
		}
		content := bufio.NewReaderSize(t, 64)
		if magic, _ := content.Peek(4); string(magic) != elf.ELFMAG {
			continue
		}
		raw, err := io.ReadAll(content)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", header.Name, err)
		}
		if err := a.add(raw, needed); err != nil {
			return nil, fmt.Errorf("read %s: %w", header.Name, err)
		}
	}
	if !programs["initdb"] {
		return nil, fmt.Errorf("%w: it has no bin/initdb, neither at the top nor in its top folder", errNoPrefix)
	}
	if !programs["postgres"] && !programs["polar-postgres"] {
		return nil, fmt.Errorf("%w: it holds neither bin/postgres nor bin/polar-postgres", errNoPrefix)
	}
	for name := range needed {
		if !held[name] {
			a.Libraries = append(a.Libraries, name)
		}
	}
	slices.Sort(a.Libraries)
	slices.Sort(a.Machines)
	return &a, nil
}

// inPrefix finds bin/x, lib/x and lib/postgresql/x, with or without a top folder.
func inPrefix(name string) (dir, file string) {
	parts := strings.Split(strings.TrimPrefix(path.Clean(name), "/"), "/")
	if len(parts) > 1 && parts[0] != "bin" && parts[0] != "lib" {
		parts = parts[1:]
	}
	if len(parts) < 2 {
		return "", ""
	}
	dir, file = path.Join(parts[:len(parts)-1]...), parts[len(parts)-1]
	if dir != "bin" && dir != "lib" && dir != "lib/postgresql" {
		return "", ""
	}
	return dir, file
}

func (a *archive) add(raw []byte, needed map[string]bool) error {
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return nil
	}
	if m := machineName(f.Machine); !slices.Contains(a.Machines, m) {
		a.Machines = append(a.Machines, m)
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, l := range libraries {
		needed[l] = true
	}
	if len(libraries) == 0 {
		return nil
	}
	// A program without versioned symbols has no such section.
	wants, err := f.DynamicVersionNeeds()
	if err != nil {
		return nil
	}
	for _, w := range wants {
		for _, dep := range w.Needs {
			if v, ok := strings.CutPrefix(dep.Dep, "GLIBC_"); ok {
				a.GLIBC = newer(a.GLIBC, v)
			}
			if v, ok := strings.CutPrefix(dep.Dep, "GLIBCXX_"); ok {
				a.GLIBCXX = newer(a.GLIBCXX, v)
			}
		}
	}
	return nil
}

func machineName(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_AARCH64:
		return "aarch64"
	case elf.EM_386:
		return "i686"
	case elf.EM_LOONGARCH:
		return "loongarch64"
	case elf.EM_PPC64:
		return "ppc64le"
	case elf.EM_RISCV:
		return "riscv64"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_MIPS:
		return "mips64"
	}
	return strings.ToLower(strings.TrimPrefix(m.String(), "EM_"))
}

// newer returns the higher of two versions of numbers and dots. A version with anything else (PRIVATE) does not count.
func newer(a, b string) string {
	if numbers(b) == nil || slices.Compare(numbers(b), numbers(a)) <= 0 {
		return a
	}
	return b
}

func numbers(version string) []int {
	var list []int
	for _, part := range strings.Split(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		list = append(list, n)
	}
	return list
}
