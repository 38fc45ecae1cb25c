package files

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// TestWhatIsDecidedByIsRootsAlone has another account own, write or bend what root decides by, at each place on the way.
func TestWhatIsDecidedByIsRootsAlone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	for name, c := range map[string]struct {
		spoil string // run with T for a directory of root's alone and F for T/a/b/owed
		fault string // "": it is believed
	}{
		"root's alone":                  {":", ""},
		"root's, by way of root's link": {"mv T/a T/c; ln -s c T/a", ""},
		"readable by others":            {"chmod 755 T/a T/a/b; chmod 644 F", ""},
		"a group of root's":             {"chmod 770 T/a/b", ""},
		"in a sticky directory":         {"chmod 1777 T/a", ""},
		"the file is another's":         {"chown 61234 F", "belongs to the user with the number 61234"},
		"the file is everybody's":       {"chmod 666 F", "can be written to by everybody"},
		"the file is a group's":         {"chown 0:61234 F; chmod 664 F", "can be written to by the group with the number 61234"},
		"its directory is another's":    {"chown 61234 T/a/b", "belongs to the user with the number 61234"},
		"its directory is everybody's":  {"chmod 777 T/a/b", "can be written to by everybody"},
		"the one above is another's":    {"chown 61234 T/a", "belongs to the user with the number 61234"},
		"the one above is everybody's":  {"chmod 707 T/a", "can be written to by everybody"},
		"the one above is a group's":    {"chown 0:61234 T/a; chmod 770 T/a", "can be written to by the group with the number 61234"},
		"a link in its place":           {"mv F F.away; ln -s F.away F", "is no regular file"},
		"a dangling link in its place":  {"rm F; ln -s /nowhere F", "is no regular file"},
		"a directory in its place":      {"rm F; mkdir F", "is no regular file"},
		"a fifo in its place":           {"rm F; mkfifo F", "is no regular file"},
		"another's link on the way": {"mv T/a T/c; ln -s c T/a; chown -h 61234 T/a",
			"leads through a link that another account can replace"},
		"a link in a directory of another": {"mv T/a T/c; mkdir T/d; ln -s ../c T/d/a; chown 61234 T/d; ln -s d/a T/a",
			"leads through a link that another account can replace"},
		"a sticky directory, and another's": {"chmod 1777 T/a; chown 61234 T/a/b", "belongs to the user with the number 61234"},
	} {
		t.Run(name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
				file := filepath.Join(dir, "a/b/owed")
				taskstest.Open(t, dir)
				taskstest.MustWrite(t, file, "what is owed\n")
				if err := os.Chmod(file, 0o644); err != nil {
					t.Fatal(err)
				}
				spoil := strings.NewReplacer("T/", remote.Quote(dir)+"/", "F.away", remote.Quote(file+".away"),
					"F", remote.Quote(file)).Replace(c.spoil)
				if out, err := exec.Command("/bin/sh", "-ec", spoil).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				r, err := h.Run(t.Context(), remote.Command{Script: script.Trusted(file, 100)})
				switch {
				case err != nil:
					t.Fatal(err)
				case c.fault == "" && (r.Status != 0 || string(r.Stdout) != "what is owed\n"):
					t.Errorf("%d: %q %q", r.Status, r.Stdout, r.Stderr)
				case c.fault != "" && (r.Status != script.TrustedFault || len(r.Stdout) > 0 || !strings.Contains(string(r.Stderr), c.fault)):
					t.Errorf("%d: %q %q, want %q", r.Status, r.Stdout, r.Stderr, c.fault)
				}
			})
		})
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		r, err := h.Run(t.Context(), remote.Command{Script: script.Trusted(dir+"/none/owed", 100)})
		if err != nil || r.Status != script.TrustedAbsent {
			t.Errorf("%v %+v", err, r)
		}
	})
}
