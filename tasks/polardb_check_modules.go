package tasks

// preflightModules returns the modules of the preflight.
func preflightModules() []Module {
	return []Module{
		polardbCheckModule, polardbCheckReportModule,
	}
}
