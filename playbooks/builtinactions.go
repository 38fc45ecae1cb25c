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
	{Name: "meta", FreeForm: "action", Args: []argument.Spec{{Name: "action", Kind: argument.String, Required: true}}},
	{Name: "include_vars", FreeForm: "file", Args: []argument.Spec{
		{Name: "file", Kind: argument.Path}, {Name: "dir", Kind: argument.Path}, {Name: "name", Kind: argument.String},
		{Name: "depth", Kind: argument.Int}, {Name: "files_matching", Kind: argument.String},
		{Name: "ignore_files", Kind: argument.List}, {Name: "extensions", Kind: argument.List},
		{Name: "ignore_unknown_extensions", Kind: argument.Bool},
		{Name: "hash_behaviour", Kind: argument.String, Choices: []string{"replace", "merge"}},
	}},
	{Name: "add_host", AnyArgs: true, Args: []argument.Spec{
		{Name: "name", Aliases: []string{"hostname", "host"}, Kind: argument.String, Required: true},
		{Name: "groups", Aliases: []string{"group", "groupname"}, Kind: argument.List},
	}},
	{Name: "group_by", Args: []argument.Spec{
		{Name: "key", Kind: argument.String, Required: true}, {Name: "parents", Kind: argument.List},
	}},
	{Name: "pause", Args: []argument.Spec{
		{Name: "minutes", Kind: argument.Float}, {Name: "seconds", Kind: argument.Float},
		{Name: "prompt", Kind: argument.String}, {Name: "echo", Kind: argument.Bool},
	}},
	{Name: "validate_argument_spec", Args: []argument.Spec{
		{Name: "argument_spec", Kind: argument.Dict, Required: true}, {Name: "provided_arguments", Kind: argument.Dict},
		{Name: "validate_args_context", Kind: argument.Dict},
	}},
	{Name: "wait_for_connection", Args: []argument.Spec{
		{Name: "connect_timeout", Kind: argument.Int}, {Name: "delay", Kind: argument.Int},
		{Name: "sleep", Kind: argument.Int}, {Name: "timeout", Kind: argument.Int},
	}},
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
			l.warn(t.When[0].Pos, 0, "put it into a file of tasks that is included under the condition", "as in Ansible meta: %s is done whatever its condition", action)
		}
	case "include_vars":
		_, file := t.Args["file"]
		_, dir := t.Args["dir"]
		if file == dir && !t.ArgsFrom.Given() {
			l.fail(t.Pos, 1, "", "include_vars takes either a file or a dir")
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
