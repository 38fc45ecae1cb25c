package contract_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"
)

// TestProbe: a role that may do nothing else proves that a server takes writes. Where there is no majority the proof waits, and goes on to
// wait when its client is killed, so that the role's own limit of sessions is all that keeps them from becoming many.
func TestProbe(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := cluster(t, e, 3)
		a, b, c := nodes[0], nodes[1], nodes[2]
		a.exec("create role prober login connection limit 2 password 'probe'")
		probe := func(n *node, limit time.Duration) outcome {
			return e.runWith(limit, []string{"PGPASSWORD=probe"}, "psql", "-X", "-q", "-A", "-t", "-h", n.host, "-p", fmt.Sprint(n.port),
				"-U", "prober", "-d", "postgres", "-w", "-c", "select pg_logical_emit_message(true, 'polarbook', '') is not null")
		}
		want(t, probe(a, a.within(20*time.Second)), 0, "t")
		eventually(t, b.within(10*time.Second), "the follower knows the role", func() bool {
			return probe(b, b.within(20*time.Second)).code == 1
		})
		want(t, probe(b, b.within(20*time.Second)), 1, "ERROR:  cannot assign TransactionIds during recovery")

		// What the leader commits has a time, which a follower that replayed it tells: without an error, a server is asked what it is, and
		// proves it.
		asked := "select case when pg_is_in_recovery() then 'reads ' || (date_part('epoch', clock_timestamp()) - " +
			"date_part('epoch', pg_last_xact_replay_timestamp()))::bigint else 'writes ' || pg_logical_emit_message(true, 'polarbook', '') end"
		if said := must[string](a, asked); !regexp.MustCompile(`^writes [0-9A-F]+/[0-9A-F]+$`).MatchString(said) {
			t.Errorf("the leader says %q", said)
		}
		before := must[string](b, "select pg_last_xact_replay_timestamp()::text")
		want(t, probe(a, a.within(20*time.Second)), 0, "t")
		eventually(t, b.within(20*time.Second), "the follower tells of the leader's newest", func() bool {
			return must[string](b, "select pg_last_xact_replay_timestamp()::text") > before
		})
		if said := must[string](b, asked); !regexp.MustCompile(`^reads -?[0-9]+$`).MatchString(said) {
			t.Errorf("the follower says %q", said)
		}

		b.stop()
		c.stop()
		for range 2 {
			want(t, probe(a, 2*time.Second), -1)
		}
		eventually(t, a.within(10*time.Second), "its sessions are all taken", func() bool { return probe(a, 2*time.Second).code == 2 })
		want(t, probe(a, a.within(20*time.Second)), 2, `FATAL:  too many connections for role "prober"`)
		if must[bool](a, "select pg_is_in_recovery()") {
			t.Error("it went into recovery")
		}
		b.start()
		eventually(t, a.within(60*time.Second), "one of two leads, and proves it", func() bool {
			return probe(a, 2*time.Second).code == 0 || probe(b, 2*time.Second).code == 0
		})
	})
}
