package system

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type mountArgs struct {
	Path      string `arg:"path,required,path" alias:"name" doc:"Directory that it is mounted on; none for swap."`
	Src       string `arg:"src,path" doc:"What is mounted: a device, UUID=…, LABEL=…, host:/path. Required for present, mounted and ephemeral."`
	FSType    string `arg:"fstype" doc:"Type of the file system. Required for present, mounted and ephemeral."`
	Opts      string `arg:"opts" doc:"Options, with commas; defaults by default."`
	OptsNoLog bool   `arg:"opts_no_log" default:"false" doc:"Hide the options wherever they would be shown: a password is among them."`
	Dump      string `arg:"dump" default:"0" doc:"Fifth field of fstab."`
	Passno    string `arg:"passno" default:"0" doc:"Sixth field of fstab: when fsck checks it at boot."`
	State     string `arg:"state,required" choices:"absent absent_from_fstab mounted present unmounted remounted ephemeral" doc:"mounted: in fstab, and mounted; present: in fstab alone; unmounted: not mounted, whatever fstab says; absent: not in fstab, and then unmounted and its directory removed; absent_from_fstab: not in fstab; remounted: mounted anew in any case; ephemeral: mounted without fstab."`
	FSTab     string `arg:"fstab,path" default:"/etc/fstab" doc:"File to edit and mount by."`
	Boot      bool   `arg:"boot" default:"true" doc:"Whether it is mounted at boot; false adds the option noauto."`
	Backup    bool   `arg:"backup" default:"false" doc:"Keep a copy of fstab before the change."`
}

var mountModule = tasks.Define(tasks.Module{
	Name: "mount", Collections: []string{"ansible.posix"},
	Summary: "Mount file systems, and keep fstab",
	Notes: []string{
		"When mounting fails, fstab and the directories are as before. A file system that is in use is not unmounted: the task fails.",
		"Whether something is mounted is asked of the kernel. absent also removes entries of fewer than six fields, which Ansible leaves.",
		"Options are on mount's command line for the time that it takes, and with ephemeral so are passwords among them: " +
			"give cifs a credentials file.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "name", Type: "str", Doc: "the path"}, {Name: "src", Type: "str", Doc: "as given"}, {Name: "fstype", Type: "str", Doc: "as given"},
		{Name: "opts", Type: "str", Doc: "options, with noauto where boot is false"},
		{Name: "dump", Type: "str", Doc: "as given"}, {Name: "passno", Type: "str", Doc: "as given"},
		{Name: "fstab", Type: "str", Doc: "the file"}, {Name: "boot", Type: "str", Doc: "yes or no"},
		{Name: "backup_file", Type: "str", Doc: "the copy of fstab, or nothing"},
	},
	Examples: `
- mount: {path: /data, src: LABEL=polardb, fstype: xfs, opts: noatime, state: mounted}
- mount: {path: /mnt/backup, src: "nas.example.com:/backup", fstype: nfs, boot: false, state: present}
- mount: {path: /mnt/old, state: absent}
- mount: {path: /tmp, state: remounted, opts: noexec}
`,
}, newMount)

func newMount(a *mountArgs, l tasks.Local) (tasks.Action, error) {
	refuse := refusing("mount")
	given := a.State == "present" || a.State == "mounted" || a.State == "ephemeral"
	if a.OptsNoLog && a.Opts != "" {
		l.Secret(a.Opts)
	}
	for _, field := range []struct{ arg, value string }{
		{"path", a.Path}, {"src", a.Src}, {"fstype", a.FSType}, {"opts", a.Opts}, {"dump", a.Dump}, {"passno", a.Passno},
	} {
		switch {
		case strings.ContainsAny(field.value, "\n\r\t\x00"):
			return refuse(field.arg, "holds a tab or a line's end, which fstab cannot have")
		case strings.HasPrefix(field.value, "-"):
			return refuse(field.arg, "begins with a hyphen: mount would take it for an option")
		}
	}
	switch {
	case a.Path == "":
		return refuse("path", "is empty")
	case given && a.Src == "":
		return refuse("src", "is required for state: %s", a.State)
	case given && a.FSType == "":
		return refuse("fstype", "is required for state: %s", a.State)
	}
	m := &mount{mountArgs: *a, asking: l.Check(), boot: "yes"}
	m.nowhere = !path.IsAbs(a.Path) && !strings.HasPrefix(a.Path, "~") && !strings.HasPrefix(a.Path, "$")
	if m.nowhere && (a.State == "mounted" || a.State == "remounted" || a.State == "ephemeral") {
		return refuse("path", "has to begin with / for state: %s", a.State)
	}
	m.options()
	e, err := files.NewEdit("mount", files.EditArgs{Path: a.FSTab, Backup: a.Backup}, given, l)
	if err != nil {
		return nil, err
	}
	e.Rewrite, e.Missing = m.rewrite, func() tasks.Plan { return tasks.Plan{} }
	m.table = e
	return tasks.ProbeApply(m), nil
}

