package builtin

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type rpmArgs struct {
	Name            []string `arg:"name" alias:"pkg" doc:"Packages: name, name-1.2, name-1.2-3.el9, name.x86_64, 'name >= 1.2', a pattern, a file that a package has, an rpm file on the host or its URL, @group; * with latest for all that is installed."`
	State           string   `arg:"state" choices:"absent installed latest present removed" doc:"present leaves a version that is there, latest brings the newest that the repositories have. present when not given, or absent with autoremove."`
	List            string   `arg:"list" doc:"Only return as results: installed, available, updates, repos, or a package's name."`
	EnableRepo      []string `arg:"enablerepo" doc:"Repositories to enable."`
	DisableRepo     []string `arg:"disablerepo" doc:"Repositories to disable; * for all."`
	Exclude         []string `arg:"exclude" doc:"Packages that latest leaves alone."`
	DisableExcludes string   `arg:"disable_excludes" doc:"Excludes of the configuration to ignore: all, main or a repository."`
	UpdateCache     bool     `arg:"update_cache" alias:"expire-cache" default:"false" doc:"Ask the repositories again first; not a change."`
	CacheOnly       bool     `arg:"cacheonly" default:"false" doc:"Ask no repository; use what is cached."`
	NoGPG           bool     `arg:"disable_gpg_check" default:"false" doc:"Install unsigned packages."`
	Autoremove      bool     `arg:"autoremove" default:"false" doc:"Remove dependencies that nothing needs any more; alone, or with absent."`
	AllowDowngrade  bool     `arg:"allow_downgrade" default:"false" doc:"Install an older version; without it, a newer one is accepted."`
	AllowErasing    bool     `arg:"allowerasing" default:"false" doc:"Remove packages that conflict."`
	NoBest          bool     `arg:"nobest" default:"false" doc:"Take an older version where the newest cannot be installed."`
	Best            *bool    `arg:"best" doc:"Fail where the newest version cannot be installed; false is what nobest is."`
	SkipBroken      bool     `arg:"skip_broken" default:"false" doc:"Leave out what cannot be installed."`
	WeakDeps        bool     `arg:"install_weak_deps" default:"true" doc:"Also install what packages recommend."`
	UpdateOnly      bool     `arg:"update_only" default:"false" doc:"With latest: do not install what is missing."`
	Security        bool     `arg:"security" default:"false" doc:"With latest: only security updates."`
	Bugfix          bool     `arg:"bugfix" default:"false" doc:"With latest: only updates that fix bugs."`
	ReleaseVer      string   `arg:"releasever" doc:"The release whose packages are wanted."`
	ConfFile        string   `arg:"conf_file,path" doc:"Another configuration of the manager, on the host."`
	EnablePlugin    []string `arg:"enable_plugin" doc:"Plugins to use for this task."`
	DisablePlugin   []string `arg:"disable_plugin" doc:"Plugins to leave out for this task."`
	SSLVerify       bool     `arg:"sslverify" default:"true" doc:"Check the certificates of the repositories."`
	ValidateCerts   bool     `arg:"validate_certs" default:"true" doc:"Check the certificate of a URL in name."`
	LockTimeout     int      `arg:"lock_timeout" default:"30" doc:"Accepted for Ansible's sake: the manager itself waits for another."`
	Repoquery       bool     `arg:"install_repoquery" default:"true" doc:"Accepted for Ansible's sake: repoquery is not needed."`
	ModuleDeps      bool     `arg:"auto_install_module_deps" default:"true" doc:"Accepted for Ansible's sake: nothing of Python's is needed on the host."`
	UseBackend      string   `arg:"use_backend" alias:"use" default:"auto" choices:"auto dnf dnf4 dnf5 yum yum3 yum4" doc:"Accepted for Ansible's sake: what the host has is used, dnf first."`
}

