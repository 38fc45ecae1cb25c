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
	top, stage    string // where names are below, and the directory below it in which what comes is put first
	send          []syncEntry
	before, after strings.Builder
}

// Plan compares.
func (s *synchronize) Plan(f syncFound) (tasks.Plan, *syncChange, error) {
	if err := s.fits(f); err != nil {
		return tasks.Plan{}, nil, err
	}
	c := &syncChange{top: f.top}
	if len(f.entries) > 0 && f.entries[0].kind == 'd' {
		c.stage = f.entries[0].name
	}
	var out []string
	created := f.Dest == "absent" && (s.slash || len(f.entries) > 1)
	l := newLeftovers(s, f)
	touched := map[string]bool{}
	skipped := map[string]bool{}
	var dirs []syncEntry
	for _, e := range f.entries {
		have, there := f.have[e.name]
		same := there && have.kind == e.kind
		notNew := !there && s.ExistingOnly && (e.name != "" || !created)
		kept := there && s.keep && (e.kind != 'd' || !same)
		if notNew || kept || e.name != "" && skipped[parent(e.name)] {
			skipped[e.name] = true
			continue
		}
		if there && !same && (e.kind == 'd' || have.kind == 'd') {
			if err := l.makeWay(e, c); err != nil {
				return tasks.Plan{}, nil, err
			}
		}
		item := s.compare(e, have, same, f.Root)
		if item != "" {
			out = append(out, s.line(item, e))
		}
		if e.kind != 'd' && item != "" && item[0] != '.' || e.kind == 'd' && !same {
			touched[parent(e.name)] = true
		}
		if !s.perms {
			if e.mode &= 0o777; same {
				e.mode = have.mode
			}
		}
		s.steps(e, item, same, f.Root, c)
		if e.kind == 'd' {
			dirs = append(dirs, e)
			if s.Delete && same {
				l.below(e.name)
			}
		}
	}
	for _, name := range l.gone {
		touched[parent(name)] = true
	}
	if created {
		out = slices.Insert(out, 0, "created directory "+strings.TrimSuffix(s.Dest, "/"))
	}
	out = slices.Concat(l.first, out, l.lines) // where there are first ones, dest is there
	plan := tasks.Plan{Values: map[string]any{"rc": 0, "stdout_lines": anyList(out), "stdout": strings.Join(out, "\n")}, Event: true}
	if len(out) == 0 {
		return plan, nil, nil
	}
	if len(c.send) > 0 {
		c.after.WriteString("clear\n") // before the directories get their times, which it would change
		touched[c.stage] = true
	}
	l.write(&c.after)
	for _, e := range slices.Backward(dirs) {
		s.adjustDirectory(e, f, touched[e.name], c)
	}
	plan.Change, plan.Msg = true, strings.Join(out, "\n")
	return plan, c, nil
}

// adjustDirectory gives a directory its attributes, where they differ or what was done in it has changed its time.
func (s *synchronize) adjustDirectory(e syncEntry, f syncFound, touched bool, c *syncChange) {
	have, there := f.have[e.name]
	if !touched && s.compare(e, have, there && have.kind == e.kind, f.Root) == "" {
		return
	}
	words := s.attributes(e, f.Root, true)
	if e.name == "" && !there {
		words[0] = s.modeOf(e, there)
	}
	c.after.WriteString("adjust " + script.Words(append([]string{e.name, ""}, words...)) + "\n")
}

// fits refuses what rsync would not begin either.
func (s *synchronize) fits(f syncFound) error {
	if len(f.entries) == 0 {
		return nil
	}
	switch {
	case f.Dest == "other" || f.Alone && f.entries[0].kind == 'd' && f.have[f.entries[0].name].kind != 0:
		return &tasks.Failure{Msg: path.Clean(s.Dest) + " is not a directory, and one is wanted there", Hint: "remove it first"}
	case f.Dest == "absent" && (f.Alone || !f.Parent):
		missing := path.Dir(path.Clean(s.Dest))
		return &tasks.Failure{Msg: "there is no directory " + missing,
			Hint: "make it with the module file first: synchronize makes only the last directory of dest"}
	case !s.Delay || !s.Delete:
		return nil
	}
	for name := range f.have {
		if path.Base(name) == ".rsync-filter" {
			return &tasks.Failure{
				Msg:  path.Join(f.top, name) + ": rules in files of this name are not read here, and they might keep what is to be deleted",
				Hint: "delay_updates: false makes it a file like any other",
			}
		}
	}
	return nil
}

func parent(name string) string { return strings.TrimPrefix(path.Dir(name), ".") }

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
	name := e.source
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
	at := nameAt(e.name)
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
		c.after.WriteString("to 5\ndress " + script.Words(append([]string{n}, words...)) + "\nplace " +
			script.Words(append([]string{n}, at...)) + "\n")
	default:
		c.after.WriteString("adjust " + script.Words(append(at, s.attributes(e, root, true)...)) + "\n")
	}
}
