package script_test

import (
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/polarbook/polarbook/tasks/script"
)

func folder(t *testing.T, files map[string]string) *script.Folder {
	t.Helper()
	m := fstest.MapFS{}
	for name, text := range files {
		m["scripts/"+name+".sh"] = &fstest.MapFile{Data: []byte(text)}
	}
	return script.Load(m, script.Shared)
}

// What a script is given arrives as it was given, whatever it holds and whatever the environment holds.
func TestValuesReachAScript(t *testing.T) {
	f := folder(t, map[string]string{"main": "# Says what it got.\n# uses: other\n# takes: a b n yes no\n" +
		"\tprintf '%s|' \"$a\" \"$b\" \"$n\" \"$yes\" \"$no\" \"$o\" \"$@\"\n",
		"other": "# takes: o\n# leaves: x\nx=1\n"})
	text := f.Script("main", script.Values{"a": "it's $HOME\n\t# no comment", "b": script.Path("~nobody/x y"), "n": 5432,
		"yes": true, "no": false}, "one", "", "-n *")
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("SKIP: no %s here", shell[0])
			continue
		}
		c := exec.Command(shell[0], append(shell[1:], "-c", text)...)
		c.Env = append(c.Environ(), "o=from the environment", "no=neither")
		out, err := c.CombinedOutput()
		want := "it's $HOME\n\t# no comment|"
		if err != nil || !strings.HasPrefix(string(out), want) || !strings.HasSuffix(string(out), "/x y|5432|1|||one||-n *|") {
			t.Errorf("%v: %q, %v", shell, out, err)
		}
	}
	if strings.Contains(text, "Says") || strings.Contains(text, "\n\tprintf") {
		t.Errorf("what is for readers only is sent: %s", text)
	}
}

func TestScriptsThatDoNotFitTogether(t *testing.T) {
	panics := func(name, want string, f func()) {
		t.Helper()
		defer func() {
			if said, _ := recover().(string); !strings.Contains(said, want) {
				t.Errorf("%s: %q, and not %q", name, said, want)
			}
		}()
		f()
	}
	panics("a value that is not taken", "takes no p", func() {
		folder(t, map[string]string{"main": "# takes: q\n"}).Script("main", script.Values{"p": ""})
	})
	panics("a circle", "uses itself", func() { folder(t, map[string]string{"a": "# uses: b\n", "b": "# uses: a\n"}) })
	panics("what is not there", "no script c", func() { folder(t, map[string]string{"a": "# uses: c\n"}) })
	panics("a value of a kind that has no words", "given a", func() {
		folder(t, map[string]string{"main": "# takes: q\n"}).Script("main", script.Values{"q": 1.5})
	})
	panics("an empty folder", "no scripts", func() { script.Load(fstest.MapFS{}, nil) })
}

// Each part comes once, after what it uses, however many use it.
func TestPartsComeOnce(t *testing.T) {
	f := folder(t, map[string]string{"main": "# uses: preamble inside roots strangers\n:\n"})
	if got := strings.Join(f.Parts("main"), " "); got != "preamble resolve inside roots strangers main" {
		t.Errorf("the parts are %s", got)
	}
	if n := strings.Count(f.Text("main"), "resolve() {"); n != 1 {
		t.Errorf("a part is there %d times", n)
	}
}
