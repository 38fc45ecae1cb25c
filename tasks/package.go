package tasks

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/tasks/remote"
)

type packageArgs struct {
	Name  []string `arg:"name" alias:"pkg package" doc:"Packages; with a version as the manager writes it: name=1.2 for apt, name-1.2 for dnf and yum."`
	State string   `arg:"state" default:"present" choices:"absent installed latest present removed" doc:"present leaves a version that is there, latest brings the newest that the host's sources have."`
}

type aptArgs struct {
	packageArgs
	UpdateCache     bool `arg:"update_cache" alias:"update-cache" default:"false" doc:"Ask the sources anew before something is installed; without name, at once."`
	CacheValid      int  `arg:"cache_valid_time" default:"0" doc:"Seconds for which an earlier update_cache is good enough."`
	Recommends      bool `arg:"install_recommends" alias:"install-recommends" default:"true" doc:"Install what packages recommend too."`
	Purge           bool `arg:"purge" default:"false" doc:"With absent: remove configuration too."`
	Autoremove      bool `arg:"autoremove" default:"false" doc:"With absent: remove what nothing else needs too."`
	AllowDowngrade  bool `arg:"allow_downgrade" alias:"allow-downgrade allow_downgrades allow-downgrades" default:"false" doc:"Allow an older version than the one that is there."`
	Unauthenticated bool `arg:"allow_unauthenticated" alias:"allow-unauthenticated" default:"false" doc:"Install what nobody has signed."`
}

type rpmArgs struct {
	packageArgs
	EnableRepo  []string `arg:"enablerepo" doc:"Repositories to use besides."`
	DisableRepo []string `arg:"disablerepo" doc:"Repositories to leave out; * for all."`
	UpdateCache bool     `arg:"update_cache" alias:"expire-cache" default:"false" doc:"Ask the repositories anew before something is installed."`
	NoGPG       bool     `arg:"disable_gpg_check" default:"false" doc:"Install what nobody has signed."`
	Autoremove  bool     `arg:"autoremove" default:"false" doc:"With absent: remove what nothing else needs too."`
}

var packageNotes = []string{"It asks what is installed, and the sources only when something is to be installed or state is latest: an air-gapped host with the packages is no failure."}

func packageExamples(name string) string {
	return strings.ReplaceAll(`
- package: {name: [tar, zstd], state: present}
- package: {name: telnet, state: absent}
`, "package:", name+":")
}

var packageModule = Define(Module{
	Name: "package", Collections: []string{"ansible.builtin"},
	Summary: "Manage packages with the host's own manager", Notes: packageNotes, Returns: []Return{{"msg", "str", "what was done"}}, Examples: packageExamples("package"),
}, func(a *packageArgs, l Local) (Action, error) {
	return newPackages("package", *a, packages{recommends: true}, l)
})

var aptModule = Define(Module{
	Name: "apt", Collections: []string{"ansible.builtin"},
	Summary: "Manage packages with apt-get", Notes: packageNotes, Returns: []Return{{"msg", "str", "what was done"}}, Examples: packageExamples("apt"),
}, func(a *aptArgs, l Local) (Action, error) {
	p := packages{manager: "apt", recommends: a.Recommends, refresh: a.UpdateCache, valid: a.CacheValid, autoremove: a.Autoremove, purge: a.Purge}
	if a.AllowDowngrade {
		p.options = append(p.options, "--allow-downgrades")
	}
	if a.Unauthenticated {
		p.options = append(p.options, "--allow-unauthenticated")
	}
	return newPackages("apt", a.packageArgs, p, l)
})

func rpmModule(name string) Module {
	return Define(Module{
		Name: name, Collections: []string{"ansible.builtin"},
		Summary: "Manage packages with " + name, Notes: packageNotes, Returns: []Return{{"msg", "str", "what was done"}}, Examples: packageExamples(name),
	}, func(a *rpmArgs, l Local) (Action, error) {
		p := packages{manager: name, refresh: a.UpdateCache, autoremove: a.Autoremove}
		for _, r := range a.DisableRepo {
			p.options = append(p.options, "--disablerepo="+r)
		}
		for _, r := range a.EnableRepo {
			p.options = append(p.options, "--enablerepo="+r)
		}
		if a.NoGPG {
			p.options = append(p.options, "--nogpgcheck")
		}
		return newPackages(name, a.packageArgs, p, l)
	})
}

var (
	dnfModule = rpmModule("dnf")
	yumModule = rpmModule("yum")
)

// packages is the work of any of these modules; without a manager it is the host's own.
type packages struct {
	packageArgs
	manager           string
	options           []string
	recommends        bool
	refresh           bool
	valid             int
	purge, autoremove bool
	asking            bool
}

func newPackages(module string, a packageArgs, p packages, l Local) (Action, error) {
	p.packageArgs, p.asking = a, l.Check()
	if len(a.Name) == 0 && !p.refresh {
		return nil, &ArgError{Module: module, Arg: "name", Problem: "is required"}
	}
	for _, n := range a.Name {
		if n == "" || n[0] == '-' || strings.ContainsFunc(n, unicode.IsSpace) {
			return nil, &ArgError{Module: module, Arg: "name", Problem: fmt.Sprintf("holds %q, which no package is called", n)}
		}
	}
	return &p, nil
}

