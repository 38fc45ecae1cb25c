package builtin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type packageArgs struct {
	Name  []string `arg:"name" alias:"pkg package" doc:"Packages; with a version: name=1.2 for apt, name-1.2 for dnf and yum."`
	State string   `arg:"state" default:"present" choices:"absent installed latest present removed" doc:"Wanted state: present accepts any installed version, latest installs the newest that the host's sources have."`
}

type aptArgs struct {
	packageArgs
	UpdateCache     bool `arg:"update_cache" alias:"update-cache" default:"false" doc:"Ask the sources again before something is installed; without name, at once."`
	CacheValid      int  `arg:"cache_valid_time" default:"0" doc:"Seconds for which an earlier update_cache is enough."`
	Recommends      bool `arg:"install_recommends" alias:"install-recommends" default:"true" doc:"Also install what packages recommend."`
	Purge           bool `arg:"purge" default:"false" doc:"With absent: also remove configuration."`
	Autoremove      bool `arg:"autoremove" default:"false" doc:"With absent: also remove what nothing else needs."`
	AllowDowngrade  bool `arg:"allow_downgrade" alias:"allow-downgrade allow_downgrades allow-downgrades" default:"false" doc:"Allow an older version than the installed one."`
	Unauthenticated bool `arg:"allow_unauthenticated" alias:"allow-unauthenticated" default:"false" doc:"Install unsigned packages."`
}

var packageNotes = []string{
	"The sources are asked only when something has to be installed or state is latest: " +
		"an air-gapped host that has the packages is not a failure.",
}

func packageExamples(name string) string {
	return strings.ReplaceAll(`
- package: {name: [tar, zstd], state: present}
- package: {name: telnet, state: absent}
`, "package:", name+":")
}

type anyPackageArgs struct {
	packageArgs
	Use string `arg:"use" default:"auto" choices:"apt auto dnf dnf4 yum" doc:"Package manager to use instead of the host's own."`
}

var packageModule = tasks.Define(tasks.Module{
	Name: "package", Collections: []string{"ansible.builtin"},
	Summary: "Manage packages with the host's own manager", Notes: packageNotes, Examples: packageExamples("package"),
	Returns: []tasks.Return{
		{Name: "msg", Type: "str", Doc: "what was done"},
		{Name: "results", Type: "list", Doc: "with dnf and yum: what was installed and removed"},
	},
}, func(a *anyPackageArgs, l tasks.Local) (tasks.Action, error) {
	rpm := &rpmArgs{Name: a.Name, State: a.State, WeakDeps: true, SSLVerify: true, ValidateCerts: true}
	if err := rpm.check("package"); err != nil {
		return nil, err
	}
	manager := map[string]string{"auto": "", "dnf4": "dnf"}
	use, renamed := manager[a.Use]
	if !renamed {
		use = a.Use
	}
	return tasks.ProbeApply(&anyPackages{
		use: use,
		apt: &packages{packageArgs: a.packageArgs, recommends: true, asking: l.Check()},
		rpm: &rpmPackages{args: rpm, asking: l.Check()},
	}), nil
})

// anyPackages finds out the host's package manager, and does its part of the work.
type anyPackages struct {
	use string
	apt *packages
	rpm *rpmPackages
}

func (p *anyPackages) Probe() string {
	return scripts.Script("package_manager", script.Values{"m": p.use}) + script.Encode + "if [ \"$m\" = dnf ] || [ \"$m\" = yum ]; then\n" +
		scripts.Text("rpm_manager") + "fi\necho \"manager $m\"\n" +
		"case $m in\ndnf|yum)\n" + p.rpm.questions() + ";;\napt)\n" + p.apt.questions() + ";;\nesac\nexit 0\n"
}

