package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates/ordered"
)

// scope is one level on the way from the play down to a task: what the play, block, role, include or task adds for
// everything inside it. Scopes never change once made.
type scope struct {
	parent *scope
	// common holds the keywords; nil on an include, whose keywords are its own and not those of what it includes.
	common *playbooks.Common
	level  inventory.Level // of vars
	vars   *ordered.Map
	role   *role
	// ended are the hosts on which meta: end_role has ended the role; nil but on a role.
	ended  *hostSet
	notify []playbooks.Value
	// depending is true for what the role depends on, of which it is no parent.
	depending bool
	// rescuable is true when a failure in here has a rescue waiting; unguarded scopes inherit it.
	rescuable bool
}

// role holds what a role brings besides its tasks.
type role struct {
	name                   string
	fullName               string // with its collection; empty: it is in none
	dir                    string // a path in the file system that its tasks are from
	defaults, vars, params *ordered.Map
}

// label is the role's name as tasks are labelled with it: with its collection, if it is in one.
func (r *role) label() string {
	if r.fullName != "" {
		return r.fullName
	}
	return r.name
}

func playScope(play *playbooks.Play) *scope {
	return &scope{common: &play.Common, level: inventory.PlayVars, vars: raw(play.Vars)}
}

func (s *scope) block(b *playbooks.Block, section []playbooks.Node) *scope {
	in := &scope{parent: s, common: &b.Common, level: inventory.BlockVars, vars: raw(b.Vars), notify: b.Notify}
	in.rescuable = s.rescuable
	if len(b.Rescue) > 0 && len(section) > 0 && len(b.Block) > 0 && &section[0] == &b.Block[0] {
		in.rescuable = true
	}
	if b.Role != "" {
		in.role, in.ended = roleOf(b), &hostSet{}
	}
	return in
}

func roleOf(b *playbooks.Block) *role {
	return &role{name: b.Role, fullName: b.RoleFullName, dir: b.RoleDir, defaults: raw(b.RoleDefaults), vars: raw(b.RoleVars),
		params: raw(b.RoleParams)}
}

func (s *scope) task(t *playbooks.Task) *scope {
	return &scope{parent: s, common: &t.Common, level: inventory.TaskVars, vars: raw(t.Vars), notify: t.Notify, rescuable: s.rescuable}
}

// included returns what the tasks of an include see: its vars (and loop item) as parameters, and `apply` as a block.
func (s *scope) included(inc *playbooks.Include, vars *ordered.Map) *scope {
	in := &scope{parent: s, level: inventory.IncludeParams, vars: vars, rescuable: s.rescuable}
	if inc.Apply == nil {
		return in
	}
	return &scope{parent: in, common: inc.Apply, level: inventory.BlockVars, vars: raw(inc.Apply.Vars), notify: inc.ApplyNotify,
		rescuable: s.rescuable}
}

// chain lists the scopes, outermost first.
func (s *scope) chain() []*scope {
	var up []*scope
	for at := s; at != nil; at = at.parent {
		up = append(up, at)
	}
	slices.Reverse(up)
	return up
}

// keyword returns the innermost value given.
func (s *scope) keyword(get func(*playbooks.Common) playbooks.Value) playbooks.Value {
	for at := s; at != nil; at = at.parent {
		if at.common == nil {
			continue
		}
		if v := get(at.common); v.Given() {
			return v
		}
	}
	return playbooks.Value{}
}

// when lists all conditions, outermost first.
func (s *scope) when() []playbooks.Value {
	var all []playbooks.Value
	for _, at := range s.chain() {
		if at.common != nil {
			all = append(all, at.common.When...)
		}
	}
	return all
}

// environment lists all of them, outermost first.
func (s *scope) environment() []playbooks.Value {
	var all []playbooks.Value
	for _, at := range s.chain() {
		if at.common != nil {
			all = append(all, at.common.Environment...)
		}
	}
	return all
}

// moduleDefaults are the innermost defaults of a module: as in Ansible they replace the outer ones whole.
func (s *scope) moduleDefaults(is func(name string) bool) map[string]playbooks.Value {
	for at := s; at != nil; at = at.parent {
		if at.common == nil {
			continue
		}
		for name, args := range at.common.ModuleDefaults {
			if is(name) {
				return args
			}
		}
	}
	return nil
}

