package builtin

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// site is a web server of a test's own, on loopback.
func site(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	modified := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	mux.HandleFunc("/file.conf", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", modified, strings.NewReader("port = 5432\n"))
	})
	mux.HandleFunc("/named", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="../it's.txt"`)
		fmt.Fprint(w, "named\n")
	})
	mux.HandleFunc("/sums", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "0000  other\nd9f3bcf4e4d7b3e7e7a4a1a9d3b6d1a6 *nothing\n"+
			"1e2a9c6ba0f6a0f5a7e6d1b4c8c5b1f1a7a1f2d4c1c4f3a2b1c0d9e8f7a6b5c4  ./else\n"+sumOfFile+"  ./file.conf\n")
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprintf(w, `{"method": %q, "body": %q, "type": %q, "agent": %q, "own": %q, "length": %d, "cookie": %q, "credentials": %q}`, r.Method, body,
			r.Header.Get("Content-Type"), r.UserAgent(), r.Header.Get("X-Own"), r.ContentLength, r.Header.Get("Cookie"),
			r.Header.Get("Authorization"))
	})
	mux.HandleFunc("/form", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		f, header, err := r.FormFile("upload")
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		content, _ := io.ReadAll(f)
		fmt.Fprintf(w, "%s|%s|%s|%s", r.FormValue("text"), header.Filename, header.Header.Get("Content-Transfer-Encoding"), content)
	})
	mux.HandleFunc("/basic", func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "dba" || password != `p"a\ss word` {
			w.Header().Set("WWW-Authenticate", `Basic realm="db"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "come in\n")
	})
	mux.HandleFunc("/digest", func(w http.ResponseWriter, r *http.Request) {
		sum := func(text string) string { s := md5.Sum([]byte(text)); return hex.EncodeToString(s[:]) }
		given := map[string]string{}
		for _, part := range strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Digest "), ", ") {
			name, value, _ := strings.Cut(part, "=")
			given[name] = strings.Trim(value, `"`)
		}
		want := sum(strings.Join([]string{sum(`dba:db:p"a\ss word`), "n1", given["nc"], given["cnonce"], "auth", sum(r.Method + ":" + r.RequestURI)}, ":"))
		if given["response"] != want {
			w.Header().Set("WWW-Authenticate", `Digest realm="db", nonce="n1", qop="auth", opaque="o"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "come in\n")
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "42"})
		http.Redirect(w, r, "/echo", http.StatusFound)
	})
	mux.HandleFunc("/kept", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/echo", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		_, port, _ := net.SplitHostPort(r.Host)
		http.Redirect(w, r, "http://localhost:"+port+"/echo", http.StatusFound)
	})
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "it is gone", http.StatusGone) })
	mux.HandleFunc("/packed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, "unpacked\n")
		z.Close()
	})
	mux.HandleFunc("/app.tar.gz", func(w http.ResponseWriter, _ *http.Request) {
		z := gzip.NewWriter(w)
		pack := tar.NewWriter(z)
		_ = pack.WriteHeader(&tar.Header{Name: "app/run", Mode: 0o755, Size: 4, ModTime: modified})
		fmt.Fprint(pack, "run\n")
		pack.Close()
		z.Close()
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("no_proxy", "127.0.0.1,localhost")
	return s
}

// sumOfFile is the SHA-256 of /file.conf.
const sumOfFile = "c0efd349f9da495924a845e0395b6b87312a8d2d7c364a9564c114be5b768425"

// here is a host that is the control node.
type here struct{ *taskstest.LocalHost }

func (here) Here(context.Context) (bool, error) { return true, nil }

// without takes programs out of PATH.
func without(t *testing.T, programs ...string) {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} {
		entries, _ := os.ReadDir(path)
		for _, e := range entries {
			_ = os.Symlink(filepath.Join(path, e.Name()), filepath.Join(dir, e.Name()))
		}
	}
	for _, program := range programs {
		_ = os.Remove(filepath.Join(dir, program))
	}
	t.Setenv("PATH", dir)
}

// asking runs a test with each of the ways in which a request can be made: the attempt is what does a task.
func asking(t *testing.T, test func(t *testing.T, s *httptest.Server, dir string, attempt attempt)) {
	t.Helper()
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		for _, way := range []string{"curl", "wget", "here"} {
			if way != "curl" && (testing.Short() || h.Words[0] != "dash") {
				continue // what differs between shells does so with curl as well
			}
			t.Run(way, func(t *testing.T) {
				var host tasks.Host = h
				switch way {
				case "wget":
					if out, _ := exec.Command("wget", "--version").CombinedOutput(); !strings.Contains(string(out), "GNU") {
						t.Skip("no GNU wget")
					}
					without(t, "curl")
				case "here":
					host = here{h}
				}
				test(t, site(t), t.TempDir(), func(module string, args map[string]any, check bool) (tasks.Plan, tasks.Result, error) {
					t.Helper()
					return do(t, host, h, module, args, &taskstest.FakeLocal{Checking: check, Dir: "/"})
				})
			})
		}
	})
}

type attempt func(module string, args map[string]any, check bool) (tasks.Plan, tasks.Result, error)

// do does a task whose change is an event.
func do(t *testing.T, host tasks.Host, h *taskstest.LocalHost, module string, args map[string]any, l tasks.Local) (tasks.Plan,
	tasks.Result, error) {
	t.Helper()
	a, err := taskstest.ModuleNamed(t, module).New(args, l)
	if err != nil {
		return tasks.Plan{}, tasks.Result{}, err
	}
	found := tasks.Found{}
	if found.Result, err = h.Run(context.Background(), command(a.Probe())); err != nil {
		t.Fatal(err)
	}
	if found, err = tasks.Find(context.Background(), host, a, found); err != nil {
		return tasks.Plan{}, tasks.Result{}, err
	}
	plan, err := a.Plan(found)
	if err != nil || !plan.Change || l.Check() {
		return plan, tasks.Result{Msg: plan.Msg, Values: plan.Values}, err
	}
	r, err := a.(tasks.Applier).Apply(context.Background(), host, plan)
	return plan, plan.Complete(r), err
}

// left fails when requests left something in a directory for temporary files.
func left(t *testing.T) {
	t.Helper()
	if found, _ := filepath.Glob(filepath.Join(os.TempDir(), ".polarbook-web.*")); len(found) > 0 {
		t.Errorf("left: %v", found)
	}
}

func unixSite(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return path
}
