package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
)

// list prints hosts, tasks and tags play by play, in the layout of ansible-playbook.
func (c *runCmd) list(t *terminal, w *workplace, books []*playbooks.Playbook) error {
	for _, p := range books {
		fmt.Fprintf(t.out, "\nplaybook: %s\n", oneLine(p.Path))
		for i, play := range p.Plays {
			name := play.Name.Raw
			if name == nil {
				name = play.Hosts.Raw
			}
			fmt.Fprintf(t.out, "\n  play #%d (%s): %s\tTAGS: [%s]\n", i+1, oneLine(fmt.Sprint(play.Hosts.Raw)), oneLine(fmt.Sprint(name)),
				oneLine(strings.Join(play.Tags, ",")))
			if c.ListHosts {
				if err := c.listHosts(t, w, play); err != nil {
					return err
				}
			}
			if c.ListTasks || c.ListTags {
				c.listTasks(t, play)
			}
		}
	}
	return nil
}

func (c *runCmd) listHosts(t *terminal, w *workplace, play *playbooks.Play) error {
	hosts, err := w.inv.Select(patternOf(play))
	if err == nil && c.Limit != "" {
		hosts, err = w.inv.Limit(hosts, c.Limit)
	}
	if err != nil {
		return err
	}
	patterns := []string{}
	if list, ok := play.Hosts.Raw.([]any); ok {
		for _, one := range list {
			patterns = append(patterns, fmt.Sprintf("'%v'", one))
		}
	} else {
		patterns = append(patterns, fmt.Sprintf("'%v'", play.Hosts.Raw))
	}
	fmt.Fprintf(t.out, "    pattern: [%s]\n    hosts (%d):\n", oneLine(strings.Join(patterns, ", ")), len(hosts))
	for _, h := range hosts {
		fmt.Fprintf(t.out, "      %s\n", h.Name)
	}
	return nil
}

// listTasks prints the tasks that --tags and --skip-tags choose, and their tags. As with Ansible there are no handlers among them, none
// of rescue and always, and nothing of what is included only when its task is reached.
func (c *runCmd) listTasks(t *terminal, play *playbooks.Play) {
	if c.ListTasks {
		fmt.Fprintln(t.out, "    tasks:")
	}
	all := slices.Clone(play.Tags)
	play.Walk(func(s playbooks.Step) bool {
		if s.Section == "handlers" || inRescue(s) {
			return false
		}
		name := stepName(s)
		if name == "" {
			return true
		}
		if !engine.Selects(c.Tags, c.SkipTags, s.Tags) {
			return false
		}
		all = append(all, s.Tags...)
		if c.ListTasks {
			fmt.Fprintf(t.out, "      %s\tTAGS: [%s]\n", oneLine(name), oneLine(strings.Join(sortedTags(s.Tags), ", ")))
		}
		return false
	})
	if c.ListTags {
		fmt.Fprintf(t.out, "      TASK TAGS: [%s]\n", oneLine(strings.Join(sortedTags(all), ", ")))
	}
}

// inRescue reports whether a step is in the rescue or always of its block.
func inRescue(s playbooks.Step) bool {
	if len(s.Parents) == 0 {
		return false
	}
	b, ok := s.Parents[len(s.Parents)-1].(*playbooks.Block)
	return ok && (slices.Contains(b.Rescue, s.Node) || slices.Contains(b.Always, s.Node))
}

// stepName is a task's name, with its role, or what it was written as; "" for what is no task.
func stepName(s playbooks.Step) string {
	var otherwise string
	switch n := s.Node.(type) {
	case *playbooks.Task:
		if otherwise = n.Called; otherwise == "" {
			otherwise = n.BuiltinAction
		}
		if otherwise == "" && n.Module != nil {
			otherwise = n.Module.Name
		}
	case *playbooks.Include:
		if otherwise = n.Called; otherwise == "" {
			otherwise = n.What
		}
	default:
		return ""
	}
	name, _ := s.Node.Keywords().Name.Raw.(string)
	if name == "" {
		return otherwise
	}
	if role := s.Role(); role != "" {
		name = role + " : " + name
	}
	return name
}

func sortedTags(tags []string) []string {
	sorted := slices.Clone(tags)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
