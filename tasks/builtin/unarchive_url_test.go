package builtin

import (
	"net/http/httptest"
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestUnarchiveURL(t *testing.T) {
	asking(t, func(t *testing.T, s *httptest.Server, dir string, attempt attempt) {
		t.Setenv("TMPDIR", t.TempDir())
		if err := os.Mkdir(dir+"/into", 0o755); err != nil {
			t.Fatal(err)
		}
		args := map[string]any{"src": s.URL + "/app.tar.gz", "dest": dir + "/into", "remote_src": true}
		must := func(change, check bool) {
			t.Helper()
			plan, _, err := attempt("unarchive", args, check)
			if err != nil || plan.Change != change {
				t.Fatalf("%v: change %v, want %v: %v", args, plan.Change, change, err)
			}
			left(t)
		}
		must(true, true)
		if names, _ := os.ReadDir(dir + "/into"); len(names) > 0 {
			t.Fatalf("--check unpacked %v", names)
		}
		must(true, false)
		if got := taskstest.Read(t, dir+"/into/app/run"); got != "run\n" {
			t.Errorf("%q", got)
		}
		must(false, false)
		must(false, true)
		args["creates"] = dir + "/into/app"
		args["src"] = s.URL + "/gone"
		must(false, false)
		delete(args, "creates")
		for src, says := range map[string]string{
			s.URL + "/gone": "HTTP Error 410", s.URL + "/echo": "is not an archive", "http://127.0.0.1:9/x.tgz": "Request failed",
		} {
			args["src"] = src
			if _, _, err := attempt("unarchive", args, false); err == nil {
				t.Errorf("%s: no error", src)
			} else {
				taskstest.MustContain(t, err.Error(), says)
			}
			left(t)
		}
		args["src"], args["dest"] = s.URL+"/app.tar.gz", dir+"/none"
		if _, _, err := attempt("unarchive", args, false); err == nil {
			t.Error("a directory that is not there: no error")
		} else {
			taskstest.MustContain(t, err.Error(), "none does not exist")
		}
	})
}
