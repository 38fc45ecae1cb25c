package builtin

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type aptRepositoryArgs struct {
	Repo          string `arg:"repo,required" doc:"A line of sources.list, such as deb https://mirror.example.com/debian bookworm main."`
	State         string `arg:"state" default:"present" choices:"absent present" doc:"Whether the line is in one of the lists."`
	Filename      string `arg:"filename" doc:"Name of the list in /etc/apt/sources.list.d, without .list; made of the repository otherwise."`
	Mode          string `arg:"mode,mode" default:"0644" doc:"Permissions of a list that is made."`
	UpdateCache   bool   `arg:"update_cache" alias:"update-cache" default:"true" doc:"Ask the sources after a change."`
	Retries       int    `arg:"update_cache_retries" default:"5" doc:"How many times they are asked before the change is taken back."`
	RetryDelay    int    `arg:"update_cache_retry_max_delay" default:"12" doc:"Seconds between these tries, at most."`
	ValidateCerts bool   `arg:"validate_certs" default:"true" doc:"For ppa: lines, which are refused here."`
	InstallPython bool   `arg:"install_python_apt" default:"true" doc:"Accepted: nothing here needs Python."`
	Codename      string `arg:"codename" doc:"For ppa: lines, which are refused here."`
}

var aptRepositoryModule = tasks.Define(tasks.Module{
	Name: "apt_repository", Collections: []string{"ansible.builtin"},
	Network: sourcesNetwork,
	Summary: "Manage a line of apt's lists of sources",
	Notes: []string{
		"Lists that the change does not touch stay as they are. When the sources cannot be asked after a change, it is taken back.",
		"deb822_repository writes the newer form.",
	},
	Returns: []tasks.Return{
		{Name: "repo", Type: "str", Doc: "the line"}, {Name: "state", Type: "str", Doc: "as asked for"},
		{Name: "sources_added", Type: "list", Doc: "lists that were made"},
		{Name: "sources_removed", Type: "list", Doc: "lists that were removed, because nothing was left in them"},
	},
	Examples: `
- apt_repository: {repo: "deb [signed-by=/etc/apt/keyrings/internal.asc] https://mirror.example.com/debian bookworm main", filename: internal}
- apt_repository: {repo: deb https://mirror.example.com/old bullseye main, state: absent, update_cache: false}
`,
}, func(a *aptRepositoryArgs, l tasks.Local) (tasks.Action, error) {
	problem := func(arg, text string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "apt_repository", Arg: arg, Problem: text}
	}
	wanted := readSource(a.Repo)
	switch {
	case strings.HasPrefix(strings.TrimSpace(a.Repo), "ppa:"):
		return problem("repo", "cannot be a ppa here, which Launchpad would have to be asked for: write its deb line, and fetch its key")
	case strings.Contains(strings.TrimSpace(a.Repo), "\n"):
		return problem("repo", "has more than one line")
	case !wanted.valid || !wanted.enabled:
		return problem("repo", fmt.Sprintf("is no line that begins with deb or deb-src: %q", a.Repo))
	case len(strings.Fields(wanted.text)) < 2:
		return problem("repo", fmt.Sprintf("names no repository: %q", a.Repo))
	case strings.Contains(a.Filename, "/") && !path.IsAbs(a.Filename):
		return problem("filename", "is a name, or a whole path")
	}
	return &aptRepository{*a, wanted, l.Check()}, nil
})

type aptRepository struct {
	aptRepositoryArgs
	wanted source
	asking bool
}

// source is a line of a list.
type source struct {
	valid, enabled bool // valid: it names a repository, if only in a comment
	text, comment  string
}

// readSource reads a line as Ansible does: blanks within a repository are one, and what follows another # is a comment.
func readSource(line string) source {
	line = strings.TrimSpace(line)
	s := source{enabled: true}
	if rest, ok := strings.CutPrefix(line, "#"); ok {
		s.enabled, line = false, rest
	}
	if at := strings.Index(line, "#"); at > 0 {
		s.comment, line = strings.TrimSpace(line[at+1:]), line[:at]
	}
	s.text = strings.TrimSpace(line)
	if words := strings.Fields(s.text); len(words) > 0 && (words[0] == "deb" || words[0] == "deb-src") {
		s.valid, s.text = true, strings.Join(words, " ")
	}
	return s
}

func (s source) String() string {
	line := s.text
	if !s.enabled {
		line = "# " + line
	}
	if s.comment != "" {
		line += " # " + s.comment
	}
	return line
}