func rpmModule(name string) tasks.Module {
	return tasks.Define(tasks.Module{
		Name: name, Collections: []string{"ansible.builtin"},
		Network: packagesNetwork,
		Summary: "Manage packages with " + name,
		Notes: append(slices.Clone(packageNotes),
			"A group counts as installed when all of its packages are. Modules of dnf are written as groups: @nodejs:18.",
			"Whether missing packages are available is asked before anything is done. --check that finds one nowhere reports it and goes on, "+
				"since an earlier task may bring its repository.",
			"rpm on the host reads the URL of an rpm file to see what it holds."),
		Returns: []tasks.Return{
			{Name: "msg", Type: "str", Doc: "what was done"},
			{Name: "results", Type: "list", Doc: "what was installed and removed, such as Installed: tar-1.34-6.el9.x86_64; " +
				"with list: dicts with name, epoch, version, release, arch, repo, envra, nevra and yumstate"},
			{Name: "rc", Type: "int", Doc: "0, or what the manager ended with"}, {Name: "failures", Type: "list", Doc: "packages that are nowhere"}},
		Without: map[string]string{
			"download_only": "write dnf --downloadonly as a command, with creates",
			"download_dir":  "write dnf --downloadonly --downloaddir as a command, with creates",
			"installroot":   "write dnf --installroot as a command: what is in another tree is not looked at here",
		},
		Examples: packageExamples(name) + strings.ReplaceAll(`- package:
    name: https://example.com/monitor-1.2-1.noarch.rpm
    disable_gpg_check: true
- package: {name: "*", state: latest, exclude: kernel*}
- package: {list: installed}
`, "package:", name+":"),
	}, func(a *rpmArgs, l tasks.Local) (tasks.Action, error) {
		if err := a.check(name); err != nil {
			return nil, err
		}
		offline, err := tasks.Offline(l)
		if err != nil {
			return nil, err
		}
		a.CacheOnly = a.CacheOnly || offline // else the question alone waits for repositories until it gives up
		return tasks.ProbeApply(&rpmPackages{args: a, manager: strings.TrimSuffix(name, "5"), asking: l.Check()}), nil
	})
}

var (
	dnfModule = rpmModule("dnf")
	yumModule = rpmModule("yum")

	dnf5Module = rpmModule("dnf5")
)

func (a *rpmArgs) check(module string) error {
	refuse := func(arg, problem string) error { return &tasks.ArgError{Module: module, Arg: arg, Problem: problem} }
	switch {
	case len(a.Name) > 0 && a.List != "":
		return refuse("list", "and name exclude each other")
	case a.Best != nil && a.NoBest:
		return refuse("nobest", "and best exclude each other")
	case a.Autoremove && a.List != "":
		return refuse("list", "and autoremove exclude each other")
	case len(a.Name) == 0 && a.List == "" && !a.UpdateCache && !a.Autoremove:
		return refuse("name", "is required, or list, autoremove or update_cache")
	case a.Autoremove && a.State != "" && a.State != "absent" && a.State != "removed":
		return refuse("autoremove", "goes with state: absent alone")
	}
	if a.State == "" {
		a.State = "present"
		if a.Autoremove {
			a.State = "absent"
		}
	}
	for _, n := range a.Name {
		if n == "" || n[0] == '-' || strings.ContainsFunc(n, breaksLine) ||
			strings.Contains(n, " ") && !comparison.MatchString(n) && n[0] != '@' {
			return refuse("name", fmt.Sprintf("holds %q, which is not the name of a package", n))
		}
		if a.remove() && (strings.HasSuffix(n, ".rpm") || strings.Contains(n, "://")) {
			return refuse("name", fmt.Sprintf("holds %q: a path or URL cannot be removed, name the package", n))
		}
	}
	return nil
}

// breaksLine reports whether a rune cannot be part of a package's name or of a condition on it.
func breaksLine(r rune) bool { return unicode.IsSpace(r) && r != ' ' || unicode.IsControl(r) }

// comparison matches a package with a condition on its version.
var comparison = regexp.MustCompile(`^([A-Za-z0-9._+-]+) *(<=|>=|<|>|=) *([A-Za-z0-9._+~^:-]+)$`)

func (a *rpmArgs) remove() bool { return a.State == "absent" || a.State == "removed" }

