package templates

// All are the filters, tests and lookups of Ansible, for an engine.
func All() *Library {
	return &Library{
		Filters: filters, Tests: tests, RefusedFilters: refusedFilters, RefusedTests: refusedTests,
		Lookup: lookupPlugin, LookupProblem: lookupProblem,
	}
}