var (
	sourceOptions = regexp.MustCompile(`\[[^\]]+\]`)
	protocol      = regexp.MustCompile(`\w+://`)
	noNameOfList  = regexp.MustCompile(`[^a-zA-Z0-9]+`)
)

// list is the path of the list that gets the line when none has it.
func (a *aptRepository) list() string {
	name := a.Filename
	if name == "" {
		for _, word := range strings.Fields(protocol.ReplaceAllString(sourceOptions.ReplaceAllString(a.wanted.text, ""), "")) {
			if word == "deb" || word == "deb-src" {
				continue
			}
			if _, after, ok := strings.Cut(word, "@"); ok { // no password in a name
				word = after
			}
			name = strings.Trim(noNameOfList.ReplaceAllString(word, "_"), "_")
			break
		}
	}
	name += ".list"
	if path.IsAbs(name) {
		return name
	}
	return "/etc/apt/sources.list.d/" + name
}

func (a *aptRepository) Probe() string {
	return scripts.Script("apt_lists", script.Values{"own": script.Path(a.list())})
}

// sourceList is one file of apt's.
type sourceList struct {
	path, before string
	there        bool
	lines        []string
	touched      bool
}

func (l *sourceList) after() string {
	if len(l.lines) == 0 {
		return ""
	}
	return strings.Join(l.lines, "\n") + "\n"
}

// edit makes the change in the lists and returns those that have another text then.
func (a *aptRepository) edit(lists []*sourceList) []*sourceList {
	found := false
	for _, list := range lists {
		kept := make([]string, 0, len(list.lines))
		for _, line := range list.lines {
			s := readSource(line)
			same := s.valid && s.text == a.wanted.text
			switch {
			case same && a.State == "absent" && s.enabled:
				list.touched = true
				continue
			case same && a.State == "present" && !s.enabled:
				s.enabled, list.touched = true, true
				line = s.String()
			}
			found = found || same
			kept = append(kept, line)
		}
		list.lines = kept
	}
	if a.State == "present" && !found {
		own := slices.IndexFunc(lists, func(l *sourceList) bool { return l.path == a.list() })
		if own < 0 {
			lists = append(lists, &sourceList{path: a.list()})
			own = len(lists) - 1
		}
		lists[own].lines, lists[own].touched = append(lists[own].lines, a.wanted.text), true // without its comment, as with Ansible
	}
	return slices.DeleteFunc(lists, func(l *sourceList) bool { return !l.touched })
}

func (a *aptRepository) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Missing bool `answer:"missing"`
		Lists   []struct {
			Path string `answer:"list"`
			Text []byte `answer:"text"`
		} `answer:"list"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if said.Missing {
		return tasks.NotYet(a.asking, "this host has no apt", "yum_repository is for hosts with rpm")
	}
	var lists []*sourceList
	for _, l := range said.Lists {
		lists = append(lists, &sourceList{path: l.Path, before: string(l.Text), there: true, lines: splitLines(string(l.Text))})
	}
	added, removed := []any{}, []any{}
	plan := tasks.Plan{Values: map[string]any{"repo": a.Repo, "state": a.State}}
	text, back := "", ""
	for _, l := range a.edit(lists) {
		after := l.after()
		plan.Change = true
		plan.Diff = append(plan.Diff, tasks.Diff{Before: l.before, After: after, BeforeHeader: l.path, AfterHeader: l.path})
		write := script.Values{"p": script.Path(l.path), "before": l.before, "there": l.there, "after": after, "mode": ""}
		undo := script.Values{"p": script.Path(l.path), "before": after, "there": after != "", "after": l.before, "mode": ""}
		switch {
		case !l.there:
			added = append(added, l.path)
			write["mode"] = a.Mode
		case after == "":
			removed = append(removed, l.path)
			undo["mode"] = "0644"
		}
		text += scripts.Script("apt_list_write", write)
		back += scripts.Script("apt_list_write", undo)
	}
	plan.Made = map[string]any{"sources_added": added, "sources_removed": removed}
	if !plan.Change {
		return plan, nil
	}
	plan.Msg = map[string]string{"present": "add", "absent": "remove"}[a.State] + " the repository " + a.wanted.text
	plan.Script = text
	if a.UpdateCache {
		plan.Msg += ", and ask the sources"
		plan.Script += "(\n" + scripts.Script("apt_ask", script.Values{"tries": max(a.Retries, 1), "most": a.RetryDelay}) + ") || {\n" + back +
			"die 'the sources could not be asked, and the lists are as they were'\n}\n"
	}
	return plan, nil
}