// options are those of every command.
func (a *rpmArgs) options() []string {
	var words []string
	each := func(option string, values []string) {
		for _, v := range values {
			words = append(words, option+"="+v)
		}
	}
	if a.ConfFile != "" {
		words = append(words, "--config="+a.ConfFile)
	}
	each("--disablerepo", a.DisableRepo)
	each("--enablerepo", a.EnableRepo)
	each("--exclude", a.Exclude)
	each("--disableplugin", a.DisablePlugin)
	each("--enableplugin", a.EnablePlugin)
	for _, o := range []struct {
		set  bool
		word string
	}{
		{a.DisableExcludes != "", "--disableexcludes=" + a.DisableExcludes},
		{a.ReleaseVer != "", "--releasever=" + a.ReleaseVer},
		{a.CacheOnly, "--cacheonly"},
		{a.NoGPG, "--nogpgcheck"}, {a.AllowErasing, "--allowerasing"}, {a.NoBest || a.Best != nil && !*a.Best, "--nobest"},
		{a.Best != nil && *a.Best, "--best"}, {a.SkipBroken, "--skip-broken"},
		{!a.WeakDeps, "--setopt=install_weak_deps=False"}, {!a.SSLVerify || !a.ValidateCerts, "--setopt=sslverify=False"},
	} {
		if o.set {
			words = append(words, o.word)
		}
	}
	return words
}

// rpmPackages is the work of dnf and yum, and of package where the host has one of them.
type rpmPackages struct {
	args    *rpmArgs
	manager string
	asking  bool
}

// Probe finds out the manager, what has to be done for each package, and what the manager would do.
func (p *rpmPackages) Probe() string {
	return script.Preamble + script.Encode + scripts.Script("rpm_manager", script.Values{"m": p.manager}) +
		"echo \"manager $m\"\n[ -n \"$m\" ] || exit 0\n" + p.questions() + "exit 0\n"
}

func (p *rpmPackages) questions() string {
	a := p.args
	var b strings.Builder
	fmt.Fprintf(&b, "opts() { said=$($m \"$@\" %s 2>&1); }\n", script.Words(a.options()))
	if a.UpdateCache {
		b.WriteString("opts -q makecache || { status=$?; echo \"cache $status\"; printf '%s\\n' \"$said\" | encode said; exit 0; }\n")
	}
	if a.List != "" {
		return b.String() + p.listing()
	}
	if len(a.Name) == 0 && !a.Autoremove {
		return b.String()
	}
	values := script.Values{"latest": a.State == "latest", "older": "newer", "update_only": a.UpdateOnly && a.State == "latest"}
	if a.AllowDowngrade {
		values["older"] = "downgrade"
	}
	b.WriteString(scripts.Script("rpm_wanted", values) + "groups=\nset --\n")
	for i, n := range a.Name {
		name, number := remote.Quote(n), strconv.Itoa(i)
		switch m := comparison.FindStringSubmatch(n); {
		case n == "*" && a.State == "latest":
			b.WriteString(call("all_updatable", append([]string{number}, p.only()...)...))
			continue
		case m != nil && strings.ContainsAny(n, "<>="):
			fmt.Fprintf(&b, "if meets %s; then t=0; else t=1; fi\n", script.Words(m[1:]))
		case a.remove():
			fmt.Fprintf(&b, "there %s ''; t=$?\n", name)
		default:
			fmt.Fprintf(&b, "there %s provides; t=$?\n", name)
		}
		switch {
		case a.remove() && n[0] == '@':
			fmt.Fprintf(&b, "set -- \"$@\" %s; groups=yes\n", name)
		case a.remove():
			fmt.Fprintf(&b, "if [ $t -eq 0 ]; then echo 'remove %d'; fi\n", i)
		default:
			fmt.Fprintf(&b, "if missing %d %s $t %s; then set -- \"$@\" %s; fi\n", i, name, script.Words(p.only()), name)
		}
	}
	verb := map[bool]string{true: "remove", false: "install"}[a.remove()]
	// What the repositories have and whether it can be installed, and what of a group is missing, the manager says.
	fmt.Fprintf(&b, "if [ $# -gt 0 ]; then opts --assumeno %s \"$@\"; echo \"dry $?\"; told said; fi\n", verb)
	if a.Autoremove {
		b.WriteString("opts --assumeno autoremove; echo \"leaves $?\"; told unneeded\n")
	}
	return b.String()
}

