package polardb

import (
	"reflect"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

func TestChosenPlan(t *testing.T) {
	for name, c := range map[string]struct {
		found string
		want  map[string]any
	}{
		"nothing": {"", map[string]any{}},
		"initdb's": {"log_timezone = 'PRC'\ndatestyle = 'iso, ymd'\ntimezone = 'PRC'\nlc_time = 'zh_CN.UTF-8'\t\t# locale\n",
			map[string]any{"log_timezone": "PRC", "timezone": "PRC", "datestyle": "iso, ymd", "lc_time": "zh_CN.UTF-8"}},
		"ours":    {"ours\n# initdb: timezone = 'PRC'\ntimezone = 'Asia/Tokyo'\n", map[string]any{"timezone": "PRC"}},
		"earlier": {"ours\ntimezone = 'Asia/Tokyo'\n", map[string]any{}},
		"foreign": {"# initdb: timezone = 'a'\narchive_command = 'rm'\n", map[string]any{}},
	} {
		p, err := (&chosenAction{&chosenArgs{Pgdata: "/x"}}).Plan(tasks.Found{Result: remote.Result{Stdout: []byte(c.found)}})
		if err != nil || !reflect.DeepEqual(p.Values["ansible_facts"].(map[string]any)["polardb_chosen"], c.want) {
			t.Errorf("%s: %v, %v", name, p.Values, err)
		}
	}
}
