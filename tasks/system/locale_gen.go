package system

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type localeGenArgs struct {
	Name  []string `arg:"name,required" doc:"Locales with their encodings: de_DE.UTF-8."`
	State string   `arg:"state" default:"present" choices:"absent present" doc:"Make them, or remove them."`
}

var localeGenModule = tasks.Define(tasks.Module{
	Name: "locale_gen", Collections: []string{"community.general"},
	Summary: "Make locales, or remove them",
	Notes: []string{
		"For Debian and its like, which have /etc/locale.gen (package locales). Ubuntu before 12.04, which had not, is refused. " +
			"RHEL has packages instead: glibc-langpack-de.",
		"When locale-gen fails, the file is as before.",
	},
	Returns: []tasks.Return{
		{Name: "name", Type: "list", Doc: "as given"}, {Name: "state", Type: "str", Doc: "as asked for"},
		{Name: "mechanism", Type: "str", Doc: "glibc"},
	},
	Examples: `
- locale_gen: {name: de_DE.UTF-8}
- locale_gen: {name: [en_GB.UTF-8, nl_NL.UTF-8], state: absent}
`,
}, newLocaleGen)

const localeGenFile = "/etc/locale.gen"

var localeName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]*$`)

func newLocaleGen(a *localeGenArgs, l tasks.Local) (tasks.Action, error) {
	refuse := refusing("locale_gen")
	if len(a.Name) == 0 {
		return refuse("name", "is empty")
	}
	for _, name := range a.Name {
		if !localeName.MatchString(name) {
			return refuse("name", "cannot be %q", name)
		}
	}
	g := &localeGen{localeGenArgs: *a, asking: l.Check()}
	e, err := files.NewEdit("locale_gen", files.EditArgs{Path: localeGenFile}, true, l)
	if err != nil {
		return nil, err
	}
	g.file = e
	return tasks.ProbeApply(g), nil
}

type localeGen struct {
	localeGenArgs
	asking bool
	file   *files.Edit
}

func (g *localeGen) Probe() string {
	return "(\n" + scripts.Script("locale_look", nil, g.Name...) + ")\n" + g.file.Probe()
}

// sameLocale writes a name so that two ways to spell its encoding are one: locale -a says utf8 where the name is UTF-8.
func sameLocale(name string) string {
	head, tail, ok := strings.Cut(name, ".")
	if !ok {
		return name
	}
	encoding, modifier, _ := strings.Cut(tail, "@")
	return head + "." + strings.ToLower(strings.ReplaceAll(encoding, "-", "")) + "@" + modifier
}

var localeLine = regexp.MustCompile(`^#?\s*(\S+)\s+(\S.*)`)

// rewrite makes lines of the locales count, or remarks of them. One that no line is for is added as it is known, NAME ENCODING.
func (g *localeGen) rewrite(text string, known []string) string {
	lines := files.KeepLines(text)
	found := map[string]bool{}
	for i, line := range lines {
		f := localeLine.FindStringSubmatch(line)
		if f == nil || !slices.Contains(g.Name, f[1]) {
			continue
		}
		found[f[1]] = true
		remark := ""
		if g.State == "absent" {
			remark = "# "
		}
		lines[i] = remark + f[1] + " " + strings.TrimRight(f[2], "\n") + "\n"
	}
	after := strings.Join(lines, "")
	for _, line := range known {
		if name, _, _ := strings.Cut(line, " "); g.State == "present" && !found[name] {
			if after != "" && !strings.HasSuffix(after, "\n") {
				after += "\n"
			}
			after += line + "\n"
		}
	}
	return after
}

// localeChange is the edit of the list and its text before.
type localeChange struct {
	edit   tasks.Plan
	before string
}

func (g *localeGen) Plan(found tasks.Found) (tasks.Plan, localeChange, error) {
	var said struct {
		How   string   `answer:"how"`
		Tool  bool     `answer:"tool"`
		Has   []string `answer:"has"`
		Known []string `answer:"known"`
	}
	var file files.Read
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, localeChange{}, err
	}
	if err := found.Decode(&file); err != nil {
		return tasks.Plan{}, localeChange{}, err
	}
	if said.How != "glibc" || !said.Tool {
		p, err := tasks.NotYet(g.asking, "this host has no "+localeGenFile+" or no locale-gen", "install the package locales first")
		return p, localeChange{}, err
	}
	have := map[string]bool{}
	for _, name := range said.Has {
		have[sameLocale(name)] = true
	}
	known := map[string]bool{}
	for _, line := range said.Known {
		name, _, _ := strings.Cut(line, " ")
		known[name] = true
	}
	all := true
	for _, name := range g.Name {
		here := have[sameLocale(name)]
		all = all && here
		if !here && !known[name] {
			return tasks.Plan{}, localeChange{}, &tasks.Failure{
				Msg: "this host cannot make the locale " + name, Hint: "/usr/share/i18n/SUPPORTED lists those that it can",
			}
		}
	}
	names := make([]any, len(g.Name))
	for i, name := range g.Name {
		names[i] = name
	}
	plan := tasks.Plan{Values: map[string]any{"name": names, "state": g.State, "mechanism": said.How}}
	// As in Ansible, they are absent as soon as one is.
	if all == (g.State == "present") {
		return plan, localeChange{}, nil
	}
	list := *g.file
	list.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
		return g.rewrite(text, said.Known), "change " + localeGenFile, nil, nil
	}
	edit, err := list.Plan(found)
	if err != nil {
		return plan, localeChange{}, err
	}
	plan.Change, plan.Diff = true, edit.Diff
	plan.Msg = map[string]string{"present": "make", "absent": "remove"}[g.State] + " the locales " + strings.Join(g.Name, ", ")
	return plan, localeChange{edit, string(file.Content)}, nil
}

func (g *localeGen) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, c localeChange) (tasks.Result, error) {
	if c.edit.Change {
		if err := run(ctx, h, c.edit.Script, c.edit.Stdin); err != nil {
			return tasks.Result{}, err
		}
	}
	err := run(ctx, h, script.Preamble+"locale-gen >/dev/null || exit\n", nil)
	if err == nil {
		_, err = proved(ctx, h, tasks.ProbeApply(g))
	}
	if err != nil && c.edit.Change {
		restore(ctx, h, *g.file, c.before)
	}
	return tasks.Result{Changed: true}, err
}
