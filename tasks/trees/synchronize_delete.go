package trees

import (
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

// leftovers are what the host has and the source has not, and what stands in the way of what the source has.
type leftovers struct {
	s     *synchronize
	top   string
	names map[string]bool        // what stays, since the source has something of that name
	in    map[string][]syncEntry // what is in each directory of the host, in the order in which rsync deletes it
	gone  []string               // what is to be removed when the rest is done, each behind what is in it
	lines []string
	first []string // lines of what is removed before the rest is done
}

func newLeftovers(s *synchronize, f syncFound) *leftovers {
	l := &leftovers{s: s, top: f.top, names: map[string]bool{}, in: map[string][]syncEntry{}}
	for _, e := range f.entries {
		l.names[e.name] = true
	}
	for _, e := range f.have {
		if e.name != "" {
			l.in[parent(e.name)] = append(l.in[parent(e.name)], e)
		}
	}
	for _, in := range l.in {
		slices.SortFunc(in, func(a, b syncEntry) int { return syncOrder(b, a) })
	}
	return l
}

// below plans to delete what is in a directory and the source has not.
func (l *leftovers) below(dir string) {
	for _, e := range l.in[dir] {
		if !l.names[e.name] && !l.stays(e) {
			l.delete(e)
		}
	}
}

func (l *leftovers) stays(e syncEntry) bool {
	return l.s.passed[e.name] || l.s.excluded(e.name, e.kind == 'd')
}

// delete plans to delete an entry. A directory in which something excluded lies stays.
func (l *leftovers) delete(e syncEntry) (all bool) {
	if !l.empty(e.name) {
		return false
	}
	name := e.name
	if e.kind == 'd' {
		name += "/"
	}
	l.lines = append(l.lines, "*deleting   "+name)
	l.gone = append(l.gone, e.name)
	return true
}

// empty plans to delete all that is in a directory.
func (l *leftovers) empty(dir string) (all bool) {
	all = true
	for _, e := range l.in[dir] {
		if l.stays(e) || !l.delete(e) {
			all = false
		}
	}
	return all
}

// makeWay plans to remove what has the name of an entry and is of another kind, before anything is copied.
func (l *leftovers) makeWay(e syncEntry, c *syncChange) error {
	step := "gone"
	if e.kind != 'd' && len(l.in[e.name]) == 0 {
		step = "vacate"
	} else if e.kind != 'd' {
		gone, lines := len(l.gone), len(l.lines)
		if !l.s.Delete || !l.empty(e.name) {
			return &tasks.Failure{
				Msg:  path.Join(l.top, e.name) + " is a directory that is not empty, and something else is wanted there",
				Hint: "remove it first, or let delete: true remove what is in it",
			}
		}
		l.first = append(l.first, l.lines[lines:]...)
		l.gone, l.lines = l.gone[:gone], l.lines[:lines] // it goes with the directory
	}
	c.before.WriteString(step + " " + script.Words(nameAt(e.name)) + "\n")
	return nil
}

// write adds the steps that remove what is planned.
func (l *leftovers) write(b *strings.Builder) {
	gone := map[string]bool{}
	for _, name := range l.gone {
		gone[name] = true
	}
	for _, name := range l.gone {
		if !gone[parent(name)] {
			b.WriteString("gone " + script.Words(nameAt(name)) + "\n")
		}
	}
}

// nameAt are the words at which the script's steps take a name: the directory below the top, and the name in it.
func nameAt(name string) []string { return []string{parent(name), path.Base(name)} }
