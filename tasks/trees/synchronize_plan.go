package trees

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type syncChange struct {
	send          []syncEntry
	before, after strings.Builder
}

// Plan compares.
func (s *synchronize) Plan(f syncFound) (tasks.Plan, *syncChange, error) {
	if f.Dest == "file" {
		return tasks.Plan{}, nil, &tasks.Failure{Msg: s.top() + " is a file, and a directory is wanted there", Hint: "remove it first"}
	}
	for name := range f.have {
		if path.Base(name) == ".rsync-filter" && s.Delay && s.Delete {
			return tasks.Plan{}, nil, &tasks.Failure{
				Msg:  path.Join(s.top(), name) + ": rules in files of this name are not read here, and they might keep what is to be deleted",
				Hint: "delay_updates: false makes it a file like any other",
			}
		}
	}
	c := &syncChange{}
	out := s.deletions(f, c)
	touched := map[string]bool{}
	for _, line := range out {
		touched[parent(strings.TrimSuffix(strings.TrimPrefix(line, "*deleting   "), "/"))] = true
	}
	skipped := map[string]bool{}
	var dirs []string
	for _, e := range s.entries {
		have, there := f.have[e.name]
		if !there && s.ExistingOnly || e.name != "" && skipped[parent(e.name)] {
			skipped[e.name] = true
			continue
		}
		if there && have.kind != e.kind && (have.kind != 'f' || e.kind != 'L') && (have.kind != 'L' || e.kind == 'd') {
			return tasks.Plan{}, nil, &tasks.Failure{Msg: path.Join(s.top(), e.name) + " is something of another kind on the host", Hint: "remove it first"}
		}
		item := s.compare(e, have, there && have.kind == e.kind, f.Root)
		if there && s.keep && e.kind != 'd' {
			item = ""
		}
		if item != "" {
			out = append(out, s.line(item, e))
		}
		if e.kind != 'd' && item != "" && item[0] != '.' {
			touched[parent(e.name)] = true
		}
		if e.kind == 'd' && !there {
			touched[parent(e.name)] = true
		}
		if !s.perms {
			if e.mode &= 0o777; there {
				e.mode = have.mode
			}
		}
		s.steps(e, item, there, f.Root, c)
		if e.kind == 'd' {
			dirs = append(dirs, e.name)
		}
	}
	plan := tasks.Plan{Values: map[string]any{"rc": 0, "stdout_lines": anyList(out), "stdout": strings.Join(out, "\n")}, Event: true}
	if len(out) == 0 {
		return plan, nil, nil
	}
	if len(c.send) > 0 {
		c.after.WriteString("clear\n") // before the directories get their times, which it would change
		touched[""] = true
	}
	byName := map[string]syncEntry{}
	for _, e := range s.entries {
		byName[e.name] = e
	}
	for _, name := range slices.Backward(dirs) {
		e := byName[name]
		have, there := f.have[name]
		if item := s.compare(e, have, there, f.Root); item != "" || touched[name] {
			words := s.attributes(e, f.Root, true)
			if name == "" && !there {
				words[0] = s.modeOf(e, there)
			}
			c.after.WriteString("adjust " + script.Words(append([]string{name, ""}, words...)) + "\n")
		}
	}
	plan.Change, plan.Msg = true, strings.Join(out, "\n")
	return plan, c, nil
}

func parent(name string) string { return strings.TrimPrefix(path.Dir(name), ".") }

// deletions plans what is removed, and returns the lines that say so.
func (s *synchronize) deletions(f syncFound, c *syncChange) []string {
	if !s.Delete || len(s.entries) == 0 { // where the source itself is excluded, nothing is said of what is there
		return nil
	}
	stays := map[string]bool{"": true}
	stay := func(name string) {
		for ; name != ""; name = parent(name) {
			stays[name] = true
		}
	}
	for _, e := range s.entries {
		stay(e.name)
	}
	names := make([]string, 0, len(f.have))
	for name, e := range f.have {
		names = append(names, name)
		if s.passed[name] || s.excluded(name, e.kind == 'd') {
			stay(name)
		}
	}
	slices.Sort(names)
	var out []string
	kept := map[string]bool{} // excluded, with all below
	gone := map[string]bool{}
	for _, name := range names {
		switch e := f.have[name]; {
		case name == "":
		case kept[parent(name)] || s.passed[name] || s.excluded(name, e.kind == 'd'):
			kept[name] = true
		case stays[name]:
		default:
			if e.kind == 'd' {
				name += "/"
			}
			out = append(out, "*deleting   "+name)
			name = strings.TrimSuffix(name, "/")
			gone[name] = true
			if !gone[parent(name)] {
				c.before.WriteString("gone " + script.Words([]string{parent(name), path.Base(name)}) + "\n")
			}
		}
	}
	return out
}

