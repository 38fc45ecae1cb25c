package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pkg/sftp"
)

// sftpPacket is the most that OpenSSH's sftp-server takes in one write
// (SFTP_MAX_MSG_LENGTH is 256 KiB, the rest is for the header); the usual 32 KiB
// halve the throughput.
const sftpPacket = 255 << 10

// uploadLarge sends content over SFTP into the directory where it is to be, and
// finishes in the shell. Three round trips frame the transfer: what is there
// already, and verifying, owning and renaming it.
func (s *Shell) uploadLarge(ctx context.Context, u Upload) error {
	part := u.partName()
	offset, err := s.resumable(ctx, u, part)
	if err != nil {
		return err
	}
	if offset < u.Size {
		if err := s.send(ctx, u, part, offset); err != nil {
			return err
		}
	}
	res, err := s.Run(ctx, Command{Script: "set -e\nexport LC_ALL=C\n" + u.finish(part)})
	if err != nil {
		return err
	}
	if res.Status == statusWrongSum {
		// What is there is good for nothing: the next try must not go on from it.
		if _, err := s.Run(ctx, Command{Script: "rm -f " + quotePath(part)}); err != nil {
			return err
		}
	}
	return s.uploadError(u, res)
}

// resumable makes the part file ready and says how much of the content it has,
// verified.
func (s *Shell) resumable(ctx context.Context, u Upload, part string) (int64, error) {
	p := quotePath(part)
	res, err := s.Run(ctx, Command{Script: "set -e\nexport LC_ALL=C\numask 077\n" + refuseDirectory(u) + fmt.Sprintf(
		// Somebody else's file or link of that name, in /tmp say, is not ours to go on with.
		"if [ -L %[1]s ] || [ ! -f %[1]s ] || [ ! -O %[1]s ]; then rm -f %[1]s; fi\n"+
			"set -C\n[ -f %[1]s ] || true >%[1]s\nwc -c <%[1]s\nsha256sum <%[1]s\n", p)})
	if err != nil {
		return 0, err
	}
	if res.Status != 0 {
		return 0, s.pathError("uploading", u.Path, string(res.Stderr), res.Status)
	}
	fields := strings.Fields(string(res.Stdout))
	if len(fields) < 2 {
		return 0, fmt.Errorf("%s: uploading %s: the host says %q where size and SHA-256 of what it has should be", s.host.Name(), u.Path, lastLines(string(res.Stdout)))
	}
	size, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || size > u.Size {
		return 0, nil
	}
	sum, err := sumOf(u.Source, size)
	if err != nil {
		return 0, s.sourceError(u, err)
	}
	if sum != fields[1] {
		return 0, nil
	}
	return size, nil
}

// send writes the content from offset on into the part file.
func (s *Shell) send(ctx context.Context, u Upload, part string, offset int64) error {
	source := &sendReader{ctx: ctx, r: io.NewSectionReader(u.Source, offset, u.Size-offset), done: offset, total: u.Size, progress: u.Progress}
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
		return fmt.Errorf("%s: uploading %s: %w", s.host.Name(), u.Path, ctx.Err())
	}
	if source.err != nil {
		return s.sourceError(u, source.err)
	}
	if err != nil {
		s.dropSFTP()
		return s.host.blame(fmt.Errorf("%s: uploading %s as %s: %w", s.host.Name(), u.Path, s.User(), err))
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
