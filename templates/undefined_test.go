package templates

import (
	"errors"
	"testing"
)

// What compares with something undefined, however deep it is in a list or mapping, fails as it does in Ansible; what is found
// before it is asked for does not.
func TestComparedWithUndefined(t *testing.T) {
	engine := New(Options{})
	for _, template := range []string{
		"{{ 1 in [u] }}", "{{ 1 not in (u, 1) }}", "{{ [u] == [1] }}", "{{ [1] != [u] }}", "{{ {'a': [u]} == {'a': [1]} }}",
		"{{ [u, 2] < [1, 2] }}", "{{ [u].index(1) }}", "{{ [u, 1].count(1) }}", "{{ [u] is contains(1) }}", "{{ 1 is in([u]) }}",
		"{{ [1] | difference([u]) }}", "{{ [u] | union([1]) }}", "{{ [u] | intersect([u]) }}", "{{ [u] is subset([1]) }}",
		"{{ [1] is superset([u]) }}", "{{ [[1], [u]] | select('equalto', [2]) | list }}", "{{ [u] | unique }}",
	} {
		var absent *UndefinedError
		if got, err := engine.File("t", template, Map(nil), DefaultFileOptions()); !errors.As(err, &absent) {
			t.Errorf("%s: %q, %v", template, got, err)
		}
	}
	for template, want := range map[string]string{
		"{{ 1 in (1, u) }}": "True", "{{ [1, u] == [2, u] }}": "False", "{{ [u] == [1, 2] }}": "False",
		"{{ {'a': u} == {'b': u} }}": "False", "{{ 1 in ['x' if false] }}": "False", "{{ [1, u].index(1) }}": "0",
	} {
		if got, err := engine.File("t", template, Map(nil), DefaultFileOptions()); err != nil || got != want {
			t.Errorf("%s: %q, %v", template, got, err)
		}
	}
}
