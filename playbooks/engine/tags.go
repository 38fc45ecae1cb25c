package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates/ordered"
)

// selected reports whether a task is to run by its tags. Those that are templates see, as in Ansible, what the play knows without
// any host. What cannot be rendered so ends the run.
func (p *playRun) selected(sc *scope) bool {
	tags, err := p.tags(sc)
	if err != nil {
		p.fail(err)
		return false
	}
	return p.r.selected(tags)
}

func (p *playRun) tags(sc *scope) ([]string, error) {
	tags := sc.tags()
	if !slices.ContainsFunc(tags, func(tag string) bool { return strings.Contains(tag, "{") }) {
		return tags, nil
	}
	v := p.withoutHost(sc)
	var all []string
	for _, tag := range tags {
		x, err := v.render(tag)
		if err != nil {
			return nil, at(sc.place(), fmt.Errorf("tags: %q: %w", tag, err))
		}
		for _, one := range asList(x) {
			for word := range strings.SplitSeq(text(one), ",") {
				if word = strings.TrimSpace(word); word != "" {
					all = append(all, word)
				}
			}
		}
	}
	return all, nil
}

// place is the innermost one known.
func (s *scope) place() playbooks.Position {
	for at := s; at != nil; at = at.parent {
		if at.common != nil && at.common.Pos.Line > 0 {
			return at.common.Pos
		}
	}
	return playbooks.Position{}
}

// withoutHost are the variables that a play and what surrounds a task define, without those of any host.
func (p *playRun) withoutHost(sc *scope) *variables {
	var l inventory.Layers
	for _, ro := range p.roles() {
		l = l.With(inventory.RoleDefaults, ro.defaults).With(inventory.RoleVars, ro.vars)
	}
	l = l.With(inventory.PlayPrompts, p.answers)
	for _, at := range sc.chain() {
		if at.role != nil {
			l = l.With(inventory.RoleDefaults, at.role.defaults).With(inventory.RoleVars, at.role.vars).
				With(inventory.RoleParams, at.role.params)
		}
		if at.vars.Len() > 0 {
			l = l.With(at.level, at.vars)
		}
	}
	l = l.With(inventory.ExtraVars, p.r.extraVars)
	if len(p.all) > 0 {
		// Files of variables whose names need no host are the same for all.
		if files, err := p.fileVars(p.all[0]); err == nil {
			for _, vars := range files {
				l = l.With(inventory.PlayVarsFiles, vars)
			}
		}
	}
	l = l.With(inventory.MagicVars, ordered.Of("ansible_play_name", p.name, "ansible_check_mode", p.r.o.Check))
	return &variables{r: p.r, p: p, sc: sc, layers: l, noting: map[string]bool{}}
}

// runTags are the tags asked for, as ansible_run_tags shows them.
func (r *run) runTags() []string {
	if len(r.o.Tags) == 0 {
		return []string{"all"}
	}
	return r.o.Tags
}

// selected reports whether a task with these tags is to run, by Ansible's rules: always and never, and the special names
// tagged, untagged and all.
func (r *run) selected(tags []string) bool { return Selects(r.o.Tags, r.o.SkipTags, tags) }

// Selects reports whether --tags and --skip-tags choose a task with these tags; without --tags all are asked for.
func Selects(only, skip, tags []string) bool {
	untagged := len(tags) == 0
	if untagged {
		tags = []string{"untagged"}
	}
	if len(only) == 0 {
		only = []string{"all"}
	}
	has := func(name string) bool { return slices.Contains(tags, name) }
	run := false
	switch {
	case has("always"):
		run = true
	case slices.Contains(only, "all") && !has("never"):
		run = true
	case slices.ContainsFunc(only, has):
		run = true
	case slices.Contains(only, "tagged") && !untagged && !has("never"):
		run = true
	}
	if !run || len(skip) == 0 {
		return run
	}
	switch {
	case slices.Contains(skip, "all"):
		return has("always") && !slices.Contains(skip, "always")
	case slices.ContainsFunc(skip, has):
		return false
	case slices.Contains(skip, "tagged") && !untagged:
		return false
	}
	return true
}
