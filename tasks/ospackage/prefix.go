package ospackage

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cavaliergopher/cpio"
)

// packed is a file of a package.
type packed struct {
	name  string // absolute and clean
	kind  byte   // tar.TypeReg and its like
	mode  int64
	size  int64
	time  time.Time
	link  string // what a link points to: of a hard link an absolute and clean name
	inode int64  // of an rpm's file with several names, all but one of which have no content; else 0
}

// leads is the name that a symlink leads to.
func (f packed) leads() string {
	if path.IsAbs(f.link) {
		return path.Clean(f.link)
	}
	return path.Join(path.Dir(f.name), f.link)
}

// WritePrefix writes the install prefix of the engine that a package holds as a tar archive: the directory with bin/initdb, and
// what lies below it, as if it had been packed there. Nothing of a package outside of it is taken and no script of it is run;
// links within the directory, which name it, are made relative. The same package gives the same bytes.
func WritePrefix(w io.Writer, file string, r io.ReaderAt, size int64) error {
	each := debFiles
	if path.Ext(file) == ".rpm" {
		each = rpmFiles
	}
	var l listing
	err := each(r, size, l.add)
	if err == nil {
		err = l.choose()
	}
	if err == nil {
		l.out = tar.NewWriter(w)
		err = each(r, size, l.write)
	}
	if err == nil {
		err = l.end()
	}
	if err != nil {
		return fmt.Errorf("take the engine out of the package: %w", err)
	}
	return nil
}

func debFiles(r io.ReaderAt, size int64, tell func(packed, io.Reader) error) error {
	return eachInMember(r, size, "data.tar", contentLimit, func(h *tar.Header, content io.Reader) (bool, error) {
		f := packed{name: path.Clean("/" + h.Name), kind: h.Typeflag, mode: h.Mode, size: h.Size, time: h.ModTime, link: h.Linkname}
		if f.kind == tar.TypeLink {
			f.link = path.Clean("/" + f.link)
		}
		return true, tell(f, content)
	})
}

