package builtin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type aptArgs struct {
	Name            []string `arg:"name" alias:"pkg package" doc:"Packages: name, name=1.2, name=1.2*, name>=1.2, name:i386, a pattern; * with latest for all that is installed."`
	State           string   `arg:"state" default:"present" choices:"absent build-dep fixed latest present" doc:"present accepts any installed version, latest installs the newest that the host's sources have; fixed also mends what dpkg left broken, build-dep installs what building the packages needs."`
	UpdateCache     *bool    `arg:"update_cache" alias:"update-cache" doc:"Ask the sources again before something is installed; without name, at once."`
	CacheValid      int      `arg:"cache_valid_time" default:"0" doc:"Seconds for which an earlier update_cache is enough. Alone it asks the sources when they are older."`
	Retries         int      `arg:"update_cache_retries" default:"5" doc:"How many times the sources are asked before the task fails."`
	RetryDelay      int      `arg:"update_cache_retry_max_delay" default:"12" doc:"Seconds between these tries, at most; the first wait is one second, each of the others twice the one before."`
	Recommends      *bool    `arg:"install_recommends" alias:"install-recommends" doc:"Also install what packages recommend; the host's own setting when not given."`
	Deb             string   `arg:"deb,path" doc:"A .deb file on the host, several with commas, or a URL that curl or wget on the host fetches."`
	DefaultRelease  string   `arg:"default_release" alias:"default-release" doc:"The release whose packages are preferred."`
	DpkgOptions     string   `arg:"dpkg_options" default:"force-confdef,force-confold" doc:"Options of dpkg, with commas."`
	Upgrade         string   `arg:"upgrade" default:"no" choices:"dist full no safe yes" choice_alias:"True=yes False=no true=yes false=no" doc:"Upgrade all packages; full and dist also remove what is in the way."`
	Purge           bool     `arg:"purge" default:"false" doc:"With absent: also remove configuration."`
	Autoremove      bool     `arg:"autoremove" default:"false" doc:"Also remove what nothing needs any more; alone, only that."`
	Autoclean       bool     `arg:"autoclean" default:"false" doc:"Without name: remove downloaded packages that the sources do not have any more."`
	Clean           bool     `arg:"clean" default:"false" doc:"Remove all downloaded packages first; a change each time when it is alone."`
	OnlyUpgrade     bool     `arg:"only_upgrade" default:"false" doc:"Leave out packages that are not installed."`
	FailAutoremove  bool     `arg:"fail_on_autoremove" default:"false" doc:"Fail when something would be removed."`
	Force           bool     `arg:"force" default:"false" doc:"Allow all that apt-get refuses: unsigned packages, downgrades, held and essential packages; with deb, dpkg's --force-all."`
	AllowDowngrade  bool     `arg:"allow_downgrade" alias:"allow-downgrade allow_downgrades allow-downgrades" default:"false" doc:"Allow an older version than the installed one."`
	AllowHeld       bool     `arg:"allow_change_held_packages" default:"false" doc:"Allow a change of packages that are held."`
	Unauthenticated bool     `arg:"allow_unauthenticated" alias:"allow-unauthenticated" default:"false" doc:"Install unsigned packages."`
	PolicyRcD       *int     `arg:"policy_rc_d" doc:"What /usr/sbin/policy-rc.d answers meanwhile; 101 starts no service."`
	LockTimeout     int      `arg:"lock_timeout" default:"60" doc:"Seconds to wait for another apt or dpkg."`
	ForceAptGet     bool     `arg:"force_apt_get" default:"false" doc:"Accepted: apt-get is used in any case, and never aptitude."`
	InstallDeps     bool     `arg:"auto_install_module_deps" default:"true" doc:"Accepted: nothing of Python is needed on the host."`
}

