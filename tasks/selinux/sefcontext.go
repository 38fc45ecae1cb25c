package selinux

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type sefcontextArgs struct {
	Target     string  `arg:"target,required" alias:"path" doc:"Path, as a regular expression: /srv/polardb(/.*)?"`
	FType      *string `arg:"ftype" choices:"a b c d f l p s" doc:"Files that it is for: a (the default) all, b block and c character devices, d directories, f regular files, l links, p pipes, s sockets."`
	Type       string  `arg:"setype" doc:"SELinux type of the files."`
	Substitute string  `arg:"substitute" alias:"equal" doc:"Path whose contexts hold for what is below target, too. Excludes setype, ftype, seuser and selevel."`
	User       string  `arg:"seuser" doc:"SELinux user of the files; of a new entry system_u."`
	Level      string  `arg:"selevel" alias:"serange" doc:"Level of the files; of a new entry s0."`
	State      string  `arg:"state" default:"present" choices:"absent present" doc:"Whether the entry is there. absent with neither setype nor substitute removes both kinds."`
	Reload     bool    `arg:"reload" default:"true" doc:"Have the kernel read the policy again."`
	Ignore     bool    `arg:"ignore_selinux_state" default:"false" doc:"Go on where SELinux is off."`
}

var sefcontextModule = tasks.Define(tasks.Module{
	Name: "sefcontext", Collections: []string{"community.general"},
	Summary: "Manage the contexts that SELinux's policy gives files",
	Notes: []string{
		"Needs semanage on the host: " + semanagePackage + ". Files that are there keep the context that they have until restorecon is run.",
		"An entry of the distribution's policy can be changed, and not removed. The type <<none>> is an entry that leaves files alone.",
	},
	Returns: []tasks.Return{
		{Name: "target", Type: "str", Doc: "as given"}, {Name: "ftype", Type: "str", Doc: "as given, or a"},
		{Name: "setype", Type: "str", Doc: "as given"}, {Name: "substitute", Type: "str", Doc: "as given"},
		{Name: "seuser", Type: "str", Doc: "as the entry has it"}, {Name: "serange", Type: "str", Doc: "level that the entry has"},
		{Name: "state", Type: "str", Doc: "as asked for"},
	},
	Examples: `
- sefcontext: {target: "/srv/polardb(/.*)?", setype: postgresql_db_t}
- sefcontext: {target: /srv/containers, substitute: /var/lib/containers}
- sefcontext: {target: /srv/old, state: absent}
`,
}, newSefcontext)

const noContext = "<<none>>"

func newSefcontext(a *sefcontextArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "sefcontext", Arg: arg, Problem: problem}
	}
	for arg, given := range map[string]bool{
		"setype": a.Type != "", "ftype": a.FType != nil, "seuser": a.User != "", "selevel": a.Level != "",
	} {
		if given && a.Substitute != "" {
			return refuse("substitute", "and "+arg+" exclude each other")
		}
	}
	switch {
	case a.Target == "" || strings.HasPrefix(a.Target, "-") || strings.ContainsAny(a.Target, "\n\r"):
		return refuse("target", fmt.Sprintf("cannot be %q", a.Target))
	case strings.ContainsAny(a.Target+a.Substitute, " \t"):
		return refuse("target", `and substitute cannot have blanks: semanage takes none, and \s in the expression stands for one`)
	case a.State == "present" && a.Type == "" && a.Substitute == "":
		return refuse("setype", "or substitute is required for state: present")
	case a.Type != "" && a.Type != noContext && !plainName.MatchString(a.Type):
		return refuse("setype", fmt.Sprintf("cannot be %q", a.Type))
	case a.User != "" && !plainName.MatchString(a.User):
		return refuse("seuser", fmt.Sprintf("cannot be %q", a.User))
	case a.Level != "" && !levels.MatchString(a.Level):
		return refuse("selevel", fmt.Sprintf("cannot be %q", a.Level))
	case a.Substitute != "" && (!strings.HasPrefix(a.Substitute, "/") || strings.ContainsAny(a.Substitute, "\n\r")):
		return refuse("substitute", "has to be a path from / on")
	}
	s := &sefcontext{sefcontextArgs: *a, ftype: "a", asking: l.Check()}
	if a.FType != nil {
		s.ftype = *a.FType
	}
	return s, nil
}

type sefcontext struct {
	sefcontextArgs
	ftype  string
	asking bool
}

// fileKinds are semanage's words for the letters of ftype.
var fileKinds = map[string]string{
	"a": "all files", "b": "block device", "c": "character device", "d": "directory", "f": "regular file", "l": "symbolic link",
	"p": "named pipe", "s": "socket",
}

