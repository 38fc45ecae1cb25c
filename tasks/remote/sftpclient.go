package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pkg/sftp"
)

// errNoSFTP means that no sftp-server was found on the host.
var errNoSFTP = errors.New("no sftp-server on the host")

// sftpLink is an SFTP session as the shell's user, kept open.
type sftpLink struct {
	client  *sftp.Client
	session *session
}

// sftpServers are where distributions have it.
var sftpServers = []string{
	"/usr/lib/openssh/sftp-server",     // Debian, Ubuntu
	"/usr/libexec/openssh/sftp-server", // RHEL and its like
	"/usr/lib/ssh/sftp-server",         // SUSE, Arch
	"/usr/libexec/sftp-server",
	"/usr/lib/sftp-server",
}

// sftpClient returns the shell's SFTP session, opened when first wanted. The
// server runs as the shell's user, so that files are that user's from the start
// and no staging place is needed that both users can reach.
func (s *Shell) sftpClient(ctx context.Context) (*sftp.Client, error) {
	select {
	case s.sftpTurn <- struct{}{}:
		defer func() { <-s.sftpTurn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.sftp != nil {
		select {
		case <-s.sftp.session.exited:
			s.sftp.session.close()
			s.sftp = nil
		default:
			return s.sftp.client, nil
		}
	}
	if s.noSFTP {
		return nil, errNoSFTP
	}
	session, rest, err := s.startSFTP(ctx)
	if err != nil {
		s.noSFTP = errors.Is(err, errNoSFTP)
		return nil, err
	}
	s.host.roundTrips.Add(1)
	client, err := within(ctx, s.host, func() (*sftp.Client, error) {
		return sftp.NewClientPipe(&sessionReader{session: session, rest: rest}, session.channel,
			sftp.MaxPacketUnchecked(sftpPacket), sftp.UseConcurrentWrites(true))
	}, func(c *sftp.Client) { c.Close() })
	if err != nil {
		session.close()
		return nil, s.host.blame(fmt.Errorf("%s: start SFTP as %s: %w", s.host.Name(), s.User(), err))
	}
	s.sftp = &sftpLink{client: client, session: session}
	return client, nil
}

// startSFTP starts the server through an sh, which knows how to become the user
// and where the server is. rest is what the server has said already.
func (s *Shell) startSFTP(ctx context.Context) (*session, []byte, error) {
	session, err := s.host.openShell(ctx, s.become)
	if err != nil {
		return nil, nil, err
	}
	marker := "polarbook-" + randomHex()
	const find = "{\nfor s in %s; do\nif [ -x \"$s\" ]; then printf '%s-up\\n'; exec \"$s\"; fi\ndone\nprintf '%s-none\\n'; exit\n}\n"
	text := s.host.joining() + surroundings + fmt.Sprintf(find, strings.Join(sftpServers, " "), marker, marker)
	s.host.roundTrips.Add(1)
	if err := session.write(ctx, []byte(text)); err != nil && !errors.Is(err, errEOF) {
		session.close()
		return nil, nil, s.host.blame(err)
	}
	patience := time.NewTimer(becomePatience)
	defer patience.Stop()
	var out []byte
	for {
		err = nil
		select {
		case piece, more := <-session.out:
			if !more {
				if err = s.host.blame(nil); err == nil {
					err = s.become.noShell(session, out)
				}
				break
			}
			out = appendNoise(out, piece)
			if _, rest, found := bytes.Cut(out, []byte(marker+"-up\n")); found {
				return session, rest, nil
			}
			if bytes.Contains(out, []byte(marker+"-none\n")) {
				err = errNoSFTP
			}
		case <-patience.C:
			err = fmt.Errorf("%s: /bin/sh did not start within %s", s.host.Name(), becomePatience)
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.host.done:
			err = s.host.Err()
		}
		if err != nil {
			session.close()
			return nil, nil, err
		}
	}
}

// dropSFTP gives the SFTP session up; whoever uses it gets an error.
func (s *Shell) dropSFTP() {
	s.sftpTurn <- struct{}{}
	defer func() { <-s.sftpTurn }()
	if s.sftp != nil {
		s.sftp.session.close()
		s.sftp = nil
	}
}

// sessionReader reads what the program of a session writes.
type sessionReader struct {
	session *session
	rest    []byte
}

func (r *sessionReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		select {
		case piece, more := <-r.session.out:
			if !more {
				return 0, io.EOF
			}
			r.rest = piece
		case <-r.session.closed:
			return 0, io.ErrClosedPipe
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
