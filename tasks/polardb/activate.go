package polardb

import (
	"fmt"
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/script"
)

type activateArgs struct {
	Home     string `arg:"home" default:"/opt/polardb" doc:"the engine's directory: home/versions, and home/current, a symlink to one of them"`
	Pgdata   string `arg:"pgdata,required,path" doc:"the node's PGDATA: its major release, and the version that its server runs"`
	Version  string `arg:"version" doc:"the directory's name under versions"`
	Previous bool   `arg:"previous" default:"no" doc:"use the version that home/previous points to, instead of naming one"`
}

var activateModule = tasks.Define(tasks.Module{
	Name:    "polardb_activate",
	Summary: "Point a host to another installed version of the engine, and tell which one its server runs",
	Notes: []string{
		"A server keeps the version that it was started with: restart it when running differs from version. Other versions are left alone.",
		"Refuses a version that cannot read the node's data because it is another major release, and one that does not run on the host.",
	},
	Returns: []tasks.Return{
		{Name: "version", Type: "str", Doc: "the version to run"},
		{Name: "from", Type: "str", Doc: "the version that current pointed to before"},
		{Name: "running", Type: "str", Doc: "the version that the server was started with; empty: no server runs"},
		{Name: "release", Type: "str", Doc: "the output of the version's postgres --version"},
		{Name: "installed", Type: "list", Doc: "the versions on the host"},
	},
	Examples: `- polardb_activate:
    pgdata: /var/lib/polardb/pgdata
    version: polardb-11.9-0123456789ab
`,
}, func(a *activateArgs, l tasks.Local) (tasks.Action, error) {
	problem := func(arg, format string, args ...any) error {
		return &tasks.ArgError{Module: "polardb_activate", Arg: arg, Problem: fmt.Sprintf(format, args...)}
	}
	switch {
	case !path.IsAbs(a.Home) || strings.Count(path.Clean(a.Home), "/") < 2:
		return nil, problem("home", "must be an absolute path at least two levels deep, not %q", a.Home)
	case a.Previous == (a.Version != ""):
		return nil, problem("version", "or previous is required, and not both")
	case !a.Previous && (a.Version != path.Base(a.Version) || strings.HasPrefix(a.Version, ".")):
		return nil, problem("version", "must be a plain directory name, not %q", a.Version)
	}
	return &activateAction{args: a, check: l.Check()}, nil
})

type activateAction struct {
	args  *activateArgs
	check bool
}

// Probe reads where the links point, which versions are installed, and which of them the postmaster runs.
func (a *activateAction) Probe() string {
	return scripts.Script("polardb_activate", script.Values{"ENGINE": a.args.Home, "PGDATA": a.args.Pgdata, "VERSION": a.args.Version})
}

func (a *activateAction) Plan(f tasks.Found) (tasks.Plan, error) {
	var found struct {
		Current   string   `answer:"current"`
		Previous  string   `answer:"previous"`
		Installed []string `answer:"installed"`
		Data      string   `answer:"data"`
		Running   string   `answer:"running"`
		Release   string   `answer:"release"`
	}
	if err := script.Decode(f.Stdout, &found); err != nil {
		return tasks.Plan{}, err
	}
	installed := convert.AnyTexts(found.Installed)
	version := a.args.Version
	if a.args.Previous {
		if version = found.Previous; version == "" {
			return tasks.Plan{}, &tasks.Failure{Msg: "there is no previous version to go back to",
				Hint: fmt.Sprintf("name the package of the one you want: -e polardb_package=FILE; installed are %v", installed)}
		}
	}
	release := found.Release
	values := map[string]any{
		"version": version, "from": found.Current, "running": found.Running, "release": release, "installed": installed,
	}
	switch {
	case release == "" && a.check && !a.args.Previous:
		msg := "run " + version + " instead of " + found.Current
		return tasks.Plan{Change: true, Unknown: version + " is not installed yet", Msg: msg, Values: values}, nil
	case release == "":
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s/versions/%s holds no engine", a.args.Home, version),
			Hint: fmt.Sprintf("installed are %v", installed)}
	case majorOf(release) == "":
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("the engine of %s does not run on this host: %s", version, release)}
	case found.Data != "" && majorOf(release) != found.Data:
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("%s is %q and cannot read the data of this node, which is of release %s", version, release, found.Data),
			Hint: "another major release needs a new cluster and a dump"}
	case found.Current == version:
		return tasks.Plan{Msg: version + " is the version to run", Values: values}, nil
	}
	link := a.args.Home + "/current"
	return tasks.Plan{
		Change: true, Msg: fmt.Sprintf("point %s to %s (%s) instead of %s", link, version, release, found.Current),
		Script: pointTo(a.args.Home, version), Values: values,
		Diff: []tasks.Diff{{Before: found.Current + "\n", After: version + "\n", BeforeHeader: link, AfterHeader: link}},
	}, nil
}

// majorOf returns the major release in the output of postgres --version: 11 for "postgres (PostgreSQL) 11.9"; empty: there
// is none in it.
func majorOf(release string) string {
	words := strings.Fields(release)
	for i := len(words) - 1; i >= 0; i-- {
		major, _, _ := strings.Cut(words[i], ".")
		if major != "" && strings.Trim(major, "0123456789") == "" {
			return major
		}
	}
	return ""
}

// pointTo returns the script that points home/current to a version. It replaces the link by a rename, so that there is one at
// every moment.
func pointTo(home, version string) string {
	return scripts.Script("polardb_point", script.Values{"ENGINE": home, "VERSION": version})
}
