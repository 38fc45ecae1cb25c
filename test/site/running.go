package site

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Event is a line of `polarbook run --output json`; of each kind of event it has what the tests ask for.
type Event struct {
	Type     string            `json:"type"`
	Time     time.Time         `json:"time"`
	TaskID   int               `json:"task_id"`
	Name     string            `json:"name"`
	Module   string            `json:"module"`
	Host     string            `json:"host"`
	Status   string            `json:"status"`
	Item     *string           `json:"item"`
	Msg      string            `json:"msg"`
	Hint     string            `json:"hint"`
	Warnings []string          `json:"warnings"`
	Line     string            `json:"line"`
	Aborted  bool              `json:"aborted"`
	Pending  map[string]string `json:"pending"`
	Hosts    json.RawMessage   `json:"hosts"` // of other forms in other events
}

// Running is polarbook at work.
type Running struct {
	*ControlNode
	command *exec.Cmd
	args    []string
	began   time.Time
	limit   *time.Timer
	read    chan struct{} // closed when its output has ended
	events  []Event
	strange []string // lines that should have been events
	ending  sync.Once
	outcome *Outcome

	mu       sync.Mutex // of what it has printed
	out, err bytes.Buffer
}

// Start runs polarbook in the control node's directory. each is told of every event when it is read, in order, and of a line
// that is none as an event with that line and no type; it may be nil. A run that is not waited for ends with the test.
func (l *ControlNode) Start(each func(r *Running, e Event), args ...string) *Running {
	l.T.Helper()
	return l.start(nil, each, args...)
}

// Fed runs polarbook with this standard input and wants the exit code.
func (l *ControlNode) Fed(code int, stdin string, args ...string) *Outcome {
	l.T.Helper()
	return l.start(strings.NewReader(stdin), nil, args...).Wait().Exits(code)
}

// given are the arguments as polarbook gets them: with the hosts' keys.
func (l *ControlNode) given(args []string) []string {
	if l.knownHosts == "" || slices.Contains(args, "--known-hosts") {
		return args
	}
	at := slices.Index(args, "--") // what stands behind it is another program's
	if at < 0 {
		at = len(args)
	}
	return slices.Concat(args[:at], []string{"--known-hosts", l.knownHosts}, args[at:])
}

func (l *ControlNode) start(stdin io.Reader, each func(r *Running, e Event), args ...string) *Running {
	l.T.Helper()
	r := &Running{ControlNode: l, args: args, read: make(chan struct{}), began: time.Now()}
	r.command = exec.Command(l.program, l.given(args)...)
	r.command.Stdin = stdin
	r.command.Dir, r.command.Env, r.command.Stderr = l.Dir, l.environment(), (*stderr)(r)
	stdout, err := r.command.StdoutPipe()
	if err != nil {
		l.T.Fatal(err)
	}
	if err := r.command.Start(); err != nil {
		l.T.Fatal(err)
	}
	// What it waits for is in the goroutines that it prints when it is told to quit.
	r.limit = time.AfterFunc(l.Limit, func() { r.Signal(syscall.SIGQUIT) })
	go r.listen(bufio.NewReader(stdout), each)
	l.T.Cleanup(func() {
		r.Kill()
		r.Wait()
	})
	return r
}

func (r *Running) listen(stdout *bufio.Reader, each func(r *Running, e Event)) {
	defer close(r.read)
	events := r.args[0] == "run" && slices.Contains(r.args, "json")
	for {
		line, err := stdout.ReadString('\n')
		r.mu.Lock()
		r.out.WriteString(line)
		r.mu.Unlock()
		text, whole := strings.CutSuffix(line, "\n")
		e := Event{Line: text}
		if events {
			var told Event
			if json.Unmarshal([]byte(text), &told) == nil && told.Type != "" {
				e = told
				r.events = append(r.events, e)
			} else if whole { // a run that is killed stops in the middle of one
				r.strange = append(r.strange, text)
			}
		}
		if each != nil && line != "" {
			each(r, e)
		}
		if err != nil {
			return
		}
	}
}

// stderr is a run that is written to by its standard error.
type stderr Running

func (r *stderr) Write(text []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err.Write(text)
}

// Printed returns what it has printed so far, all of standard output before all of standard error.
func (r *Running) Printed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String() + r.err.String()
}

// Kill ends polarbook as a crash does.
func (r *Running) Kill() { _ = r.command.Process.Kill() }

// Signal sends it a signal; one that has ended already gets none.
func (r *Running) Signal(s os.Signal) { _ = r.command.Process.Signal(s) }

// Done is closed when it has ended.
func (r *Running) Done() <-chan struct{} { return r.read }

// Await waits until it has printed a text.
func (r *Running) Await(text string) {
	r.T.Helper()
	for !strings.Contains(r.Printed(), text) {
		select {
		case <-r.read:
			if o := r.Wait(); !strings.Contains(o.Printed(), text) {
				r.T.Fatalf("polarbook %s ended with %d before it said %q\n%s", o.command(), o.Code, text, o.Story())
			}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Wait waits for the end, and holds the run to what is true of all runs.
func (r *Running) Wait() *Outcome {
	r.T.Helper()
	r.ending.Do(func() {
		<-r.read
		_ = r.command.Wait() // the exit code says it
		r.outcome = &Outcome{ControlNode: r.ControlNode, Args: r.args, Code: r.command.ProcessState.ExitCode(),
			Stdout: r.out.String(), Stderr: r.err.String(), Events: r.events, Took: time.Since(r.began)}
		if !r.limit.Stop() {
			r.T.Errorf("polarbook %s was still at work after %s", r.outcome.command(), r.Limit)
		}
		for _, line := range r.strange {
			r.T.Errorf("polarbook %s printed among its events: %s", r.outcome.command(), line)
		}
		r.outcome.sound()
	})
	return r.outcome
}
