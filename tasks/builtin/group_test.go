package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestGroupPlan(t *testing.T) {
	taskstest.TestPlan(t, "group", []taskstest.Case{
		{Name: "there", Args: map[string]any{"name": "dba"}, Found: "group dba:x:1500:\n", Does: "nothing"},
		{Name: "there with its number", Args: map[string]any{"name": "dba", "gid": 1500}, Found: "group dba:x:1500:\n", Does: "nothing"},
		{Name: "missing", Args: map[string]any{"name": "dba"}, Does: "change: create the group dba"},
		{Name: "another number", Args: map[string]any{"name": "dba", "gid": 1501}, Found: "group dba:x:1500:\n",
			Does: "change: change the number of the group dba from 1500 to 1501"},
		{Name: "gone", Args: map[string]any{"name": "old", "state": "absent"}, Does: "nothing"},
		{Name: "to go", Args: map[string]any{"name": "old", "state": "absent"}, Found: "group old:x:7:\n", Does: "change: remove the group old"},
		{Name: "no number", Args: map[string]any{"name": "dba"}, Found: "group dba:x:many:\n",
			Does: `fails: the group dba has the number "many"`},
		{Name: "an option for a name", Args: map[string]any{"name": "-r"}, Does: `fails: group: argument "name" cannot be "-r"`},
		{Name: "non_unique without a number", Args: map[string]any{"name": "dba", "non_unique": true},
			Does: `fails: group: argument "non_unique" needs gid`},
	})
}
