package script_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/script"
)

var variable = regexp.MustCompile(`\$(\w|\{)`)

// Variables are the host's, as Ansible has it for every path; what is not set stays as it is written.
func TestVariablesInPaths(t *testing.T) {
	for path, want := range map[string]string{
		"$HOME":             "/home/it's me",
		"$HOME/a b":         "/home/it's me/a b",
		"${HOME}/*":         "/home/it's me/*",
		"/srv/$NAME/$NAME2": "/srv/n;x/$NAME2",
		"/srv/${NAME}2":     "/srv/n;x2",
		"sub/$NAME":         "./sub/n;x",
		"~/$NAME":           "/home/it's me/n;x",
		"$NOBODY/a":         "$NOBODY/a",
		"${NOBODY}":         "${NOBODY}",
		"/a$":               "/a$",
		"/a$1/$-":           "/a$1/$-",
		"/$(id)":            "/$(id)",
		"-$NAME":            "./-n;x",
	} {
		for _, as := range []script.Word{script.Path(path), script.Pattern(path)} {
			for _, shell := range [][]string{{"dash"}, {"bash"}, {"busybox", "sh"}} {
				if _, err := exec.LookPath(shell[0]); err != nil {
					continue
				}
				cmd := exec.Command(shell[0], append(shell[1:], "-c", "set -f; x="+string(as)+"\nprintf %s \"$x\"")...)
				cmd.Env = []string{"HOME=/home/it's me", "NAME=n;x", "PATH=" + os.Getenv("PATH")}
				out, err := cmd.Output()
				if got := string(out); err != nil || got != want && "./"+got != want {
					t.Errorf("%s: %q as %s became %q, %v, want %q", shell[0], path, as, out, err, want)
				}
			}
		}
	}
}

var home = regexp.MustCompile(`^~[A-Za-z0-9_.-]*$`)

// A path must come out of the shell as it went in, whatever it holds, but for ~ and patterns.
func FuzzPathsInScripts(f *testing.F) {
	for _, seed := range []string{"/a b", "x'y", "-n", "~", "~root/x", "~$(id)/x", "a\nb", "/*", "$HOME", "`id`", "~/it's"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if path == "" || strings.ContainsRune(path, 0) || variable.MatchString(path) {
			t.Skip()
		}
		out, err := exec.Command("sh", "-c", "HOME=/home/me\nx="+string(script.Path(path))+"\nprintf %s \"$x\"\n").Output()
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		want := path
		first, rest, _ := strings.Cut(path, "/")
		switch {
		case first == "~":
			want = "/home/me" + strings.TrimPrefix(path, "~")
		case home.MatchString(first):
			// The home of somebody else, or the text itself when there is no such account.
			if !strings.HasSuffix(string(out), rest) {
				t.Errorf("%q became %q", path, out)
			}
			return
		case !strings.HasPrefix(path, "/"):
			want = "./" + path
		}
		if string(out) != want {
			t.Errorf("%q became %q, want %q", path, out, want)
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
				text := strings.Replace(script.WorkDir, "/run/", dir+"/", 1) + "echo secret >\"$WORK/password\"\n" + last + "\n"
				c := exec.Command(shell[0], append(shell[1:], "-c", text)...)
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
