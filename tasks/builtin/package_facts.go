package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type packageFactsArgs struct {
	Manager  []string `arg:"manager" default:"auto" doc:"Managers whose packages are wanted: apt, rpm, apk, pacman; dnf, dnf5, yum and zypper are rpm; auto for what the host has."`
	Strategy string   `arg:"strategy" default:"first" choices:"first all" doc:"first stops at the first manager that has packages, all joins those of all."`
}

var packageFactsModule = tasks.Define(tasks.Module{
	Name: "package_facts", Collections: []string{"ansible.builtin"},
	Summary: "List the packages of a host as facts",
	Notes: []string{
		"Of each package there are name, version, arch and source; with apt category and origin, with rpm epoch and release, with pacman " +
			"provides. The name of one of another architecture is name:arch with apt.",
		"The managers' own programs are asked; no Python libraries are needed. Those of BSD and of Gentoo are accepted " +
			"and never found.",
	},
	Returns: []tasks.Return{{
		Name: "ansible_facts", Type: "dict",
		Doc: "packages: by name, a list of what is installed under it",
	}},
	Examples: `
- package_facts: {manager: auto}
- debug: {msg: "tar is {{ ansible_facts.packages.tar[0].version }}"}
  when: "'tar' in ansible_facts.packages"
`,
}, func(a *packageFactsArgs, _ tasks.Local) (tasks.Action, error) {
	p := &packageFacts{all: a.Strategy == "all"}
	for _, name := range a.Manager {
		name = strings.ToLower(name)
		if name == "auto" {
			continue
		}
		if _, known := factsManagers[name]; !known {
			return nil, &tasks.ArgError{Module: "package_facts", Arg: "manager",
				Problem: fmt.Sprintf("holds %q, which is none of apk, apt, auto, dnf, dnf5, pacman, rpm, yum and zypper", name)}
		}
		p.wanted = append(p.wanted, name)
	}
	p.auto = slices.ContainsFunc(a.Manager, func(name string) bool { return strings.EqualFold(name, "auto") })
	return p, nil
})

// factsManagers are the managers that package_facts takes, and whose database each stands for; empty: none that is looked for here.
var factsManagers = map[string]string{
	"apk": "apk", "apt": "apt", "pacman": "pacman", "rpm": "rpm", "dnf": "rpm", "dnf5": "rpm", "yum": "rpm", "zypper": "rpm",
	"pkg": "", "pkg5": "", "pkgng": "", "pkg_info": "", "openbsd_pkg": "", "portage": "",
}

// packageFacts lists packages. auto adds every manager after those that are named.
type packageFacts struct {
	wanted    []string
	auto, all bool
}

func (p *packageFacts) managers() []string {
	names := p.wanted
	if p.auto {
		names = append(slices.Clone(names), "apk", "apt", "pacman", "rpm")
	}
	var managers []string
	for _, name := range names {
		if m := factsManagers[name]; m != "" && !slices.Contains(managers, m) {
			managers = append(managers, m)
		}
	}
	return managers
}

func (p *packageFacts) Probe() string {
	return scripts.Script("package_facts", script.Values{"managers": strings.Join(p.managers(), " "), "all": p.all})
}

// packagesFound is the answer of the probe. Columns are separated by bars.
type packagesFound struct {
	Managers []string `answer:"manager"` // those that were asked
	Native   string   `answer:"native"`  // dpkg's architecture
	Apt      []string `answer:"apt"`     // status, name, architecture, version and section
	Origins  []string `answer:"origin"`  // package and the origin of its index
	RPM      []string `answer:"rpm"`     // name, epoch, version, release and architecture
	Apk      []string `answer:"apk"`     // name-version-release
	Pacman   []string `answer:"pacman"`  // lines of pacman -Qi
}

func (p *packageFacts) Plan(found tasks.Found) (tasks.Plan, error) {
	var said packagesFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if len(said.Managers) == 0 {
		names := slices.Clone(p.wanted)
		if p.auto {
			names = append(names, "auto")
		}
		return tasks.Plan{}, &tasks.Failure{
			Msg:  "Could not detect a supported package manager from the following list: " + strings.Join(names, ", "),
			Hint: "the host has no packages of these: apk, apt, pacman and rpm are looked for",
		}
	}
	packages := map[string]any{}
	add := func(name string, details map[string]any) {
		list, _ := packages[name].([]any)
		details["name"] = name
		packages[name] = append(list, details)
	}
	said.fromApt(add)
	for _, row := range said.RPM {
		if w := strings.Split(row, "|"); len(w) >= 5 {
			add(w[0], map[string]any{"epoch": w[1], "version": w[2], "release": w[3], "arch": w[4], "source": "rpm"})
		}
	}
	for _, row := range said.Apk {
		details := map[string]any{"version": "", "release": "", "source": "apk"}
		name := row
		if w := strings.Split(row, "-"); len(w) >= 3 {
			name, details["version"], details["release"] = strings.Join(w[:len(w)-2], "-"), w[len(w)-2], w[len(w)-1]
		}
		add(name, details)
	}
	said.fromPacman(add)
	return tasks.Plan{Values: map[string]any{"ansible_facts": map[string]any{"packages": packages}}}, nil
}

// fromApt calls a package of another architecture NAME:ARCH, as apt does.
func (said *packagesFound) fromApt(add func(name string, details map[string]any)) {
	origins := map[string]string{}
	for _, row := range said.Origins {
		name, origin, _ := strings.Cut(row, "|")
		if _, there := origins[name]; !there {
			origins[name] = origin
		}
	}
	for _, row := range said.Apt {
		w := strings.Split(row, "|")
		if len(w) < 5 || w[0] == "not-installed" || w[0] == "config-files" {
			continue
		}
		name, arch := w[1], w[2]
		origin, there := origins[name]
		if !there {
			origin = origins[name+":"+arch]
		}
		if arch != said.Native && arch != "all" {
			name, origin = name+":"+arch, origins[name+":"+arch]
		}
		add(name, map[string]any{"version": w[3], "arch": arch, "category": w[4], "origin": origin, "source": "apt"})
	}
}

// fromPacman reads what pacman says of each package, "Name : value" a line, of which the value may go on in further lines.
func (said *packagesFound) fromPacman(add func(name string, details map[string]any)) {
	name, field := "", ""
	var details map[string]any
	flush := func() {
		if details != nil {
			add(name, details)
		}
		details = nil
	}
	provides := func(value string) {
		list, _ := details["provides"].([]any)
		for _, word := range strings.Fields(value) {
			word, _, _ = strings.Cut(word, "=")
			list = append(list, word)
		}
		details["provides"] = list
	}
	for _, line := range said.Pacman {
		key, value, ok := strings.Cut(line, " : ")
		if !ok && field == "Provides" && details != nil {
			provides(line)
		}
		if !ok {
			continue
		}
		field, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case field == "Name":
			flush()
			name, details = value, map[string]any{"provides": nil, "source": "pacman"}
		case details == nil:
		case field == "Version":
			details["version"] = value
		case field == "Architecture":
			details["arch"] = value
		case field == "Provides" && value != "None":
			provides(value)
		}
	}
	flush()
}
