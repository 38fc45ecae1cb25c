package builtin

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// octal is a mode that find can look for.
var octal = regexp.MustCompile(`^[0-7]+$`)

// comparable reports whether tar can tell if what the archive holds is there as it would be unpacked.
func (u *unarchive) comparable() bool {
	_, directories := u.aside()
	return !u.KeepNewer && len(directories) == 0 && (u.Mode == "" || octal.MatchString(u.Mode))
}

// compare has the host's tar compare the archive with what is there. It writes nothing: an archive of the control node is read
// by the host as it is sent. The names are those of what was unpacked.
func (u *unarchive) compare(ctx context.Context, h tasks.Host) (names []string, same bool, err error) {
	if !u.comparable() {
		return nil, false, nil
	}
	values := script.Values{"d": script.Path(script.TrimSlashes(u.Dest)), "user": u.Owner, "group": u.Group, "mode": u.Mode}
	var sent io.Reader
	if u.RemoteSrc {
		values["s"] = script.Path(u.at)
	} else {
		f, err := u.fsys.Open(u.file)
		if err != nil {
			return nil, false, fmt.Errorf("open %s: %w", u.file, err)
		}
		defer f.Close()
		sent = f
		if values["how"] = packedWith(u.begins); values["how"] == "unzip" {
			if len(u.ExtraOpts)+len(u.Include)+len(u.Exclude) > 0 {
				return nil, false, nil
			}
			content, err := io.ReadAll(sent)
			if err != nil {
				return nil, false, fmt.Errorf("read %s: %w", u.file, err)
			}
			var whole bytes.Buffer
			if asTar(&whole, content) != nil {
				return nil, false, nil // unzip says what is wrong with it
			}
			sent = &whole
		}
	}
	options, _ := u.aside()
	for _, pattern := range u.Exclude {
		options = append(options, "--exclude="+pattern)
	}
	text := fmt.Sprintf("compare() { LC_ALL=C tar --diff -v --quoting-style=literal --show-transformed-names -f - %s; }\n",
		script.Words(append(options, u.Include...))) + scripts.Script("unarchive_same", values)
	r, err := h.Shell().Stream(ctx, remote.Command{Script: text, Keep: 64 << 20}, sent, nil, nil)
	if err != nil || r.Status != 0 {
		return nil, false, err
	}
	for line := range strings.Lines(string(r.Stdout)) {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "file "); ok {
			names = append(names, name)
		}
	}
	return names, len(names) > 0, nil
}

// beginOf returns the first bytes of a file, which tell what it is packed with.
func beginOf(fsys fs.FS, file string) ([]byte, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	defer f.Close()
	begin := make([]byte, 6)
	n, err := io.ReadFull(f, begin)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return begin[:n], nil
}

// packedWith names the program that unpacks what begins so; none for a tar as it is.
func packedWith(begin []byte) string {
	for _, kind := range []struct{ magic, program string }{
		{"\x1f\x8b", "gzip"}, {"\xfd7zXZ\x00", "xz"}, {"BZh", "bzip2"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"PK\x03\x04", "unzip"},
	} {
		if bytes.HasPrefix(begin, []byte(kind.magic)) {
			return kind.program
		}
	}
	return ""
}

// asTar writes what a zip archive holds as a tar.
func asTar(to io.Writer, content []byte) error {
	from, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return fmt.Errorf("read the zip archive: %w", err)
	}
	out := tar.NewWriter(to)
	for _, entry := range from.File {
		if err := copyEntry(out, entry); err != nil {
			return fmt.Errorf("read %s of the zip archive: %w", entry.Name, err)
		}
	}
	return out.Close()
}

func copyEntry(out *tar.Writer, entry *zip.File) error {
	in, err := entry.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	info, target := entry.FileInfo(), ""
	if info.Mode()&os.ModeSymlink != 0 {
		text, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		target = string(text)
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name = entry.Name
	if err := out.WriteHeader(header); err != nil || header.Size == 0 {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}
