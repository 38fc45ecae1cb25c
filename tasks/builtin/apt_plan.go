package builtin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// aptFound is the answer of the questions of apt. Packages and files are numbers in what was asked.
type aptFound struct {
	Manager  string `answer:"manager"`
	Cached   int64  `answer:"cached"` // when the sources were asked, seconds
	Now      int64  `answer:"now"`
	Packages []struct {
		Number    int      `answer:"package"`
		Name      string   `answer:"name"`
		Is        string   `answer:"is"` // state and version
		Candidate string   `answer:"candidate"`
		Versions  []string `answer:"version"`  // the newest first
		Providers []string `answer:"provider"` // name, state and version
	} `answer:"package"`
	None  []string `answer:"none"` // numbers of patterns that match nothing
	Would []byte   `answer:"would"`
	Auto  []string `answer:"auto"` // names that are not marked as installed by hand
	Files []struct {
		Number  int    `answer:"file"`
		Absent  bool   `answer:"absent"`
		Name    string `answer:"name"`
		Holds   string `answer:"holds"`
		Is      string `answer:"is"`
		Problem string `answer:"bad"`
	} `answer:"file"`
}

// aptChange is what Plan hands to Apply.
type aptChange struct {
	update bool     // the sources are asked first, and the rest is planned again
	before int64    // when they were asked
	mark   []string // packages to mark as installed by hand
	quiet  bool     // nothing but that
}

func (p *aptWork) Plan(found tasks.Found) (tasks.Plan, aptChange, error) {
	var said aptFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, aptChange{}, err
	}
	if said.Manager == "" {
		return tasks.Plan{}, aptChange{}, &tasks.Failure{Msg: "the host has no apt-get"}
	}
	change := aptChange{before: said.Cached}
	stale := p.update && !p.fresh && said.Cached+int64(p.args.CacheValid) <= said.Now
	values := map[string]any{"cache_updated": false, "cache_update_time": int(said.Cached)}
	if p.only() {
		plan := tasks.Plan{Msg: "the sources were asked lately", Values: values}
		if p.args.Autoremove || p.args.Autoclean {
			plan.Warnings = []string{"apt: update_cache without name, deb or upgrade asks the sources alone: autoremove and autoclean are a task " +
				"of their own"}
		}
		if stale {
			plan.Change, plan.Event, plan.Msg = true, true, "ask the sources again"
			change.update = true
			if p.asking {
				plan.Values = map[string]any{"cache_updated": true, "cache_update_time": int(said.Cached)}
			}
		}
		return p.cleaning(plan), change, nil
	}
	plan, err := p.decide(&said)
	if stale && !p.asking && !p.remove() && (err != nil || plan.Change || p.args.State == "latest" || p.upgrade() != nil) {
		// What there is to do can be told when the sources were asked.
		change.update = true
		return tasks.Plan{Change: true, Event: true, Msg: "ask the sources again", Values: values}, change, nil
	}
	if err != nil {
		var missing *aptMissing
		switch {
		case errors.As(err, &missing) && p.asking:
			return tasks.Plan{Unknown: missing.Msg}, change, nil
		case missing != nil:
			return tasks.Plan{}, change, &missing.Failure
		}
		return tasks.Plan{}, change, err
	}
	if plan.Values == nil {
		plan.Values = values
	}
	if !p.asking && len(said.Auto) > 0 {
		change.mark, change.quiet = said.Auto, !plan.Change
		plan.Change, plan.Quiet = true, change.quiet
	}
	return p.cleaning(plan), change, nil
}

// cleaning adds what clean asks for; alone it is the change.
func (p *aptWork) cleaning(plan tasks.Plan) tasks.Plan {
	if !p.args.Clean {
		return plan
	}
	alone := len(p.names) == 0 && p.upgrade() == nil && p.args.Deb == ""
	if alone && !plan.Change {
		plan.Msg, plan.Event = "remove the downloaded packages", true
		plan.Change = true
	}
	plan.Script = "apt-get clean || die 'apt-get clean failed'\n" + plan.Script
	return plan
}

// aptMissing is a package that cannot be installed because no source has it.
type aptMissing struct{ tasks.Failure }

