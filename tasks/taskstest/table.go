package taskstest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// tableCase is one file of testdata/<module>: arguments, what a host answered, and what is to be done. Only the keys
// that plan gives are compared; of values the ones it names, of the script that its pieces occur in this order.
type tableCase struct {
	Args  map[string]any
	Check bool
	Found struct {
		Stdout string
		Lines  []string // instead of Stdout; b64(text) is text in base64
		Stderr string
		Status int
	}
	Plan struct {
		Change  *bool
		Event   *bool
		Unknown string
		Msg     string
		Stdin   *string
		Script  []string
		Never   []string // pieces that the script must not hold
		Values  map[string]any
		Error   string
		Diff    []map[string]string
	}
}

var inBase64 = regexp.MustCompile(`(?s)b64\((.*?)\)`)

// PlansOf runs the tables of testdata/<module>.
func PlansOf(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	for _, file := range files {
		module := filepath.Base(filepath.Dir(file))
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases map[string]json.RawMessage
		if err := json.Unmarshal(text, &cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for name, raw := range cases {
			t.Run(module+"/"+strings.TrimSuffix(filepath.Base(file), ".json")+"/"+name, func(t *testing.T) {
				var c tableCase
				d := json.NewDecoder(bytes.NewReader(raw))
				d.DisallowUnknownFields()
				d.UseNumber()
				if err := d.Decode(&c); err != nil {
					t.Fatal(err)
				}
				c.run(t, module)
			})
		}
	}
}

func (c *tableCase) run(t *testing.T, module string) {
	args, _ := plainNumbers(c.Args).(map[string]any)
	for _, problem := range ModuleNamed(t, module).CheckArgs(args, func(string, any) bool { return true }) {
		t.Fatal(problem)
	}
	action := NewAction(t, module, args, &FakeLocal{Checking: c.Check})
	out := c.Found.Stdout
	for _, line := range c.Found.Lines {
		out += inBase64.ReplaceAllStringFunc(line, func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(s[4 : len(s)-1]))
		}) + "\n"
	}
	answer := remote.Result{Stdout: []byte(out), Stderr: []byte(c.Found.Stderr), Status: c.Found.Status}
	plan, err := action.Plan(tasks.Found{Result: answer})
	want := c.Plan
	if want.Error != "" || err != nil {
		if want.Error == "" || err == nil || !strings.Contains(err.Error(), want.Error) {
			t.Fatalf("error %v, want %q", err, want.Error)
		}
		return
	}
	if want.Change != nil && plan.Change != *want.Change {
		t.Errorf("change %v (%s), want %v", plan.Change, plan.Msg, *want.Change)
	}
	if want.Event != nil && plan.Event != *want.Event {
		t.Errorf("event %v", plan.Event)
	}
	if !strings.Contains(plan.Unknown, want.Unknown) || want.Unknown == "" && plan.Unknown != "" {
		t.Errorf("unknown %q, want %q", plan.Unknown, want.Unknown)
	}
	if !strings.Contains(plan.Msg, want.Msg) {
		t.Errorf("message %q, want %q", plan.Msg, want.Msg)
	}
	if want.Stdin != nil && string(plan.Stdin) != *want.Stdin {
		t.Errorf("stdin %q, want %q", plan.Stdin, *want.Stdin)
	}
	rest := strings.TrimPrefix(plan.Script, script.Preamble)
	for _, piece := range want.Script {
		_, after, ok := strings.Cut(rest, piece)
		if !ok {
			t.Errorf("the script does not say (next) %q:\n%s", piece, plan.Script)
			break
		}
		rest = after
	}
	for _, piece := range want.Never {
		if strings.Contains(plan.Script, piece) {
			t.Errorf("the script says %q:\n%s", piece, plan.Script)
		}
	}
	for name, value := range want.Values {
		if got := asJSON(t, plan.Values[name]); !reflect.DeepEqual(got, plainNumbers(value)) {
			t.Errorf("%s is %#v, want %#v", name, got, plainNumbers(value))
		}
	}
	for i, d := range want.Diff {
		if i >= len(plan.Diff) || plan.Diff[i].Before != d["before"] || plan.Diff[i].After != d["after"] {
			t.Errorf("diff %d of %+v, want %v", i, plan.Diff, d)
		}
	}
}

// asJSON is a value as a table can spell it.
func asJSON(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return plainNumbers(out)
}

// plainNumbers gives a decoded table the types that YAML would give it: int, or float64 with a point.
func plainNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		for k, x := range v {
			v[k] = plainNumbers(x)
		}
	case []any:
		for i, x := range v {
			v[i] = plainNumbers(x)
		}
	}
	return value
}

// Recorded reads a text that a real system printed.
func Recorded(t *testing.T, name string) string {
	t.Helper()
	b, err := fs.ReadFile(os.DirFS("testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
