package templates

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// The tests here render generated templates with Jinja2 itself and with ours. JINJA_TEMPLATES is how many (20000 takes a minute),
// JINJA_SEED which; a failure names both.

// generated is the number of templates that a test compares where nothing else is asked for; with -short it is a fifth of them.
const generated = 2000

// rendered is a template, and what Jinja2 makes of it.
type rendered struct {
	template  string
	options   FileOptions
	variables map[string]any
	text      string
	err       string
}

// python returns a Python that has Jinja2, "" where there is none.
func python() string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import jinja2").Run() == nil {
			return name
		}
	}
	return ""
}

// byJinja renders templates with Jinja2, in one process.
func byJinja(t *testing.T, cases []*rendered) {
	t.Helper()
	interpreter := python()
	if interpreter == "" {
		t.Skip("NOT COMPARED WITH JINJA2: there is no python3 with jinja2 here (Debian: apt-get install python3-jinja2)")
	}
	command := exec.Command(interpreter, "testdata/jinja.py")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer in.Close()
		encoder := json.NewEncoder(in)
		encoder.SetEscapeHTML(false)
		for _, c := range cases {
			_ = encoder.Encode(map[string]any{"template": c.template, "variables": c.variables, "options": map[string]any{
				"trim_blocks": c.options.TrimBlocks, "lstrip_blocks": c.options.LeftStripBlocks,
			}})
		}
	}()
	answers := json.NewDecoder(bufio.NewReader(out))
	var version string
	if err := answers.Decode(&version); err != nil {
		t.Fatal(err)
	}
	t.Logf("compared with Jinja2 %s", version)
	for _, c := range cases {
		var answer struct {
			Text  string
			Error string
		}
		if err := answers.Decode(&answer); err != nil {
			t.Fatalf("%v after %q", err, c.template)
		}
		c.text, c.err = answer.Text, answer.Error
	}
	_, _ = io.Copy(io.Discard, out)
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
}

// compare renders templates that generate writes with Jinja2 and with ours, and reports the differences but those that known
// knows a reason for.
func compare(t *testing.T, generate func(*rand.Rand) *rendered, known func(*rendered, string, error) string) {
	t.Helper()
	number := func(name string, otherwise int64) int64 {
		if n, err := strconv.ParseInt(os.Getenv(name), 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	many := int64(generated)
	if testing.Short() {
		many /= 5
	}
	seed, count := number("JINJA_SEED", 1), number("JINJA_TEMPLATES", many)
	t.Logf("JINJA_SEED=%d JINJA_TEMPLATES=%d", seed, count)
	source := rand.New(rand.NewSource(seed))
	var cases []*rendered
	for range count {
		cases = append(cases, generate(source))
	}
	byJinja(t, cases)
	engine := New(Options{})
	refused, differ, reasons := 0, 0, map[string]int{}
	for _, c := range cases {
		got, err := engine.File("t", c.template, Map(c.variables), c.options)
		if c.err != "" {
			refused++
		}
		if (err != nil) == (c.err != "") && got == c.text {
			continue
		}
		if reason := known(c, got, err); reason != "" {
			reasons[reason]++
			continue
		}
		if differ++; differ <= 20 || os.Getenv("ALL") != "" {
			wanted, gave := fmt.Sprintf("%q", c.text), fmt.Sprintf("%q", got)
			if c.err != "" {
				wanted = c.err
			}
			if err != nil {
				gave = err.Error()
			}
			t.Errorf("%q (trim_blocks %v, lstrip_blocks %v)\n  Jinja2 %s\n  ours   %s", c.template, c.options.TrimBlocks,
				c.options.LeftStripBlocks, wanted, gave)
		}
	}
	for reason, times := range reasons {
		t.Logf("%d: %s", times, reason)
	}
	t.Logf("%d templates, %d of them refused by Jinja2, %d differ", len(cases), refused, differ)
}

// writer writes templates at random.
type writer struct {
	*rand.Rand
	out strings.Builder
}

func (w *writer) one(of ...string) string { return of[w.Intn(len(of))] }

func (w *writer) chance(percent int) bool { return w.Intn(100) < percent }

func (w *writer) put(texts ...string) {
	for _, text := range texts {
		w.out.WriteString(text)
	}
}
