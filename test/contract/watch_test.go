package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// watched are the views that tell of the cluster, and what else a role that only looks wants to know.
var watched = []string{"polar_dma_member_status", "polar_dma_meta_status", "polar_dma_consensus_status", "polar_dma_cluster_status"}

// TestWatcher: a role that is no superuser reads the views when it is granted them, and all that pg_monitor may see.
func TestWatcher(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := cluster(t, e, 2)
		a, b := nodes[0], nodes[1]
		a.exec("create role watcher login connection limit 2 password 'watch'")
		ask := func(n *node, query string) outcome {
			return e.runWith(n.within(20*time.Second), []string{"PGPASSWORD=watch"}, "psql", "-X", "-q", "-A", "-t", "-h", n.host, "-p",
				fmt.Sprint(n.port),
				"-U", "watcher", "-d", "postgres", "-w", "-c", query)
		}
		for _, view := range watched {
			want(t, ask(a, "select count(*) from "+view), 1, "permission denied for view "+view)
			if got := must[bool](a, "select has_table_privilege('watcher', '"+view+"', 'select')"); got {
				t.Errorf("%s may be read before it was granted", view)
			}
		}
		if got := must[bool](a, "select pg_has_role('watcher', 'pg_monitor', 'member')"); got {
			t.Error("it is a member of pg_monitor before it was made one")
		}
		want(t, ask(a, "select coalesce(state, 'nothing') from pg_stat_replication"), 0, "nothing")
		a.exec("grant pg_monitor to watcher")
		a.exec("grant select on " + strings.Join(watched, ", ") + " to watcher")
		if got := must[bool](a, "select pg_has_role('watcher', 'pg_monitor', 'member') and has_table_privilege('watcher', 'polar_dma_meta_status', 'select')"); !got {
			t.Error("it was granted, and is not there")
		}
		want(t, ask(a, "select paxos_role from polar_dma_member_status"), 0, "2")
		want(t, ask(a, "select coalesce(state, 'nothing') from pg_stat_replication"), 0, "streaming")
		want(t, ask(a, "select date_part('epoch', now()) - date_part('epoch', pg_postmaster_start_time()) between 0 and 3600"), 0, "t")
		want(t, ask(a, "select count(*) > 3 from pg_settings where sourcefile like '%/postgresql.conf'"), 0, "t")
		want(t, ask(a, "select failed_count from pg_stat_archiver"), 0, "0")
		eventually(t, b.within(10*time.Second), "the follower has the grants", func() bool {
			return strings.TrimSpace(ask(b, "select paxos_role from polar_dma_member_status").out) == "0"
		})
	})
}
