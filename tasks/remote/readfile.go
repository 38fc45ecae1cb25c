package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrTooLarge means that a file has more bytes than the caller wanted to read.
var ErrTooLarge = errors.New("the file is larger than the limit")

// ReadFile reads a whole file of at most limit bytes in one round trip. Errors are
// *fs.PathError; errors.Is knows fs.ErrNotExist, fs.ErrPermission and ErrTooLarge.
func (s *Shell) ReadFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	res, err := s.Run(ctx, Command{Script: fmt.Sprintf("export LC_ALL=C\nhead -c %d <%s", limit+1, quotePath(path)), Keep: limit + 1})
	if err != nil {
		return nil, err
	}
	if res.Status != 0 {
		return nil, s.pathError("read", path, string(res.Stderr), res.Status)
	}
	if int64(len(res.Stdout)) > limit {
		return nil, &fs.PathError{Op: s.host.Name() + ": read", Path: path, Err: fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)}
	}
	return res.Stdout, nil
}

// pathError makes an error that errors.Is understands of what a tool said, in the
// C locale, about a file.
func (s *Shell) pathError(doing, path, said string, status int) error {
	said = lastLines(said)
	cause := fileError(said)
	switch {
	case cause != nil:
		cause = fmt.Errorf("%w (%s)", cause, said)
	case said != "":
		cause = errors.New(said)
	default:
		cause = fmt.Errorf("exit status %d, no output", status)
	}
	return &fs.PathError{Op: fmt.Sprintf("%s: %s as %s", s.host.Name(), doing, s.User()), Path: path, Err: cause}
}

// quotePath quotes a path so that no tool takes it for an option.
func quotePath(path string) string { return Quote(asFile(path)) }

// asFile is a path that no tool takes for an option.
func asFile(path string) string {
	if strings.HasPrefix(path, "-") {
		return "./" + path
	}
	return path
}
