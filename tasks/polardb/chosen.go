package polardb

import (
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type chosenArgs struct {
	Pgdata string `arg:"pgdata,required,path" doc:"the node's PGDATA"`
}

// chosenByInitdb lists the settings that initdb takes from the host and the locale and that the whole cluster then keeps. It
// leaves out lc_messages, because polarbook reads the server's messages, and people search for them.
var chosenByInitdb = []string{"timezone", "log_timezone", "datestyle", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config"}

// chosenComment begins the lines in which postgresql.conf.j2 keeps them, also where other values are in force.
const chosenComment = "# initdb: "

var chosenModule = tasks.Define(tasks.Module{
	Name:    "polardb_chosen",
	Summary: "Read the time zones and formats that initdb chose by the cluster's first host and its locale",
	Notes: []string{
		"Sets the fact polardb_chosen, a dict of the settings " + strings.Join(chosenByInitdb, ", ") +
			". Reads them from the postgresql.conf that initdb wrote, or from the comments that keep them there, " +
			"where polarbook has replaced that file or it was copied from the leader.",
		"The dict is empty for a node that has no data yet, and for a cluster of an earlier release, whose files do not record it.",
	},
	Returns: []tasks.Return{{Name: "ansible_facts", Type: "dict", Doc: "polardb_chosen"}},
	Examples: `- polardb_chosen:
    pgdata: /var/lib/polardb/pgdata
`,
}, func(a *chosenArgs, _ tasks.Local) (tasks.Action, error) { return &chosenAction{a}, nil })

type chosenAction struct{ args *chosenArgs }

// Probe reads the head of postgresql.conf. The engine's account may put anything in its place, so only the lines that can be
// meant leave the host.
func (c *chosenAction) Probe() string {
	return scripts.Script("polardb_chosen", script.Values{"PGDATA": c.args.Pgdata, "SETTINGS": strings.Join(chosenByInitdb, `\|`)})
}

func (c *chosenAction) Plan(f tasks.Found) (tasks.Plan, error) {
	text, ours := strings.CutPrefix(string(f.Stdout), "ours\n")
	if ours {
		// The settings in force may be the inventory's.
		var b strings.Builder
		for line := range strings.Lines(text) {
			if kept, ok := strings.CutPrefix(line, chosenComment); ok {
				b.WriteString(kept)
			}
		}
		text = b.String()
	}
	chosen := map[string]any{}
	for name, line := range confSettings(text) {
		for _, known := range chosenByInitdb {
			if name == known && len(line.Value) < 200 && !strings.ContainsFunc(line.Value, unicode.IsControl) {
				chosen[name] = line.Value
			}
		}
	}
	return tasks.Plan{Values: map[string]any{"ansible_facts": map[string]any{"polardb_chosen": chosen}}}, nil
}
