package polardb

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func init() { taskstest.Knowing(Modules()) }

func TestPolardbPlans(t *testing.T) { taskstest.PlansOf(t) }
