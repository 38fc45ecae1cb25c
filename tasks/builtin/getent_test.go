package builtin

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestGetentPlan(t *testing.T) {
	taskstest.TestPlan(t, "getent", []taskstest.Case{
		{Name: "there", Args: map[string]any{"database": "passwd", "key": "root"}, Found: "status 0\nline root:x:0:0::/root:/bin/sh\n",
			Does: "nothing"},
		{Name: "missing", Args: map[string]any{"database": "passwd", "key": "zoe"}, Found: "status 2\nline \n", Does: "fails: passwd has no zoe"},
		{Name: "an empty key", Args: map[string]any{"database": "passwd", "key": ""}, Found: "status 2\nline \n", Does: "fails: passwd has no ''"},
		{Name: "missing, and only asked", Args: map[string]any{"database": "passwd", "key": "zoe"}, Check: true,
			Found: "status 2\nline \n", Does: "unknown: passwd has no zoe"},
		{Name: "missing, and that is no failure", Args: map[string]any{"database": "passwd", "key": "zoe", "fail_key": false},
			Found: "status 2\nline \n", Does: "nothing: zoe was not found"},
		{Name: "no such database", Args: map[string]any{"database": "planets"}, Found: "status 1\nline Unknown database: planets\n",
			Does: "fails: getent does not know the database planets: Unknown database: planets"},
		{Name: "not listed", Args: map[string]any{"database": "hosts"}, Found: "status 3\nline \n",
			Does: "fails: the database hosts cannot be listed"},
		{Name: "another end", Args: map[string]any{"database": "hosts"}, Found: "status 9\nline oops\n",
			Does: "fails: getent ended with status 9: oops"},
		{Name: "an option for a key", Args: map[string]any{"database": "passwd", "key": "-s"},
			Does: `fails: getent: argument "database" and key cannot begin with -`},
	})
}

func TestGetentValues(t *testing.T) {
	for found, want := range map[string]map[string]any{
		"status 0\nline root:x:0:0::/root:/bin/sh\n": {"root": []any{"x", "0", "0", "", "/root", "/bin/sh"}},
		"status 0\nline a:b\nline c:d\n":             {"a": []any{"b"}, "c": []any{"d"}},
		"status 0\nline a:b\nline a:c:d\n":           {"a": []any{[]any{"b"}, []any{"c", "d"}}},
		"status 0\nline a:b\nline a:c\nline a\n":     {"a": []any{[]any{"b"}, []any{"c"}, []any{}}},
	} {
		plan, err := taskstest.NewAction(t, "getent", map[string]any{"database": "passwd"},
			&taskstest.FakeLocal{}).Plan(tasks.Found{Result: remote.Result{Stdout: []byte(found)}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"getent_passwd": want}, plan.Values["ansible_facts"]); diff != "" {
			t.Errorf("%q: -want +got\n%s", found, diff)
		}
	}
}
