package system

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type modprobeArgs struct {
	Name       string `arg:"name,required" doc:"Name of the kernel's module."`
	State      string `arg:"state" default:"present" choices:"absent present" doc:"Load it, or unload it."`
	Params     string `arg:"params" doc:"Parameters for it, NAME=VALUE with blanks between them."`
	Persistent string `arg:"persistent" default:"disabled" choices:"disabled absent present" doc:"present: it is loaded at boot, with params; absent: lines of /etc/modules-load.d and /etc/modprobe.d that do so become remarks; disabled: those files are left alone."`
}

var modprobeModule = tasks.Define(tasks.Module{
	Name: "modprobe", Collections: []string{"community.general"},
	Summary: "Load modules of the kernel, or unload them",
	Notes: []string{
		"A module that is loaded is not loaded again when params are others: unload it first.",
		"What is persistent is in /etc/modules-load.d/NAME.conf and /etc/modprobe.d/NAME.conf, which systemd reads at boot.",
	},
	Returns: []tasks.Return{
		{Name: "name", Type: "str", Doc: "as given"}, {Name: "params", Type: "str", Doc: "as given"},
		{Name: "state", Type: "str", Doc: "as asked for"},
	},
	Examples: `
- modprobe: {name: br_netfilter, persistent: present}
- modprobe: {name: dummy, params: numdummies=2}
- modprobe: {name: floppy, state: absent, persistent: absent}
`,
}, newModprobe)

