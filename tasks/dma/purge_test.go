package dma

import "testing"

func TestPurgeStatements(t *testing.T) {
	for got, want := range map[string]string{
		PurgeBefore.Purge(40):      "ALTER SYSTEM DMA PURGE LOGS BEFORE '40'",
		PurgeTo.Purge(40):          "ALTER SYSTEM DMA PURGE LOGS TO 40",
		PurgeBefore.ForcePurge(40): "ALTER SYSTEM DMA FORCE PURGE LOGS BEFORE '40'",
		PurgeTo.ForcePurge(40):     "ALTER SYSTEM DMA FORCE PURGE LOGS TO 40",
		SetPurgeNumber(40):         "ALTER SYSTEM DMA CHANGE NODE '0.0.0.0:1' MATCH INDEX TO '40'",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
