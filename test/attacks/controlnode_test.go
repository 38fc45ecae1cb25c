package attacks

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// controlNode is a directory to run polarbook in. Its one host, evil, is this machine: the output of tasks stands for what a
// hostile host says.
type controlNode struct {
	t   *testing.T
	dir string
	env []string
}

// operated is the outcome of one run.
type operated struct {
	code           int
	stdout, stderr string
	memory         int64 // the most that polarbook ever held, in bytes
	journal        string
}

func newControlNode(t *testing.T) *controlNode {
	l := &controlNode{t: t, dir: t.TempDir()}
	l.write("inventory.yml", "all: {hosts: {evil: {ansible_connection: local}}}\n")
	return l
}

func (l *controlNode) write(name, text string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func (l *controlNode) read(name string) string {
	l.t.Helper()
	data, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}

// playbook writes site.yml with these tasks.
func (l *controlNode) playbook(tasks string) {
	l.write("site.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    "+
		strings.ReplaceAll(strings.TrimSpace(tasks), "\n", "\n    ")+"\n")
}

// run runs polarbook, with its output going into files.
func (l *controlNode) run(args ...string) operated {
	l.t.Helper()
	state := filepath.Join(l.dir, "state")
	c := exec.Command(site.Program(l.t), args...)
	c.Dir = l.dir
	c.Env = append(append(os.Environ(), "XDG_STATE_HOME="+state, "HOME="+l.dir, "TERM=dumb"), l.env...)
	return l.start(c, state)
}

func (l *controlNode) start(c *exec.Cmd, state string) operated {
	l.t.Helper()
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Start(); err != nil {
		l.t.Fatal(err)
	}
	// The memory that the system counts for a child begins with what this process held when it started the child.
	done, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		var memory int64
		for {
			memory = max(memory, held(c.Process.Pid))
			select {
			case <-tick.C:
			case <-done:
				most <- memory
				return
			}
		}
	}()
	err := c.Wait()
	close(done)
	memory := <-most
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		l.t.Fatal(err)
	}
	out := operated{code: c.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), memory: memory}
	files, _ := filepath.Glob(filepath.Join(state, "polarbook", "runs", "*.jsonl"))
	if len(files) > 0 {
		data, err := os.ReadFile(files[len(files)-1])
		if err != nil {
			l.t.Fatal(err)
		}
		out.journal = string(data)
	}
	return out
}
