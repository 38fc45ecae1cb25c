package preflight

import "github.com/polarbook/polarbook/tasks"

// Modules returns the modules of the preflight.
func Modules() []tasks.Module {
	return []tasks.Module{
		checkModule, checkReportModule,
	}
}
