package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" help:"Print it for this shell: bash, zsh, fish or powershell."`
}

//go:embed completions/polarbook.*
var completions embed.FS

// Run prints what has a shell complete commands of polarbook. The script asks the program itself at each TAB (completeWord).
func (c *completionCmd) Run(t *terminal) error {
	data, err := completions.ReadFile("completions/polarbook." + c.Shell)
	if err != nil {
		return err
	}
	return t.print(data)
}

// completeWord is the word by which the scripts ask: polarbook __complete SHELL WORD..., of which the last is the one that is typed.
const completeWord = "__complete"

// candidate is a word that may stand where the cursor is.
type candidate struct{ value, says string }

// suggestions are what may stand there. What kind says besides is the shell's to find: files or directories.
type suggestions struct {
	kind string // values, files, directories
	list []candidate
}

// complete answers a shell: a line with the kind, and one for each candidate, with what it is after a tab.
func complete(t *terminal, app *kong.Application, args []string) int {
	if len(args) < 2 {
		return exitUsage
	}
	shell, words := args[0], args[1:]
	put := func(value string) string { return value }
	switch shell {
	case "bash": // the breaks of words, and the line up to the cursor
		if len(args) != 3 {
			return exitUsage
		}
		line := splitLine(args[2])
		words, put = line.words[1:], line.inserted(args[1])
		if len(line.words) < 2 {
			return exitUsage
		}
	case "powershell": // it hands over no empty words
		words[len(words)-1] = strings.TrimPrefix(words[len(words)-1], "=")
	}
	s := suggestionsFor(app, words)
	fmt.Fprintln(t.out, s.kind)
	current := words[len(words)-1]
	for _, c := range s.list {
		if strings.HasPrefix(c.value, current) && oneLine(c.value) == c.value {
			fmt.Fprintf(t.out, "%s\t%s\n", put(c.value), oneLine(c.says))
		}
	}
	return exitDone
}

// typed is what the words before the cursor come to.
type typed struct {
	app        *kong.Application
	node       *kong.Node
	positional int
	pending    *kong.Flag // whose value the next word is
	flags      bool       // no -- yet
	given      map[string][]string
}

// suggestionsFor finds what may stand for the last of the words.
func suggestionsFor(app *kong.Application, words []string) suggestions {
	p := &typed{app: app, node: app.Node, flags: true, given: map[string][]string{}}
	for _, w := range words[:len(words)-1] {
		p.read(w)
	}
	current := words[len(words)-1]
	if p.pending != nil {
		return p.valuesOf(p.pending.Value, current)
	}
	if p.flags && strings.HasPrefix(current, "--") && strings.Contains(current, "=") {
		name, value, _ := strings.Cut(current, "=")
		if f := p.flag(strings.TrimPrefix(name, "--")); f != nil && !f.IsBool() {
			return p.valuesOf(f.Value, value).after(name + "=")
		}
		return suggestions{kind: "values"}
	}
	if f, at := p.shortWithValue(current); f != nil {
		return p.valuesOf(f.Value, current[at:]).after(current[:at])
	}
	if p.flags && strings.HasPrefix(current, "-") {
		return p.flagNames()
	}
	return p.commandsOrArgument(current)
}

// after puts what stands before a value in the same word before each candidate.
func (s suggestions) after(prefix string) suggestions {
	for i := range s.list {
		s.list[i].value = prefix + s.list[i].value
	}
	return s
}

// read goes over a word that is complete.
func (p *typed) read(w string) {
	switch {
	case p.pending != nil:
		p.given[p.pending.Name] = append(p.given[p.pending.Name], w)
		p.pending = nil
	case p.flags && w == "--":
		p.flags = false
	case p.flags && strings.HasPrefix(w, "--"):
		name, value, has := strings.Cut(w[2:], "=")
		f := p.flag(name)
		switch {
		case f == nil || f.IsBool() || f.IsCounter():
		case has:
			p.given[f.Name] = append(p.given[f.Name], value)
		default:
			p.pending = f
		}
	case p.flags && len(w) > 1 && w[0] == '-':
		if f, at := p.shortWithValue(w); f != nil {
			p.given[f.Name] = append(p.given[f.Name], w[at:])
		} else if f := p.short(rune(w[len(w)-1])); f != nil && !f.IsBool() && !f.IsCounter() {
			p.pending = f
		}
	default:
		if child := p.child(w); child != nil && p.positional == 0 {
			p.node = child
			return
		}
		p.given["argument"] = append(p.given["argument"], w)
		p.positional++
	}
}

