package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates"
)

// controller is the control node's side of a task: tasks.Local.
type controller struct {
	s           *taskRun
	v           *variables
	check, diff bool
}

func (l *controller) Find(kind, name string) (fs.FS, string, error) {
	return l.s.t.Origin.Find(kind, name)
}

// Delegated implements tasks.Delegates.
func (l *controller) Delegated() (string, error) {
	return l.v.text(l.s.sc.keyword(delegateTo), "")
}

// Decrypted implements tasks.Local. The content of what is opened counts as secret.
func (l *controller) Decrypted(fsys fs.FS) fs.FS { return l.s.p.r.o.Vault.Files(fsys) }

func (l *controller) Sum(fsys fs.FS, path string) (string, int64, error) {
	return l.s.p.r.sums.of(fsys, path)
}

func (l *controller) Render(name, body string, o tasks.RenderOptions) (string, error) {
	v := l.v
	if o.File != nil {
		of, err := l.ofTemplate(o.File)
		if err != nil {
			return "", err
		}
		v = v.with(of)
	}
	given := func(marker, usual string) string {
		if marker == usual {
			return ""
		}
		return marker
	}
	return l.s.p.r.o.Templates.File(name, body, v, templates.FileOptions{
		TrimBlocks: o.TrimBlocks, LeftStripBlocks: o.LstripBlocks, NewlineSequence: o.NewlineSequence,
		Markers: templates.Markers{
			BlockStart: given(o.BlockStart, "{%"), BlockEnd: given(o.BlockEnd, "%}"),
			VariableStart: given(o.VariableStart, "{{"), VariableEnd: given(o.VariableEnd, "}}"),
			CommentStart: given(o.CommentStart, "{#"), CommentEnd: given(o.CommentEnd, "#}"),
		},
	})
}

func (l *controller) Eval(expr string) (any, error) { return l.s.p.r.o.Templates.Evaluate(expr, l.v) }

func (l *controller) Condition(expr string) (bool, error) {
	return l.v.holds(expr, l.s.t.Pos)
}

func (l *controller) Secret(value string)     { l.s.p.r.secret("", value) }
func (l *controller) Mask(text string) string { return l.s.p.r.o.Secrets.Mask(text) }
func (l *controller) Check() bool             { return l.check }
func (l *controller) Diff() bool              { return l.diff }

// NoLog and Written implement tasks.TaskTeller.
func (l *controller) NoLog() (bool, error) {
	return l.v.boolean(l.s.sc.keyword(noLog), l.s.p.r.o.Defaults.NoLog)
}

// Confirm asks the user, unless --yes was given. A refusal stops the run.
func (l *controller) Confirm(ctx context.Context, q tasks.Confirmation) error {
	r := l.s.p.r
	if r.o.Yes && !q.Always {
		return nil
	}
	if r.o.Prompt == nil {
		instead := "use --yes"
		if q.Always {
			instead = "--yes does not answer this; the built-in playbooks take the word in advance: -e confirm=WORD"
		}
		return &tasks.NotConfirmed{Reason: "not confirmed: no terminal to prompt on; " + instead + ": " + q.Text}
	}
	answer, err := r.prompt(ctx, Question{Text: fmt.Sprintf("%s\nType %s to confirm", q.Text, q.Word)})
	if err != nil {
		return fmt.Errorf("ask whether to go on: %w", err)
	}
	if strings.TrimSpace(answer) != q.Word {
		return &tasks.NotConfirmed{Reason: "not confirmed: " + q.Text}
	}
	return nil
}

// sums are checksums of local files, each computed once a run, whichever host asks first.
type sums struct {
	mu    sync.Mutex
	files map[file]*summed
}

type file struct {
	fsys fs.FS
	path string
}

type summed struct {
	once sync.Once
	sum  string
	size int64
	err  error
}

func newSums() *sums { return &sums{files: map[file]*summed{}} }

func (s *sums) of(fsys fs.FS, path string) (string, int64, error) {
	if !reflect.TypeOf(fsys).Comparable() {
		return digest(fsys, path)
	}
	s.mu.Lock()
	f, ok := s.files[file{fsys, path}]
	if !ok {
		f = &summed{}
		s.files[file{fsys, path}] = f
	}
	s.mu.Unlock()
	f.once.Do(func() { f.sum, f.size, f.err = digest(fsys, path) })
	return f.sum, f.size, f.err
}

func digest(fsys fs.FS, path string) (string, int64, error) {
	in, err := fsys.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	h := sha256.New()
	n, err := io.Copy(h, in)
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}
