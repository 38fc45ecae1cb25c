package builtin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/tasks/script"
)

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
	Use   string         `arg:"use" default:"auto" choices:"apt auto dnf dnf4 dnf5 yum" doc:"Package manager to use instead of the host's own, or of the variable ansible_package_use."`
	Given map[string]any `arg:",rest"`
}

var packageModule = anyPackageModule()

// anyPackageModule takes what the managers' own modules take, and hands it on to that of the host's manager.
func anyPackageModule() tasks.Module {
	m := tasks.Define(tasks.Module{
		Name: "package", Collections: []string{"ansible.builtin"},
		Network: packagesNetwork,
		Summary: "Manage packages with the host's own manager",
		Notes: append(slices.Clone(packageNotes),
			"All arguments are handed on to the module of the manager (apt, dnf, yum), which fails on what it does not take."),
		Examples: packageExamples("package") + `
- package: {name: zstd, state: latest, update_cache: true}
`,
		Returns: []tasks.Return{
			{Name: "msg", Type: "str", Doc: "what was done"},
			{Name: "results", Type: "list", Doc: "with dnf and yum: what was installed and removed"},
		},
		AnyArgs: true,
	}, newAnyPackages)
	m.AnyArgs = false
	m.Without = dnfModule.Without
	use := m.Args
	m.Args = nil
	for _, table := range [][]argument.Spec{aptModule.Args, dnfModule.Args, use} {
		for _, arg := range table {
			i := slices.IndexFunc(m.Args, func(have argument.Spec) bool { return have.Name == arg.Name })
			if i < 0 {
				// An alias of another argument's name is the other's: use_backend of dnf is also called use.
				arg.Aliases = slices.DeleteFunc(slices.Clone(arg.Aliases), func(alias string) bool { return alias == "use" })
				m.Args = append(m.Args, arg)
				continue
			}
			have := &m.Args[i]
			for _, alias := range arg.Aliases {
				if !slices.Contains(have.Aliases, alias) {
					have.Aliases = append(slices.Clone(have.Aliases), alias)
				}
			}
			for _, choice := range arg.Choices { // what one manager does not take is said by its module
				if !slices.Contains(have.Choices, choice) {
					have.Choices = append(slices.Clone(have.Choices), choice)
				}
			}
			have.Default = ""
		}
	}
	return m
}

func newAnyPackages(a *anyPackageArgs, l tasks.Local) (tasks.Action, error) {
	if a.Use == "auto" {
		if wanted, err := l.Eval("ansible_package_use | default('auto', true)"); err == nil {
			a.Use = fmt.Sprint(wanted)
		}
	}
	given := maps.Clone(a.Given)
	delete(given, "use")
	p := &anyPackages{use: map[string]string{"dnf4": "dnf", "dnf5": "dnf", "auto": ""}[a.Use]}
	switch a.Use {
	case "apt", "dnf", "yum":
		p.use = a.Use
	case "auto", "dnf4", "dnf5":
	default:
		return nil, &tasks.ArgError{Module: "package", Arg: "use", Problem: "cannot be " + a.Use +
			": apt, dnf and yum are the managers that are there"}
	}
	p.apt, p.noApt = aptModule.New(given, l)
	p.rpm, p.noRPM = dnfModule.New(given, l)
	// What one of them does not take matters where it is the host's manager.
	if (p.noApt != nil || p.use == "dnf" || p.use == "yum") && p.noRPM != nil {
		return nil, inPackage(p.noRPM)
	}
	if p.noApt != nil && p.use == "apt" {
		return nil, inPackage(p.noApt)
	}
	return p, nil
}

// inPackage says the same of the argument of package.
func inPackage(err error) error {
	var problem *tasks.ArgError
	if errors.As(err, &problem) {
		named := *problem
		named.Module = "package"
		return &named
	}
	return err
}

// anyPackages finds out the host's package manager, and does its part of the work.
type anyPackages struct {
	use          string
	apt, rpm     tasks.Action
	noApt, noRPM error // why the manager cannot take the arguments
}

// questions are those that an action of a manager's module asks.
func questions(a tasks.Action) string {
	if made, ok := a.(interface{ Work() any }); ok {
		if asks, ok := made.Work().(interface{ questions() string }); ok {
			return asks.questions()
		}
	}
	return ""
}

func (p *anyPackages) Probe() string {
	return scripts.Script("package_manager", script.Values{"m": p.use}) + script.Encode + "if [ \"$m\" = dnf ] || [ \"$m\" = yum ]; then\n" +
		scripts.Text("rpm_manager") + "fi\necho \"manager $m\"\n" +
		"case $m in\ndnf|yum)\n:\n" + questions(p.rpm) + ";;\napt)\n:\n" + questions(p.apt) + ";;\nesac\nexit 0\n"
}

// manager is the action of the host's manager.
func (p *anyPackages) manager(found tasks.Found) (tasks.Action, error) {
	var said struct {
		Manager string `answer:"manager"`
	}
	if err := found.Decode(&said); err != nil {
		return nil, err
	}
	action, problem := p.apt, p.noApt
	switch said.Manager {
	case "dnf", "yum":
		action, problem = p.rpm, p.noRPM
	case "apt":
	default:
		return nil, &tasks.Failure{Msg: "the host has none of the package managers apt-get, dnf and yum that this task can use"}
	}
	if problem != nil {
		return nil, &tasks.Failure{Msg: "package hands its arguments to " + said.Manager + ": " + problem.Error()}
	}
	return action, nil
}

// Plan implements tasks.Action; the plan carries what Apply needs.
func (p *anyPackages) Plan(found tasks.Found) (tasks.Plan, error) {
	action, err := p.manager(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	return action.Plan(found)
}

// Apply does the part of the manager that planned it.
func (p *anyPackages) Apply(ctx context.Context, h tasks.Host, plan tasks.Plan) (tasks.Result, error) {
	action := p.apt
	if p.noApt != nil {
		action = p.rpm
	}
	applier, ok := action.(tasks.Applier)
	if !ok {
		return tasks.Result{}, errors.New("apply the manager's plan: its module makes no changes itself")
	}
	return applier.Apply(ctx, h, plan)
}
