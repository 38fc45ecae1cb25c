package preflight

import "github.com/polarbook/polarbook/tasks/taskstest"

func init() { taskstest.Knowing(Modules()) }
