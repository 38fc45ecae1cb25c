package polardb

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/ospackage"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type osPackagesArgs struct {
	Src             []string `arg:"src,required" doc:"packages on the control node: files, patterns of files, and directories, in which directories such as rocky-9-x86_64 or debian-12-x86_64 say what their packages are for"`
	TryOnly         bool     `arg:"try_only" default:"no" doc:"try the transaction, and install nothing: what would be refused is"`
	CheckSignatures bool     `arg:"check_signatures" default:"yes" doc:"install an rpm only if it is signed with a key that the host knows; no takes any. Debian's packages have no signatures of their own"`
}

var osPackagesModule = newOSPackagesModule()

func newOSPackagesModule() tasks.Module {
	shelf := &ospackage.Shelf{}
	return tasks.Define(tasks.Module{
		Name:    "polardb_os_packages",
		Summary: "Install packages of the operating system that lie on the control node, without any repository",
		Notes: []string{
			"Of the packages that are for the host's system and machine, sends those that it lacks or has in an older version, compares their " +
				"SHA-256, and installs them in one transaction: by apt-get or dpkg, or by dnf, yum or rpm, with no repository.",
			"The transaction is tried first. Where it would remove a package, bring one back to an older version, or needs one that is not given, " +
				"it is refused with the names, and nothing is changed. A newer version on the host stays.",
			"With try_only that is all: a playbook has it tried on all hosts before it changes the first thing on any of them.",
			"A directory for rhel-9-x86_64 serves every system that calls itself like rhel and has release 9.",
		},
		Returns: []tasks.Return{
			{Name: "system", Type: "str", Doc: "the host's system, release and machine, as directories of packages are named"},
			{Name: "packages", Type: "list", Doc: "what was installed"},
		},
		Examples: `- polardb_os_packages:
    src: [packages]
`,
	}, func(a *osPackagesArgs, l tasks.Local) (tasks.Action, error) {
		given, err := shelf.Collect(l, a.Src)
		if err != nil {
			return nil, &tasks.ArgError{Module: "polardb_os_packages", Arg: "src", Problem: err.Error()}
		}
		return tasks.ProbeApply(&osPackages{args: a, given: given, local: l}), nil
	})
}

type osPackages struct {
	args  *osPackagesArgs
	given []ospackage.Given
	local tasks.Local
}

func (o *osPackages) Probe() string {
	var names []string
	for _, g := range o.given {
		names = append(names, g.Name)
	}
	slices.Sort(names)
	return scripts.Script("polardb_os_packages", nil, slices.Compact(names)...)
}

// osFound is what a host says of its system and of the packages.
type osFound struct {
	ID      string   `answer:"os.id"`
	Like    string   `answer:"os.like"`
	Version string   `answer:"os.version"`
	Machine string   `answer:"machine"`
	Dpkg    bool     `answer:"dpkg"`
	RPM     bool     `answer:"rpm"`
	Debs    []string `answer:"deb"`
	RPMs    []string `answer:"rpm"`
}

// installed are the versions that are there, by name and architecture. One that is not wholly there does not count.
func (f *osFound) installed(format string) map[string]string {
	lines := f.RPMs
	if format == ospackage.Deb {
		lines = f.Debs
	}
	there := map[string]string{}
	for _, line := range lines {
		if p := strings.Fields(line); len(p) == 4 && p[2] == "installed" {
			there[p[0]+" "+p[1]] = p[3]
		}
	}
	return there
}

type osPackagesChange struct {
	format string
	list   []ospackage.Given
}

