package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestDeb822Repository(t *testing.T) {
	m := taskstest.ModuleNamed(t, "deb822_repository")
	action, err := m.New(map[string]any{
		"name": "Our_Own packages!", "uris": "http://mirror.lan/debian", "suites": []any{"bookworm", "bookworm-updates"}, "components": "main",
		"enabled": true, "signed_by": "-----BEGIN\n\nabc\n-----END\n", "date_max_future": 10,
	}, &taskstest.FakeLocal{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := action.Plan(tasks.Found{Result: remote.Result{Stdout: []byte("file absent\nparent yes\n")}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "Components: main\nDate-Max-Future: 10\nEnabled: yes\nX-Repolib-Name: Our_Own packages!\n" +
		"Signed-By:\n    -----BEGIN\n    .\n    abc\n    -----END\nSuites: bookworm bookworm-updates\nTypes: deb\nURIs: http://mirror.lan/debian\n"
	if string(plan.Stdin) != want || plan.Values["dest"] != "/etc/apt/sources.list.d/our-own-packages.sources" || !plan.Change {
		t.Errorf("%v:\n%s", plan.Values, plan.Stdin)
	}
	if _, err := m.New(map[string]any{"name": "a", "signed_by": "gopher://mirror.lan/key.asc"}, &taskstest.FakeLocal{}); err == nil {
		t.Error("a URL that nothing can fetch is taken")
	}
	taskstest.TestPlan(t, "deb822_repository", []taskstest.Case{
		{Name: "gone already", Args: map[string]any{"name": "a", "state": "absent"}, Does: "nothing"},
		{Name: "there", Args: map[string]any{"name": "a", "state": "absent"}, Found: "there /etc/apt/sources.list.d/a.sources\n", Does: "change: remove"},
		{Name: "without a directory", Args: map[string]any{"name": "a"}, Found: "file absent\nparent no\n", Does: "fails: "},
	})
}

// The key of a URL gets a file of its own, whose name tells whether it is armored.
func TestDeb822RepositoryKey(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l, dir := &taskstest.FakeLocal{}, t.TempDir()
		taskstest.MustOn(t, h, "mkdir -p /etc/apt/sources.list.d")
		const armored = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n"
		for name, text := range map[string]string{"asc": armored, "gpg": "\x99\x00key"} {
			taskstest.Write(t, dir+"/key", text, 0o600)
			args := map[string]any{"name": "In " + name, "uris": "http://mirror.lan", "suites": "./", "signed_by": "file://" + dir + "/key"}
			plan, r := taskstest.MustChange(t, h, "deb822_repository", args, l)
			if r.Values["state"] != "file" || r.Values["mode"] != "0644" {
				t.Errorf("it says of the file what was before: %v", r.Values)
			}
			file := "/etc/apt/keyrings/in-" + name + "." + name
			if plan.Values["key_filename"] != file {
				t.Errorf("it says %v", plan.Values)
			}
			if got := h.EtcFile(t, file[len("/etc/"):]); got != text {
				t.Errorf("%s: the key is %q", name, got)
			}
			taskstest.MustContain(t, h.EtcFile(t, "apt/sources.list.d/in-"+name+".sources"), "Signed-By: "+file+"\n")
			taskstest.MustNotChange(t, h, "deb822_repository", args, l)
			taskstest.Write(t, dir+"/key", text+"more", 0o600)
			taskstest.MustChange(t, h, "deb822_repository", args, l)
			if mode := taskstest.MustOn(t, h, "stat -c '%a %n' /etc/apt/keyrings "+file); mode != "755 /etc/apt/keyrings\n644 "+file+"\n" {
				t.Errorf("modes are %s", mode)
			}
			args["signed_by"] = "file://" + dir + "/none"
			taskstest.MustFail(t, h, "deb822_repository", args, l, "none")
			args["state"] = "absent"
			taskstest.MustChange(t, h, "deb822_repository", args, l)
			taskstest.MustNotChange(t, h, "deb822_repository", args, l)
		}
	})
}

// Ansible names the keyring that signed_by is when it is there.
func TestDeb822RepositoryKeyring(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		l, dir := &taskstest.FakeLocal{}, t.TempDir()
		taskstest.MustOn(t, h, "mkdir -p /etc/apt/sources.list.d")
		args := map[string]any{"name": "a", "uris": "http://mirror.lan", "suites": "./", "signed_by": dir + "/it's a.gpg"}
		if plan, _ := taskstest.MustChange(t, h, "deb822_repository", args, l); plan.Values["key_filename"] != nil {
			t.Errorf("it says %v", plan.Values)
		}
		taskstest.Write(t, dir+"/it's a.gpg", "x", 0o644)
		if plan := taskstest.MustNotChange(t, h, "deb822_repository", args, l); plan.Values["key_filename"] != dir+"/it's a.gpg" {
			t.Errorf("it says %v", plan.Values)
		}
	})
}