// Plan hands on which of dnf and yum it is; nothing for apt.
func (p *anyPackages) Plan(found tasks.Found) (tasks.Plan, string, error) {
	var said struct {
		Manager string `answer:"manager"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, "", err
	}
	switch said.Manager {
	case "dnf", "yum":
		return p.rpm.Plan(found)
	case "apt":
		plan, err := p.apt.Plan(found)
		return plan, "", err
	}
	return tasks.Plan{}, "", &tasks.Failure{Msg: "the host has none of the package managers apt-get, dnf and yum that this task can use"}
}

// Apply does the manager's part: dnf and yum report what they did.
func (p *anyPackages) Apply(ctx context.Context, h tasks.Host, plan tasks.Plan, manager string) (tasks.Result, error) {
	if manager != "" {
		rpm := *p.rpm
		rpm.manager = manager
		return rpm.Apply(ctx, h, plan, manager)
	}
	r, err := h.Shell().Run(ctx, remote.Command{Script: plan.Script})
	if err != nil {
		return tasks.Result{}, err
	}
	if err := files.ScriptFailed(r); err != nil {
		return tasks.Result{}, err
	}
	if !plan.Event {
		if _, err := files.Prove(ctx, h.Shell(), tasks.ProbeApply(p), plan); err != nil {
			return tasks.Result{}, err
		}
	}
	return tasks.Result{
		Changed: true,
		Msg:     plan.Msg,
		Values:  map[string]any{"rc": 0, "stdout": string(r.Stdout), "stderr": string(r.Stderr)},
	}, nil
}

var aptModule = tasks.Define(tasks.Module{
	Name: "apt", Collections: []string{"ansible.builtin"},
	Summary:  "Manage packages with apt-get",
	Notes:    packageNotes,
	Returns:  []tasks.Return{{Name: "msg", Type: "str", Doc: "what was done"}},
	Examples: packageExamples("apt"),
}, func(a *aptArgs, l tasks.Local) (tasks.Action, error) {
	p := packages{recommends: a.Recommends, refresh: a.UpdateCache, valid: a.CacheValid, autoremove: a.Autoremove, purge: a.Purge}
	if a.AllowDowngrade {
		p.options = append(p.options, "--allow-downgrades")
	}
	if a.Unauthenticated {
		p.options = append(p.options, "--allow-unauthenticated")
	}
	return newPackages("apt", a.packageArgs, p, l)
})

// packages is apt's work.
type packages struct {
	packageArgs
	options           []string
	recommends        bool
	refresh           bool
	valid             int
	purge, autoremove bool
	asking            bool
}

func newPackages(module string, a packageArgs, p packages, l tasks.Local) (tasks.Action, error) {
	p.packageArgs, p.asking = a, l.Check()
	if len(a.Name) == 0 && !p.refresh {
		return nil, &tasks.ArgError{Module: module, Arg: "name", Problem: "is required"}
	}
	for _, n := range a.Name {
		if n == "" || n[0] == '-' || strings.ContainsFunc(n, unicode.IsSpace) {
			return nil, &tasks.ArgError{Module: module, Arg: "name", Problem: fmt.Sprintf("holds %q, which is not the name of a package", n)}
		}
	}
	return &p, nil
}

// Probe asks of each package whether it is installed and, for latest, whether there is a newer one.
func (p *packages) Probe() string {
	return scripts.Script("package_manager", script.Values{"m": "apt"}) + "echo \"manager $m\"\n" + p.questions() + "exit 0\n"
}

func (p *packages) questions() string {
	var b strings.Builder
	b.WriteString(scripts.Text("apt_questions"))
	for i, n := range p.Name {
		fmt.Fprintf(&b, "if installed %s; then echo there %d; fi\n", remote.Quote(n), i)
		if p.State == "latest" {
			fmt.Fprintf(&b, "if newer %s; then echo newer %d; fi\n", remote.Quote(n), i)
		}
	}
	if p.refresh {
		b.WriteString("age\n")
	}
	return b.String()
}

func (p *packages) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Manager string   `answer:"manager"`
		There   []string `answer:"there"` // numbers of names
		Newer   []string `answer:"newer"`
		Known   bool     `answer:"age"`
		Age     int      `answer:"age"` // seconds since the sources were asked
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if said.Manager == "" {
		return tasks.Plan{}, &tasks.Failure{Msg: "the host has no apt-get"}
	}
	remove := p.State == "absent" || p.State == "removed"
	var todo []string
	for i, n := range p.Name {
		there := slices.Contains(said.There, strconv.Itoa(i))
		if there == remove || p.State == "latest" && slices.Contains(said.Newer, strconv.Itoa(i)) {
			todo = append(todo, n)
		}
	}
	stale := p.refresh && (!said.Known || said.Age >= p.valid)
	if len(todo) == 0 && (len(p.Name) > 0 || !stale) {
		return tasks.Plan{Msg: "the packages are as wanted"}, nil
	}
	body, msg := script.Preamble, ""
	if stale && !remove {
		body += aptUpdate
		msg = "ask the sources again"
	}
	if len(todo) > 0 {
		verb := map[bool]string{true: "remove", false: "install"}[remove]
		body += p.command(verb, todo) + " || die \"" + said.Manager + " could not " + verb + " the packages: see its messages\"\n"
		msg = verb + " " + strings.Join(todo, ", ")
	}
	return tasks.Plan{Change: true, Event: len(todo) == 0, Msg: msg, Script: body}, nil
}

const aptUpdate = "apt-get -q -o DPkg::Lock::Timeout=60 update || die 'apt-get update failed: are the sources reachable?'\n"

func (p *packages) command(verb string, names []string) string {
	words := append(append([]string{}, p.options...), "-o", "DPkg::Lock::Timeout=60",
		"-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
	if verb == "install" && !p.recommends {
		words = append(words, "--no-install-recommends")
	}
	if verb == "remove" && p.purge {
		words = append(words, "--purge")
	}
	if verb == "remove" && p.autoremove {
		words = append(words, "--auto-remove")
	}
	return "DEBIAN_FRONTEND=noninteractive apt-get -y -q " + script.Words(append(append(words, verb), names...)) + " < /dev/null"
}