// Probe tells the manager, and of each package whether it is there and, for latest, whether there is a newer one.
func (p *packages) Probe() string {
	var b strings.Builder
	b.WriteString(preamble)
	if p.manager == "" {
		b.WriteString("m=\nif [ -e /etc/redhat-release ] || ! have apt-get; then for c in dnf yum; do if have $c; then m=$c; break; fi; done; fi\nif [ -z \"$m\" ] && have apt-get; then m=apt; fi\n")
	} else {
		fmt.Fprintf(&b, "m=%s\n[ $m != dnf ] || have dnf || { have yum && m=yum; }\n", p.manager)
	}
	b.WriteString(`case $m in
	apt) have apt-get || m= ;;
	dnf|yum) have $m || m= ;;
esac
echo "manager $m"
`)
	b.WriteString(`ask() {
	case $m in
	apt)
		name=${1%%=*}; version=${1#"$name"}; version=${version#=}
		have=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$name" 2>/dev/null)
		case $have in "installed "*) ;; *) return 1 ;; esac
		[ -z "$version" ] || [ "installed $version" = "$have" ] ;;
	dnf|yum)
		case $1 in
		*/*.rpm) rpm -q "$(rpm -qp --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}' "$1" 2>/dev/null)" >/dev/null 2>&1 ;;
		*) rpm -q --whatprovides "$1" >/dev/null 2>&1 || rpm -q "$1" >/dev/null 2>&1 ;;
		esac ;;
	esac
}
newer() {
	case $m in
	apt) apt-cache policy "$1" 2>/dev/null | awk '/Installed:/ {i=$2} /Candidate:/ {c=$2} END {exit !(c != "" && c != "(none)" && i != c)}' ;;
	dnf|yum) $m -q check-update "$1" >/dev/null 2>&1; [ $? -eq 100 ] ;;
	esac
}
`)
	for i, n := range p.Name {
		fmt.Fprintf(&b, "if ask %s; then echo there %d; fi\n", remote.Quote(n), i)
		if p.State == "latest" {
			fmt.Fprintf(&b, "if newer %s; then echo newer %d; fi\n", remote.Quote(n), i)
		}
	}
	if p.refresh {
		b.WriteString("if [ -e /var/lib/apt/lists ]; then echo \"age $(($(date +%s) - $(stat -c %Y /var/lib/apt/lists)))\"; fi\n")
	}
	return b.String() + "exit 0\n"
}

func (p *packages) Plan(found Found) (Plan, error) {
	ans, err := readAnswer(found)
	if err != nil {
		return Plan{}, err
	}
	manager := ans.text("manager")
	if manager == "" {
		return Plan{}, &Failure{Msg: "the host has none of the package managers apt-get, dnf and yum that this task can use"}
	}
	in := func(list []string, i int) bool {
		for _, text := range list {
			if text == fmt.Sprint(i) {
				return true
			}
		}
		return false
	}
	remove := p.State == "absent" || p.State == "removed"
	var todo []string
	for i, n := range p.Name {
		there := in(ans["there"], i)
		if there == remove || p.State == "latest" && in(ans["newer"], i) {
			todo = append(todo, n)
		}
	}
	stale := p.refresh && (!ans.has("age") || int(ans.number("age")) >= p.valid)
	if len(todo) == 0 && (len(p.Name) > 0 || !stale) {
		return Plan{Msg: "the packages are as wanted"}, nil
	}
	script, msg := preamble, ""
	if stale && !remove {
		script += refreshCommand(manager)
		msg = "ask the sources anew"
	}
	if len(todo) > 0 {
		verb := map[bool]string{true: "remove", false: "install"}[remove]
		script += p.command(manager, verb, todo) + " || die \"" + manager + " could not " + verb + " the packages: see its messages\"\n"
		msg = verb + " " + strings.Join(todo, ", ")
	}
	return Plan{Change: true, Event: len(todo) == 0, Msg: msg, Script: script}, nil
}

func refreshCommand(manager string) string {
	if manager == "apt" {
		return "apt-get -q -o DPkg::Lock::Timeout=60 update || die 'apt-get update failed: are the sources reachable?'\n"
	}
	return manager + " -q clean expire-cache || exit 1\n"
}

func (p *packages) command(manager, verb string, names []string) string {
	words := append([]string{}, p.options...)
	if manager == "apt" {
		words = append(words, "-o", "DPkg::Lock::Timeout=60", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
		if verb == "install" && !p.recommends {
			words = append(words, "--no-install-recommends")
		}
		if verb == "remove" && p.purge {
			words = append(words, "--purge")
		}
		if verb == "remove" && p.autoremove {
			words = append(words, "--auto-remove")
		}
		return "DEBIAN_FRONTEND=noninteractive apt-get -y -q " + quoteAll(append(append(words, verb), names...)) + " < /dev/null"
	}
	if verb == "install" && p.State == "latest" {
		// install leaves an old version; update leaves what is not there.
		return manager + " -y " + quoteAll(append(append(append([]string{}, words...), "install"), names...)) + " && " + manager + " -y " + quoteAll(append(append(words, "update"), names...))
	}
	if verb == "remove" && p.autoremove {
		verb = "autoremove"
	}
	return manager + " -y " + quoteAll(append(append(words, verb), names...))
}
