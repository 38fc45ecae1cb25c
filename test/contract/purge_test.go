package contract_test

import "testing"

// PURGE LOGS BEFORE ignores its number: it uses the last number that WEIGHT or MATCH INDEX left behind.
func TestPurgeUsesAStaleNumber(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := newNodes(t, e, 1)
		a := leader(t, nodes)
		purged := func() int64 { return must[int64](a, "select purge_index from polar_dma_meta_status") }
		a.exec("alter system dma purge logs")
		if n := purged(); n != 0 {
			t.Errorf("purged up to %d although the log is small", n)
		}
		a.exec("alter system set polar_dma_log_keep_size = 0")
		a.exec("select pg_reload_conf()")
		eventually(t, e.within(10e9), "polar_dma_log_keep_size reloaded", func() bool {
			text, err := value[string](a, "select setting from pg_settings where name = 'polar_dma_log_keep_size'")
			return err == nil && text == "0"
		})
		a.exec("alter system dma change node '127.0.0.9:5999' match index to '2'")
		a.exec("alter system dma purge logs before '1'")
		eventually(t, e.within(10e9), "purged up to the number of MATCH INDEX", func() bool { return purged() == 2 })
		a.exec("alter system dma change node '127.0.0.9:5999' match index to '0'")
		a.exec("alter system dma purge logs before '1'")
		eventually(t, e.within(10e9), "purged up to the commit index", func() bool { return purged() > 2 })
	})
}

// Another release of the engine has TO in place of BEFORE, without quotes, and uses the number. Only the stand-in can
// imitate it.
func TestPurgeInTheOtherDialect(t *testing.T) {
	for _, e := range engines {
		if e.real {
			continue
		}
		nodes := newNodes(t, e, 1)
		a := leader(t, nodes)
		if err := a.try("alter system dma purge logs to 2"); state(err) != "42601" {
			t.Errorf("purge logs to: %v", err)
		}
		a.exec("alter system set polar_dma_log_keep_size = 0")
		a.exec("alter system set polarsim_dialect = 'to'")
		a.exec("select pg_reload_conf()")
		if err := a.try("alter system dma purge logs before '2'"); state(err) != "42601" {
			t.Errorf("purge logs before: %v", err)
		}
		a.exec("alter system dma purge logs to 2")
		if n := must[int64](a, "select purge_index from polar_dma_meta_status"); n != 2 {
			t.Errorf("purged up to %d", n)
		}
		a.exec("alter system dma force purge logs to 3")
		if n := must[int64](a, "select purge_index from polar_dma_meta_status"); n != 3 {
			t.Errorf("purged up to %d", n)
		}
	}
}
