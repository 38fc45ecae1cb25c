// Package ansible holds the filters, tests and lookups that templates have in Ansible: those of Jinja2 and Ansible's own.
package ansible

import "github.com/polarbook/polarbook/templates/jinja"

// All are the filters, tests and lookups of Ansible, for an engine.
func All() *jinja.Library {
	return &jinja.Library{
		Filters: filters, Tests: tests, RefusedFilters: refusedFilters, RefusedTests: refusedTests,
		Lookup: lookupPlugin, LookupProblem: lookupProblem,
	}
}