var (
	moduleName  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*$`)
	moduleParam = regexp.MustCompile(`^[A-Za-z0-9_.-]+(=.*)?$`)
)

const (
	loadedAtBoot = "/etc/modules-load.d"
	optionsDir   = "/etc/modprobe.d"
)

func newModprobe(a *modprobeArgs, l tasks.Local) (tasks.Action, error) {
	refuse := refusing("modprobe")
	if !moduleName.MatchString(a.Name) {
		return refuse("name", "cannot be %q", a.Name)
	}
	words, err := script.SplitWords(a.Params)
	if err != nil || strings.ContainsAny(a.Params, "\n\r#") {
		return refuse("params", "has to be one line of words")
	}
	for _, word := range words {
		if !moduleParam.MatchString(word) || strings.HasPrefix(word, "-") {
			return refuse("params", "has %q, which is not NAME=VALUE", word)
		}
	}
	name := regexp.QuoteMeta(a.Name)
	m := &modprobe{
		modprobeArgs: *a, words: words, local: l,
		atBoot: regexp.MustCompile(`^ *` + name + ` *(?:[#;].*)?\n?$`),
		option: regexp.MustCompile(`^options ` + name + ` (\w+=\S+) *(?:[#;].*)?\n?$`),
	}
	return tasks.AskApply(m), nil
}

type modprobe struct {
	modprobeArgs
	words          []string // the parameters
	local          tasks.Local
	atBoot, option *regexp.Regexp // lines that load it at boot, and that give it a parameter
}

func (m *modprobe) Probe() string {
	return scripts.Script("modprobe_look", script.Values{"name": m.Name})
}

// modprobeFound is what the host has.
type modprobeFound struct {
	Tool   bool                   `answer:"tool"`
	Loaded bool                   `answer:"loaded"`
	Files  []string               `answer:"file"`
	read   map[string]tasks.Found // of those, and of the module's own
}

func (m *modprobe) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (modprobeFound, error) {
	f := modprobeFound{read: map[string]tasks.Found{}}
	if err := probed.Decode(&f); err != nil || m.Persistent == "disabled" {
		return f, err
	}
	for _, file := range append(slices.Clone(f.Files), m.own(loadedAtBoot), m.own(optionsDir)) {
		if _, ok := f.read[file]; ok {
			continue
		}
		r, err := h.Shell().Run(ctx, remote.Command{Script: files.ReadFile(file)})
		if err != nil {
			return f, err
		}
		f.read[file] = tasks.Found{Result: r}
	}
	return f, nil
}

// own is the file of a directory that has the module's name.
func (m *modprobe) own(dir string) string { return dir + "/" + m.Name + ".conf" }

// modprobeChange is what there is to do.
type modprobeChange struct {
	command string
	files   []tasks.Plan
}

func (m *modprobe) Plan(found modprobeFound) (tasks.Plan, modprobeChange, error) {
	var c modprobeChange
	plan := tasks.Plan{Values: map[string]any{"name": m.Name, "params": m.Params, "state": m.State}}
	var what []string
	if found.Loaded != (m.State == "present") {
		if !found.Tool {
			p, err := tasks.NotYet(m.local.Check(), "modprobe is not installed on this host", "install kmod first")
			return p, c, err
		}
		words, verb := append([]string{"modprobe", m.Name}, m.words...), "load"
		if m.State == "absent" {
			words, verb = []string{"modprobe", "-r", m.Name}, "unload"
		}
		c.command = script.Preamble + script.Words(words) + "\n"
		what = append(what, verb+" the module "+m.Name)
	}
	if m.Persistent != "disabled" {
		if err := m.persist(found, &c); err != nil {
			return plan, c, err
		}
	}
	for _, p := range c.files {
		what, plan.Diff = append(what, p.Msg), append(plan.Diff, p.Diff...)
	}
	plan.Change, plan.Msg = len(what) > 0, strings.Join(what, ", ")
	return plan, c, nil
}

// persist compares the files: whether one of them loads the module, and the parameters that they give it.
func (m *modprobe) persist(found modprobeFound, c *modprobeChange) error {
	loads, params := false, map[string]bool{}
	texts := map[string]string{}
	for name, answer := range found.read {
		var said files.Read
		if err := answer.Decode(&said); err != nil {
			return err
		}
		texts[name] = string(said.Content)
		for _, line := range files.KeepLines(texts[name]) {
			if strings.HasPrefix(name, loadedAtBoot) {
				loads = loads || m.atBoot.MatchString(line)
			} else if match := m.option.FindStringSubmatch(line); match != nil {
				params[match[1]] = true
			}
		}
	}
	after := maps.Clone(texts)
	remark := func(dir string, expression *regexp.Regexp) {
		for name, text := range texts {
			if strings.HasPrefix(name, dir+"/") {
				after[name] = remarks(text, expression)
			}
		}
	}
	wanted := map[string]bool{}
	for _, word := range strings.Fields(m.Params) {
		wanted[word] = true
	}
	switch {
	case m.Persistent == "absent":
		remark(loadedAtBoot, m.atBoot)
		remark(optionsDir, m.option)
	default:
		if !loads {
			after[m.own(loadedAtBoot)] = m.Name + "\n"
		}
		if !maps.Equal(params, wanted) {
			remark(optionsDir, m.option)
			text := ""
			for _, word := range strings.Fields(m.Params) {
				text += "options " + m.Name + " " + word + "\n"
			}
			after[m.own(optionsDir)] = text
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if after[name] == texts[name] {
			continue
		}
		p, err := m.edit(name, after[name], found.read[name])
		if err != nil {
			return err
		}
		c.files = append(c.files, p)
	}
	return nil
}

// remarks puts a # before the lines that match.
func remarks(text string, expression *regexp.Regexp) string {
	lines := files.KeepLines(text)
	for i, line := range lines {
		if expression.MatchString(line) {
			lines[i] = "#" + line
		}
	}
	return strings.Join(lines, "")
}

// edit plans to give a file another text.
func (m *modprobe) edit(name, text string, found tasks.Found) (tasks.Plan, error) {
	e, err := files.NewEdit("modprobe", files.EditArgs{Path: name}, true, m.local)
	if err != nil {
		return tasks.Plan{}, err
	}
	e.Rewrite = func(string, bool) (string, string, map[string]any, error) { return text, "change " + name, nil, nil }
	return e.Plan(found)
}

func (m *modprobe) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, c modprobeChange) (tasks.Result, error) {
	if c.command != "" {
		if err := run(ctx, h, c.command, nil); err != nil {
			return tasks.Result{}, err
		}
	}
	for _, p := range c.files {
		if err := run(ctx, h, p.Script, p.Stdin); err != nil {
			return tasks.Result{}, fmt.Errorf("%s: %w", p.Msg, err)
		}
	}
	_, err := proved(ctx, h, tasks.AskApply(m))
	return tasks.Result{Changed: true}, err
}
