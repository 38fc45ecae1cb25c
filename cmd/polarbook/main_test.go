package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/test/golden"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"polarbook": main})
}

// TestScripts runs testdata/*.txtar: the program as a user calls it, on no host but this one.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
			e.Setenv("TERM", "dumb")
			e.Setenv("LANG", "C.UTF-8")
			e.Setenv("TZ", "UTC")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // each program would wait a second at its end for races still to be told
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "exits-shell": exitsShell, "times": times, "jsonlines": jsonLines, "width": width,
			"mode": mode, "interrupted": interrupted,
		},
		RequireExplicitExec: true,
		UpdateScripts:       golden.Updating(),
	})
}

// exits runs polarbook and wants an exit code: exits 2 run site.yml.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	err := ts.Exec("polarbook", args[1:]...)
	var status *exec.ExitError
	if errors.As(err, &status) {
		code = status.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("polarbook %s: exit code %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// exitsShell runs a line of bash and wants an exit code: exits-shell 7 'polarbook run x >/dev/full'.
func exitsShell(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs("line.sh"), []byte(args[1]+"\n"), 0o644))
	if err := ts.Exec("bash", "-c", "bash line.sh; code=$?; [ $code = "+args[0]+" ] || { echo exit code $code >&2; exit 1; }"); err != nil {
		ts.Fatalf("%s: not the exit code %s: %v", args[1], args[0], err)
	}
}

// times replaces what is different in every run in the last standard output and writes it to a file, to be compared.
func times(ts *testscript.TestScript, _ bool, args []string) {
	out := ts.ReadFile("stdout")
	for _, r := range []struct{ find, by string }{
		{`(?m)^\d\d:\d\d:\d\d`, "HH:MM:SS"}, {`(?m)^in \d+(\.\d+)? m?s$`, "in TIME"}, {regexp.QuoteMeta(ts.Getenv("WORK")), "WORK"},
	} {
		out = regexp.MustCompile(r.find).ReplaceAllString(out, r.by)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out), 0o644))
}

// jsonLines wants that a file, or stdout, is one JSON object a line, and that each has these keys.
func jsonLines(ts *testscript.TestScript, _ bool, args []string) {
	lines := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[0])))
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		var object map[string]any
		if err := json.Unmarshal(lines.Bytes(), &object); err != nil {
			ts.Fatalf("line %d is no JSON object: %v: %s", n+1, err, lines.Text())
		}
		for _, key := range args[1:] {
			if object[key] == nil {
				ts.Fatalf("line %d has no %q: %s", n+1, key, lines.Text())
			}
		}
		n++
	}
	if n == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
}

// width wants that no line of the last standard output is wider.
func width(ts *testscript.TestScript, _ bool, args []string) {
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	for _, line := range strings.Split(ts.ReadFile("stdout"), "\n") {
		if len([]rune(line)) > most {
			ts.Fatalf("%d columns, want at most %d: %s", len([]rune(line)), most, line)
		}
	}
}

// mode wants a file's permissions: mode 0600 GLOB.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("nothing is called %s", args[1])
	}
	for _, f := range files {
		info, err := os.Stat(f)
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has the mode %s, want %s", f, got, args[0])
		}
	}
}

// interrupted runs polarbook until a file is there, interrupts it once, makes a second file, and wants an exit code:
// interrupted 6 STARTED GO-ON run site.yml. What it wrote is in the files stdout and stderr afterwards.
func interrupted(ts *testscript.TestScript, _ bool, args []string) {
	c := exec.Command("polarbook", args[3:]...)
	c.Dir = ts.MkAbs(".")
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+ts.Getenv("XDG_STATE_HOME"), "HOME="+ts.Getenv("WORK"), "TERM=dumb")
	var stdout bytes.Buffer
	stderr, err := os.Create(ts.MkAbs("stderr.txt"))
	ts.Check(err)
	defer stderr.Close()
	c.Stdout, c.Stderr = &stdout, stderr
	ts.Check(c.Start())
	limit := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer limit.Stop()
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	for there := false; !there; {
		select {
		case <-ended:
			ts.Fatalf("polarbook ended before it began: %s%s", stdout.String(), ts.ReadFile("stderr.txt"))
		case <-time.After(20 * time.Millisecond):
		}
		_, err := os.Stat(ts.MkAbs(args[1]))
		there = err == nil
	}
	ts.Check(c.Process.Signal(os.Interrupt))
	for heard := false; !heard; { // it says so as soon as it has
		select {
		case <-ended:
			ts.Fatalf("polarbook ended and had not heard of the interrupt: %s%s", stdout.String(), ts.ReadFile("stderr.txt"))
		case <-time.After(20 * time.Millisecond):
		}
		heard = strings.Contains(ts.ReadFile("stderr.txt"), "Stopping after the steps in hand")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), nil, 0o644))
	<-ended
	ts.Check(os.WriteFile(ts.MkAbs("stdout.txt"), stdout.Bytes(), 0o644))
	if code := c.ProcessState.ExitCode(); strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s\n%s%s", code, args[0], stdout.String(), ts.ReadFile("stderr.txt"))
	}
}

// TestDocOfEveryModule reads the documentation of each module as a user sees it.
func TestDocOfEveryModule(t *testing.T) {
	for _, m := range append(slices.Clone(all.All()), playbooks.BuiltinActions()...) {
		t.Run(m.Name, func(t *testing.T) {
			var out bytes.Buffer
			if err := (&docCmd{Module: m.Name}).Run(&terminal{out: &out}); err != nil {
				t.Fatal(err)
			}
			doc := out.String()
			for _, a := range m.Args {
				if a.Doc == "" {
					t.Errorf("the argument %s is not explained", a.Name)
				}
				for _, key := range a.Items {
					if key.Doc == "" || a.Each == "" || !strings.Contains(doc, "\n      "+key.Name+" (") {
						t.Errorf("the key %s of %s is not explained", key.Name, a.Name)
					}
				}
			}
			for _, r := range m.Returns {
				if r.Doc == "" || r.Type == "" {
					t.Errorf("the value %s is not explained", r.Name)
				}
			}
			if m.Summary == "" || m.Examples == "" || strings.HasSuffix(m.Summary, ".") {
				t.Errorf("no summary, one that ends in a dot, or no example")
			}
			inExamples := false
			for line := range strings.Lines(doc) {
				line = strings.TrimSuffix(line, "\n")
				inExamples = inExamples || line == "EXAMPLES"
				if strings.TrimRight(line, " ") != line {
					t.Errorf("blanks at the end of %q", line)
				}
				if !inExamples && len([]rune(line)) > 110 {
					t.Errorf("%d columns: %s", len([]rune(line)), line)
				}
				if strings.Contains(line, "\t") {
					t.Errorf("a tab in %q", line)
				}
			}
			if strings.Contains(doc, "\n\n\n") {
				t.Errorf("two empty lines in a row:\n%s", doc)
			}
		})
	}
}
