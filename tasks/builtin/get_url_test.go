package builtin

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func command(script string) remote.Command { return remote.Command{Script: script} }

func TestGetURL(t *testing.T) {
	asking(t, func(t *testing.T, s *httptest.Server, dir string, attempt attempt) {
		t.Setenv("TMPDIR", t.TempDir())
		defer left(t)
		dest := dir + "/it's.conf"
		args := func(more ...any) map[string]any {
			all := map[string]any{"url": s.URL + "/file.conf", "dest": dest}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		must := func(changed bool, args map[string]any) map[string]any {
			t.Helper()
			_, r, err := attempt("get_url", args, false)
			if err != nil || r.Changed != changed {
				t.Fatalf("%v: changed %v, %v", args, r.Changed, err)
			}
			r.Values["said"] = r.Msg
			return r.Values
		}
		if p, _, err := attempt("get_url", args(), true); err != nil || !p.Change {
			t.Errorf("check mode: %+v %v", p, err)
		}
		v := must(true, args("mode", "0640"))
		if v["status_code"] != 200 || v["mode"] != "0640" || v["size"] != int64(12) || v["said"] != "OK (12 bytes)" || v["checksum_dest"] != nil {
			t.Errorf("%v", v)
		}
		if taskstest.Read(t, dest) != "port = 5432\n" {
			t.Error("another content")
		}
		// The file is newer than the server's.
		if v = must(false, args("mode", "0600")); v["status_code"] != 304 || v["size"] != int64(12) || v["mode"] != "0640" {
			t.Errorf("%v", v)
		}
		if p, _, err := attempt("get_url", args(), true); err != nil || p.Change {
			t.Errorf("check mode of what is there: %+v %v", p, err)
		}
		must(false, args("force", true))
		must(true, args("force", true, "mode", "0600"))
		taskstest.Write(t, dir+"/old", "old", 0o644)
		if err := os.Symlink("old", dir+"/link"); err != nil {
			t.Fatal(err)
		}
		must(true, args("dest", dir+"/link", "force", true))
		if info, err := os.Lstat(dir + "/link"); err != nil || !info.Mode().IsRegular() || taskstest.Read(t, dir+"/old") != "old" {
			t.Errorf("a link at dest: %v, %v", info, err)
		}
		must(false, args("checksum", "sha256:"+sumOfFile))
		if v = must(true, args("checksum", "SHA256:"+sumOfFile, "mode", "0644")); v["mode"] != "0644" {
			t.Errorf("the mode before is returned: %v", v)
		}
		var failed *tasks.Failure
		if _, _, err := attempt("get_url", args("dest", dir+"/none/f"), false); !errors.As(err, &failed) ||
			failed.Values["dest"] != dir+"/none/f" {
			t.Errorf("a failure does not say what was to be written: %v", err)
		}
		must(false, args("checksum", "sha256:"+s.URL+"/sums"))
		taskstest.Write(t, dest, "mine\n", 0o644)
		v = must(true, args("checksum", "sha256:"+s.URL+"/sums", "backup", true))
		if kept, _ := v["backup_file"].(string); taskstest.Read(t, kept) != "mine\n" || taskstest.Read(t, dest) != "port = 5432\n" {
			t.Errorf("%v", v)
		}
		// A directory takes the name that the server gives, or the URL's.
		if v = must(true, args("dest", dir, "url", s.URL+"/named")); v["dest"] != dir+"/it's.txt" {
			t.Errorf("%v", v)
		}
		if v = must(true, args("dest", dir)); v["dest"] != dir+"/file.conf" {
			t.Errorf("%v", v)
		}
		v = must(true, args("url", s.URL+"/packed", "dest", dir+"/packed"))
		if taskstest.Read(t, dir+"/packed") != "unpacked\n" {
			t.Errorf("%v", v)
		}
		must(true, args("url", "file://"+dest, "dest", dir+"/copied"))
		must(true, args("url", s.URL+"/basic", "dest", dir+"/basic", "url_username", "dba", "url_password", `p"a\ss word`, "force_basic_auth", true))
		must(true, args("url", s.URL+"/basic", "dest", dir+"/basic2", "username", "dba", "password", `p"a\ss word`))
		must(true, args("url", s.URL+"/moved", "dest", dir+"/moved", "tmp_dest", dir))

		for _, c := range []struct {
			args map[string]any
			says string
		}{
			{args("url", s.URL+"/gone", "dest", dir+"/gone"), "HTTP Error 410"},
			{args("url", s.URL+"/basic", "dest", dir+"/gone"), "HTTP Error 401"},
			{args("url", s.URL+"/round", "dest", dir+"/gone"), "more than 10 times"},
			{args("url", s.URL+"/file.conf", "dest", dir+"/gone", "checksum", "md5:00"), "did not match 00; it was "},
			{args("url", s.URL+"/named", "dest", dir+"/gone", "checksum", "sha256:"+s.URL+"/sums"), "Unable to find a checksum for file 'named'"},
			{args("url", "http://127.0.0.1:9/x", "dest", dir+"/gone"), "Request failed"},
			{args("url", "gopher://x/", "dest", dir+"/gone"), "has to begin with http:"},
			{args("dest", dir+"/no/file"), "Destination " + dir + "/no does not exist"},
			{args("dest", dir+"/no/"), "Destination " + dir + "/no does not exist"},
			{args("tmp_dest", dir+"/no", "dest", dir+"/gone"), dir + "/no directory does not exist"},
			{args("checksum", "abc"), "ALGORITHM:DIGITS"},
			{args("checksum", "crc:abc"), `names "crc"`},
			{args("checksum", "sha256:xyz"), "hexadecimal"},
			{args("use_gssapi", true), "no Kerberos"},
			{args("headers", map[string]any{"X": "a\nb"}, "dest", dir+"/gone"), "the end of a line"},
		} {
			_, _, err := attempt("get_url", c.args, false)
			if err == nil {
				t.Errorf("%v: no error", c.args)
				continue
			}
			taskstest.MustContain(t, err.Error(), c.says)
			if f := (*tasks.Failure)(nil); errors.As(err, &f) && f.Values["msg"] != nil {
				t.Errorf("%v: another msg than why it failed: %v", c.args, f.Values["msg"])
			}
		}
		if _, err := os.Stat(dir + "/gone"); err == nil {
			t.Error("what was refused has been written")
		}
		if found, _ := filepath.Glob(dir + "/.polarbook*"); len(found) > 0 {
			t.Errorf("left: %v", found)
		}
	})
}

// A host without curl and wget says so, and one with busybox's wget does what that can do in safety.
func TestGetURLTools(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		s := site(t)
		without(t, "curl", "wget")
		get := func(more ...string) error {
			args := map[string]any{"url": s.URL + "/file.conf", "dest": dir + "/f"}
			for i := 0; i < len(more); i += 2 {
				args[more[i]] = more[i+1]
			}
			_, _, err := do(t, h, h, "get_url", args, &taskstest.FakeLocal{})
			return err
		}
		if err := get(); err == nil {
			t.Error("no error")
		} else {
			taskstest.MustContain(t, err.Error(), "neither curl nor wget is on the host")
		}
		busybox := "/bin/busybox"
		if _, err := os.Stat(busybox); err != nil {
			t.Skip("no busybox")
		}
		if out, _ := taskstest.Sh(t, busybox+" wget --help 2>&1"); len(out) == 0 || out[0] != 'B' {
			t.Skip("this busybox has no wget")
		}
		bin := t.TempDir()
		taskstest.Write(t, bin+"/wget", "#!/bin/sh\nexec "+busybox+" wget \"$@\"\n", 0o755)
		t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
		if err := get(); err != nil {
			t.Fatal(err)
		}
		if taskstest.Read(t, dir+"/f") != "port = 5432\n" {
			t.Error("another content")
		}
		if err := get("url", s.URL+"/gone", "dest", dir+"/gone"); err == nil {
			t.Error("no error")
		} else {
			taskstest.MustContain(t, err.Error(), "HTTP Error 410")
		}
		if err := get("url", s.URL+"/basic", "url_username", "dba", "url_password", "x"); err == nil {
			t.Error("no error")
		} else {
			taskstest.MustContain(t, err.Error(), "no other user of the host would see")
		}
	})
}

func TestSumOf(t *testing.T) {
	for _, c := range []struct{ text, name, want string }{
		{"abc\n", "x", "abc"}, {"abc  x\n", "x", "abc"}, {"0  y\nabc *x\n", "x", "abc"}, {"abc  ./x\n0 z\n", "x", "abc"},
		{"SHA256 (x) = abc\n", "x", "abc"}, {"abc  y\n", "x", ""}, {"", "x", ""},
	} {
		if got, _ := sumOf(c.text, c.name); got != c.want {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}