var aptModule = tasks.Define(tasks.Module{
	Name: "apt", Collections: []string{"ansible.builtin"},
	Network: aptNetwork,
	Summary: "Manage packages with apt-get",
	Notes: append(slices.Clone(packageNotes),
		"Whether packages are available is asked before anything is done. --check that finds one nowhere reports it and goes on, since an "+
			"earlier task may bring its source.",
		"Packages that are named are marked as installed by hand, which is no change.",
		"update_cache with autoremove or autoclean, and without name, deb or upgrade, asks the sources alone, as Ansible does."),
	Returns: []tasks.Return{
		{Name: "msg", Type: "str", Doc: "what was done"},
		{Name: "cache_updated", Type: "bool", Doc: "whether the sources were asked"},
		{Name: "cache_update_time", Type: "int", Doc: "when they were asked last, in seconds since 1970"},
		{Name: "stdout", Type: "str", Doc: "what apt-get said"}, {Name: "stderr", Type: "str", Doc: "its complaints"}},
	Examples: packageExamples("apt") + `
- apt: {name: "postgresql-15=15.*", update_cache: true, cache_valid_time: 3600}
- apt: {deb: /srv/packages/monitor_1.2_all.deb}
- apt: {upgrade: dist, autoremove: true}
`,
}, func(a *aptArgs, l tasks.Local) (tasks.Action, error) {
	p, err := newApt("apt", a, l)
	if err != nil {
		return nil, err
	}
	return tasks.ProbeApply(p), nil
})

// newApt checks the arguments; module is whose they are in messages.
func newApt(module string, a *aptArgs, l tasks.Local) (*aptWork, error) {
	refuse := func(arg, problem string) (*aptWork, error) {
		return nil, &tasks.ArgError{Module: module, Arg: arg, Problem: problem}
	}
	update := a.UpdateCache != nil && *a.UpdateCache || a.CacheValid > 0
	ways := 0
	for _, given := range []bool{a.Name != nil, a.Deb != "", a.Upgrade != "no"} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		return refuse("name", "deb and upgrade exclude each other")
	case ways == 0 && !update && !a.Autoremove && !a.Autoclean && !a.Clean:
		return refuse("name", "is required, or deb, upgrade, update_cache, autoremove, autoclean or clean")
	case a.Deb != "" && a.State != "present":
		return refuse("deb", "goes with state: present alone")
	}
	p := &aptWork{args: a, update: update, asking: l.Check()}
	for _, n := range a.Name {
		n = strings.TrimSpace(n)
		if n == "*" {
			p.everything = a.State == "latest"
			continue
		}
		if n == "" || n[0] == '-' || strings.ContainsFunc(n, unicode.IsSpace) {
			return refuse("name", fmt.Sprintf("holds %q, which is not the name of a package", n))
		}
		if strings.Count(n, "=") > 1 {
			return refuse("name", fmt.Sprintf("holds %q, which has more than one version", n))
		}
		p.names = append(p.names, newAptName(n))
	}
	if p.everything && len(p.names) > 0 {
		return refuse("name", "cannot hold * and other packages with state: latest")
	}
	return p, nil
}

// aptName is a package as name has it; the name may be a pattern, and so may the version after "=".
type aptName struct{ name, op, version string }

func newAptName(spec string) aptName {
	at := strings.Index(spec, "=")
	if at < 0 {
		return aptName{name: spec}
	}
	if name, ok := strings.CutSuffix(spec[:at], ">"); ok {
		return aptName{name, ">=", spec[at+1:]}
	}
	return aptName{spec[:at], "=", spec[at+1:]}
}

func (n aptName) pattern() bool { return strings.ContainsAny(n.name, "*?[]!") }

// aptWork is the work of apt, and of package where that is the host's manager. fresh: the sources were asked already.
type aptWork struct {
	args       *aptArgs
	names      []aptName
	everything bool
	update     bool
	fresh      bool
	asking     bool
}

func (p *aptWork) remove() bool { return p.args.State == "absent" }

// upgrade is apt-get's word for an upgrade of all; empty: none is wanted.
func (p *aptWork) upgrade() []string {
	switch {
	case p.args.Upgrade == "dist" || p.args.Upgrade == "full":
		return []string{"dist-upgrade"}
	case p.args.Upgrade != "no" || p.everything:
		return []string{"upgrade", "--with-new-pkgs"}
	}
	return nil
}

// only reports whether nothing but the sources is asked for.
func (p *aptWork) only() bool {
	return p.update && len(p.names) == 0 && p.upgrade() == nil && p.args.Deb == ""
}

