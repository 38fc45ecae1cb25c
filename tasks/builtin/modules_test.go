package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func init() { taskstest.Knowing(Modules()) }

func TestPlans(t *testing.T) { taskstest.PlansOf(t) }
