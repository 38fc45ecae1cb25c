package playbooks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// outline writes a tree as text: a line for each node, and what it holds that is not the default.
func outline(p *Playbook) string {
	var b strings.Builder
	fmt.Fprintf(&b, "playbook %s builtin=%t\n", p.Path, p.Builtin)
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s: %s\n", w.Pos, w.Msg)
	}
	for _, play := range p.Plays {
		fmt.Fprintf(&b, "play %s%s hosts=%s strategy=%s%s%s%s%s%s%s%s\n", play.Pos, common(&play.Common), show(play.Hosts.Raw), play.Strategy,
			optional("order", play.Order), optionalValue("gather_facts", play.GatherFacts), optionalList("subset", play.GatherSubset),
			optionalValues("vars_files", play.VarsFiles), optionalValues("serial", play.Serial),
			optionalValue("max_fail", play.MaxFailPercentage), optionalValue("force_handlers", play.ForceHandlers))
		for _, q := range play.VarsPrompt {
			fmt.Fprintf(&b, "  prompt %s %q private=%t\n", q.Name, q.Prompt, q.Private)
		}
		section := ""
		play.Walk(func(s Step) bool {
			if s.Section != section {
				section = s.Section
				fmt.Fprintf(&b, "  %s\n", section)
			}
			fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", len(s.Parents)+2), line(s))
			return true
		})
	}
	return b.String()
}

func line(s Step) string {
	switch n := s.Node.(type) {
	case *Task:
		what := n.BuiltinAction
		if n.Module != nil {
			what = n.Module.Name
		}
		text := fmt.Sprintf("%s%s args=%s", what, common(&n.Common), vars(n.Args))
		text += optionalValue("args_from", n.ArgsFrom) + optional("register", n.Register) + optionalList("listen", n.Listen)
		text += optionalValues("until", n.Until) + optionalValue("retries", n.Retries) + optionalValue("delay", n.Delay)
		text += optionalValues("changed_when", n.ChangedWhen) + optionalValues("failed_when", n.FailedWhen) + optionalValues("notify", n.Notify)
		return text + loop(n.Loop)
	case *Block:
		text := "block"
		if n.Role != "" {
			text = fmt.Sprintf("role %s defaults=%s vars=%s params=%s key=%s", n.Role, vars(n.RoleDefaults), vars(n.RoleVars),
				vars(n.RoleParams), n.RoleKey)
		}
		return fmt.Sprintf("%s%s %d/%d/%d%s", text, common(&n.Common), len(n.Block), len(n.Rescue), len(n.Always),
			optionalValues("notify", n.Notify))
	case *Include:
		text := fmt.Sprintf("%s%s args=%s known=%t", n.What, common(&n.Common), vars(n.Args), n.Nodes != nil)
		if n.Apply != nil {
			text += " apply:" + common(n.Apply)
		}
		return text + loop(n.Loop)
	}
	return "?"
}

func loop(l *Loop) string {
	if l == nil {
		return ""
	}
	c := l.Control
	return fmt.Sprintf(" loop(%s)=%s var=%s%s%s%s", l.With, show(l.Items.Raw), c.LoopVar, optional("index", c.IndexVar),
		optionalValue("label", c.Label), optionalValue("pause", c.Pause))
}

func common(c *Common) string {
	text := optionalValue("name", c.Name)
	if len(c.Vars) > 0 {
		text += " vars=" + vars(c.Vars)
	}
	text += optionalValues("when", c.When) + optionalList("tags", c.Tags)
	for _, v := range []struct {
		name  string
		value Value
	}{
		{"become", c.Become}, {"become_user", c.BecomeUser}, {"become_method", c.BecomeMethod}, {"become_flags", c.BecomeFlags},
		{"remote_user", c.RemoteUser}, {"port", c.Port}, {"ignore_errors", c.IgnoreErrors}, {"ignore_unreachable", c.IgnoreUnreachable},
		{"no_log", c.NoLog}, {"run_once", c.RunOnce}, {"check_mode", c.CheckMode}, {"diff", c.Diff}, {"any_errors_fatal", c.AnyErrorsFatal},
		{"throttle", c.Throttle}, {"timeout", c.Timeout}, {"delegate_to", c.DelegateTo}, {"delegate_facts", c.DelegateFacts},
	} {
		text += optionalValue(v.name, v.value)
	}
	text += optionalValues("environment", c.Environment)
	for _, name := range slices.Sorted(maps.Keys(c.ModuleDefaults)) {
		text += fmt.Sprintf(" defaults(%s)=%s", name, vars(c.ModuleDefaults[name]))
	}
	return text
}

func vars(m map[string]Value) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s@%d:%d=%s", name, m[name].Pos.Line, m[name].Pos.Column, show(m[name].Raw)))
	}
	return "{" + strings.Join(parts, " ") + "}"
}

func show(raw any) string { return strings.ReplaceAll(fmt.Sprintf("%#v", raw), "interface {}", "any") }

func optional(name, s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf(" %s=%s", name, s)
}

func optionalList(name string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf(" %s=%q", name, list)
}

func optionalValue(name string, v Value) string {
	if !v.Given() {
		return ""
	}
	return fmt.Sprintf(" %s=%s", name, show(v.Raw))
}

func optionalValues(name string, list []Value) string {
	if len(list) == 0 {
		return ""
	}
	var parts []string
	for _, v := range list {
		parts = append(parts, show(v.Raw))
	}
	return fmt.Sprintf(" %s=[%s]", name, strings.Join(parts, ", "))
}
