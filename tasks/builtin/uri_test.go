package builtin

import (
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
	"github.com/polarbook/polarbook/templates/ordered"
)

func TestURI(t *testing.T) {
	asking(t, func(t *testing.T, s *httptest.Server, dir string, attempt attempt) {
		t.Setenv("TMPDIR", t.TempDir())
		defer left(t)
		ask := func(path string, more ...any) (map[string]any, bool) {
			t.Helper()
			args := map[string]any{"url": s.URL + path}
			for i := 0; i < len(more); i += 2 {
				args[more[i].(string)] = more[i+1]
			}
			_, r, err := attempt("uri", args, false)
			if err != nil {
				t.Fatalf("%v: %v", args, err)
			}
			return r.Values, r.Changed
		}
		echoed := func(path string, more ...any) map[string]any {
			t.Helper()
			v, _ := ask(path, more...)
			json, _ := ordered.Plain(v["json"]).(map[string]any)
			return json
		}
		v, changed := ask("/echo", "headers", map[string]any{"X-Own": "a: \"b\"\\", "User-Agent": "mine"})
		if changed || v["status"] != 200 || v["content_type"] != "application/json; charset=utf-8" || v["redirected"] != false ||
			v["url"] != s.URL+"/echo" || v["content"] != nil || v["cookies_string"] != "" || !strings.HasPrefix(v["msg"].(string), "OK (") {
			t.Errorf("%v", v)
		}
		if got := ordered.Plain(v["json"]).(map[string]any); got["own"] != "a: \"b\"\\" || got["agent"] != "mine" || got["method"] != "GET" {
			t.Errorf("%v", got)
		}
		if got := echoed("/echo"); got["agent"] != "ansible-httpget" || got["type"] != "" {
			t.Errorf("%v", got)
		}
		data := map[string]any{"a": []any{1, "x y", nil, true}, "b": "ü&="}
		if got := echoed("/echo", "method", "post", "body", data, "body_format", "json"); got["type"] != "application/json" ||
			got["body"] != `{"a": [1, "x y", null, true], "b": "\u00fc&="}` || got["method"] != "POST" {
			t.Errorf("%v", got)
		}
		if got := echoed("/echo", "method", "PUT", "body", data, "body_format",
			"form-urlencoded"); got["type"] != "application/x-www-form-urlencoded" ||
			got["body"] != "a=1&a=x+y&a=True&b=%C3%BC%26%3D" {
			t.Errorf("%v", got)
		}
		if got := echoed("/echo", "method", "POST", "body", []any{[]any{"k", "v"}, []any{"k", 2}}, "body_format",
			"form-urlencoded"); got["body"] != "k=v&k=2" {
			t.Errorf("%v", got)
		}
		if got := echoed("/echo", "method", "POST", "body", "two\nlines\n", "headers",
			map[string]any{"Content-Type": "text/x"}); got["type"] != "text/x" ||
			got["body"] != "two\nlines\n" {
			t.Errorf("%v", got)
		}
		if got := echoed("/echo", "method", "POST"); got["body"] != "" || got["type"] != "" {
			t.Errorf("%v", got)
		}
		// Nobody listens on port 9, which is success where status_code has -1.
		if _, r, err := attempt("uri", map[string]any{"url": "http://127.0.0.1:9/", "status_code": []any{200, -1}}, false); err != nil ||
			r.Values["status"] != -1 || r.Values["redirected"] != false || r.Values["url"] != "http://127.0.0.1:9/" || r.Values["msg"] == "" {
			t.Errorf("%v: %v", r.Values, err)
		}
		if _, _, err := attempt("uri", map[string]any{"url": "http://127.0.0.1:9/"}, false); err == nil {
			t.Error("nobody answered, and it was success")
		}
		large := strings.Repeat("0123456789\n", 20000)
		taskstest.Write(t, dir+"/large", large, 0o600)
		for _, remote := range []bool{false, true} {
			if got := echoed("/echo", "method", "POST", "src", where(remote, dir+"/large"), "remote_src", remote); got["body"] != large {
				t.Errorf("remote_src %v: %d bytes", remote, len(got["body"].(string)))
			}
		}
		v, _ = ask("/form", "method", "POST", "return_content", true, "body_format", "form-multipart", "body", map[string]any{
			"text": "some text", "upload": map[string]any{"content": "what is in it", "filename": "up/load.txt", "mime_type": "text/plain"},
		})
		if v["content"] != "some text|load.txt||what is in it" {
			t.Errorf("%v", v["content"])
		}
		taskstest.Write(t, dir+"/up.txt", "from a file", 0o600)
		for _, remote := range []bool{false, true} {
			v, _ = ask("/form", "method", "POST", "return_content", true, "body_format", "form-multipart", "remote_src", remote,
				"body", map[string]any{
					"text": "t", "upload": map[string]any{"filename": where(remote, dir+"/up.txt")},
				})
			if v["content"] != "t|up.txt|base64|ZnJvbSBhIGZpbGU=\r\n" {
				t.Errorf("%q", v["content"])
			}
		}
		// Redirects.
		v, _ = ask("/moved")
		if got := ordered.Plain(v["json"]).(map[string]any); v["redirected"] != true || v["url"] != s.URL+"/echo" ||
			got["cookie"] != "session=42" ||
			!reflect.DeepEqual(v["cookies"], map[string]any{"session": "42"}) || v["cookies_string"] != "session=42" {
			t.Errorf("%v", v)
		}
		v, _ = ask("/moved", "follow_redirects", "none", "status_code", []any{302}, "return_content", true)
		if v["status"] != 302 || v["location"] != s.URL+"/echo" || v["msg"] != "HTTP Error 302: Found" || v["redirected"] != false {
			t.Errorf("%v", v)
		}
		v, _ = ask("/moved", "method", "POST", "body", "x", "status_code", "302")
		if v["status"] != 302 {
			t.Errorf("%v", v)
		}
		if got := echoed("/moved", "method", "POST", "body", "x", "follow_redirects", "all"); got["method"] != "GET" || got["body"] != "" {
			t.Errorf("%v", got)
		}
		if got := echoed("/kept", "method", "POST", "body", "x", "follow_redirects", "all"); got["method"] != "POST" || got["body"] != "x" {
			t.Errorf("%v", got)
		}
		// Where a redirect leads is not always whom the credentials are for.
		known := []any{"url_username", "dba", "url_password", "word", "force_basic_auth", true, "headers",
			map[string]any{"Cookie": "a=b", "X-Own": "o"}}
		if got := echoed("/kept", known...); got["credentials"] == "" || got["cookie"] != "a=b" {
			t.Errorf("%v", got)
		}
		if got := echoed("/elsewhere", known...); got["credentials"] != "" || got["cookie"] != "" || got["own"] != "o" {
			t.Errorf("%v", got)
		}
		// Who asks.
		for _, path := range []string{"/basic", "/digest"} {
			ask(path, "url_username", "dba", "url_password", `p"a\ss word`)
		}
		ask("/basic", "user", "dba", "password", `p"a\ss word`, "force_basic_auth", true)
		v, _ = ask("/basic", "url", strings.Replace(s.URL, "://", "://dba:p%22a%5Css%20word@", 1)+"/basic", "return_content", true)
		if v["content"] != "come in\n" || v["url"] != s.URL+"/basic" {
			t.Errorf("%v", v)
		}
		taskstest.Write(t, os.Getenv("HOME")+"/.netrc", "machine other login x password y\nmachine 127.0.0.1\n  login dba password wrong\n",
			0o600)
		if _, _, err := attempt("uri", map[string]any{"url": s.URL + "/basic"}, false); err == nil {
			t.Error("no error")
		}
		v, _ = ask("/packed", "return_content", true)
		if v["content"] != "unpacked\n" {
			t.Errorf("%v", v)
		}
		// Files.
		v, changed = ask("/file.conf", "dest", dir+"/got.conf", "mode", "0600")
		if !changed || v["path"] != dir+"/got.conf" || taskstest.Read(t, dir+"/got.conf") != "port = 5432\n" {
			t.Errorf("%v %v", changed, v)
		}
		if v["mode"] != "0600" || v["state"] != "file" || v["size"] != int64(12) || v["uid"] != os.Getuid() || v["owner"] == nil {
			t.Errorf("of the file it says %v", v)
		}
		v, changed = ask("/file.conf", "dest", dir+"/got.conf", "status_code", []any{200, 304})
		if changed || v["status"] != 304 || v["mode"] != "0600" || v["state"] != "file" {
			t.Errorf("%v %v", changed, v)
		}
		if v, _ = ask("/file.conf", "dest", dir); v["path"] != dir+"/file.conf" {
			t.Errorf("%v", v)
		}
		if v, _ = ask("/echo", "creates", dir+"/got.conf"); v["status"] != nil || v["stdout"] != "skipped, since '"+dir+"/got.conf' exists" {
			t.Errorf("%v", v)
		}
		if v, _ = ask("/echo", "creates", dir+"/got.*"); v["status"] != 200 {
			t.Errorf("creates is taken for a pattern: %v", v)
		}
		if v, _ = ask("/gone", "status_code", []any{410}); v["body"] != "it is gone\n" {
			t.Errorf("%v", v)
		}
		for _, c := range []struct {
			says string
			more map[string]any
		}{
			{"Status code was 410 and not [200]: HTTP Error 410: Gone", map[string]any{"url": s.URL + "/gone"}},
			{"Status code was 401 and not [200]", map[string]any{"url": s.URL + "/basic", "url_username": "dba", "url_password": "no"}},
			{"Request failed: http://127.0.0.1:9/", map[string]any{"url": "http://127.0.0.1:9/"}},
			{"has to begin with http:, https:", map[string]any{"url": "file:///etc/passwd"}},
			{"is a dict or list: set body_format", map[string]any{"url": s.URL, "body": map[string]any{}}},
			{"a single word", map[string]any{"url": s.URL, "method": "GET x"}},
			{"exclude each other", map[string]any{"url": s.URL, "src": "x", "body": "y"}},
			{"is not a number", map[string]any{"url": s.URL, "status_code": "ok"}},
			{"neither text nor a dict", map[string]any{"url": s.URL, "body": map[string]any{"a": 1}, "body_format": "form-multipart"}},
			{"pairs of a name and a value", map[string]any{"url": s.URL, "body": []any{1}, "body_format": "form-urlencoded"}},
		} {
			if _, _, err := attempt("uri", c.more, false); err == nil {
				t.Errorf("%v: no error", c.more)
			} else {
				taskstest.MustContain(t, err.Error(), c.says)
			}
		}
		if p, _, err := attempt("uri", map[string]any{"url": s.URL}, true); err != nil || p.Unknown == "" {
			t.Errorf("check mode: %+v %v", p, err)
		}
		socket := unixSite(t)
		args := map[string]any{"url": "http://any/v1/version", "unix_socket": socket, "return_content": true}
		_, r, err := attempt("uri", args, false)
		if strings.Contains(t.Name(), "wget") {
			if err == nil {
				t.Error("no error")
			} else {
				taskstest.MustContain(t, err.Error(), "its wget cannot make a request over a unix socket")
			}
		} else if err != nil || r.Values["content"] != "/v1/version" {
			t.Errorf("%v %v", r.Values, err)
		}
	})
}

// where is a file by the name that a module finds it by: the control node's files are below the root directory here.
func where(remote bool, file string) string {
	if remote {
		return file
	}
	return strings.TrimPrefix(file, "/")
}
