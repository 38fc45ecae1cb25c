package system

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type alternativesArgs struct {
	Name        string           `arg:"name,required" doc:"Name of the group: java."`
	Path        string           `arg:"path,required,path" doc:"File that the name is to lead to."`
	Link        string           `arg:"link,path" doc:"Link that people use: /usr/bin/java. Required where the group is not there yet."`
	Priority    *int             `arg:"priority" doc:"Priority of the file; of a new one 50."`
	State       string           `arg:"state" default:"selected" choices:"present selected auto absent" doc:"present: among the alternatives; selected: and chosen; auto: and the group chooses by priority; absent: not among them."`
	Subcommands []alternativeSub `arg:"subcommands" alias:"slaves" each:"subcommand" doc:"Links that follow the first one."`
}

type alternativeSub struct {
	Name string `arg:"name,required" doc:"Name of the link's group."`
	Path string `arg:"path,required,path" doc:"File that it leads to."`
	Link string `arg:"link,required,path" doc:"The link."`
}

var alternativesModule = tasks.Define(tasks.Module{
	Name: "alternatives", Collections: []string{"community.general"},
	Summary: "Choose which program a name leads to",
	Notes:   []string{"With update-alternatives, which Debian and RHEL both have. Paths are written out: ~ and variables are not replaced."},
	Returns: []tasks.Return{{Name: "msg", Type: "str", Doc: "what was done"}},
	Without: map[string]string{"family": "only RHEL's alternatives knows families: choose the file with path, or run alternatives --set " +
		"NAME FAMILY"},
	Examples: `
- alternatives: {name: java, path: /usr/lib/jvm/java-17-openjdk-amd64/bin/java}
- alternatives: {name: pg_ctl, path: /opt/polardb/bin/pg_ctl, link: /usr/bin/pg_ctl, priority: 90, state: auto}
`,
}, newAlternatives)

func newAlternatives(a *alternativesArgs, l tasks.Local) (tasks.Action, error) {
	refuse := refusing("alternatives")
	word := func(text string, path bool) bool {
		return text == "" || strings.ContainsAny(text, " \t\r\n") || text[0] == '-' || path != (text[0] == '/')
	}
	switch {
	case word(a.Name, false) || strings.Contains(a.Name, "/"):
		return refuse("name", "cannot be %q", a.Name)
	case word(a.Path, true):
		return refuse("path", "has to be a path from / on, without blanks")
	case a.Link != "" && word(a.Link, true):
		return refuse("link", "has to be a path from / on, without blanks")
	}
	for _, sub := range a.Subcommands {
		if word(sub.Name, false) || word(sub.Path, true) || word(sub.Link, true) {
			return refuse("subcommands", "has %q, whose name, path or link is none", sub.Name)
		}
	}
	return &alternatives{*a, l.Check()}, nil
}

type alternatives struct {
	alternativesArgs
	asking bool
}

func (a *alternatives) Probe() string {
	return scripts.Script("alternatives_look", script.Values{"name": a.Name, "p": a.Path})
}

// group is what update-alternatives --display says.
type group struct {
	mode, now, link string
	paths           map[string]alternative
}

type alternative struct {
	priority int
	subs     map[string]string // path by name
}

var (
	groupMode  = regexp.MustCompile(`(?m)\s-\s(?:status\sis\s)?(\w*)(?:\smode|\.)$`)
	groupNow   = regexp.MustCompile(`(?m)^\s*link currently points to (.*)$`)
	groupLink  = regexp.MustCompile(`(?m)^\s*link \w+ is (.*)$`)
	groupPath  = regexp.MustCompile(`^(/.*)\s-\s(?:family\s\S+\s)?priority\s(\d+)`)
	groupSub   = regexp.MustCompile(`^\s+(?:slave|follower) (\S+): (.*)$`)
	groupSubIs = regexp.MustCompile(`(?m)^\s*(?:slave|follower) (\S+) is (.*)$`)
)