func (s *scope) tags() []string {
	seen := map[string]bool{}
	var all []string
	for _, at := range s.chain() {
		if at.common == nil {
			continue
		}
		for _, list := range at.common.Tags {
			parts := strings.Split(list, ",")
			if strings.Contains(list, "{{") {
				parts = []string{list}
			}
			for _, t := range parts {
				if t = strings.TrimSpace(t); t != "" && !seen[t] {
					seen[t] = true
					all = append(all, t)
				}
			}
		}
	}
	return all
}

func (s *scope) notified() []playbooks.Value {
	var all []playbooks.Value
	for _, at := range s.chain() {
		all = append(all, at.notify...)
	}
	return all
}

// ownRole is the innermost role.
func (s *scope) ownRole() *role {
	for at := s; at != nil; at = at.parent {
		if at.role != nil {
			return at.role
		}
	}
	return nil
}

// roleNames lists the roles around the innermost one, nearest first.
func (s *scope) roleNames() []any {
	names := []any{}
	for at := s; at != nil; at = at.parent {
		if at.role != nil && !at.depending {
			names = append(names, at.role.name)
		}
	}
	if len(names) > 0 {
		names = names[1:]
	}
	return names
}

// raw takes the values out of their positions, in the order in which they were written.
func raw(values map[string]playbooks.Value) *ordered.Map {
	out := ordered.New(len(values))
	for _, name := range written(values) {
		out.Set(name, values[name].Raw)
	}
	return out
}

// written returns the names of values in the order of their places: by file, and within a file as they stand there.
func written(values map[string]playbooks.Value) []string {
	return slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		x, y := values[a].Pos, values[b].Pos
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column), cmp.Compare(a, b))
	})
}

// value renders a keyword; the second result is false when it was not given.
func (v *variables) value(x playbooks.Value) (any, bool, error) {
	if !x.Given() {
		return nil, false, nil
	}
	out, err := v.render(x.Raw)
	if err != nil {
		return nil, true, at(x.Pos, err)
	}
	return out, true, nil
}

func (v *variables) boolean(x playbooks.Value, otherwise bool) (bool, error) {
	out, given, err := v.value(x)
	if err != nil || !given || out == nil {
		return otherwise, err
	}
	b, err := truth(out)
	if err != nil {
		return otherwise, at(x.Pos, err)
	}
	return b, nil
}

func (v *variables) number(x playbooks.Value, otherwise float64) (float64, error) {
	out, given, err := v.value(x)
	if err != nil || !given || out == nil {
		return otherwise, err
	}
	n, err := number(out)
	if err != nil {
		return otherwise, at(x.Pos, err)
	}
	return n, nil
}

func (v *variables) text(x playbooks.Value, otherwise string) (string, error) {
	out, given, err := v.value(x)
	if err != nil || !given || out == nil {
		return otherwise, err
	}
	return text(out), nil
}

func truth(x any) (bool, error) {
	switch x := x.(type) {
	case bool:
		return x, nil
	case int:
		return x != 0, nil
	case string:
		return session.Truth(x)
	}
	return false, fmt.Errorf("%q is not a boolean", text(x))
}

func number(x any) (float64, error) {
	switch x := x.(type) {
	case int:
		return float64(x), nil
	case int64:
		return float64(x), nil
	case float64:
		return x, nil
	case string:
		if n, err := strconv.ParseFloat(strings.TrimSpace(x), 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%q is not a number", text(x))
}

// text is a value as a template would print it.
func text(x any) string {
	switch x := x.(type) {
	case nil:
		return ""
	case string:
		return x
	case ordered.Timestamp:
		return string(x)
	case bool:
		if x {
			return "True"
		}
		return "False"
	}
	return convert.Repr(x)
}

// at adds where in the playbook it was.
func at(pos playbooks.Position, err error) error {
	if pos.Line == 0 {
		return err
	}
	return fmt.Errorf("%s:%d: %w", pos.File, pos.Line, err)
}
