package tasks

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

// With no server anywhere there is no election to wait for; with one, or with a node that was not reached, there may be.
func TestOnlyWhereNobodyListensNoLeaderIsWaitedFor(t *testing.T) {
	refused := fmt.Errorf("connect to 10.0.0.1:5432 as polardb: %w", syscall.ECONNREFUSED)
	for _, c := range []struct {
		name   string
		survey dma.Survey
		want   bool
	}{
		{"all refuse", dma.Survey{{Err: refused}, {Err: refused}}, true},
		{"one is starting", dma.Survey{{Err: refused}, {Err: errors.New("FATAL: the database system is starting up (SQLSTATE 57P03)")}}, false},
		{"one answers", dma.Survey{{Err: refused}, {}}, false},
		{"one is silent", dma.Survey{{Err: refused}, {Err: context.DeadlineExceeded}}, false},
		{"nobody was asked", nil, false},
	} {
		if got := nobodyListens(c.survey); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}
