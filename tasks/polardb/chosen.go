package polardb

import (
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
)

type chosenArgs struct {
	Pgdata string `arg:"pgdata,required,path" doc:"the node's PGDATA"`
}

// chosenByInitdb are the settings that initdb takes from the host and the locale, and that are the cluster's from then on.
// Not lc_messages: what the server says is read, here and by whoever looks for it on the net.
var chosenByInitdb = []string{"timezone", "log_timezone", "datestyle", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config"}

// chosenComment begins the lines in which postgresql.conf.j2 keeps them, also where other values are in force.
const chosenComment = "# initdb: "

var chosenModule = tasks.Define(tasks.Module{
	Name:    "polardb_chosen",
	Summary: "What initdb has chosen for a cluster by its first host and its locale: time zones and formats",
	Notes: []string{
		"Sets the fact polardb_chosen, a dict of the settings " + strings.Join(chosenByInitdb, ", ") + ". They are read from the postgresql.conf that initdb wrote, or, where polarbook has replaced that or it came with a copy of the leader, from the comments that keep them there.",
		"Empty for a node that has no data yet, and for a cluster of an earlier release, whose files do not say it.",
	},
	Returns: []tasks.Return{{Name: "ansible_facts", Type: "dict", Doc: "polardb_chosen"}},
	Examples: `- polardb_chosen:
    pgdata: /var/lib/polardb/pgdata
`,
}, func(a *chosenArgs, _ tasks.Local) (tasks.Action, error) { return &chosenAction{a}, nil })

type chosenAction struct{ args *chosenArgs }

// The file is an account's that may put anything in its place: only so much of a regular file is read, and only lines that
// can be meant leave the host.
func (c *chosenAction) Probe() string {
	return `f=` + remote.Quote(c.args.Pgdata+"/postgresql.conf") + `
[ -f "$f" ] && [ ! -L "$f" ] || exit 0
head -c 262144 <"$f" | LC_ALL=C sed -n '1s/^# Written by polarbook.*/ours/p
/^\(# initdb: \)\{0,1\}\(` + strings.Join(chosenByInitdb, `\|`) + `\)[ =]/p'
exit 0
`
}

func (c *chosenAction) Plan(f tasks.Found) (tasks.Plan, error) {
	text, ours := strings.CutPrefix(string(f.Stdout), "ours\n")
	if ours {
		// What is in force may be the inventory's.
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