// payloads are the endings of files that are packed as rpm names it.
var payloads = map[string]string{"": ".gz", "gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "lzma": ".lzma", "zstd": ".zst"}

func rpmFiles(r io.ReaderAt, size int64, tell func(packed, io.Reader) error) error {
	h, start, err := readRPM(r, size)
	if err != nil {
		return err
	}
	compressor := h.first(tagPayloadCompressor)
	ending, known := payloads[compressor]
	if format := h.first(tagPayloadFormat); !known || format != "cpio" && format != "" {
		return fmt.Errorf("its files are packed in a way that is not known: %s, %s", format, compressor)
	}
	content, err := unpacked("payload"+ending, io.NewSectionReader(r, start, size-start))
	if err != nil {
		return err
	}
	content = &bounded{r: content, left: contentLimit}
	files := cpio.NewReader(content)
	for {
		h, err := files.Next()
		switch {
		case errors.Is(err, io.EOF):
			_, err = io.Copy(io.Discard, content) // what is behind has its sum
			return err
		case errors.Is(err, cpio.ErrHeader):
			return errors.New("it is damaged, or has files of more than 4 GiB")
		case err != nil:
			return err
		}
		f := packed{name: path.Clean("/" + h.Name), mode: int64(h.Mode.Perm()), size: h.Size, time: h.ModTime, link: h.Linkname}
		if h.Links > 1 {
			f.inode = h.Inode
		}
		switch h.Mode &^ 0o7777 {
		case cpio.TypeReg:
			f.kind = tar.TypeReg
		case cpio.TypeDir:
			f.kind, f.size, f.inode = tar.TypeDir, 0, 0
		case cpio.TypeSymlink:
			f.kind, f.inode = tar.TypeSymlink, 0
		default:
			f.kind = tar.TypeFifo // or a device: neither belongs into a prefix
		}
		if err := tell(f, files); err != nil {
			return err
		}
	}
}

// listing is what a package holds, and the prefix among it.
type listing struct {
	programs map[string]bool  // the names of all files in directories called bin; false: a link that leads out of bin's parent
	catalogs []string         // where the initial content of the system's catalogs lies, which initdb reads
	content  map[int64]string // the name that has an inode's content
	prefix   string
	out      *tar.Writer
	late     []*tar.Header // hard links, which have to come behind what they name
}

func (l *listing) add(f packed, _ io.Reader) error {
	switch {
	case f.kind != tar.TypeReg && f.kind != tar.TypeSymlink && f.kind != tar.TypeLink:
	case path.Base(path.Dir(f.name)) == "bin":
		if l.programs == nil {
			l.programs = map[string]bool{}
		}
		l.programs[f.name] = f.kind != tar.TypeSymlink || strings.HasPrefix(f.leads(), path.Dir(path.Dir(f.name))+"/")
	case path.Base(f.name) == "postgres.bki":
		l.catalogs = append(l.catalogs, f.name)
	}
	if f.inode != 0 && f.size > 0 {
		if l.content == nil {
			l.content = map[int64]string{}
		}
		l.content[f.inode] = f.name
	}
	return nil
}

// choose finds the prefix.
func (l *listing) choose() error {
	var prefixes []string
	for name, itself := range l.programs {
		bin := path.Dir(name)
		if path.Base(name) == "initdb" && itself && (has(l.programs, bin+"/postgres") || has(l.programs, bin+"/polar-postgres")) {
			prefixes = append(prefixes, path.Dir(bin))
		}
	}
	slices.Sort(prefixes)
	switch {
	case len(prefixes) == 0:
		return errors.New("it has no directory with bin/initdb and bin/postgres")
	case len(prefixes) > 1:
		return fmt.Errorf("it has the engine more than once: %s", strings.Join(prefixes, ", "))
	}
	l.prefix = prefixes[0]
	if l.prefix == "/" || l.prefix == "/usr" || l.prefix == "/usr/local" {
		return fmt.Errorf("the engine lies in %s, among other programs: only one with a directory of its own can be taken", l.prefix)
	}
	inside := func(name string) bool { return strings.HasPrefix(name, l.prefix+"/") }
	if len(l.catalogs) > 0 && !slices.ContainsFunc(l.catalogs, inside) {
		return fmt.Errorf("the engine lies in %s and a part of it elsewhere (%s): only one with all in one directory can be taken",
			l.prefix, l.catalogs[0])
	}
	return nil
}

func has(names map[string]bool, name string) bool { _, there := names[name]; return there }

// within is a name below the prefix, relative to it.
func (l *listing) within(name string) (string, bool) { return strings.CutPrefix(name, l.prefix+"/") }

func (l *listing) write(f packed, content io.Reader) error {
	name, inside := l.within(f.name)
	if !inside {
		return nil
	}
	h := &tar.Header{Typeflag: f.kind, Name: name, Mode: f.mode & 0o777, ModTime: f.time.Truncate(time.Second)}
	switch f.kind {
	case tar.TypeReg:
		if first := l.content[f.inode]; f.size == 0 && f.inode != 0 && first != "" {
			return l.hardLink(h, first)
		}
		h.Size = f.size
	case tar.TypeDir:
		h.Name += "/"
	case tar.TypeSymlink:
		h.Linkname = f.link
		if target, inside := l.within(path.Clean(f.link)); inside && path.IsAbs(f.link) {
			h.Linkname = strings.Repeat("../", strings.Count(name, "/")) + target
		}
	case tar.TypeLink:
		return l.hardLink(h, f.link)
	default:
		return fmt.Errorf("%s is neither a file nor a directory or a link", f.name)
	}
	if err := l.out.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.CopyN(l.out, content, h.Size)
	if err != nil {
		err = fmt.Errorf("read %s: %w", f.name, err)
	}
	return err
}

func (l *listing) hardLink(h *tar.Header, to string) error {
	target, inside := l.within(to)
	if !inside {
		return fmt.Errorf("%s/%s is one file with %s, outside of the engine's directory", l.prefix, h.Name, to)
	}
	h.Typeflag, h.Linkname = tar.TypeLink, target
	l.late = append(l.late, h)
	return nil
}

func (l *listing) end() error {
	for _, h := range l.late {
		if err := l.out.WriteHeader(h); err != nil {
			return err
		}
	}
	return l.out.Close()
}
