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
	if _, err := m.New(map[string]any{"name": "a", "signed_by": "https://mirror.lan/key.asc"}, &taskstest.FakeLocal{}); err == nil {
		t.Error("a URL is taken for a key")
	}
	taskstest.TestPlan(t, "deb822_repository", []taskstest.Case{
		{Name: "gone already", Args: map[string]any{"name": "a", "state": "absent"}, Does: "nothing"},
		{Name: "there", Args: map[string]any{"name": "a", "state": "absent"}, Found: "there /etc/apt/sources.list.d/a.sources\n", Does: "change: remove"},
		{Name: "without a directory", Args: map[string]any{"name": "a"}, Found: "file absent\nparent no\n", Does: "fails: "},
	})
}