func (o *osPackages) Plan(f tasks.Found) (tasks.Plan, osPackagesChange, error) {
	var found osFound
	if err := script.Decode(f.Stdout, &found); err != nil {
		return tasks.Plan{}, osPackagesChange{}, err
	}
	format, err := ospackage.FormatOf(found.ID, found.Like, found.RPM, found.Dpkg)
	if err != nil {
		return tasks.Plan{}, osPackagesChange{}, &tasks.Failure{Err: err}
	}
	system := ospackage.System{ID: found.ID, Like: found.Like, Version: found.Version, Machine: found.Machine, Format: format}
	wanted, err := ospackage.For(o.given, system)
	if err != nil {
		return tasks.Plan{}, osPackagesChange{}, &tasks.Failure{Err: err, Hint: "polardb_os_packages names the packages"}
	}
	there := found.installed(format)
	change := osPackagesChange{format: format}
	var says, names []string
	for _, g := range wanted {
		has, installed := there[g.Name+" "+g.Architecture]
		switch {
		case installed && g.Compare(has) <= 0:
			continue
		case installed:
			says = append(says, fmt.Sprintf("%s (now %s)", g, has))
		default:
			says = append(says, g.String())
		}
		names = append(names, g.String())
		change.list = append(change.list, g)
	}
	values := map[string]any{"system": system.String(), "packages": anyList(names)}
	if len(says) == 0 {
		return tasks.Plan{Msg: fmt.Sprintf("all %d packages are there", len(wanted)), Values: values}, change, nil
	}
	verb := "install "
	if o.args.TryOnly {
		verb = "to be installed: "
	}
	return tasks.Plan{Change: true, Quiet: o.args.TryOnly, Msg: verb + strings.Join(says, ", "), Values: values}, change, nil
}

func anyList(texts []string) []any {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = t
	}
	return list
}

// osPackagesDir is where packages are sent, for root alone; nothing stays there.
const osPackagesDir = "/var/lib/polarbook/packages"

func (o *osPackages) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, change osPackagesChange) (tasks.Result, error) {
	shell := h.Shell()
	sums, sizes, total := make([]string, len(change.list)), make([]int64, len(change.list)), int64(0)
	for i, g := range change.list {
		var err error
		if sums[i], sizes[i], err = o.local.Sum(g.FS, g.File); err != nil {
			return tasks.Result{}, err
		}
		total += sizes[i]
	}
	run := func(text string, uncut string) error {
		answer, err := shell.Run(ctx, remote.Command{Script: text, Uncut: uncut})
		if err != nil {
			return err
		}
		return files.ScriptFailed(answer)
	}
	if err := run(scripts.Script("polardb_os_room", script.Values{"DIR": osPackagesDir, "NEEDED": total * 4 >> 10}), ""); err != nil {
		return tasks.Result{}, err
	}
	var names, sent []string
	for i, g := range change.list {
		// Named anew: what a file is called on the control node is nothing that a shell has to read.
		name := fmt.Sprintf("%s_%s.%s", g.Name, g.Architecture, g.Format)
		if err := o.upload(ctx, h, shell, g, osPackagesDir+"/"+name, sums[i], sizes[i]); err != nil {
			return tasks.Result{}, err
		}
		names, sent = append(names, g.Name), append(sent, name)
	}
	yes := map[bool]string{true: "yes", false: "no"}
	values := script.Values{"DIR": osPackagesDir, "FORMAT": change.format, "NAMES": strings.Join(names, " "),
		"SIGNED": yes[o.args.CheckSignatures], "TRY": yes[o.args.TryOnly]}
	if o.args.TryOnly {
		return tasks.Result{}, run(scripts.Script("polardb_os_install", values, sent...), "")
	}
	h.Say("try the transaction, then install")
	if err := run(scripts.Script("polardb_os_install", values, sent...), "install packages of the operating system"); err != nil {
		return tasks.Result{}, err
	}
	answer, err := shell.Run(ctx, remote.Command{Script: o.Probe()})
	if err != nil {
		return tasks.Result{}, err
	}
	again, _, err := o.Plan(tasks.Found{Result: answer})
	if err != nil {
		return tasks.Result{}, err
	}
	if again.Change {
		return tasks.Result{}, &tasks.Failure{Msg: "the installation reported success but did not take effect, still to do: " + again.Msg}
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values}, nil
}

func (o *osPackages) upload(ctx context.Context, h tasks.Host, shell tasks.Shell, g ospackage.Given, to, sum string, size int64) error {
	file, err := g.FS.Open(g.File)
	if err != nil {
		return err
	}
	defer file.Close()
	source, ok := file.(io.ReaderAt)
	if !ok {
		return fmt.Errorf("read %s: its file system does not support reads at an offset", g.File)
	}
	err = shell.Upload(ctx, remote.Upload{Source: source, Size: size, SHA256: sum, Path: to, Mode: 0o600,
		Progress: func(done, total int64) { h.Progress("upload "+path.Base(g.File), done, total) }})
	if err != nil {
		return fmt.Errorf("upload %s: %w", path.Base(g.File), err)
	}
	return nil
}