func readGroup(text string) group {
	first := func(e *regexp.Regexp) string {
		if m := e.FindStringSubmatch(text); m != nil {
			return m[1]
		}
		return ""
	}
	g := group{mode: first(groupMode), now: first(groupNow), link: first(groupLink), paths: map[string]alternative{}}
	path := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m := groupPath.FindStringSubmatch(line); m != nil {
			path = m[1]
			priority, _ := strconv.Atoi(m[2])
			g.paths[path] = alternative{priority, map[string]string{}}
		} else if m := groupSub.FindStringSubmatch(line); m != nil && path != "" && m[2] != "(null)" {
			g.paths[path].subs[m[1]] = m[2]
		}
	}
	return g
}

// subs returns the links that follow, by name; those of the group where none are given.
func (a *alternatives) subs(have alternative, links map[string]string) []alternativeSub {
	if a.Subcommands != nil {
		return a.Subcommands
	}
	var subs []alternativeSub
	for name, path := range have.subs {
		subs = append(subs, alternativeSub{name, path, links[name]})
	}
	slices.SortFunc(subs, func(a, b alternativeSub) int { return strings.Compare(a.Name, b.Name) })
	return subs
}

// same reports whether a file is among the alternatives as it is wanted.
func (a *alternatives) same(have alternative, links map[string]string) bool {
	if a.Priority != nil && *a.Priority != have.priority {
		return false
	}
	if a.Subcommands == nil {
		return true
	}
	for _, sub := range a.Subcommands {
		if have.subs[sub.Name] != sub.Path || links[sub.Name] != "" && links[sub.Name] != sub.Link {
			return false
		}
	}
	return len(have.subs) == len(a.Subcommands)
}

func (a *alternatives) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Tool    bool   `answer:"tool"`
		Display []byte `answer:"display"`
		There   bool   `answer:"there"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if !said.Tool {
		return tasks.NotYet(a.asking, "update-alternatives is not installed on this host", "install dpkg (Debian) or alternatives (RHEL)")
	}
	g, links := readGroup(string(said.Display)), map[string]string{}
	for _, m := range groupSubIs.FindAllStringSubmatch(string(said.Display), -1) {
		links[m[1]] = m[2]
	}
	have, exists := g.paths[a.Path]
	var text string
	var what []string
	do := func(msg string, words ...string) {
		text += script.Words(append([]string{"update-alternatives"}, words...)) + " >/dev/null || exit\n"
		what = append(what, msg)
	}
	if a.State == "absent" {
		if exists {
			do(fmt.Sprintf("remove %s from the alternatives of %s", a.Path, a.Name), "--remove", a.Name, a.Path)
		}
		return a.plan(what, text), nil
	}
	if !exists || !a.same(have, links) {
		link, priority := a.Link, 50
		if link == "" {
			link = g.link
		}
		switch {
		case !said.There:
			return tasks.NotYet(a.asking, a.Path+" does not exist", "install what brings it first")
		case link == "":
			return tasks.Plan{}, &tasks.Failure{Msg: "there is no group " + a.Name + " yet, and its link is not given", Hint: "give link"}
		case a.Priority != nil:
			priority = *a.Priority
		case exists:
			priority = have.priority
		}
		words := []string{"--install", link, a.Name, a.Path, strconv.Itoa(priority)}
		for _, sub := range a.subs(have, links) {
			words = append(words, "--slave", sub.Link, sub.Name, sub.Path)
		}
		do(fmt.Sprintf("make %s an alternative of %s", a.Path, a.Name), words...)
	}
	// A file that is new in a group may be chosen by its priority; it is chosen in any case, as it would be the next time.
	if a.State == "selected" && g.now != a.Path {
		do(fmt.Sprintf("have %s lead to %s", a.Name, a.Path), "--set", a.Name, a.Path)
	}
	if a.State == "auto" && g.mode == "manual" {
		do("have "+a.Name+" chosen by priority", "--auto", a.Name)
	}
	return a.plan(what, text), nil
}

func (a *alternatives) plan(what []string, text string) tasks.Plan {
	return tasks.Plan{Change: len(what) > 0, Msg: strings.Join(what, ", "), Script: script.Preamble + text}
}