func (s *sefcontext) Probe() string {
	return scripts.Script("sefcontext_look", script.Values{"target": s.Target})
}

// context is one of the policy, USER:ROLE:TYPE:LEVEL.
type context struct{ user, role, kind, level string }

func readContext(text string) context {
	f := append(strings.SplitN(text, ":", 4), "", "", "", "")
	if text == noContext {
		return context{kind: noContext}
	}
	return context{f[0], f[1], f[2], f[3]}
}

func (c context) String() string {
	if c.kind == noContext {
		return noContext
	}
	return c.user + ":" + c.role + ":" + c.kind + ":" + c.level
}

func (s *sefcontext) Plan(found tasks.Found) (tasks.Plan, error) {
	var on host
	if err := found.Decode(&on); err != nil {
		return tasks.Plan{}, err
	}
	var said struct {
		Contexts []string `answer:"context"` // kind of files and context
		Equal    string   `answer:"equal"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if plan, ready, err := on.ready(s.asking, s.Ignore, "semanage", semanagePackage); !ready {
		return plan, err
	}
	have, exists := context{}, false
	for _, line := range said.Contexts {
		if text, ok := strings.CutPrefix(line, fileKinds[s.ftype]+" "); ok {
			have, exists = readContext(strings.TrimSpace(text)), true
		}
	}
	w := &fileContexts{sefcontext: s, reload: s.Reload && on.Enabled}
	switch {
	case s.State == "absent":
		w.remove(have, exists, said.Equal)
	case s.Substitute != "":
		w.equal(said.Equal)
	default:
		w.set(have, exists)
	}
	return w.plan(), nil
}

// fileContexts is the plan of a sefcontext as it grows.
type fileContexts struct {
	*sefcontext
	reload        bool
	text          string
	before, after string
	values        map[string]any
}

func (w *fileContexts) run(words ...string) {
	command := []string{"semanage", "fcontext"}
	if !w.reload {
		command = append(command, "-N")
	}
	w.text += script.Words(append(append(command, words...), w.Target)) + " || exit\n"
}

func (w *fileContexts) line(c context) string {
	return w.Target + " (" + fileKinds[w.ftype] + ") " + c.String() + "\n"
}

func (w *fileContexts) set(have context, exists bool) {
	want := context{user: w.User, role: "object_r", kind: w.Type, level: w.Level}
	if want.user == "" {
		want.user = "system_u"
		if exists && have.kind != noContext {
			want.user = have.user
		}
	}
	if want.level == "" {
		want.level = "s0"
		if exists && have.kind != noContext {
			want.level = have.level
		}
	}
	w.values = map[string]any{"seuser": want.user, "serange": want.level}
	if exists && want.kind == have.kind && (want.kind == noContext || want.user == have.user && want.level == have.level) {
		return
	}
	verb := "-a"
	if exists {
		verb, w.before = "-m", w.line(have)
	}
	w.after = w.line(want)
	words := []string{verb, "-f", w.ftype, "-t", want.kind}
	if want.kind != noContext {
		words = append(words, "-s", want.user)
		if want.level != "" {
			words = append(words, "-r", want.level)
		}
	}
	w.run(words...)
}

func (w *fileContexts) equal(have string) {
	if have == w.Substitute {
		return
	}
	verb := "-a"
	if have != "" {
		verb, w.before = "-m", w.Target+" = "+have+"\n"
	}
	w.after = w.Target + " = " + w.Substitute + "\n"
	w.run(verb, "-e", w.Substitute)
}

// remove removes an equal path first: semanage takes it for the entry otherwise.
func (w *fileContexts) remove(have context, exists bool, equal string) {
	if equal != "" && w.Type == "" && (w.Substitute == "" || w.Substitute == equal) {
		w.before = w.Target + " = " + equal + "\n"
		w.run("-d", "-e", equal)
	}
	if exists && w.Substitute == "" {
		w.before += w.line(have)
		w.run("-d", "-f", w.ftype)
	}
}

func (w *fileContexts) plan() tasks.Plan {
	given := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	plan := tasks.Plan{Values: map[string]any{
		"target": w.Target, "ftype": w.ftype, "setype": given(w.Type), "substitute": given(w.Substitute), "state": w.State,
	}}
	for name, value := range w.values {
		plan.Values[name] = value
	}
	if w.text == "" {
		return plan
	}
	plan.Change, plan.Script = true, script.Preamble+w.text
	plan.Msg = "set the context of " + w.Target
	if w.State == "absent" {
		plan.Msg = "remove the context of " + w.Target
	}
	plan.Diff = []tasks.Diff{{Before: w.before, After: w.after, BeforeHeader: "file contexts", AfterHeader: "file contexts"}}
	return plan
}
