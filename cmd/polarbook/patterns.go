package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
)

// checkPatterns finds the plays whose patterns cannot be read, before the first of them runs, and tells of hosts and groups that
// do not exist. A built-in playbook is no use without its hosts, so there it is an error. What can only be known in the run is
// left to it: patterns that are templates, and hosts that a playbook adds itself.
func (w *workplace) checkPatterns(books []*playbooks.Playbook) error {
	var problems playbooks.Errors
	said := map[string]bool{} // patterns with an error
	for _, p := range books {
		for _, play := range p.Plays {
			pattern := patternOf(play)
			if strings.Contains(pattern, "{{") || strings.Contains(pattern, "{%") {
				continue
			}
			_, err := w.inv.Select(pattern)
			missing := w.inv.Unmatched(pattern)
			switch {
			case err != nil && said[pattern]:
			case err != nil:
				said[pattern] = true
				problems = append(problems, &playbooks.Error{Pos: play.Hosts.Pos, Msg: err.Error()})
			case p.Builtin && len(missing) > 0:
				problems = append(problems, &playbooks.Error{Pos: play.Hosts.Pos, Msg: missing[0]})
			default:
				for _, text := range missing {
					w.warn(play.Hosts.Pos.String() + ": " + text)
				}
			}
			if addsHosts(play) {
				return orNil(problems)
			}
		}
	}
	return orNil(problems)
}

// checkLimit refuses a --limit that leaves no host at all, as Ansible does, and tells of names in it that stand for nothing.
func (w *workplace) checkLimit(pattern string) error {
	if pattern == "" {
		return nil
	}
	left, err := w.inv.Limit(w.inv.Hosts(), pattern)
	if err != nil {
		return err
	}
	missing := w.inv.Unmatched(pattern)
	if len(left) == 0 && len(w.inv.Hosts()) > 0 {
		return fmt.Errorf("--limit %s leaves no host: %s", pattern, strings.Join(append(missing, "the inventory has others"), "; "))
	}
	for _, text := range missing {
		w.warn("--limit: " + text)
	}
	return nil
}

func orNil(problems playbooks.Errors) error {
	if len(problems) == 0 {
		return nil
	}
	return problems
}

func addsHosts(play *playbooks.Play) bool {
	adds := false
	play.Walk(func(s playbooks.Step) bool {
		switch n := s.Node.(type) {
		case *playbooks.Task:
			adds = adds || n.BuiltinAction == "add_host" || n.BuiltinAction == "group_by"
		case *playbooks.Include:
			adds = true // what a file holds whose name is known at run time only is not known here
		}
		return true
	})
	return adds
}

// patternOf is a play's hosts as one pattern.
func patternOf(play *playbooks.Play) string {
	list, ok := play.Hosts.Raw.([]any)
	if !ok {
		return fmt.Sprint(play.Hosts.Raw)
	}
	var parts []string
	for _, x := range list {
		parts = append(parts, fmt.Sprint(x))
	}
	return strings.Join(parts, ":")
}

// needInventory reports whether playbooks have plays for other hosts than localhost and those that they add themselves.
func needInventory(books []*playbooks.Playbook) bool {
	for _, p := range books {
		for _, play := range p.Plays {
			if p.Builtin || !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, patternOf(play)) {
				return true
			}
			if addsHosts(play) {
				return false
			}
		}
	}
	return false
}
