package builtin

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestKnownHosts(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l, path := &taskstest.FakeLocal{}, dir+"/ssh/known"
		args := func(host, key string, more ...any) map[string]any {
			all := map[string]any{"name": host, "path": path}
			if key != "" {
				all["key"] = key
			}
			for i := 0; i < len(more); i += 2 {
				all[more[i].(string)] = more[i+1]
			}
			return all
		}
		must := func(want string, args map[string]any) {
			t.Helper()
			if p, _ := taskstest.MustChange(t, h, "known_hosts", args, l); p.Made["name"] != args["name"] || p.Made["state"] != nil {
				t.Errorf("%v: %v", args, p.Made) // the state is the file's, which is looked at again
			}
			if got := taskstest.Read(t, path); got != want {
				t.Errorf("%v: %q", args, got)
			}
			taskstest.MustNotChange(t, h, "known_hosts", args, l)
		}
		taskstest.MustNotChange(t, h, "known_hosts", args("a", "", "state", "absent"), l)
		if _, _, err := taskstest.Attempt(t, h, "known_hosts", args("A.b", "a.b ssh-rsa AAAA1"), l); err == nil {
			t.Error("the file's directory is made")
		}
		if err := os.Mkdir(dir+"/ssh", 0o755); err != nil {
			t.Fatal(err)
		}
		must("a.b ssh-rsa AAAA1\n", args("A.b", "a.b ssh-rsa AAAA1"))
		must("a.b ssh-rsa AAAA2\n", args("a.b", "a.b ssh-rsa AAAA2"))
		must("a.b ssh-rsa AAAA2\na.b ssh-ed25519 AAAA3 comment\n", args("a.b", "a.b ssh-ed25519 AAAA3 comment"))
		must("a.b ssh-rsa AAAA2\na.b ssh-ed25519 AAAA3 comment\n[a.b]:2222 ssh-rsa AAAA4\n", args("[a.b]:2222", "[a.b]:2222 ssh-rsa AAAA4"))
		must("a.b ssh-ed25519 AAAA3 comment\n[a.b]:2222 ssh-rsa AAAA4\n", args("a.b", "a.b ssh-rsa AAAA9", "state", "absent"))
		must("[a.b]:2222 ssh-rsa AAAA4\n", args("a.b", "", "state", "absent"))
		taskstest.MustChange(t, h, "known_hosts", args("secret", "secret ssh-rsa AAAA5", "hash_host", true), l)
		taskstest.MustNotChange(t, h, "known_hosts", args("secret", "secret ssh-rsa AAAA5", "hash_host", true), l)
		got := taskstest.Read(t, path)
		if strings.Contains(got, "secret") || !strings.Contains(got, "\n|1|") {
			t.Errorf("%q", got)
		}
		if out, err := taskstest.Sh(t, "command -v ssh-keygen >/dev/null || exit 0; ssh-keygen -F secret -f "+path); err != nil || out != "" &&
			!strings.Contains(out, "AAAA5") {
			t.Errorf("ssh-keygen: %v %s", err, out)
		}
		must("[a.b]:2222 ssh-rsa AAAA4\n", args("secret", "", "state", "absent"))
		const marked = "@revoked a.b ssh-rsa AAAA6\n@cert-authority a.b ssh-rsa AAAA7\n"
		taskstest.Write(t, path, marked, 0o644)
		must(marked+"a.b ssh-rsa AAAA8\n", args("a.b", "a.b ssh-rsa AAAA8"))
		must(marked, args("a.b", "", "state", "absent"))
		must(marked+"a.b ssh-rsa AAAA8\na.b ssh-ed25519 AAAA9\n", args("a.b", "a.b ssh-rsa AAAA8\na.b ssh-ed25519 AAAA9\n"))
		if err := os.Symlink(path, path+".link"); err != nil {
			t.Fatal(err)
		}
		link := map[string]any{"name": "c", "path": path + ".link", "key": "c ssh-rsa AAAA1"}
		taskstest.MustChange(t, h, "known_hosts", link, l)
		if info, err := os.Lstat(path + ".link"); err != nil || !info.Mode().IsRegular() {
			t.Errorf("a link at path is not replaced: %v %v", info, err)
		}
		for _, bad := range []map[string]any{args("a", ""), args("a", "b ssh-rsa AAAA"), args("a", "a ssh-rsa"), args("", "a ssh-rsa A")} {
			if _, err := taskstest.ModuleNamed(t, "known_hosts").New(bad, l); err == nil {
				t.Errorf("%v: no error", bad)
			}
		}
	})
}
