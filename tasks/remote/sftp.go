package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pkg/sftp"
)

// sftpPacket is the most that OpenSSH's sftp-server takes in one write
// (SFTP_MAX_MSG_LENGTH is 256 KiB, the rest is for the header); the usual 32 KiB
// halve the throughput.
const sftpPacket = 255 << 10

// part is large content on its way.
type part struct {
	path  string // on the host, through directories that nobody but root and the shell's user can change
	apart bool   // it is not beside its place
}

// uploadLarge sends content over SFTP and finishes in the shell. Three round trips frame
// the transfer: what is there already, and verifying, owning and renaming it.
func (s *Shell) uploadLarge(ctx context.Context, u Upload) error {
	p, offset, err := s.resumable(ctx, u)
	if err != nil {
		return err
	}
	if offset < u.Size {
		err = s.send(ctx, u, p.path, offset)
	}
	if err == nil {
		var res Result
		res, err = s.Run(ctx, Command{Script: u.finish(p)})
		if err != nil {
			return err
		}
		err = s.uploadError(u, res)
		if res.Status != statusWrongSum && !errors.Is(err, syscall.ENOSPC) {
			return err
		}
	}
	if ctx.Err() != nil || s.host.Err() != nil {
		return err // what is there is gone on with
	}
	// What has arrived is good for nothing, or in the way: the next try begins anew, and
	// a disk that is full is not left so.
	res, tidy := s.Run(ctx, Command{Script: assign("p", asFile(p.path)) + scriptText("room")})
	fields := strings.Fields(string(res.Stdout))
	full := errors.Is(err, syscall.ENOSPC)
	if tidy == nil && len(fields) == 2 && !full {
		if free, e := strconv.Atoi(fields[0]); e == nil && free < 256 {
			full = true
			cause := fmt.Errorf("%w: %s is full", syscall.ENOSPC, fields[1])
			err = &fs.PathError{Op: s.host.Name() + ": upload as " + s.User(), Path: u.Path, Err: cause}
		}
	}
	if wrong := (*wrongSumError)(nil); full || errors.As(err, &wrong) {
		if _, e := s.Run(ctx, Command{Script: "rm -f -- " + quotePath(p.path)}); e != nil {
			return errors.Join(err, e)
		}
	}
	return err
}

// resumable makes the part ready and returns how much of the content it has, verified. Only
// a file of ours that has no other name and nobody else may write is gone on with.
func (s *Shell) resumable(ctx context.Context, u Upload) (part, int64, error) {
	sum := sha256.Sum256([]byte(u.Path))
	where, sha := hex.EncodeToString(sum[:8])+".", u.SHA256[:min(16, len(u.SHA256))]
	script := u.script() + u.locate() + assign("where", where, "sha", sha) + scriptText("resume")
	res, err := s.Run(ctx, Command{Script: script})
	if err != nil {
		return part{}, 0, err
	}
	if res.Status != 0 {
		return part{}, 0, s.pathError("upload", u.Path, string(res.Stderr), res.Status)
	}
	lines := strings.SplitN(string(res.Stdout), "\n", 4)
	if len(lines) < 4 {
		return part{}, 0, fmt.Errorf("%s: upload %s: the host answered %q instead of the size and SHA-256 of what it has",
			s.host.Name(), u.Path, lastLines(string(res.Stdout)))
	}
	p := part{path: strings.TrimSuffix(lines[3], "\n"), apart: lines[0] == "apart"}
	size, err := strconv.ParseInt(strings.TrimSpace(lines[1]), 10, 64)
	if err != nil || size > u.Size {
		return p, 0, nil
	}
	here, err := sumOf(u.Source, size)
	if err != nil {
		return p, 0, s.sourceError(u, err)
	}
	if has, _, _ := strings.Cut(lines[2], " "); here != has {
		return p, 0, nil
	}
	return p, size, nil
}

// send writes the content from offset on into the part file.
func (s *Shell) send(ctx context.Context, u Upload, part string, offset int64) error {
	rest := io.NewSectionReader(u.Source, offset, u.Size-offset)
	source := &sendReader{ctx: ctx, r: rest, done: offset, total: u.Size, progress: u.Progress}
	client, err := s.sftpClient(ctx)
	if errors.Is(err, errNoSFTP) {
		return s.sendThroughCat(ctx, u, part, offset, source)
	}
	if err != nil {
		return err
	}
	source.over = make(chan struct{})
	// The library knows no contexts. When the reader's refusal to go on does not
	// help, because the host does not answer, the client is given up.
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(2 * time.Second):
		case <-source.over:
			return
		}
		s.dropSFTP()
	})
	defer close(source.over)
	defer stop()
	sent, err := writePart(client, part, offset, source)
	s.host.roundTrips.Add(3 + sent/(64*sftpPacket)) // open, truncate, the writes by windows, close
	if ctx.Err() != nil {
		return fmt.Errorf("%s: upload %s: %w", s.host.Name(), u.Path, ctx.Err())
	}
	if source.err != nil {
		return s.sourceError(u, source.err)
	}
	if err != nil {
		s.dropSFTP()
		return s.host.blame(fmt.Errorf("%s: upload %s as %s: %w", s.host.Name(), u.Path, s.User(), err))
	}
	return nil
}

func writePart(client *sftp.Client, part string, offset int64, source io.Reader) (int64, error) {
	f, err := client.OpenFile(part, os.O_WRONLY)
	if err != nil {
		return 0, err
	}
	if err := f.Truncate(offset); err != nil {
		f.Close()
		return 0, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return 0, err
	}
	n, err := f.ReadFromWithConcurrency(source, 0)
	return n, errors.Join(err, f.Close())
}

// sendThroughCat is for hosts without an sftp-server.
func (s *Shell) sendThroughCat(ctx context.Context, u Upload, part string, offset int64, source io.Reader) error {
	script := "export LC_ALL=C\n"
	if offset == 0 {
		script += "cat >" + quotePath(part)
	} else {
		script += "cat >>" + quotePath(part)
	}
	res, err := s.Stream(ctx, Command{Script: script}, source, nil, nil)
	if err != nil {
		return err
	}
	return s.uploadError(u, res)
}

// sendReader tells of the progress and ends when its context does.
type sendReader struct {
	ctx         context.Context
	r           io.Reader
	done, total int64
	progress    func(done, total int64)
	err         error
	over        chan struct{}
}

func (r *sendReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(b)
	r.done += int64(n)
	r.progress(r.done, r.total)
	if err != nil && err != io.EOF {
		r.err = err
	}
	if err == io.EOF && r.done < r.total {
		r.err = io.ErrUnexpectedEOF
	}
	return n, err
}
