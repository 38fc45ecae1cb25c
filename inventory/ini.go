package inventory

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
)

var (
	iniSection = regexp.MustCompile(`^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?$`)
	iniChild   = regexp.MustCompile(`^([^:\]\s]+)\s*(?:#.*)?$`)
)

// readINI reads an inventory in Ansible's INI form. A value on a host's line and in a :vars section
// is a Python literal where it can be read as one (1, 'a', [1, 2], True), and else a string.
func (s source) readINI(text string) error {
	type mention struct {
		name     string
		position Position
		what     string
	}
	// A section may name a group before the group's own section does; those never defined are errors.
	var mentioned []mention
	defined := map[string]bool{"all": true, "ungrouped": true}

	current, kind := s.inventory.byGroup["ungrouped"], "hosts"
	for at, raw := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		line := strings.TrimSpace(raw)
		column := len(raw) - len(strings.TrimLeft(raw, " \t")) + 1
		position := s.at(at+1, column)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' && !looksLikeHost(line) {
			match := iniSection.FindStringSubmatch(line)
			if match == nil {
				return errorAt(position, "%s is not a section; sections are [group], [group:vars] and [group:children]", line)
			}
			name := match[1]
			if kind = match[2]; kind == "" {
				kind = "hosts"
			}
			switch kind {
			case "hosts", "children":
				defined[name] = true
			case "vars":
				mentioned = append(mentioned, mention{name, position, "[" + name + ":vars]"})
			default:
				near := suggest.Suffix(kind, []string{"vars", "children", "hosts"})
				return errorAt(position, "a section ends in :vars, :children or :hosts, not :%s%s", kind, near)
			}
			if err := checkGroupName(name, position); err != nil {
				return err
			}
			current = s.inventory.ensureGroup(name, position)
			continue
		}
		var err error
		switch kind {
		case "hosts":
			err = s.readINIHost(raw, current, position)
		case "vars":
			err = readINIVariable(line, current, position)
		case "children":
			match := iniChild.FindStringSubmatch(line)
			if match == nil {
				return errorAt(position, "a [%s:children] section lists groups, one a line; this is %q", current.name, line)
			}
			if err := checkGroupName(match[1], position); err != nil {
				return err
			}
			mentioned = append(mentioned, mention{match[1], position, "[" + current.name + ":children]"})
			if err = s.inventory.addChild(current, s.inventory.ensureGroup(match[1], position)); err != nil {
				err = errorAt(position, "%v", err)
			}
		}
		if err != nil {
			return err
		}
	}
	for _, m := range mentioned {
		// Groups of an earlier source count as defined, and so do groups with hosts from elsewhere.
		if g := s.inventory.byGroup[m.name]; !defined[m.name] && g.position.File == s.path && len(g.hosts) == 0 && len(g.children) == 0 {
			names := []string{}
			for name := range defined {
				names = append(names, name)
			}
			return errorAt(m.position, "%s names the group %q, which no section defines%s", m.what, m.name, suggest.Suffix(m.name, names))
		}
	}
	return nil
}

// looksLikeHost tells [::1]:22 and [a:c]-db from a section.
func looksLikeHost(line string) bool {
	end := strings.IndexByte(line, ']')
	if end < 0 || end+1 >= len(line) {
		return strings.Count(line, ":") > 1 && end > 0
	}
	rest := line[end+1:]
	return rest[0] != ' ' && rest[0] != '\t' && rest[0] != '#' && rest[0] != ';' || strings.Count(line[:end], ":") > 1
}

func (s source) readINIHost(line string, g *group, position Position) error {
	words, err := splitWords(line)
	if err != nil {
		return errorAt(Position{position.File, position.Line, err.column}, "%s", err.message)
	}
	if len(words) == 0 {
		return nil
	}
	if strings.Contains(words[0].text, "=") {
		return errorAt(position, "a host's line begins with its name; for variables of the group begin a section [%s:vars]", g.name)
	}
	hosts, failed := s.addHosts(words[0].text, g, position)
	if failed != nil {
		return failed
	}
	for _, word := range words[1:] {
		at := Position{position.File, position.Line, word.column}
		name, text, ok := strings.Cut(word.text, "=")
		if !ok {
			return errorAt(at, "expected name=value after the host, got %s", quoted(line, word.text))
		}
		for _, h := range hosts {
			h.vars.set(name, iniValue(text), at)
		}
	}
	return nil
}

func readINIVariable(line string, g *group, position Position) error {
	name, text, ok := strings.Cut(line, "=")
	if !ok {
		return errorAt(position, "expected name=value in [%s:vars], got %s", g.name, quoted(line, line))
	}
	return setGroupVariable(g, strings.TrimSpace(name), iniValue(strings.TrimSpace(text)), position)
}

func iniValue(text string) any {
	if value, ok := parseLiteral(text); ok {
		return value
	}
	return text
}

type word struct {
	text   string
	column int
}

type wordError struct {
	message string
	column  int
}

// splitWords splits as Python's shlex does for a host's line: quotes and backslashes as in sh, and
// a # that begins a word begins a comment.
func splitWords(line string) ([]word, *wordError) {
	var words []word
	var text strings.Builder
	started, column := false, 0
	begin := func(at int) {
		if !started {
			started, column = true, at+1
		}
	}
	for at := 0; at < len(line); at++ {
		switch c := line[at]; {
		case c == ' ' || c == '\t' || c == '\r':
			if started {
				words = append(words, word{text.String(), column})
				text.Reset()
				started = false
			}
		case c == '#':
			// shlex ends the word at a # even in its middle.
			if started {
				words = append(words, word{text.String(), column})
			}
			return words, nil
		case c == '\\':
			begin(at)
			if at++; at >= len(line) {
				return nil, &wordError{"nothing follows the backslash", at}
			}
			text.WriteByte(line[at])
		case c == '\'' || c == '"':
			begin(at)
			opened := at
			for at++; at < len(line) && line[at] != c; at++ {
				if c == '"' && line[at] == '\\' && at+1 < len(line) && (line[at+1] == '"' || line[at+1] == '\\') {
					at++
				}
				text.WriteByte(line[at])
			}
			if at >= len(line) {
				return nil, &wordError{"this quote is not closed", opened + 1}
			}
		default:
			begin(at)
			text.WriteByte(c)
		}
	}
	if started {
		words = append(words, word{text.String(), column})
	}
	return words, nil
}

// quoted is a part of a line for an error, unless the line has a secret in it: what looks like the next word may be a
// part of one.
func quoted(line, part string) string {
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t=:\"'", r) }) {
		if SecretName(word) {
			return mask
		}
	}
	return fmt.Sprintf("%q", part)
}