// only are the options that narrow updates down.
func (p *rpmPackages) only() []string {
	var words []string
	if p.args.Security {
		words = append(words, "--security")
	}
	if p.args.Bugfix {
		words = append(words, "--bugfix")
	}
	return words
}

// listing is the command that lists what is asked for, a line each. The columns of packages are name, epoch, version, release,
// arch, repository and state.
func (p *rpmPackages) listing() string {
	options := script.Words(p.args.options())
	installed := `rpm -qa --qf '%{NAME}|%|EPOCH?{%{EPOCH}}:{0}||%{VERSION}|%{RELEASE}|%{ARCH}|@System|installed\n'`
	query := "$m -q repoquery " + options + " --qf '%{name}|%{epoch}|%{version}|%{release}|%{arch}|%{repoid}|available' "
	var command string
	switch p.args.List {
	case "installed":
		command = installed
	case "available":
		command = query + "--available"
	case "updates", "upgrades":
		command = query + "--upgrades"
	case "repos", "repositories":
		command = "$m -q repolist --enabled " + options + ` | awk 'NR > 1 { print $1 }'`
		if p.manager == "yum" {
			command = "$m -q repolist enabled " + options + ` | awk 'NR > 1 { sub("/.*", "", $1); print $1 }'`
		}
	default:
		name := remote.Quote(p.args.List)
		command = "{ " + installed + " " + name + "; " + query + "--available " + name + "; }"
	}
	return command + " 2>/dev/null | sort | sed 's/^/row /'\n"
}

// rpmFound is the answer of the probe of rpmPackages. Packages are numbers in name; statuses are the manager's.
type rpmFound struct {
	Manager     string   `answer:"manager"`
	Said        []byte   `answer:"said"` // by the manager, to the last question
	NoCache     bool     `answer:"cache"`
	Cache       int      `answer:"cache"`
	Unsaid      bool     `answer:"cannot"`
	Cannot      int      `answer:"cannot"`
	Rows        []string `answer:"row"`
	Install     []string `answer:"install"`
	Update      []string `answer:"update"`
	Downgrade   []string `answer:"downgrade"`
	Remove      []string `answer:"remove"`
	Tried       bool     `answer:"dry"`
	Dry         int64    `answer:"dry"`
	TriedLeaves bool     `answer:"leaves"`
	Leaves      int64    `answer:"leaves"`
	Unneeded    []byte   `answer:"unneeded"`
}

