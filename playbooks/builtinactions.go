package playbooks

import (
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/argument"
	"github.com/polarbook/polarbook/templates/suggest"
)

// builtinActions are the modules that the engine carries out itself, because they are about the run and not about a host.
// Their arguments arrive in Task.Args under the names given here, whatever alias the task used.
var builtinActions = []tasks.Module{
	{
		Name: "meta", FreeForm: "action", Summary: "Steer the run: run handlers now, end a play or a host's part of it, read the inventory anew",
		Args: []argument.Spec{{Name: "action", Kind: argument.String, Required: true, Doc: "What to do: " +
			strings.Join(metaActions, ", ") + "."}},
		Examples: `
- meta: flush_handlers
- meta: end_host
  when: not wanted
`,
	},
	{
		Name: "include_vars", FreeForm: "file", Summary: "Read variables from files of the control node",
		Args: []argument.Spec{
			{Name: "file", Kind: argument.Path, Doc: "File to read; of a role, from its vars."},
			{Name: "dir", Kind: argument.Path, Doc: "Directory whose files are read, in the order of their names."},
			{Name: "name", Kind: argument.String, Doc: "Variable that holds all of them as a dict, instead of each by itself."},
			{Name: "depth", Kind: argument.Int, Doc: "How deep dir is gone into; 0: as deep as it is."},
			{Name: "files_matching", Kind: argument.String, Doc: "Expression that names of dir's files have to match."},
			{Name: "ignore_files", Kind: argument.List, Doc: "Names, as expressions, that are passed over in dir."},
			{Name: "extensions", Kind: argument.List, Doc: "Extensions of files that are read in dir; yaml, yml and json by default."},
			{Name: "ignore_unknown_extensions", Kind: argument.Bool, Doc: "Pass over files of other extensions instead of failing."},
			{Name: "hash_behaviour", Kind: argument.String, Choices: []string{"replace", "merge"},
				Doc: "Whether a dict replaces one that is known, or is laid over it key by key."},
		},
		Returns: []tasks.Return{
			{Name: "ansible_facts", Type: "dict", Doc: "the variables"},
			{Name: "ansible_included_var_files", Type: "list", Doc: "files that were read"},
		},
		Examples: `
- include_vars: "{{ ansible_facts.os_family }}.yml"
- include_vars: {dir: vars/sites, name: sites}
`,
	},
	{
		Name: "add_host", AnyArgs: true, Summary: "Add a host to the inventory for the rest of the run",
		Notes: []string{"All other arguments become variables of the host."},
		Args: []argument.Spec{
			{Name: "name", Aliases: []string{"hostname", "host"}, Kind: argument.String, Required: true, Doc: "Name of the host."},
			{Name: "groups", Aliases: []string{"group", "groupname"}, Kind: argument.List, Doc: "Groups that it is to be in."},
		},
		Returns: []tasks.Return{{Name: "add_host", Type: "dict", Doc: "host_name, groups and host_vars"}},
		Examples: `
- add_host: {name: db4, groups: [replicas], ansible_host: 10.0.0.14}
`,
	},
	{
		Name: "group_by", Summary: "Put hosts into groups by what is known of them",
		Args: []argument.Spec{
			{Name: "key", Kind: argument.String, Required: true, Doc: "Name of the group."},
			{Name: "parents", Kind: argument.List, Doc: "Groups that it is to be in; all by default."},
		},
		Returns: []tasks.Return{
			{Name: "add_group", Type: "str", Doc: "name of the group"}, {Name: "parent_groups", Type: "list", Doc: "groups that it is in"},
		},
		Examples: `
- group_by: {key: "os_{{ ansible_facts.distribution }}"}
`,
	},
	{
		Name: "pause", Summary: "Wait for a time, or for the user",
		Args: []argument.Spec{
			{Name: "minutes", Kind: argument.Float, Doc: "How long to wait."},
			{Name: "seconds", Kind: argument.Float, Doc: "How long to wait."},
			{Name: "prompt", Kind: argument.String, Doc: "What the user is asked, where no time is given."},
			{Name: "echo", Kind: argument.Bool, Doc: "Whether what the user types is shown; it is by default."},
		},
		Returns: []tasks.Return{
			{Name: "user_input", Type: "str", Doc: "what the user typed"}, {Name: "delta", Type: "int", Doc: "seconds that it took"},
			{Name: "start", Type: "str", Doc: "when it began"}, {Name: "stop", Type: "str", Doc: "when it was over"},
			{Name: "echo", Type: "bool", Doc: "whether what was typed was shown"}, {Name: "stdout", Type: "str", Doc: "how long it was"},
		},
		Examples: `
- pause: {prompt: Is the other site down}
- pause: {seconds: 30}
`,
	},
	{
		Name: "set_stats", Summary: "Collect values that are shown at the end of the run",
		Notes: []string{"They are shown below the recap and are in the journal, without a setting such as Ansible's show_custom_stats."},
		Args: []argument.Spec{
			{Name: "data", Kind: argument.Dict, Required: true, Doc: "Values by name."},
			{Name: "per_host", Kind: argument.Bool, Doc: "Keep them for each host by itself; false by default."},
			{Name: "aggregate", Kind: argument.Bool, Doc: "Add to a value that is there: numbers are summed, texts and lists joined, dicts laid " +
				"over it; true by default."},
		},
		Returns: []tasks.Return{{Name: "ansible_stats", Type: "dict", Doc: "data, per_host and aggregate"}},
		Examples: `
- set_stats: {data: {migrated: 1}}
- set_stats: {data: {kernel: "{{ ansible_facts.kernel }}"}, per_host: true}
`,
	},
	{
		Name: "validate_argument_spec", Summary: "Check variables against a specification, as a role's meta/argument_specs.yml has it",
		Args: []argument.Spec{
			{Name: "argument_spec", Kind: argument.Dict, Required: true,
				Doc: "What each variable has to be: type, required, choices, default, elements, options."},
			{Name: "provided_arguments", Kind: argument.Dict, Doc: "Values to check instead of the variables of these names."},
			{Name: "validate_args_context", Kind: argument.Dict, Doc: "What is said of where they come from, in the result."},
		},
		Examples: `
- validate_argument_spec: {argument_spec: {port: {type: int, required: true}}}
`,
	},
	{
		Name: "wait_for_connection", Summary: "Wait until a host can be reached",
		Args: []argument.Spec{
			{Name: "connect_timeout", Kind: argument.Int, Doc: "Seconds that one attempt may take; 5 by default."},
			{Name: "delay", Kind: argument.Int, Doc: "Seconds before the first attempt."},
			{Name: "sleep", Kind: argument.Int, Doc: "Seconds between attempts; 1 by default."},
			{Name: "timeout", Kind: argument.Int, Doc: "Seconds after which the task fails; 600 by default."},
		},
		Returns: []tasks.Return{{Name: "elapsed", Type: "int", Doc: "seconds that it took"}},
		Examples: `
- wait_for_connection: {timeout: 300}
`,
	},
}