type mount struct {
	mountArgs
	boot     string
	nowhere  bool // the path is none, as that of swap is, and nothing is mounted on it
	warnings []string
	asking   bool
	table    *files.Edit
}

// options completes the options by what boot says.
func (m *mount) options() {
	if m.Opts == "" {
		m.Opts = "defaults"
	}
	auto := true
	for _, o := range strings.Split(m.Opts, ",") {
		auto = auto && o != "noauto"
	}
	switch {
	case m.State == "ephemeral":
	case !auto && m.Boot:
		m.warnings = append(m.warnings, "boot has no effect: opts has noauto")
	case !m.Boot:
		m.boot = "no"
		if auto {
			m.Opts += ",noauto"
		}
	}
}

// inTable writes a field as fstab has it.
func inTable(field string) string {
	return strings.NewReplacer(`\`, `\134`, " ", `\040`, "&", `\046`).Replace(field)
}

// rewrite returns fstab as it is to be. Entries of the path are all made the same; of swap, which has no path, those of the device.
func (m *mount) rewrite(text string, _ bool) (string, string, map[string]any, error) {
	if m.State != "present" && m.State != "mounted" && m.State != "absent" && m.State != "absent_from_fstab" {
		return text, "", nil, nil
	}
	keep := m.State == "present" || m.State == "mounted"
	wanted := []string{inTable(m.Src), inTable(m.Path), inTable(m.FSType), inTable(m.Opts), inTable(m.Dump), inTable(m.Passno)}
	line := strings.Join(wanted, " ") + "\n"
	var out strings.Builder
	found, changed := false, false
	for _, have := range files.KeepLines(text) {
		entry, _, _ := strings.Cut(have, "#")
		f := strings.Fields(entry)
		if len(f) < 4 || len(f) > 6 || f[1] != wanted[1] || m.Src != "" && f[1] == "none" && f[2] == "swap" && f[0] != m.Src {
			out.WriteString(have)
			continue
		}
		found = true
		switch {
		case !keep:
			changed = true
		case strings.Join(f, " ") == strings.Join(wanted, " "):
			out.WriteString(have)
		default:
			changed = true
			out.WriteString(line)
		}
	}
	after := out.String()
	if keep && !found {
		changed = true
		if after != "" && !strings.HasSuffix(after, "\n") {
			after += "\n"
		}
		after += line
	}
	switch {
	case !changed:
		return text, "", nil, nil
	case keep:
		return after, "set " + m.Path + " in " + m.FSTab, nil, nil
	}
	return after, "remove " + m.Path + " from " + m.FSTab, nil, nil
}

// Probe asks what is mounted, and reads fstab.
func (m *mount) Probe() string {
	values := script.Values{"p": script.Path(script.TrimSlashes(m.Path))}
	if m.binds() {
		values["src"] = m.source()
	}
	return scripts.Script("mount_look", values) + m.table.Probe()
}

// mountChange is what there is to do. The table's plan comes first.
type mountChange struct {
	table  tasks.Plan
	before string // fstab's text
	steps  []string
}

func (m *mount) Plan(found tasks.Found) (tasks.Plan, mountChange, error) {
	var said struct {
		Real   []byte `answer:"real"`
		From   []byte `answer:"from"`
		There  bool   `answer:"there"`
		Mounts []byte `answer:"mounts"`
		Looked bool   `answer:"looked,required"`
	}
	var table files.Read
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, mountChange{}, err
	}
	if err := found.Decode(&table); err != nil {
		return tasks.Plan{}, mountChange{}, err
	}
	mounts := readMounts(string(said.Mounts))
	at, mounted := mounts.at(string(said.Real))
	mounted, said.There = mounted && !m.nowhere, said.There && !m.nowhere
	w := mountChange{before: string(table.Content)}
	var err error
	if m.State != "ephemeral" && m.State != "remounted" && m.State != "unmounted" {
		if w.table, err = m.table.Plan(found); err != nil {
			return tasks.Plan{}, w, err
		}
	}
	plan := tasks.Plan{Values: m.values(w.table), Warnings: m.warnings, Diff: w.table.Diff}
	var what []string
	if w.table.Change {
		what = append(what, w.table.Msg)
	}
	step := func(act, msg string) {
		w.steps, what = append(w.steps, act), append(what, msg)
	}
	switch {
	case m.State == "mounted" && !mounted:
		step("mount", "mount "+m.Path)
	case m.State == "mounted" && m.binds() && len(said.From) > 0 && mounts.within(at) && !mounts.of(at, string(said.From)):
		step("mount", "mount "+m.Src+" over what is mounted on "+m.Path) // as Ansible does: remounting would keep what is there
	case m.State == "mounted" && w.table.Change, m.State == "remounted" && m.Opts == "defaults":
		step("remount", "remount "+m.Path)
	case m.State == "remounted":
		step("options", "remount "+m.Path+" with "+m.shown())
	case m.State == "unmounted" && mounted, m.State == "absent" && w.table.Change && mounted:
		step("unmount", "unmount "+m.Path)
	case m.State == "ephemeral" && !mounted:
		step("ephemeral", "mount "+m.Path)
	case m.State == "ephemeral" && !mounts.of(at, m.Src):
		return tasks.Plan{}, w, &tasks.Failure{
			Msg:  fmt.Sprintf("%s is mounted on %s, and %s is wanted there", at.source, m.Path, m.Src),
			Hint: "unmount it first (state: unmounted), or choose another path",
		}
	case m.State == "ephemeral":
		step("again", "remount "+m.Path)
	}
	if m.State == "absent" && w.table.Change && said.There {
		step("remove", "remove the directory")
	}
	plan.Msg = strings.Join(what, ", ")
	plan.Change, plan.Event = len(what) > 0, m.State == "remounted" || m.State == "ephemeral"
	return plan, w, nil
}

// binds reports whether a directory or a file is to be seen at another place.
func (m *mount) binds() bool {
	return m.State == "mounted" && path.IsAbs(m.Src) && slices.ContainsFunc(strings.Split(m.Opts, ","),
		func(o string) bool { return o == "bind" || o == "rbind" })
}

// shown are the options as messages have them.
func (m *mount) shown() string {
	if m.OptsNoLog {
		return "other options"
	}
	return m.Opts
}

func (m *mount) values(table tasks.Plan) map[string]any {
	values := map[string]any{
		"name": m.Path, "opts": m.Opts, "dump": m.Dump, "passno": m.Passno, "fstab": m.FSTab, "boot": m.boot, "backup_file": "",
	}
	if m.Src != "" {
		values["src"] = m.Src
	}
	if m.FSType != "" {
		values["fstype"] = m.FSType
	}
	if kept, ok := table.Made["backup_file"]; ok {
		values["backup_file"] = kept
	}
	return values
}

func (m *mount) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, w mountChange) (tasks.Result, error) {
	if w.table.Change {
		if err := run(ctx, h, w.table.Script, w.table.Stdin); err != nil {
			return tasks.Result{}, err
		}
	}
	for _, act := range w.steps {
		if err := run(ctx, h, m.script(act), nil); err != nil {
			if w.table.Change && m.State == "mounted" {
				restore(ctx, h, *m.table, w.before) // with an entry that does not mount it may not boot
			}
			return tasks.Result{}, fmt.Errorf("%s %s: %w", act, m.Path, err)
		}
	}
	if m.State != "remounted" && m.State != "ephemeral" {
		if _, err := proved(ctx, h, tasks.ProbeApply(m)); err != nil {
			return tasks.Result{}, err
		}
	}
	return tasks.Result{Changed: true}, nil
}

// source is what is mounted as a word: of a path the host replaces ~ and variables, and other sources are no paths.
func (m *mount) source() any {
	if strings.ContainsAny(m.Src[:1], "/~$") {
		return script.Path(m.Src)
	}
	return m.Src
}

func (m *mount) script(act string) string {
	values := script.Values{"act": act, "p": script.Path(script.TrimSlashes(m.Path))}
	switch {
	case act == "ephemeral" || act == "again":
		values["fstype"], values["src"] = m.FSType, m.source()
	case m.FSTab != "/etc/fstab":
		values["table"] = script.Path(m.FSTab)
	}
	if m.Opts != "defaults" && act != "mount" {
		values["options"] = m.Opts
	}
	return scripts.Script("mount_do", values)
}