func (p *aptWork) Probe() string {
	return scripts.Script("package_manager", script.Values{"m": "apt"}) + script.Encode + "echo \"manager $m\"\n[ -n \"$m\" ] || exit 0\n" +
		p.questions() + "exit 0\n"
}

func (p *aptWork) questions() string {
	var b strings.Builder
	b.WriteString(scripts.Script("apt_questions", script.Values{"target": p.args.DefaultRelease}) + "cached\n")
	why := ""
	switch {
	case p.remove():
		why = "remove"
	case p.args.State == "latest":
		why = "latest"
	}
	for i, n := range p.names {
		if p.args.State == "build-dep" {
			break
		}
		reason := why
		if n.op != "" && why == "" {
			reason = "version"
		}
		verb := "ask"
		if n.pattern() {
			verb = "expand"
		}
		b.WriteString(call(verb, strconv.Itoa(i), n.name, reason))
	}
	switch words := p.upgrade(); {
	case words != nil:
		b.WriteString(call("would", append(p.words(), words...)...))
	case p.args.State == "build-dep" && len(p.names) > 0:
		b.WriteString(call("would", append(append(p.words(), "build-dep"), p.specs()...)...))
	case len(p.names) > 0 || p.args.Deb != "" || p.only():
	case p.args.Autoclean:
		b.WriteString(call("would", append(p.words(), "autoclean")...))
	case p.args.Autoremove:
		b.WriteString(call("would", append(p.words(), "autoremove")...))
	}
	if len(p.names) > 0 && !p.remove() && p.args.State != "build-dep" {
		// Patterns are not marked: what they mean differs from day to day.
		var names []string
		for _, n := range p.names {
			if !n.pattern() {
				names = append(names, n.name)
			}
		}
		if len(names) > 0 {
			b.WriteString("apt-mark showauto " + script.Words(names) + " 2>/dev/null | sed 's/^/auto /'\n")
		}
	}
	for i, file := range p.debs() {
		if strings.Contains(file, "://") {
			fmt.Fprintf(&b, "download %s\nunpacked %d \"$got\"\n", remote.Quote(file), i)
			continue
		}
		fmt.Fprintf(&b, "unpacked %d %s\n", i, script.Path(file))
	}
	return b.String()
}

func (p *aptWork) debs() []string {
	if p.args.Deb == "" {
		return nil
	}
	return strings.Split(p.args.Deb, ",")
}

// specs are the packages as apt-get takes them.
func (p *aptWork) specs() []string {
	var list []string
	for _, n := range p.names {
		if n.op == "=" {
			list = append(list, n.name+"="+n.version)
			continue
		}
		list = append(list, n.name)
	}
	return list
}

// words are apt-get's options, those of every command.
func (p *aptWork) words() []string {
	a := p.args
	words := []string{"-y", "-q", "-o", "DPkg::Lock::Timeout=" + strconv.Itoa(a.LockTimeout)}
	for o := range strings.SplitSeq(a.DpkgOptions, ",") {
		if o = strings.TrimSpace(o); o != "" {
			words = append(words, "-o", "Dpkg::Options::=--"+o)
		}
	}
	if a.DefaultRelease != "" {
		words = append(words, "-t", a.DefaultRelease)
	}
	if a.Recommends != nil {
		words = append(words, "-o", "APT::Install-Recommends="+map[bool]string{true: "yes", false: "no"}[*a.Recommends])
	}
	for _, o := range []struct {
		set  bool
		word string
	}{
		{a.AllowDowngrade || a.Force, "--allow-downgrades"},
		{a.Unauthenticated || a.Force, "--allow-unauthenticated"},
		{a.AllowHeld || a.Force, "--allow-change-held-packages"},
		{a.Force, "--allow-remove-essential"},
		{a.FailAutoremove, "--no-remove"},
		{a.Autoremove && (len(p.names) > 0 || p.upgrade() != nil), "--auto-remove"},
		{a.Purge && (p.remove() || a.Autoremove), "--purge"},
		{a.OnlyUpgrade && !p.remove() && p.upgrade() == nil, "--only-upgrade"},
		{a.State == "fixed", "--fix-broken"},
	} {
		if o.set {
			words = append(words, o.word)
		}
	}
	return words
}
