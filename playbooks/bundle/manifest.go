package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Format is the number of the form of bundles that this release writes and reads.
const Format = 1

// Kinds of files.
const (
	Engine    = "engine"     // the engine's packed install prefix
	OSPackage = "os-package" // .deb or .rpm
	Polarbook = "polarbook"  // a program for a control node
	Content   = "content"    // inventories, playbooks, roles, collections and what they use
)

// Manifest is what a bundle says of itself.
type Manifest struct {
	Format  int       `json:"format"`
	MadeBy  string    `json:"made_by"` // name@control-node
	MadeAt  time.Time `json:"made_at"`
	Program string    `json:"program"` // the polarbook that made it
	Files   []File    `json:"files"`
}

// File is a file of a bundle.
type File struct {
	Path         string `json:"path"` // with slashes, relative
	Size         int64  `json:"size"`
	SHA256       string `json:"sha256"`
	Kind         string `json:"kind"`
	OS           string `json:"os,omitempty"` // of the directory that it lies in, such as rocky-9
	Architecture string `json:"architecture,omitempty"`
	Name         string `json:"name,omitempty"` // a package's
	Version      string `json:"version,omitempty"`
	Program      bool   `json:"program,omitempty"` // it may be run
	Packed       bool   `json:"packed,omitempty"`  // it is a zstd frame in the archive
	Stored       int64  `json:"stored"`            // its size there
}

// The most that a bundle may hold.
const (
	manifestLimit  = 32 << 20
	signatureLimit = 4 << 10
	filesLimit     = 100_000
	sizeLimit      = 1 << 40
	packedLimit    = 1 << 30 // of a file that is packed, unpacked
)

var sumText = regexp.MustCompile(`^[0-9a-f]{64}$`)

// readManifest decodes a manifest, and refuses one that no bundle can have.
func readManifest(data []byte) (*Manifest, error) {
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("its manifest cannot be read: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its manifest")
	}
	if m.Format != Format {
		return nil, fmt.Errorf("it has the format %d, and this polarbook reads %d: use the polarbook that made it (%s) or a newer one", m.Format,
			Format, m.Program)
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	if len(m.Files) > filesLimit {
		return fmt.Errorf("it holds %d files, and at most %d are read", len(m.Files), filesLimit)
	}
	var total int64
	seen, directories := map[string]string{}, map[string]bool{}
	for _, f := range m.Files {
		if err := f.check(); err != nil {
			return err
		}
		key := strings.ToLower(f.Path)
		if other, twice := seen[key]; twice {
			return fmt.Errorf("it holds %q and %q, which are one file on some systems", other, f.Path)
		}
		seen[key] = f.Path
		for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
			directories[dir] = true
		}
		if total += f.Size; total > sizeLimit {
			return errors.New("its files are larger than what is read")
		}
	}
	for key, name := range seen {
		if directories[key] {
			return fmt.Errorf("it holds %q as a file and as a directory", name)
		}
	}
	return nil
}

func (f File) check() error {
	switch {
	case !safePath(f.Path):
		return fmt.Errorf("it holds a file with the path %q, which is not one inside of a directory on every system", f.Path)
	case f.Path == manifestName || f.Path == signatureName:
		return fmt.Errorf("it holds a file named %s", f.Path)
	case f.Size < 0 || f.Size > sizeLimit || f.Stored < 0 || f.Packed && f.Size > packedLimit || !f.Packed && f.Stored != f.Size:
		return fmt.Errorf("%s has a size that it cannot have", f.Path)
	case !sumText.MatchString(f.SHA256):
		return fmt.Errorf("%s has no SHA-256", f.Path)
	case !slices.Contains([]string{Engine, OSPackage, Polarbook, Content}, f.Kind):
		return fmt.Errorf("%s is of a kind that is not known: %q", f.Path, f.Kind)
	}
	return nil
}

// reserved are names that Windows does not let a file have.
var reserved = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$`)

// safePath reports whether a path leads to a file inside of the directory that it is relative to, on every system.
func safePath(p string) bool {
	if p == "" || len(p) > 1024 || !utf8.ValidString(p) || strings.ContainsAny(p, "\\:*?\"<>|") || strings.ContainsFunc(p, unicode.IsControl) {
		return false
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." || len(part) > 240 || strings.TrimRight(part, ". ") != part || reserved.MatchString(part) {
			return false
		}
	}
	return true
}

// Find returns the file of a path.
func (m *Manifest) Find(name string) (File, bool) {
	at := slices.IndexFunc(m.Files, func(f File) bool { return f.Path == name })
	if at < 0 {
		return File{}, false
	}
	return m.Files[at], true
}
