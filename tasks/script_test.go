package tasks

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/remote"
)

// A path must come out of the shell as it went in, whatever it holds, but for ~ and patterns.
func FuzzPathsInScripts(f *testing.F) {
	for _, seed := range []string{"/a b", "x'y", "-n", "~", "~root/x", "~$(id)/x", "a\nb", "/*", "$HOME", "`id`", "~/it's"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if path == "" || strings.ContainsRune(path, 0) {
			t.Skip()
		}
		h := &localHost{words: []string{"sh"}}
		r, err := h.Run(context.Background(), remote.Command{Script: "HOME=/home/me\nx=" + shellPath(path) + "\nprintf %s \"$x\"\n"})
		if err != nil || r.Status != 0 {
			t.Fatalf("%q: %v %s", path, err, r.Stderr)
		}
		want := path
		first, rest, _ := strings.Cut(path, "/")
		switch {
		case first == "~":
			want = "/home/me" + strings.TrimPrefix(path, "~")
		case homeOf.MatchString(first):
			// The home of somebody else, or the text itself when there is no such account.
			if !strings.HasSuffix(string(r.Stdout), rest) {
				t.Errorf("%q became %q", path, r.Stdout)
			}
			return
		case !strings.HasPrefix(path, "/"):
			want = "./" + path
		}
		if string(r.Stdout) != want {
			t.Errorf("%q became %q, want %q", path, r.Stdout, want)
		}
	})
}

// A command's words reach it as they are split here.
func FuzzWordsOfCommands(f *testing.F) {
	for _, seed := range []string{"a 'b c'", `"x\"y" z`, `\$HOME`, "*", "a\\\nb", "~x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if err != nil || len(words) == 0 || strings.ContainsRune(line, 0) {
			t.Skip()
		}
		h := &localHost{words: []string{"sh"}}
		r, err := h.Run(context.Background(), remote.Command{Script: "for w in " + quoteAll(words) + "; do printf '%s\\037' \"$w\"; done"})
		if err != nil || string(r.Stdout) != strings.Join(words, "\037")+"\037" {
			t.Errorf("%q: %q became %q, %v", line, words, r.Stdout, err)
		}
	})
}

func FuzzModes(f *testing.F) {
	for _, seed := range []string{"0644", "u=rwX,g=u,o=", "a+s-t", "=", "+"} {
		f.Add(seed, 0o644, false)
	}
	f.Fuzz(func(t *testing.T, spec string, current int, dir bool) {
		mode, err := modeFrom(spec, current&0o7777, dir)
		if err == nil && (mode < 0 || mode > 0o7777) {
			t.Errorf("%q on %04o is %o", spec, current&0o7777, mode)
		}
	})
}

// A password must not be left behind on a host, however the script that needed it ends.
func TestWorkDirGoesHoweverTheScriptEnds(t *testing.T) {
	for name, last := range map[string]string{
		"done":               "true",
		"failed":             "set -e; false; true",
		"told to end":        "kill -TERM $$; sleep 5",
		"nobody listens":     "sleep 0.2; echo finished",
		"the connection cut": "kill -HUP $$; sleep 5",
	} {
		for _, shell := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}} {
			t.Run(name+"/"+shell[0], func(t *testing.T) {
				if _, err := exec.LookPath(shell[0]); err != nil {
					t.Skipf("SKIP: no %s here", shell[0])
				}
				dir := t.TempDir()
				script := strings.Replace(workDir, "/run/", dir+"/", 1) + "echo secret >\"$WORK/password\"\n" + last + "\n"
				c := exec.Command(shell[0], append(shell[1:], "-c", script)...)
				out, err := c.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				out.Close() // what is written from now on meets nobody
				_ = c.Wait()
				left, err := os.ReadDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				if len(left) > 0 {
					t.Errorf("left over: %v", left)
				}
			})
		}
	}
}
