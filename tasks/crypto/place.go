package crypto

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
)

// readFile returns a file of the host's, in whose path ~ is the home of the task's user. errors.Is knows fs.ErrNotExist.
func readFile(ctx context.Context, h tasks.Host, path string) ([]byte, error) {
	r, err := h.Shell().Run(ctx, remote.Command{Script: files.ReadFile(path)})
	if err != nil {
		return nil, err
	}
	var said files.Read
	if err := (tasks.Found{Result: r}).Decode(&said); err != nil {
		return nil, err
	}
	switch {
	case !said.File.Exists():
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	case said.File.Kind != "file" || said.Large:
		return nil, &tasks.Failure{Msg: fmt.Sprintf("%s is %s of %d bytes, and a key or certificate is needed", path,
			files.DescribeKind(said.File.Kind), said.File.Size)}
	}
	return said.Content, nil
}

// source is where a key, request or certificate comes from: a file of the host's, or the arguments.
type source struct{ path, content string }

// given are what was read, or why it was not.
type given struct {
	text []byte
	err  error
}

func (s source) read(ctx context.Context, h tasks.Host) (given, error) {
	if s.content != "" {
		return given{text: []byte(s.content)}, nil
	}
	if s.path == "" {
		return given{}, nil
	}
	text, err := readFile(ctx, h, s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return given{err: err}, nil // an earlier task may make it
	}
	return given{text: text}, err
}

func readAll(ctx context.Context, h tasks.Host, sources []source) ([]given, error) {
	var all []given
	for _, from := range sources {
		g, err := from.read(ctx, h)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

// hide keeps contents out of what --diff shows.
func hide(p tasks.Plan) tasks.Plan {
	for i, d := range p.Diff {
		if d.AfterHeader != "" || d.BeforeHeader != "" {
			p.Diff[i].Hidden, p.Diff[i].Before, p.Diff[i].After = true, "", ""
		}
	}
	return p
}