// BuiltinActions returns the modules that the engine carries out itself, by name.
func BuiltinActions() []tasks.Module {
	return slices.SortedFunc(slices.Values(builtinActions), func(a, b tasks.Module) int { return strings.Compare(a.Name, b.Name) })
}

// metaActions are meta's, metaUnconditional those that look at no condition.
var (
	metaActions = []string{
		"flush_handlers", "end_play", "end_host", "end_batch", "end_role", "noop", "clear_facts", "clear_host_errors", "reset_connection",
		"refresh_inventory",
	}
	metaUnconditional = []string{"noop", "refresh_inventory", "reset_connection"}
)

// builtinAction finds a built-in action by its name in ansible.builtin.
func builtinAction(name string) (*tasks.Module, bool) {
	for i := range builtinActions {
		if builtinActions[i].Name == name {
			return &builtinActions[i], true
		}
	}
	return nil, false
}

// moduleNamed finds a module or a built-in action by any of its names. A module of the user's own wins, then one that is registered.
func (l *loader) moduleNamed(name string) (m *tasks.Module, isAction, ok bool) {
	if m, ok := l.module(name); ok {
		return m, false, true
	}
	m, ok = builtinAction(shortName(name))
	return m, ok, ok
}

// plainName is a module's name without the difference between Ansible's two names for what it comes with.
func plainName(name string) string {
	if short, ok := strings.CutPrefix(name, "ansible.legacy."); ok {
		return "ansible.builtin." + short
	}
	return name
}

// shortName is the name of something that ansible.builtin has.
func shortName(name string) string {
	return strings.TrimPrefix(plainName(name), "ansible.builtin.")
}

// checkBuiltinAction gives a task the arguments under their own names, and checks what the table cannot say.
func (l *loader) checkBuiltinAction(f *file, m *tasks.Module, args arguments, t *Task) {
	t.Args = map[string]Value{}
	for name, v := range args.values {
		if arg, ok := m.Arg(name); ok {
			name = arg.Name
		}
		t.Args[name] = v
	}
	switch m.Name {
	case "meta":
		v := t.Args["action"]
		action, ok := v.Raw.(string)
		switch {
		case !ok:
		case isTemplate(action):
			l.fail(v.Pos, 0, "", "what meta does cannot be a template")
		case !slices.Contains(metaActions, action):
			l.fail(v.Pos, 0, suggest.Hint(action, metaActions), "meta has no action %q", action)
		case action == "end_role" && t.Origin.RoleDir == "":
			l.fail(v.Pos, 0, "end_host leaves the play", "there is no role here that end_role could end")
		case slices.Contains(metaUnconditional, action) && len(t.When) > 0:
			l.warn(t.When[0].Pos, 0, "put it into a file of tasks that is included under the condition",
				"as in Ansible meta: %s is done whatever its condition", action)
		}
	case "include_vars":
		_, file := t.Args["file"]
		_, dir := t.Args["dir"]
		if file == dir && !t.ArgsFrom.Given() {
			l.fail(t.Pos, 1, "", "include_vars takes either a file or a dir")
		}
		for _, name := range []string{"depth", "files_matching", "ignore_files", "extensions", "ignore_unknown_extensions"} {
			if w, given := t.Args[name]; given && file {
				l.fail(w.Pos, 0, "", "%s of include_vars is for a dir, not for a file", name)
			}
		}
		l.defineIncluded(t)
	case "add_host":
		l.defineArgs(f, args, func(name string) bool { _, own := m.Arg(name); return own })
		for name, w := range args.places {
			if _, own := m.Arg(name); !own && !isTemplate(name) {
				if !identifier(name) {
					l.fail(w.key, w.width, "", "%q cannot be the name of a variable", name)
				}
			}
		}
	}
}
