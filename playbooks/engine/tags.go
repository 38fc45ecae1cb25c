package engine

import "slices"

// runTags are the tags asked for, as ansible_run_tags shows them.
func (r *run) runTags() []string {
	if len(r.o.Tags) == 0 {
		return []string{"all"}
	}
	return r.o.Tags
}

// selected reports whether a task with these tags is to run, by Ansible's rules: always and never, and the special names
// tagged, untagged and all.
func (r *run) selected(tags []string) bool {
	untagged := len(tags) == 0
	if untagged {
		tags = []string{"untagged"}
	}
	only, skip := r.runTags(), r.o.SkipTags
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
