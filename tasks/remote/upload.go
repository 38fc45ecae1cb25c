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
	// Path is the place where the file appears, as a whole or not at all. Its directory
	// must exist. What was there is replaced; a symbolic link is replaced, not
	// followed; a directory is an error.
	Path string
	// Mode 0: 0600. Only permission, setuid, setgid and sticky bits count.
	Mode fs.FileMode
	// Owner and Group as chown takes them; "": those of the shell's user.
	Owner, Group string
	// Sweep are names beside Path, with shell patterns, of what earlier uploads may have
	// left there and what this one makes useless.
	Sweep []string
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
// it ended, after verifying what is there. What is left of other content is removed,
// and so is what the disk had no room for: errors.Is knows syscall.ENOSPC.
//
// The directory may be another account's, who may put anything in the place of
// anything there meanwhile. So it is walked to once and worked in from within; a new
// file is made where there was none and is from then on what its descriptor says; and
// large content, which is opened more than once, waits in a directory of the shell's
// user alone. A link of another account in the path leads only to what is that
// account's.
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
	res, err := s.Run(ctx, Command{Script: u.script() + u.locate() + "install -\n", Stdin: content})
	if err != nil {
		return err
	}
	if err := s.uploadError(u, res); err != nil {
		return err
	}
	u.Progress(u.Size, u.Size)
	return nil
}

// base is the beginning of all temporary names: names are at most 255 bytes long.
func (u Upload) base() string {
	base := path.Base(u.Path)
	return "." + base[:min(200, len(base))] + "."
}

// partName returns where large content waits until it is complete. It depends on the content,
// so that it is found again, and never mixed up with other content.
func (u Upload) partName() string {
	dir, _ := path.Split(u.Path)
	return dir + u.base() + u.SHA256[:min(16, len(u.SHA256))] + ".part"
}

// script is the beginning of an upload's scripts: what they take and the functions that they call.
func (u Upload) script() string {
	owner := u.Owner
	if u.Group != "" {
		owner += ":" + u.Group
	}
	return assign("dir", asFile(path.Dir(u.Path)), "b", path.Base(u.Path), "part", path.Base(u.partName()),
		"temp", u.base()+randomHex()[:16]+".part",
		"sum", u.SHA256, "owner", owner, "mode", fmt.Sprintf("%04o", unixMode(u.Mode))) + scriptText("upload")
}

// locate goes to the path's directory, and removes what earlier uploads left there.
func (u Upload) locate() string {
	text := "locate\nsweep ./" + quoteAlways(u.base()) + "*.part"
	for _, pattern := range u.Sweep {
		text += " ./" + pattern
	}
	return text + "\n"
}

// Statuses of the upload scripts that no tool has.
const (
	statusWrongSum = 91
)

// finish gives large content its place: by a rename, or where the directory is another's by a copy.
func (u Upload) finish(p part) string {
	from := quotePath(p.path)
	if p.apart {
		return u.script() + u.locate() + "install " + from + "\nrm -f -- " + from + "\n"
	}
	return u.script() + "finish " + from + "\n"
}

func (s *Shell) uploadError(u Upload, res Result) error {
	switch res.Status {
	case 0:
		return nil
	case statusWrongSum:
		return &wrongSumError{host: s.host.Name(), path: u.Path, got: strings.Fields(string(res.Stderr) + " ?")[0], want: u.SHA256}
	}
	return s.pathError("upload", u.Path, string(res.Stderr), res.Status)
}

// wrongSumError means that other content arrived than was sent. Nothing was put in place of the file.
type wrongSumError struct{ host, path, got, want string }

func (e *wrongSumError) Error() string {
	return fmt.Sprintf("%s: upload %s: the host received content with SHA-256 %s instead of %s; nothing was put in place",
		e.host, e.path, e.got, e.want)
}

func (s *Shell) sourceError(u Upload, err error) error {
	return fmt.Errorf("%s: upload %s: read the source: %w", s.host.Name(), u.Path, err)
}

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
