package trees

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// Apply sends what differs as one tar stream.
func (s *synchronize) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, c *syncChange) (tasks.Result, error) {
	var b strings.Builder
	b.WriteString(scripts.Script("sync_push", script.Values{"p": c.top}))
	b.WriteString(c.before.String())
	if len(c.send) > 0 {
		option := "-m"
		if s.times {
			option = ""
		}
		b.WriteString("unpack " + script.Words([]string{c.stage, option}) + "\n")
	}
	b.WriteString(c.after.String() + "exit 0\n")
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(s.pack(writer, c.send)) }()
	r, err := h.Shell().Stream(ctx, remote.Command{Script: b.String()}, reader, nil, nil)
	reader.CloseWithError(io.ErrClosedPipe)
	if err != nil {
		return tasks.Result{}, err
	}
	if err := files.ScriptFailed(r); err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values}, nil
}

func (s *synchronize) pack(w io.Writer, send []syncEntry) error {
	t := tar.NewWriter(w)
	for i, e := range send {
		if err := s.packOne(t, strconv.Itoa(i), e); err != nil {
			return fmt.Errorf("sending %s: %w", e.source, err)
		}
	}
	return t.Close()
}

func (s *synchronize) packOne(t *tar.Writer, name string, e syncEntry) error {
	source, err := s.fsys.Open(path.Join(s.base, e.source))
	if err != nil {
		return err
	}
	defer source.Close()
	header := tar.Header{Name: name, Mode: 0o600, Size: e.size, Typeflag: tar.TypeReg, Format: tar.FormatGNU}
	header.ModTime = timeOf(e.time)
	if err := t.WriteHeader(&header); err != nil {
		return err
	}
	_, err = io.Copy(t, source)
	return err
}
