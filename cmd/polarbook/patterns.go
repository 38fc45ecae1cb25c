package main

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
)

// checkPatterns finds the plays whose hosts do not exist, before the first of them runs. What can only be known then is
// left to the run: patterns that are templates, and hosts that a playbook adds itself.
func (w *workplace) checkPatterns(books []*playbooks.Playbook) error {
	var problems playbooks.Errors
	said := map[string]bool{}
	for _, p := range books {
		for _, play := range p.Plays {
			pattern := patternOf(play)
			if strings.Contains(pattern, "{{") || strings.Contains(pattern, "{%") {
				continue
			}
			if _, err := w.inv.Select(pattern); err != nil && !said[pattern] {
				said[pattern] = true
				problems = append(problems, &playbooks.Error{Pos: play.Hosts.Pos, Msg: err.Error()})
			}
			if addsHosts(play) {
				return orNil(problems)
			}
		}
	}
	return orNil(problems)
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
