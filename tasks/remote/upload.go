package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Upload is a file to be put on a host.
type Upload struct {
	// Source is read from offset 0 to Size, maybe more than once. *os.File,
	// *bytes.Reader and *strings.Reader are such.
	Source io.ReaderAt
	Size   int64
	// SHA256 of the source in hex; "": worked out here.
	SHA256 string
	// Path is where the file appears, as a whole or not at all. Its directory
	// must exist. What was there is replaced; a symbolic link is replaced, not
	// followed; a directory is an error.
	Path string
	// Mode 0: 0600. Only permission, setuid, setgid and sticky bits count.
	Mode fs.FileMode
	// Owner and Group as chown takes them; "": those of the shell's user.
	Owner, Group string
	// Progress is told how many of the bytes the host has or are on their way to
	// it; nil: nobody is.
	Progress func(done, total int64)
}

// smallUpload is up to which size content goes through the shell in one round
// trip.
const smallUpload = 64 << 10

// Upload puts a file on the host: under a temporary name in the directory of Path,
// verified there against its SHA-256, synced, and renamed. Small content takes one
// round trip. Large content goes over SFTP as the shell's user; when it is
// interrupted, the next Upload of the same content to the same path goes on where
// it ended, after verifying what is there.
func (s *Shell) Upload(ctx context.Context, u Upload) error {
	if u.Path == "" || strings.HasSuffix(u.Path, "/") {
		return fmt.Errorf("%s: %q is not the path of a file to upload to", s.host.Name(), u.Path)
	}
	if u.SHA256 == "" {
		sum, err := sumOf(u.Source, u.Size)
		if err != nil {
			return s.sourceError(u, err)
		}
		u.SHA256 = sum
	}
	u.SHA256 = strings.ToLower(u.SHA256)
	if u.Mode == 0 {
		u.Mode = 0o600
	}
	if u.Progress == nil {
		u.Progress = func(int64, int64) {}
	}
	if u.Size <= smallUpload {
		return s.uploadSmall(ctx, u)
	}
	return s.uploadLarge(ctx, u)
}

func (s *Shell) uploadSmall(ctx context.Context, u Upload) error {
	content := make([]byte, u.Size)
	if _, err := io.ReadFull(io.NewSectionReader(u.Source, 0, u.Size), content); err != nil {
		return s.sourceError(u, err)
	}
	part := u.partName() + randomHex()[:8]
	script := "set -e\nexport LC_ALL=C\numask 077\n" + refuseDirectory(u) +
		"trap 'rm -f " + nested(part) + "' 0\n" +
		"cat >" + quotePath(part) + "\n" + u.finish(part)
	res, err := s.Run(ctx, Command{Script: script, Stdin: content})
	if err != nil {
		return err
	}
	if err := s.uploadError(u, res); err != nil {
		return err
	}
	u.Progress(u.Size, u.Size)
	return nil
}

// partName is where the content is until it is complete. It depends on the content,
// so that it is found again, and never mixed up with other content.
func (u Upload) partName() string {
	dir, base := path.Split(u.Path)
	if len(base) > 200 { // names are at most 255 bytes long
		base = base[:200]
	}
	return dir + "." + base + "." + u.SHA256[:min(16, len(u.SHA256))] + ".part"
}

func refuseDirectory(u Upload) string {
	return fmt.Sprintf("if [ -d %[1]s ] && [ ! -L %[1]s ]; then echo 'is a directory' >&2; exit 1; fi\n", quotePath(u.Path))
}

// Statuses of the upload scripts that no tool has.
const (
	statusWrongSum = 91
)

// finish verifies the part, gives it its owner and mode, and moves it to its path.
// The owner comes first: chown drops setuid bits. Older coreutils and busybox sync
// take no file; then everything is synced.
func (u Upload) finish(part string) string {
	p := quotePath(part)
	var b strings.Builder
	fmt.Fprintf(&b, "sum=$(sha256sum <%s)\nif [ \"${sum%%%% *}\" != %s ]; then echo \"$sum\" >&2; exit %d; fi\n", p, Quote(u.SHA256), statusWrongSum)
	owner := u.Owner
	if u.Group != "" {
		owner += ":" + u.Group
	}
	if owner != "" {
		fmt.Fprintf(&b, "chown %s %s\n", Quote(owner), p)
	}
	fmt.Fprintf(&b, "chmod %04o %s\n", unixMode(u.Mode), p)
	fmt.Fprintf(&b, "sync %s 2>/dev/null || sync\n", p)
	fmt.Fprintf(&b, "mv -f %s %s\n", p, quotePath(u.Path))
	// The new name is safe only when the directory is. It need not be readable
	// for the user who may write there, so this may fail.
	fmt.Fprintf(&b, "sync %s 2>/dev/null || true\n", quotePath(path.Dir(u.Path)))
	return b.String()
}

func (s *Shell) uploadError(u Upload, res Result) error {
	switch res.Status {
	case 0:
		return nil
	case statusWrongSum:
		return fmt.Errorf("%s: uploading %s: the host got content with SHA-256 %s and should have %s; nothing was put in place",
			s.host.Name(), u.Path, strings.Fields(string(res.Stderr) + " ?")[0], u.SHA256)
	}
	return s.pathError("uploading", u.Path, string(res.Stderr), res.Status)
}

func (s *Shell) sourceError(u Upload, err error) error {
	return fmt.Errorf("%s: uploading %s: reading the source: %w", s.host.Name(), u.Path, err)
}

// nested quotes a path that stands inside a quoted command.
func nested(p string) string { return strings.ReplaceAll(quotePath(p), "'", `'\''`) }

func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		mode |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		mode |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		mode |= 0o1000
	}
	return mode
}

func sumOf(r io.ReaderAt, size int64) (string, error) {
	sum := sha256.New()
	if _, err := io.CopyN(sum, io.NewSectionReader(r, 0, size), size); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