func (p *typed) child(name string) *kong.Node {
	for _, c := range p.node.Children {
		if c.Name == name || slices.Contains(c.Aliases, name) {
			return c
		}
	}
	return nil
}

// allFlags are those of the command, of what is above it, and of the command that it stands for when none is named beneath it.
func (p *typed) allFlags() []*kong.Flag {
	var all []*kong.Flag
	for _, group := range p.node.AllFlags(false) {
		all = append(all, group...)
	}
	if d := p.node.DefaultCmd; d != nil {
		all = append(all, d.Flags...)
	}
	return all
}

func (p *typed) flag(name string) *kong.Flag {
	for _, f := range p.allFlags() {
		if f.Name == name || slices.Contains(f.Aliases, name) {
			return f
		}
	}
	return nil
}

func (p *typed) short(letter rune) *kong.Flag {
	for _, f := range p.allFlags() {
		if f.Short == letter {
			return f
		}
	}
	return nil
}

// shortWithValue finds the flag whose value stands in the same word, as in -lweb or -vlweb, and where the value begins.
func (p *typed) shortWithValue(w string) (*kong.Flag, int) {
	if !p.flags || len(w) < 3 || w[0] != '-' || w[1] == '-' {
		return nil, 0
	}
	for at, letter := range w[1:] {
		f := p.short(letter)
		if f == nil {
			return nil, 0
		}
		if !f.IsBool() && !f.IsCounter() {
			begins := at + 2
			return f, begins
		}
	}
	return nil, 0
}

func (p *typed) flagNames() suggestions {
	s := suggestions{kind: "values"}
	for _, f := range p.allFlags() {
		if f.Hidden || len(p.given[f.Name]) > 0 && !f.IsCumulative() {
			continue
		}
		s.list = append(s.list, candidate{"--" + f.Name, f.Help})
	}
	return s
}

func (p *typed) commandsOrArgument(current string) suggestions {
	s := suggestions{kind: "values"}
	if p.positional == 0 {
		for _, c := range p.node.Children {
			if !c.Hidden {
				s.list = append(s.list, candidate{c.Name, c.Help})
			}
		}
	}
	arguments := p.node.Positional
	if d := p.node.DefaultCmd; d != nil {
		arguments = d.Positional
	}
	if len(arguments) == 0 {
		return s
	}
	at := p.positional
	if at >= len(arguments) {
		if at = len(arguments) - 1; !arguments[at].IsCumulative() {
			return s
		}
	}
	values := p.valuesOf(arguments[at], current)
	return suggestions{kind: values.kind, list: append(s.list, values.list...)}
}

// valuesOf finds the values that a flag or an argument may have, by its tag complete, its choices or what stands for it in the help.
func (p *typed) valuesOf(v *kong.Value, current string) suggestions {
	what := v.Tag.Get("complete")
	if find, ok := finders[what]; ok {
		return suggestions{kind: "values", list: find(p, current)}
	}
	if v.Enum != "" {
		s := suggestions{kind: "values"}
		for _, one := range strings.Split(v.Enum, ",") {
			s.list = append(s.list, candidate{value: strings.TrimSpace(one)})
		}
		return s
	}
	placeholder := v.Tag.PlaceHolder
	switch {
	case what == "directories":
		return suggestions{kind: "directories"}
	case what == "files" || placeholder == "FILE" || placeholder == "PATH" || v.Flag == nil && v.Name == "file":
		return suggestions{kind: "files"}
	}
	return suggestions{kind: "values"}
}

// paths lists files below the directory that a word begins with, and directories to go on with. wanted chooses the files.
func paths(current string, wanted func(path string) bool) []candidate {
	dir, _ := filepath.Split(current)
	read := dir
	if read == "" {
		read = "."
	}
	entries, err := os.ReadDir(read)
	if err != nil {
		return nil
	}
	var list []candidate
	for _, e := range entries {
		path := dir + e.Name()
		if !strings.HasPrefix(path, current) || strings.HasPrefix(e.Name(), ".") && filepath.Base(current) == "." {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil || strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(filepath.Base(current), "."):
		case info.IsDir():
			list = append(list, candidate{value: path + "/"})
		case info.Mode().IsRegular() && wanted(path):
			list = append(list, candidate{value: path})
		}
	}
	return list
}