func missing(format string, words ...any) error {
	return &aptMissing{tasks.Failure{Msg: fmt.Sprintf(format, words...), Hint: "apt-cache policy shows the sources that the host has"}}
}

// decide plans without a look at the age of the lists.
func (p *aptWork) decide(said *aptFound) (tasks.Plan, error) {
	would := string(said.Would)
	switch {
	case p.args.Deb != "":
		return p.fromFiles(said)
	case p.upgrade() != nil:
		return p.asSaid(would, p.upgrade(), "upgrade all packages", !strings.Contains(would, "\n0 upgraded, 0 newly installed, 0 to remove"))
	case p.args.State == "build-dep" && len(p.names) > 0:
		return p.asSaid(would, append([]string{"build-dep"}, p.specs()...), "install what building "+strings.Join(p.specs(), ", ")+" needs",
			!strings.Contains(would, "\n0 upgraded, 0 newly installed, 0 to remove"))
	case len(p.names) == 0 && p.args.Autoclean:
		return p.asSaid(would, []string{"autoclean"}, "remove outdated downloads", strings.Contains(would, "Del "))
	case len(p.names) == 0 && p.args.Autoremove:
		return p.asSaid(would, []string{"autoremove"}, "remove what nothing needs",
			strings.Contains(would, "The following packages will be REMOVED"))
	}
	var todo []string
	for _, number := range said.None {
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= len(p.names) {
			continue
		}
		return tasks.Plan{}, missing("No package(s) matching '%s' available", p.names[i].name)
	}
	for _, k := range said.Packages {
		if k.Number < 0 || k.Number >= len(p.names) {
			continue
		}
		n := p.names[k.Number]
		n.name = k.Name
		state, version, _ := strings.Cut(k.Is, " ")
		if p.remove() {
			there := state == "installed" && (n.op == "" || n.fits(version))
			if there || p.args.Purge && state != "" && state != "not-installed" {
				todo = append(todo, n.name)
			}
			continue
		}
		spec, err := p.wanted(n, state, version, k.Candidate, k.Versions, k.Providers)
		if err != nil {
			return tasks.Plan{}, err
		}
		if spec != "" {
			todo = append(todo, spec)
		}
	}
	if len(todo) == 0 {
		return tasks.Plan{Msg: "the packages are as wanted"}, nil
	}
	verb := map[bool]string{true: "remove", false: "install"}[p.remove()]
	return tasks.Plan{
		Change: true,
		Msg:    verb + " " + strings.Join(todo, ", "),
		Script: p.command(append([]string{verb}, todo...)),
		// A pattern may match more as soon as something is installed.
		Event: p.args.State == "fixed",
	}, nil
}

// wanted is what apt-get is to install for a package; empty: it is as wanted.
func (p *aptWork) wanted(n aptName, state, version, candidate string, versions, providers []string) (string, error) {
	installed := state == "installed"
	if !installed && len(versions) == 0 && (candidate == "" || candidate == "(none)") {
		switch {
		case p.args.OnlyUpgrade:
			return "", nil
		case len(providers) == 0:
			return "", missing("No package matching '%s' is available", n.name)
		case len(providers) == 1 && strings.Contains(providers[0], " installed "):
			return "", nil
		case n.version != "":
			return n.name + "=" + n.version, nil
		}
		return n.name, nil
	}
	if !installed && p.args.OnlyUpgrade {
		return "", nil
	}
	best := candidate
	if n.op == "=" {
		best = ""
		for _, v := range versions {
			if n.fits(v) {
				best = v
				break
			}
		}
	}
	if best == "(none)" {
		best = ""
	}
	fits := installed && n.fits(version)
	installable := best
	if installed && (best == version || best != "" && !n.fits(best)) {
		installable = ""
	}
	switch {
	case !fits && installable == "":
		return "", missing("no available installation candidate for %s%s%s", n.name, n.op, n.version)
	case installable != "" && (!installed || p.args.State == "latest" || !fits):
		return n.name + "=" + installable, nil
	case fits && installable != "" && n.op == "=":
		return n.name + "=" + n.version, nil
	}
	return "", nil
}

