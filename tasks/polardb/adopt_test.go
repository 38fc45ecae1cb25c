package polardb

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// A node that somebody made is noted with its files, its engine is copied for root alone, and nothing of its data is touched.
func TestAdopt(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: changes owners, so it needs root")
	}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Open(t, dir)
		if strings.ContainsAny(dir, unfitForPaths) {
			t.Skip("SKIP: the engine takes no such path")
		}
		out, err := taskstest.Sh(t, "cd '"+dir+`' && mkdir -p base/bin base/lib base/share pg/pg_tblspc polar/global polar/polar_dma state && printf '#!/bin/sh\necho 11\n' >base/bin/postgres &&
			chmod 4777 base/bin/postgres && ln -s postgres base/bin/postmaster && echo secret >outside && chmod 600 outside && ln -s ../../outside base/lib/out &&
			echo 11 >pg/PG_VERSION && echo mine >pg/postgresql.conf && echo x >polar/global/pg_control && echo m >polar/polar_dma/consensus_meta &&
			chown -R nobody base pg polar && chmod 700 pg polar && sha256sum <base/bin/postgres | cut -c 1-64`)
		if err != nil {
			t.Fatal(err, out)
		}
		sum := strings.TrimSpace(out)
		node := foundNode{Pgdata: dir + "/pg", Data: dir + "/polar", Account: "nobody", Prefix: dir + "/base", Sum: sum,
			Files: []string{dir + "/pg/postgresql.conf"}}
		action := func(state string, change func(*foundNode)) *adoptAction {
			n := node
			if change != nil {
				change(&n)
			}
			found, err := n.values()
			if err != nil {
				t.Fatal(err)
			}
			a := taskstest.NewAction(t, "polardb_adopt", map[string]any{"pgdata": dir + "/pg", "polardata": dir + "/polar", "home": dir +
				"/engine/home", "user": "nobody",
				"cluster": "demo", "found": found, "state": state, "variables": map[string]any{"polardb_port": 7}}, &taskstest.FakeLocal{})
			w, is := a.(*adoptAction)
			if !is {
				t.Fatalf("%T", a)
			}
			w.args.state = dir + "/state"
			return w
		}
		plan := func(w *adoptAction) (tasks.Plan, error) {
			answer, err := h.Run(t.Context(), remote.Command{Script: w.Probe()})
			if err != nil {
				t.Fatal(err)
			}
			return w.Plan(tasks.Found{Result: answer})
		}
		run := func(w *adoptAction) remote.Result {
			p, err := plan(w)
			if err != nil || !p.Change {
				t.Fatalf("planned is %+v, %v", p, err)
			}
			answer, err := h.Run(t.Context(), remote.Command{Script: p.Script, Stdin: p.Stdin})
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		if answer := run(action("begun", func(n *foundNode) { n.Sum = strings.Repeat("0", 64) })); answer.Status == 0 ||
			!strings.Contains(string(answer.Stderr), "was replaced") {
			t.Errorf("another engine: %d %s", answer.Status, answer.Stderr)
		}
		if answer := run(action("begun", nil)); answer.Status != 0 {
			t.Fatalf("taken over: %s", answer.Stderr)
		}
		if p, err := plan(action("begun", nil)); err != nil || p.Change {
			t.Errorf("again: %+v, %v", p, err)
		}
		if answer := run(action("done", nil)); answer.Status != 0 {
			t.Errorf("done: %s", answer.Stderr)
		}
		if p, err := plan(action("done", nil)); err != nil || p.Change {
			t.Errorf("done, again: %+v, %v", p, err)
		}
		got := taskstest.MustOn(t, h, "cd '"+dir+`' && stat -L -c '%U %a' engine/home/current/bin/postgres engine/home/current/bin/postmaster && cat pg/postgresql.conf polar/global/pg_control &&
			stat -c '%U %a' pg/polarbook.id && cat state/demo/*.adopted/1-postgresql.conf && stat -c '%U %a' state/demo/*.adopted && cat engine/home/current/lib/out && grep step state/demo/*.node`)
		if want := "root 755\nroot 755\nmine\nx\nnobody 600\nmine\nroot 700\nstep=meta\n"; got != want {
			t.Errorf("there is\n%swant\n%s", got, want)
		}
	})
}