func (p *rpmPackages) Plan(found tasks.Found) (tasks.Plan, string, error) {
	var answer rpmFound
	if err := found.Decode(&answer); err != nil {
		return tasks.Plan{}, "", err
	}
	a := p.args
	manager, said := answer.Manager, string(answer.Said)
	switch {
	case manager == "":
		return tasks.Plan{}, "", &tasks.Failure{Msg: "the host has none of the package managers dnf and yum that this task can use"}
	case answer.NoCache:
		return tasks.Plan{}, "", &tasks.Failure{
			Msg:    manager + " cannot ask the repositories: " + lastLines(said),
			Values: map[string]any{"rc": answer.Cache, "results": []any{}},
		}
	case answer.Unsaid:
		return tasks.Plan{}, "", &tasks.Failure{
			Msg:    manager + " cannot list updates: " + lastLines(said),
			Values: map[string]any{"rc": answer.Cannot, "results": []any{}},
		}
	case a.List != "":
		return tasks.Plan{Values: map[string]any{"results": rpmRows(answer.Rows, a.List), "rc": 0}}, "", nil
	case len(a.Name) == 0 && !a.Autoremove:
		return tasks.Plan{Msg: "Cache updated", Values: map[string]any{"results": []any{}, "rc": 0}}, "", nil
	}
	named := func(numbers []string) []string {
		var list []string
		for _, text := range numbers {
			if i, err := strconv.Atoi(text); err == nil && i >= 0 && i < len(a.Name) {
				list = append(list, a.Name[i])
			}
		}
		return list
	}
	install, update, downgrade, remove := named(answer.Install), named(answer.Update), named(answer.Downgrade), named(answer.Remove)
	if answer.Tried {
		what, missing := dryRun(said, answer.Dry)
		switch {
		case len(missing) > 0:
			msg := "no repository has " + strings.Join(missing, ", ")
			if p.asking {
				return tasks.Plan{Unknown: msg}, "", nil
			}
			failures := []any{}
			for _, m := range missing {
				failures = append(failures, "No package "+m+" available.")
			}
			return tasks.Plan{}, "", &tasks.Failure{
				Msg:    msg,
				Hint:   manager + " repolist shows the repositories that the host has",
				Values: map[string]any{"failures": failures, "results": []any{}, "rc": int(answer.Dry)},
			}
		case what == dryRefused:
			return tasks.Plan{}, "", &tasks.Failure{
				Msg:    manager + " refuses: " + refusal(said),
				Values: map[string]any{"failures": []any{}, "results": []any{}, "rc": int(answer.Dry)},
			}
		case what == dryNothing:
			install = nil
		case a.remove():
			for _, n := range a.Name {
				if n[0] == '@' {
					remove = append(remove, n)
				}
			}
		}
	}
	leaves := false
	if answer.TriedLeaves {
		unneeded := string(answer.Unneeded)
		what, _ := dryRun(unneeded, answer.Leaves)
		if what == dryRefused {
			return tasks.Plan{}, "", &tasks.Failure{
				Msg:    manager + " refuses: " + refusal(unneeded),
				Values: map[string]any{"rc": int(answer.Leaves), "results": []any{}},
			}
		}
		leaves = what == dryChange
	}
	var says []string
	var body strings.Builder
	body.WriteString(scripts.Script("rpm_change", nil))
	for _, step := range []struct {
		verb, said, more string
		names            []string
	}{
		{"install", "install", "", install},
		{"downgrade", "downgrade to", "", downgrade},
		{"update", "update", script.Words(p.only()), update},
		{"remove", "remove", "", remove},
	} {
		if len(step.names) == 0 {
			continue
		}
		says = append(says, step.said+" "+strings.Join(step.names, ", "))
		names := slices.DeleteFunc(slices.Clone(step.names), func(n string) bool { return n == "*" && step.verb == "update" })
		if len(names) < len(step.names) {
			names = nil // all are updated
		}
		fmt.Fprintf(&body, "%s -y %s %s %s %s >&2 || exit $?\n", manager, step.verb, script.Words(a.options()), step.more, script.Words(names))
	}
	if a.Autoremove && (leaves || len(remove) > 0) {
		says = append(says, "remove what nothing needs")
		fmt.Fprintf(&body, "%s -y autoremove %s >&2 || exit $?\n", manager, script.Words(a.options()))
	}
	if len(says) == 0 {
		return tasks.Plan{Msg: "Nothing to do", Values: map[string]any{"results": []any{}, "rc": 0}}, "", nil
	}
	body.WriteString("difference\n")
	return tasks.Plan{
		Change: true,
		Msg:    strings.Join(says, "; "),
		Script: body.String(),
		Values: map[string]any{"results": []any{}, "rc": 0},
	}, manager, nil
}

// Apply runs the manager in a session of its own: packages may be large.
func (p *rpmPackages) Apply(ctx context.Context, h tasks.Host, plan tasks.Plan, manager string) (tasks.Result, error) {
	var results []any
	var said []string
	r, err := h.Shell().Stream(ctx, remote.Command{Script: plan.Script}, nil, func(line []byte) {
		if text := strings.TrimSpace(string(line)); text != "" {
			results = append(results, text)
		}
	}, func(line []byte) {
		if text := strings.TrimSpace(string(line)); text != "" {
			said = append(said[max(0, len(said)-39):], text)
		}
	})
	if err != nil {
		return tasks.Result{}, err
	}
	if r.Status != 0 {
		return tasks.Result{}, &tasks.Failure{
			Msg:    fmt.Sprintf("%s ended with status %d: %s", manager, r.Status, refusal(strings.Join(said, "\n"))),
			Values: map[string]any{"rc": r.Status, "results": results, "stderr": strings.Join(said, "\n")},
		}
	}
	if _, err := files.Prove(ctx, h.Shell(), tasks.ProbeApply(p), plan); err != nil {
		return tasks.Result{}, err
	}
	if results == nil {
		results = []any{}
	}
	return tasks.Result{Changed: true, Msg: plan.Msg, Values: map[string]any{"results": results, "rc": 0}}, nil
}