// fits reports whether a version is one that is asked for.
func (n aptName) fits(version string) bool {
	switch n.op {
	case "=":
		ok, err := path.Match(strings.ReplaceAll(n.version, "[!", "[^"), version)
		return err == nil && ok || n.version == version
	case ">=":
		return compareDebian(version, n.version) >= 0
	}
	return true
}

// asSaid plans what apt-get said that it would do, whose last line is why it cannot.
func (p *aptWork) asSaid(would string, words []string, msg string, change bool) (tasks.Plan, error) {
	if strings.Contains(would, "\nE: ") || strings.HasPrefix(would, "E: ") {
		_, why, _ := strings.Cut("\n"+would, "\nE: ")
		return tasks.Plan{}, missing("apt-get %s is not possible: %s", words[0], strings.Join(strings.Fields(why), " "))
	}
	if !change {
		return tasks.Plan{Msg: "nothing to do"}, nil
	}
	return tasks.Plan{Change: true, Event: true, Msg: msg, Script: p.command(words)}, nil
}

// fromFiles plans the installation of files.
func (p *aptWork) fromFiles(said *aptFound) (tasks.Plan, error) {
	debs := p.debs()
	var todo []string
	var body strings.Builder
	body.WriteString("set --\n")
	for _, f := range said.Files {
		if f.Number < 0 || f.Number >= len(debs) {
			continue
		}
		name := debs[f.Number]
		switch {
		case f.Absent:
			return tasks.Plan{}, missing("Unable to install package: %s is not on the host, or may not be read", name)
		case f.Problem != "" || f.Name == "":
			return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("Unable to install package: %s is no package: %s", name, f.Problem)}
		}
		state, version, _ := strings.Cut(f.Is, " ")
		if state == "installed" {
			order := compareDebian(f.Holds, version)
			if order == 0 {
				continue
			}
			if order < 0 && !p.args.AllowDowngrade && !p.args.Force {
				return tasks.Plan{}, &tasks.Failure{
					Msg: "A later version is already installed", Hint: fmt.Sprintf("%s %s is there, and the file has %s: allow_downgrade installs that",
						f.Name, version, f.Holds),
				}
			}
		}
		todo = append(todo, f.Name+" "+f.Holds)
		if strings.Contains(name, "://") {
			fmt.Fprintf(&body, "download %s\nset -- \"$@\" \"$got\"\n", remote.Quote(name))
			continue
		}
		fmt.Fprintf(&body, "f=%s\ncase $f in /*) ;; *) f=$PWD/$f ;; esac\nset -- \"$@\" \"$f\"\n", script.Path(name))
	}
	if len(todo) == 0 {
		return tasks.Plan{Msg: "the packages are as wanted"}, nil
	}
	if p.args.Force {
		body.WriteString("quieten\ndpkg --force-all -i \"$@\" < /dev/null || exit $?\n")
	} else {
		body.WriteString("quieten\napt-get " + script.Words(p.words()) + " install \"$@\" < /dev/null || exit $?\n")
	}
	return tasks.Plan{Change: true, Msg: "install " + strings.Join(todo, ", "), Script: body.String()}, nil
}

// command has apt-get do something.
func (p *aptWork) command(words []string) string {
	return "quieten\napt-get " + script.Words(append(p.words(), words...)) + " < /dev/null || exit $?\n"
}

// begin is what comes before every change.
func (p *aptWork) begin() string {
	values := script.Values{"retries": max(1, p.args.Retries), "longest": max(1, p.args.RetryDelay)}
	if p.args.PolicyRcD != nil {
		values["code"] = *p.args.PolicyRcD
	}
	return scripts.Script("apt_change", values) + scripts.Script("apt_questions", script.Values{"target": p.args.DefaultRelease})
}

