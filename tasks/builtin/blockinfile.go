package builtin

import (
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/templates/pattern"
)

type blockinfileArgs struct {
	files.EditArgs
	Create         bool    `arg:"create" default:"false" doc:"Create the file, and its directory, if it is missing."`
	Block          string  `arg:"block" alias:"content" doc:"The lines. Without any, the block is removed, as with absent."`
	State          string  `arg:"state" default:"present" choices:"absent present" doc:"Insert the block, or remove it."`
	Marker         string  `arg:"marker" default:"# {mark} ANSIBLE MANAGED BLOCK" doc:"The line before and after the block; {mark} is replaced. Different blocks of a file need different markers."`
	MarkerBegin    string  `arg:"marker_begin" default:"BEGIN" doc:"Text for {mark} before the block."`
	MarkerEnd      string  `arg:"marker_end" default:"END" doc:"Text for {mark} after the block."`
	InsertAfter    *string `arg:"insertafter" doc:"EOF, or an expression: a new block goes after the last line that matches."`
	AppendNewline  bool    `arg:"append_newline" default:"false" doc:"Have an empty line after the block, but at the end of the file."`
	PrependNewline bool    `arg:"prepend_newline" default:"false" doc:"Have an empty line before the block, but at the beginning of the file."`
	InsertBefore   *string `arg:"insertbefore" doc:"BOF, or an expression: a new block goes before the last line that matches."`
}

var blockinfileModule = tasks.Define(tasks.Module{
	Name: "blockinfile", Collections: []string{"ansible.builtin"},
	Summary: "Manage a block of lines between two markers in a text file",
	Notes:   lineinfileModule.Notes,
	Returns: []tasks.Return{
		{Name: "backup_file", Type: "str", Doc: "copy of the file before"},
		{Name: "msg", Type: "str", Doc: "what was done"},
	},
	Examples: `
- blockinfile:
    path: /etc/hosts
    marker: "# {mark} polardb"
    block: |
      10.0.0.1 node1
      10.0.0.2 node2
`,
}, func(a *blockinfileArgs, l tasks.Local) (tasks.Action, error) {
	if a.InsertAfter != nil && a.InsertBefore != nil {
		return nil, &tasks.ArgError{Module: "blockinfile", Arg: "insertbefore", Problem: "and insertafter exclude each other"}
	}
	b := block{blockinfileArgs: *a}
	b.begin = strings.ReplaceAll(a.Marker, "{mark}", a.MarkerBegin) + "\n"
	b.end = strings.ReplaceAll(a.Marker, "{mark}", a.MarkerEnd) + "\n"
	if b.begin == b.end {
		return nil, &tasks.ArgError{
			Module:  "blockinfile",
			Arg:     "marker",
			Problem: "must contain {mark}: otherwise the end of the block looks like its beginning",
		}
	}
	where, arg := a.InsertAfter, "insertafter"
	if a.InsertBefore != nil {
		where, arg = a.InsertBefore, "insertbefore"
	}
	if where != nil && *where != "EOF" && *where != "BOF" {
		if flags, _, ok := strings.Cut(*where, ")"); ok && strings.HasPrefix(flags, "(?") {
			b.whole = strings.Trim(flags[2:], "aimsux") == "" && strings.Contains(flags, "m")
		}
		re, err := files.Pattern("blockinfile", arg, *where, bytewise)
		if err != nil {
			return nil, err
		}
		b.insert = re
	}
	e, err := files.NewEdit("blockinfile", a.EditArgs, a.Create, l)
	if err != nil {
		return nil, err
	}
	e.Rewrite = b.rewrite
	if a.State == "absent" {
		e.Create = false
		e.Missing = func() tasks.Plan { return tasks.Plan{Msg: "File " + a.Path + " not present"} }
	}
	return a.Marked("blockinfile", a.Path, "", e)
})

// block is a blockinfile with its markers written out.
type block struct {
	blockinfileArgs
	begin, end string
	insert     *pattern.Pattern
	whole      bool // insert looks at the whole text, not line by line
}

func (b *block) rewrite(text string, exists bool) (string, string, map[string]any, error) {
	all := files.KeepLines(text)
	var wanted []string
	if b.State == "present" && b.Block != "" {
		wanted = append([]string{b.begin}, files.KeepLines(strings.TrimSuffix(b.Block, "\n")+"\n")...)
		wanted = append(wanted, b.end)
	}
	begin, end := -1, -1
	for i, line := range all {
		switch line {
		case b.begin:
			begin = i
		case b.end:
			end = i
		}
	}
	at := begin
	switch {
	case begin < 0 || end < 0:
		var err error
		if at, err = b.place(all, text); err != nil {
			return "", "", nil, err
		}
	case begin < end:
		all = slices.Delete(all, begin, end+1)
	default:
		all = slices.Delete(all, end, begin+1)
		at = end
	}
	if len(wanted) == 0 && (begin < 0 || end < 0) {
		return text, "", nil, nil
	}
	if at > 0 && !strings.HasSuffix(all[at-1], "\n") {
		all[at-1] += "\n"
	}
	if b.PrependNewline && b.State == "present" && at > 0 && all[at-1] != "\n" {
		all = slices.Insert(all, at, "\n")
		at++
	}
	all = slices.Insert(all, at, wanted...)
	if end := at + len(wanted); b.AppendNewline && b.State == "present" && end < len(all) && all[end] != "\n" {
		all = slices.Insert(all, end, "\n")
	}
	after := strings.Join(all, "")
	switch {
	case after == text && exists:
		return after, "", nil, nil
	case !exists:
		return after, "File created", nil, nil
	case len(wanted) == 0:
		return after, "Block removed", nil, nil
	}
	return after, "Block inserted", nil, nil
}

// place is the line before which a new block goes.
func (b *block) place(all []string, text string) (int, error) {
	at := -1
	switch {
	case b.InsertBefore != nil && b.insert == nil:
		return 0, nil
	case b.insert == nil:
		return len(all), nil
	case b.whole:
		m, err := b.insert.Find(text)
		if err != nil {
			return 0, err
		}
		if m != nil {
			to := m[0]
			if b.InsertAfter != nil {
				to = m[1]
			}
			at = strings.Count(text[:to], "\n")
		}
	default:
		for i, line := range all {
			m, err := b.insert.Find(line)
			if err != nil {
				return 0, err
			}
			if m != nil {
				at = i
			}
		}
	}
	switch {
	case at < 0:
		return len(all), nil
	case b.InsertAfter != nil:
		return min(at+1, len(all)), nil
	}
	return at, nil
}
