package ospackage

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// The most that is read of a package's description, and of the list of its files.
const (
	descriptionLimit = 16 << 20
	contentLimit     = 8 << 30
)

// readDeb reads the control file of a Debian package (deb(5)).
func readDeb(r io.ReaderAt, size int64) (Package, error) {
	p := Package{Format: Deb}
	err := eachInMember(r, size, "control.tar", descriptionLimit, func(h *tar.Header, content io.Reader) (bool, error) {
		if path.Clean("/"+h.Name) != "/control" {
			return true, nil
		}
		lines := bufio.NewScanner(io.LimitReader(content, 1<<20))
		for lines.Scan() {
			field, value, found := strings.Cut(lines.Text(), ":")
			value = strings.TrimSpace(value)
			switch {
			case !found:
			case strings.EqualFold(field, "Package"):
				p.Name = value
			case strings.EqualFold(field, "Version"):
				p.Version = value
			case strings.EqualFold(field, "Architecture"):
				p.Architecture = value
			}
		}
		return false, lines.Err()
	})
	return p, err
}

// libraryPlace matches what lies where the loader looks.
var libraryPlace = regexp.MustCompile(`^(\./)?/?(usr/)?lib[^/]*/([a-z0-9_]+-linux-[a-z0-9]+/)?[^/]+$`)

func debLibraries(r io.ReaderAt, size int64) ([]string, error) {
	var names []string
	err := eachInMember(r, size, "data.tar", contentLimit, func(h *tar.Header, _ io.Reader) (bool, error) {
		if base := path.Base(h.Name); libraryName.MatchString(base) && libraryPlace.MatchString(h.Name) {
			names = append(names, base)
		}
		return true, nil
	})
	return names, err
}

// eachInMember goes over the files of one of the archives that a Debian package is made of, until tell has seen enough.
func eachInMember(r io.ReaderAt, size int64, member string, limit int64, tell func(h *tar.Header, content io.Reader) (bool, error)) error {
	name, packed, err := arMember(r, size, member)
	if err != nil {
		return err
	}
	content, err := unpacked(name, packed)
	if err != nil {
		return err
	}
	content = &bounded{r: content, left: limit}
	files := tar.NewReader(content)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			if _, err = io.Copy(io.Discard, content); err == nil { // what is behind has its sum
				return nil
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if more, err := tell(h, files); err != nil || !more {
			return err
		}
	}
}

// unpacked reads an archive by the ending of its name.
func unpacked(name string, packed io.Reader) (io.Reader, error) {
	switch path.Ext(name) {
	case ".gz":
		return gzip.NewReader(packed)
	case ".xz":
		return xz.ReaderConfig{DictCap: 64 << 20}.NewReader(bufio.NewReader(packed))
	case ".zst":
		d, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, err
		}
		return d, nil
	case ".bz2":
		return bzip2.NewReader(packed), nil
	case ".lzma":
		return lzma.ReaderConfig{DictCap: 64 << 20}.NewReader(bufio.NewReader(packed))
	case ".tar":
		return packed, nil
	}
	return nil, fmt.Errorf("%s is packed in a way that is not known", name)
}

// arMember finds a member of an ar archive whose name begins so.
func arMember(r io.ReaderAt, size int64, begins string) (string, io.Reader, error) {
	const magic, headerSize = "!<arch>\n", 60
	head := make([]byte, len(magic))
	if _, err := r.ReadAt(head, 0); err != nil || string(head) != magic {
		return "", nil, errors.New("it is not a Debian package")
	}
	h := make([]byte, headerSize)
	for at := int64(len(magic)); at+headerSize <= size; {
		if _, err := r.ReadAt(h, at); err != nil {
			return "", nil, err
		}
		length, err := strconv.ParseInt(string(bytes.TrimSpace(h[48:58])), 10, 64)
		if err != nil || length < 0 || string(h[58:]) != "`\n" || at+headerSize+length > size {
			return "", nil, errors.New("it is cut or damaged")
		}
		name := strings.TrimRight(string(bytes.TrimSpace(h[:16])), "/")
		if strings.HasPrefix(name, begins) {
			return name, io.NewSectionReader(r, at+headerSize, length), nil
		}
		at += headerSize + length + length%2
	}
	return "", nil, fmt.Errorf("it has no %s", begins)
}

// bounded is a reader that fails after so many bytes, lest a small file unpack to a large one.
type bounded struct {
	r    io.Reader
	left int64
}

var errTooLarge = errors.New("it unpacks to more than a package holds")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}
