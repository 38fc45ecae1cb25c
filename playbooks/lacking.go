package playbooks

import (
	_ "embed"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/templates/suggest"
)

// What polarbook lacks stops the load only where a task surely comes to be: under a condition that only the run decides, in a
// rescue and in a handler it is noted (Playbook.Unavailable), and refused on the host that reaches it.

// perhaps says whether what is read from here on may never be reached; the function that it returns ends that.
func (l *loader) perhaps(maybe bool) func() {
	before := l.maybe
	l.maybe = maybe
	return func() { l.maybe = before }
}

// lack reports something that Ansible has and polarbook does not. What is returned is what a task has to say that is reached all
// the same; nil: it was a problem.
func (l *loader) lack(at Position, width int, hint, format string, args ...any) *Error {
	if !l.maybe {
		l.fail(at, width, hint, format, args...)
		return nil
	}
	before := len(l.problems)
	l.fail(at, width, hint, format, args...)
	e := l.problems[before]
	l.problems = l.problems[:before]
	l.lacking = append(l.lacking, e)
	return e
}

// undecided reports whether a condition among the keys of a task or block is one that only the run can decide, or is false.
func undecided(es []entry) bool {
	for _, e := range es {
		if e.key != "when" {
			continue
		}
		for _, n := range items(e.value) {
			if !alwaysTrue.MatchString(strings.TrimSpace(n.Value)) {
				return true
			}
		}
	}
	return false
}

var alwaysTrue = regexp.MustCompile(`^(?i:true|yes|on)?$`)

func undecidedValues(when []Value) bool {
	return slices.ContainsFunc(when, func(v Value) bool {
		s, isText := v.Raw.(string)
		return v.Raw != true && !(isText && alwaysTrue.MatchString(strings.TrimSpace(s)))
	})
}

// aboutLacking are the beginnings of what a Checker says of a name that it does not know.
var aboutLacking = []string{"there is no filter ", "there is no lookup ", "there is no test "}

func lacksName(msg string) bool {
	return slices.ContainsFunc(aboutLacking, func(begin string) bool { return strings.HasPrefix(msg, begin) }) &&
		!strings.Contains(msg, "did you mean")
}

//go:embed ansiblenames.txt
var ansibleNames string

// movedTo are the collections that modules have moved to, by their short names.
var movedTo = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(ansibleNames) {
		words := strings.Fields(line)
		for _, name := range words[1:] {
			all[name] = words[0]
		}
	}
	return all
})

// movedName is the name of a module that is called by that of a collection which it has left: Ansible finds it there. Empty: it is no
// such name.
func movedName(name string) string {
	i := strings.LastIndex(name, ".")
	if i < 0 {
		return ""
	}
	from, short := name[:i], name[i+1:]
	to := movedTo()[short]
	switch {
	case to == "":
	case from == "ansible.builtin", from == "ansible.legacy", from == "community.general" && to == "community.postgresql":
		return to + "." + short
	}
	return ""
}

// collectionsOf are the collections that Ansible finds a module's short name in.
var collectionsOf = sync.OnceValue(func() map[string]string {
	all := maps.Clone(movedTo())
	for _, name := range modulesWithout {
		all[name] = "ansible.builtin"
	}
	return all
})

// ansibleHas reports whether a name may be that of a module which Ansible knows: every name in a collection that is not ours may.
func (l *loader) ansibleHas(name string) bool {
	collection, short := "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		collection, short = name[:i], name[i+1:]
	}
	_, known := collectionsOf()[short]
	switch {
	case collection == "" || collection == "ansible.builtin" || collection == "ansible.legacy":
		return known
	case slices.Contains(ourCollections, collection):
		return known || suggest.Nearest(short, l.moduleNames()) == ""
	}
	return strings.Count(collection, ".") == 1 && identifier(short)
}

// ourCollections are those of which polarbook has modules.
var ourCollections = []string{"ansible.posix", "community.crypto", "community.general", "community.postgresql"}