// compare says in rsync's letters what differs; empty: nothing.
func (s *synchronize) compare(e, have syncEntry, there, root bool) string {
	if !there {
		return map[byte]string{'f': "<f", 'd': "cd", 'L': "cL"}[e.kind] + "+++++++++"
	}
	item := []byte("..." + "........")
	item[1] = e.kind
	send := false
	if e.kind == 'f' {
		if e.size != have.size {
			item[3], send = 's', true
		}
		if s.Checksum && e.sum != have.sum {
			item[2], send = 'c', true
		}
	}
	if e.kind == 'L' && e.target != have.target {
		item[0], item[2] = 'c', 'c'
		if !s.times {
			item[4] = 'T'
		}
	}
	if e.time != have.time {
		switch {
		case s.times:
			item[4] = 't'
			send = send || e.kind == 'f' && !s.Checksum
		case e.kind == 'f' && !s.Checksum:
			item[4], send = 'T', true
		}
	}
	if e.kind != 'L' && s.perms && e.mode != have.mode {
		item[5] = 'p'
	}
	if root {
		if s.owner && e.uid != have.uid && e.owner != have.owner {
			item[6] = 'o'
		}
		if s.group && e.gid != have.gid && e.group != have.group {
			item[7] = 'g'
		}
	}
	if send {
		item[0] = '<'
		if !s.times { // that of the transfer
			item[4] = 'T'
		}
	}
	if strings.Trim(string(item[2:]), ".") == "" {
		return ""
	}
	return string(item)
}

func (s *synchronize) line(item string, e syncEntry) string {
	name := path.Join(s.under, e.name)
	switch e.kind {
	case 'd':
		if name == "" {
			name = "."
		}
		name += "/"
	case 'L':
		name += " -> " + e.target
	}
	return item + " " + name
}

// attributes are the words of mode, owner, group and time, as the script's adjust takes them.
func (s *synchronize) attributes(e syncEntry, root, times bool) []string {
	words := make([]string, 6)
	if s.perms {
		words[0] = files.FiveDigits(e.mode)
	}
	if root && s.owner {
		words[1], words[2] = e.owner, strconv.Itoa(e.uid)
	}
	if root && s.group {
		words[3], words[4] = e.group, strconv.Itoa(e.gid)
	}
	if times && s.times {
		words[5] = strconv.FormatInt(e.time, 10)
	}
	return words
}

// modeOf is the mode of what is made: the source's, and where that is not wanted the one before, or the source's less the host's umask.
func (s *synchronize) modeOf(e syncEntry, there bool) string {
	mode := files.FiveDigits(e.mode)
	if !s.perms && !there {
		return "u" + mode
	}
	return mode
}

// steps adds what is to be done for an entry.
func (s *synchronize) steps(e syncEntry, item string, there, root bool, c *syncChange) {
	at := []string{parent(e.name), path.Base(e.name)}
	switch {
	case item == "":
	case e.kind == 'd':
		if !there && e.name != "" {
			c.before.WriteString("directory " + script.Words(append(at, s.modeOf(e, there))) + "\n")
		}
	case e.kind == 'L':
		c.after.WriteString("point " + script.Words(append(append(at, e.target), s.attributes(e, root, true)[1:]...)) + "\n")
	case item[0] == '<':
		c.send = append(c.send, e)
		n := strconv.Itoa(len(c.send) - 1)
		words := s.attributes(e, root, false)[:5]
		words[0] = s.modeOf(e, there)
		c.after.WriteString("to 5\ndress " + script.Words(append([]string{n}, words...)) + "\nplace " + script.Words(append([]string{n}, at...)) + "\n")
	default:
		c.after.WriteString("adjust " + script.Words(append(at, s.attributes(e, root, true)...)) + "\n")
	}
}