// Apply asks the sources where that is planned, and then plans the rest again.
func (p *aptWork) Apply(ctx context.Context, h tasks.Host, plan tasks.Plan, change aptChange) (tasks.Result, error) {
	values := map[string]any{}
	maps.Copy(values, plan.Values)
	work := *p
	if change.update {
		clean := ""
		if p.only() {
			clean = plan.Script
		}
		made, err := files.RunPlan(ctx, h.Shell(), tasks.Plan{
			Script: p.begin() + clean + "update -o DPkg::Lock::Timeout=" + strconv.Itoa(p.args.LockTimeout) + " >&2 || exit 1\ncached\n",
		})
		if err != nil {
			return tasks.Result{}, err
		}
		var after aptFound
		if err := (tasks.Found{Result: made}).Decode(&after); err != nil {
			return tasks.Result{}, err
		}
		updated := after.Cached != change.before
		values["cache_updated"], values["cache_update_time"] = updated, int(after.Cached)
		if p.only() {
			return tasks.Result{Changed: updated || p.args.Clean, Msg: plan.Msg, Values: values}, nil
		}
		work.fresh = true
		again, err := h.Shell().Run(ctx, remote.Command{Script: work.Probe()})
		if err != nil {
			return tasks.Result{}, err
		}
		if plan, change, err = work.Plan(tasks.Found{Result: again}); err != nil {
			return tasks.Result{}, err
		}
		if !plan.Change {
			return tasks.Result{Msg: plan.Msg, Values: values}, nil
		}
	}
	body := work.begin() + plan.Script
	if len(change.mark) > 0 {
		body += "apt-mark manual " + script.Words(change.mark) + " >&2 || die 'apt-mark failed'\n"
	}
	made, err := h.Shell().Run(ctx, remote.Command{Script: body})
	if err != nil {
		return tasks.Result{}, err
	}
	if err := files.ScriptFailed(made); err != nil {
		return tasks.Result{}, err
	}
	if change.quiet {
		return tasks.Result{Msg: plan.Msg, Values: values}, nil
	}
	if !plan.Event {
		work.fresh = true
		if _, err := files.Prove(ctx, h.Shell(), tasks.ProbeApply(&work), plan); err != nil {
			return tasks.Result{}, err
		}
	}
	maps.Copy(values, map[string]any{"rc": 0, "stdout": string(made.Stdout), "stderr": string(made.Stderr)})
	return tasks.Result{Changed: true, Msg: plan.Msg, Values: values}, nil
}

// compareDebian compares versions as dpkg does: -1, 0 or 1.
func compareDebian(a, b string) int {
	epoch := func(v string) (int, string) {
		if e, rest, ok := strings.Cut(v, ":"); ok {
			n, _ := strconv.Atoi(e)
			return n, rest
		}
		return 0, v
	}
	ea, a := epoch(a)
	eb, b := epoch(b)
	if ea != eb {
		return sign(ea - eb)
	}
	upstream := func(v string) (string, string) {
		if at := strings.LastIndex(v, "-"); at >= 0 {
			return v[:at], v[at+1:]
		}
		return v, ""
	}
	va, ra := upstream(a)
	vb, rb := upstream(b)
	if c := compareParts(va, vb); c != 0 {
		return c
	}
	return compareParts(ra, rb)
}

func sign(n int) int { return min(1, max(-1, n)) }

// compareParts goes through texts and numbers in turn; a tilde is before the end, letters are before all else.
func compareParts(a, b string) int {
	digit := func(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
	order := func(s string) int {
		switch {
		case s == "" || digit(s):
			return 0
		case s[0] == '~':
			return -1
		case s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z':
			return int(s[0])
		}
		return int(s[0]) + 256
	}
	rest := func(s string) string { return s[min(1, len(s)):] }
	number := func(s string) (string, string) {
		end := 0
		for end < len(s) && digit(s[end:]) {
			end++
		}
		return strings.TrimLeft(s[:end], "0"), s[end:]
	}
	for a != "" || b != "" {
		for a != "" && !digit(a) || b != "" && !digit(b) {
			if x, y := order(a), order(b); x != y {
				return sign(x - y)
			}
			a, b = rest(a), rest(b)
		}
		var x, y string
		x, a = number(a)
		y, b = number(b)
		if len(x) != len(y) {
			return sign(len(x) - len(y))
		}
		if x != y {
			return strings.Compare(x, y)
		}
	}
	return 0
}
