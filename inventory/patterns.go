package inventory

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/pattern"
	"github.com/polarbook/polarbook/templates/suggest"
)

// Select returns the hosts that a host pattern stands for, in Ansible's order: pattern by pattern as
// written, each group in inventory order; then what & leaves, less what ! takes away.
//
//	all, *           every host           a,b or a:b    both
//	group, host      by name              a:&b          only those in both
//	web*, 10.1.?.*   a glob               a:!b          all of a but b
//	~(web|db)\d      a regular expression group[0], group[1:3], group[-1]   some of a group
//
// What finds nothing stands for no host, as in Ansible; Unmatched tells of it. localhost is made up where it is not known.
func (i *Inventory) Select(pattern string) ([]*Host, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.evaluate(splitPattern(pattern))
}

// SelectAll is Select for several patterns, which may each be split.
func (i *Inventory) SelectAll(patterns []string) ([]*Host, error) {
	var parts []string
	for _, pattern := range patterns {
		parts = append(parts, splitPattern(pattern)...)
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.evaluate(parts)
}

// Limit returns those of the hosts that the pattern of --limit selects, in the order of hosts. A
// part of the pattern may be @file: a file with one pattern a line.
func (i *Inventory) Limit(hosts []*Host, pattern string) ([]*Host, error) {
	patterns, err := limitPatterns(pattern)
	if err != nil {
		return nil, err
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	selected, err := i.evaluate(patterns)
	if err != nil {
		return nil, err
	}
	wanted := map[*Host]bool{}
	for _, h := range selected {
		wanted[h] = true
	}
	limited := []*Host{}
	for _, h := range hosts {
		if wanted[h] {
			limited = append(limited, h)
		}
	}
	return limited, nil
}

// limitPatterns are the parts of --limit, those in files among them.
func limitPatterns(pattern string) ([]string, error) {
	var patterns []string
	for _, part := range splitPattern(pattern) {
		if !strings.HasPrefix(part, "@") {
			patterns = append(patterns, part)
			continue
		}
		data, err := os.ReadFile(part[1:])
		if err != nil {
			return nil, fmt.Errorf("read the hosts of --limit %s: %w", part, err)
		}
		for _, line := range strings.Split(string(data), "\n") {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				patterns = append(patterns, line)
			}
		}
	}
	return patterns, nil
}

// Unmatched says of each part of a pattern, of hosts: or of --limit, that stands for nothing in the inventory what is wrong with
// it, with the nearest name there is. It says nothing once a playbook adds hosts.
func (i *Inventory) Unmatched(pattern string) []string {
	patterns, err := limitPatterns(pattern)
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if err != nil || i.growing {
		return nil
	}
	var said []string
	for _, part := range patterns {
		name := strings.TrimLeft(part, "!&")
		hosts, err := i.match(name)
		if err != nil || len(hosts) > 0 {
			continue
		}
		if at := subscript.FindStringSubmatch(name); at != nil && name[0] != '~' {
			name = at[1]
		}
		switch _, group := i.byGroup[name]; {
		case group:
		case name != "all" && isPlain(name):
			said = append(said, fmt.Sprintf("no host or group is called %q%s", name, suggest.Suffix(name, i.names())))
		case name != "all" && name != "*":
			said = append(said, fmt.Sprintf("no host or group matches %q", name))
		}
	}
	return said
}

func isPlain(name string) bool {
	return name != "" && !strings.ContainsAny(name, "*?[") && name[0] != '~'
}

var (
	nameWithPort = regexp.MustCompile(`^[\w.\-]+:\d+$`)
	patternParts = regexp.MustCompile(`(?:[^\s:\[\]]|\[[^\]]*\])+`)
)

// splitPattern splits at commas, or without any at the colons that are not part of an address or of
// a subscript.
func splitPattern(pattern string) []string {
	var parts []string
	switch {
	case strings.Contains(pattern, ","):
		parts = strings.Split(pattern, ",")
	case net.ParseIP(strings.Trim(strings.TrimSpace(pattern), "!&")) != nil, nameWithPort.MatchString(pattern):
		parts = []string{pattern}
	default:
		parts = patternParts.FindAllString(pattern, -1)
	}
	trimmed := []string{}
	for _, part := range parts {
		if part = strings.TrimSpace(part); part != "" {
			trimmed = append(trimmed, part)
		}
	}
	return trimmed
}

// evaluate applies the patterns: first those that add, then those that keep, then those that remove.
func (i *Inventory) evaluate(patterns []string) ([]*Host, error) {
	var add, keep, remove []string
	for _, pattern := range patterns {
		switch pattern[0] {
		case '!':
			remove = append(remove, pattern[1:])
		case '&':
			keep = append(keep, pattern[1:])
		default:
			add = append(add, pattern)
		}
	}
	if len(add) == 0 {
		if len(patterns) == 0 {
			return nil, fmt.Errorf("the host pattern is empty; all stands for every host")
		}
		add = []string{"all"}
	}
	hosts := []*Host{}
	seen := map[*Host]bool{}
	for _, pattern := range add {
		matched, err := i.match(pattern)
		if err != nil {
			return nil, err
		}
		for _, h := range matched {
			if !seen[h] {
				seen[h] = true
				hosts = append(hosts, h)
			}
		}
	}
	filter := func(pattern string, want bool) error {
		matched, err := i.match(pattern)
		if err != nil {
			return err
		}
		named := map[*Host]bool{}
		for _, h := range matched {
			named[h] = true
		}
		left := []*Host{}
		for _, h := range hosts {
			if named[h] == want {
				left = append(left, h)
			}
		}
		hosts = left
		return nil
	}
	for _, pattern := range keep {
		if err := filter(pattern, true); err != nil {
			return nil, err
		}
	}
	for _, pattern := range remove {
		if err := filter(pattern, false); err != nil {
			return nil, err
		}
	}
	return hosts, nil
}

var subscript = regexp.MustCompile(`^(.+)\[(?:(-?[0-9]+)|([0-9]+)([:-])([0-9]*))\]$`)

// match returns the hosts of one pattern without its ! or &.
func (i *Inventory) match(pattern string) ([]*Host, error) {
	if pattern == "" {
		return nil, fmt.Errorf("a part of the host pattern is empty")
	}
	if h, ok := i.byName[pattern]; ok {
		return []*Host{h}, nil
	}
	name, picked := pattern, []string(nil)
	if pattern[0] != '~' {
		if picked = subscript.FindStringSubmatch(pattern); picked != nil {
			name = picked[1]
		}
	}
	hosts, err := i.find(name)
	if err != nil || picked == nil || len(hosts) == 0 {
		return hosts, err
	}
	return pick(hosts, pattern, picked)
}

// pick applies group[0], group[-1], group[1:3] (both ends included) or group[1:].
func pick(hosts []*Host, pattern string, match []string) ([]*Host, error) {
	if match[2] != "" {
		at, err := strconv.Atoi(match[2])
		if err == nil && at < 0 {
			at += len(hosts)
		}
		if err != nil || at < 0 || at >= len(hosts) {
			return nil, fmt.Errorf("the host pattern %q: %s has %d hosts", pattern, match[1], len(hosts))
		}
		return hosts[at : at+1], nil
	}
	from, err := strconv.Atoi(match[3])
	if err != nil || from >= len(hosts) {
		return nil, fmt.Errorf("the host pattern %q: %s has %d hosts, counted from 0", pattern, match[1], len(hosts))
	}
	to := len(hosts) - 1
	if match[5] != "" {
		if to, err = strconv.Atoi(match[5]); err != nil || to >= len(hosts) {
			to = len(hosts) - 1
		}
	}
	if to < from {
		return nil, fmt.Errorf("the host pattern %q ends before it begins", pattern)
	}
	return hosts[from : to+1], nil
}

// find returns the hosts of a pattern without subscript: a group, a host, a glob or a regular
// expression over the names of both.
func (i *Inventory) find(pattern string) ([]*Host, error) {
	if pattern == "all" {
		return i.byGroup["all"].allHosts(), nil
	}
	if isPlain(pattern) {
		if g, ok := i.byGroup[pattern]; ok {
			return g.allHosts(), nil
		}
		if h, ok := i.byName[pattern]; ok {
			return []*Host{h}, nil
		}
		if h := i.implicit(pattern); h != nil {
			return []*Host{h}, nil
		}
		return []*Host{}, nil
	}
	matches, err := patternExpression(pattern)
	if err != nil {
		return nil, err
	}
	hosts := []*Host{}
	for _, g := range i.groups {
		if matches.MatchString(g.name) {
			hosts = append(hosts, g.allHosts()...)
		}
	}
	for _, h := range i.hosts {
		if matches.MatchString(h.Name) {
			hosts = append(hosts, h)
		}
	}
	return hosts, nil
}

func (i *Inventory) names() []string {
	names := []string{}
	for _, g := range i.groups {
		names = append(names, g.name)
	}
	for _, h := range i.hosts {
		names = append(names, h.Name)
	}
	return names
}

// patternExpression compiles a glob, which must match a whole name, or a ~regex, which must match
// its beginning.
func patternExpression(text string) (*regexp.Regexp, error) {
	if text[0] == '~' {
		expression, err := regexp.Compile(`^(?:` + text[1:] + `)`)
		if err != nil {
			return nil, fmt.Errorf("the host pattern %q is not a regular expression: %w", text, err)
		}
		return expression, nil
	}
	expression, err := regexp.Compile(pattern.Glob(text))
	if err != nil {
		return nil, fmt.Errorf("the host pattern %q is not a glob: %w", text, err)
	}
	return expression, nil
}
