package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// variables holds the variables that one task on one host sees. It is made anew for each task and each loop item, cheaply: nothing
// is rendered until it is asked for.
type variables struct {
	r      *run
	p      *playRun
	h      *host
	sc     *scope
	origin *playbooks.Origin
	layers inventory.Layers
	top    map[string]any // loop variables and the result in hand: above everything
	noting map[string]bool
	peers  map[string]*variables // of other hosts, as hostvars shows them
	// reaching is true while it is looked up which host a task runs on.
	reaching bool
}

// Templates renders what playbooks say; *templates.Engine is one. Its methods are called from several goroutines at once,
// each with variables of its own, and must not keep or change what they are given. A variable that is not defined is a
// *templates.UndefinedError.
type Templates interface {
	// RenderValue renders the strings in a value, at any depth, and returns a new value. A string that is one expression
	// keeps the type of what that comes to.
	RenderValue(value any, vars templates.Vars) (any, error)
	// ConditionValue returns what an expression without braces comes to, as `when` asks it.
	ConditionValue(expr string, vars templates.Vars) (any, error)
	// Evaluate returns what an expression without braces comes to.
	Evaluate(expr string, vars templates.Vars) (any, error)
	// File renders the text of a template file; name is for messages.
	File(name, text string, vars templates.Vars, o templates.FileOptions) (string, error)
	// NoteMade tells that variables were set to what a value with templates gave.
	NoteMade(names []string, raw, value any)
}

// hostvars are the variables of all hosts, each rendered among its own.
type hostvars struct{ of *variables }

// Get returns the variables of one host: its inventory's, its facts, and what tasks have set.
func (m hostvars) Get(name string) (any, bool) {
	if m.of.p == nil {
		return nil, false
	}
	if m.of.peers == nil {
		m.of.peers = map[string]*variables{}
	}
	peer, ok := m.of.peers[name]
	if !ok {
		h, known := m.of.r.host(name)
		if !known {
			return nil, false
		}
		var err error
		// As in Ansible, what the play itself defines is not seen through hostvars.
		if peer, err = m.of.p.varsWith(h, nil, nil, nil); err != nil {
			return nil, false
		}
		m.of.peers[name] = peer
	}
	return templates.Scope{Vars: peer}, true
}

// Keys lists the hosts of the inventory, in the order in which it names them.
func (m hostvars) Keys() []string { return m.of.r.o.Inventory.Names() }

// untrusted is a value that is never rendered: what hosts sent back, and what has been rendered already.
func untrusted(x any) any { return templates.Unsafe{Value: x} }

// fromHost is untrusted for what modules return, whose maps of Go are sorted once and not whenever a template looks.
func fromHost(x any) any { return untrusted(ordered.From(x)) }

func untrustedEach(values map[string]any) map[string]any {
	out := make(map[string]any, len(values))
	for name, x := range values {
		out[name] = untrusted(x)
	}
	return out
}

// Get returns a variable as it was written; the template engine renders it where it is used.
func (v *variables) Get(name string) (any, bool) {
	value, ok := v.given(name)
	if !ok {
		switch name {
		case "hostvars":
			return hostvars{v}, true
		case "vars":
			return templates.Scope{Vars: v}, true
		case "ansible_host", "ansible_ssh_host":
			return v.address()
		case "ansible_user", "ansible_ssh_user":
			return v.user()
		case "ansible_delegated_vars":
			return v.delegated()
		}
		return v.wayToHost(name)
	}
	if inventory.SecretName(name) {
		v.noteSecret(name, value)
	}
	return value, true
}

// given returns a variable that something defines: of the loop, or of a level.
func (v *variables) given(name string) (any, bool) {
	if value, ok := v.top[name]; ok {
		return value, true
	}
	return v.layers.Get(name)
}

// Names lists all variables in Ansible's order, as templates see it that go over vars or hostvars: from the level that loses
// to the one that wins, within a level as they were written, and last what the loop adds.
func (v *variables) Names() []string {
	merged := v.layers.Merge()
	merged.Update(ordered.Sorted(v.top))
	return merged.Keys()
}

// with lays values over all others.
func (v *variables) with(values map[string]any) *variables {
	top := make(map[string]any, len(v.top)+len(values))
	for k, x := range v.top {
		top[k] = x
	}
	for k, x := range values {
		top[k] = x
	}
	out := *v
	out.top = top
	return &out
}

func (v *variables) render(x any) (any, error) {
	switch s := x.(type) {
	case nil, bool, int, float64:
		return x, nil
	case string:
		if !strings.Contains(s, "{") {
			return x, nil
		}
	}
	return v.r.o.Templates.RenderValue(x, v)
}

func (v *variables) condition(x playbooks.Value) (bool, error) {
	switch c := x.Raw.(type) {
	case bool:
		return c, nil
	case nil:
		return true, nil
	case []any:
		for _, one := range c {
			ok, err := v.condition(playbooks.Value{Raw: one, Pos: x.Pos})
			if err != nil || !ok {
				return ok, err
			}
		}
		return true, nil
	case string:
		if strings.TrimSpace(c) == "" {
			return true, nil
		}
	}
	ok, err := v.holds(text(x.Raw), x.Pos)
	if err != nil {
		return false, at(x.Pos, fmt.Errorf("the condition %q: %w", text(x.Raw), err))
	}
	return ok, nil
}

// conditions reports whether all hold, and returns the first that does not.
func (v *variables) conditions(all []playbooks.Value) (ok bool, which any, err error) {
	for _, c := range all {
		ok, err := v.condition(c)
		if err != nil || !ok {
			return false, c.Raw, err
		}
	}
	return true, nil, nil
}

// vars makes the variables of a host within a scope. t may be nil: those of a play.
func (p *playRun) vars(h *host, sc *scope, origin *playbooks.Origin) (*variables, error) {
	files, err := p.fileVars(h)
	if err != nil {
		return nil, err
	}
	return p.varsWith(h, sc, origin, files)
}

// varsWith makes them with vars_files read before. Without a scope they are a host's own, whatever the play.
func (p *playRun) varsWith(h *host, sc *scope, origin *playbooks.Origin, files []*ordered.Map) (*variables, error) {
	inv, err := p.r.inventoryVars(h)
	if err != nil {
		return nil, err
	}
	facts, plain, included, set := h.snapshot()
	l := inventory.Layers{}.Merging(p.r.o.Defaults.MergeMappings)
	for _, ro := range p.roles() {
		if sc == nil {
			break
		}
		l = l.With(inventory.RoleDefaults, ro.defaults).With(inventory.RoleVars, ro.vars)
	}
	if sc != nil {
		l = l.With(inventory.CommandLine, ordered.Of("ansible_connection", p.connectionOf(sc)))
	}
	l = l.With(inventory.InventoryVars, inv)
	l = l.With(inventory.Facts, facts)
	if plain == nil {
		plain = ordered.New(0) // as in Ansible there are always some facts, maybe none
	}
	l = l.With(inventory.Facts, ordered.Of("ansible_facts", plain))
	if sc != nil {
		l = l.With(inventory.PlayPrompts, p.answers)
	}
	for _, vars := range files {
		l = l.With(inventory.PlayVarsFiles, vars)
	}
	for _, at := range sc.chain() {
		if at.role != nil && at.depending { // what a role's use says loses to the role's own, for the roles that it depends on
			p.r.noteSecrets(at.vars)
			l = l.With(inventory.RoleVars, at.vars)
		}
		if at.role != nil {
			l = l.With(inventory.RoleDefaults, at.role.defaults).With(inventory.RoleVars, at.role.vars).
				With(inventory.RoleParams, at.role.params)
		}
		if at.vars.Len() > 0 && !at.depending {
			p.r.noteSecrets(at.vars)
			l = l.With(at.level, at.vars)
		}
	}
	l = l.With(inventory.IncludeVars, included).With(inventory.SetFacts, set).With(inventory.ExtraVars, p.r.extraVars)
	l = l.With(inventory.MagicVars, p.magic(h, inv, sc, origin))
	return &variables{r: p.r, p: p, h: h, sc: sc, origin: origin, layers: l, noting: map[string]bool{}}, nil
}

// connectionOf is what a task finds as ansible_connection where no variable says so: the keyword, or the way that is taken without it.
func (p *playRun) connectionOf(sc *scope) any {
	if by := sc.keyword(connection); by.Given() && text(by.Raw) != "" && by.Raw != "smart" {
		return by.Raw
	}
	if by := p.r.o.Defaults.Keywords[session.ConnectBy]; by != "" && by != "smart" {
		return by
	}
	return "ssh"
}

// magic are the variables that Ansible itself sets and nobody can override.
func (p *playRun) magic(h *host, inv *ordered.Map, sc *scope, origin *playbooks.Origin) *ordered.Map {
	own, everyRole, dependent := p.roleNames()
	m := ordered.Of(
		"ansible_check_mode", p.r.o.Check,
		"ansible_diff_mode", p.r.o.Diff,
		"ansible_forks", p.r.o.Forks,
		"ansible_run_tags", anys(p.r.runTags()),
		"ansible_skip_tags", anys(p.r.o.SkipTags),
		"ansible_version", languageVersion(),
		"ansible_verbosity", 0, // what is shown is the listeners' affair
		"ansible_play_name", p.name,
		"ansible_play_hosts_all", hostNames(p.listed),
		"ansible_play_batch", hostNames(standing(p.batch)),
		"ansible_play_hosts", hostNames(standing(p.listed)),
		"play_hosts", hostNames(standing(p.batch)),
		"playbook_dir", directory(p.book.Dir, p.book.Builtin),
		"polarbook_run_id", p.r.o.RunID,
		"omit", templates.Omit,
		"ansible_play_role_names", own,
		"ansible_role_names", everyRole,
		"ansible_dependent_role_names", dependent,
		"role_names", own,
		"ansible_inventory_sources", []any{},
	)
	m.Set("ansible_config_file", nil)
	if file := p.r.o.Defaults.File; file != "" {
		m.Set("ansible_config_file", file)
	}
	m.Set("ansible_search_path", p.searchPath(sc, origin))
	if p.r.o.Limit != "" {
		m.Set("ansible_limit", p.r.o.Limit)
	}
	for _, name := range []string{
		"inventory_hostname", "inventory_hostname_short", "group_names", "groups", "inventory_dir", "inventory_file",
	} {
		if x, ok := inv.Get(name); ok {
			m.Set(name, x)
		}
	}
	if sc != nil { // whatever else is called so: the keyword's, outermost first
		around := []any{}
		for _, x := range sc.environment() {
			around = append(around, x.Raw)
		}
		m.Set("environment", around)
	}
	if ro := sc.ownRole(); ro != nil {
		m.Set("role_name", ro.name)
		m.Set("ansible_role_name", ro.label())
		if collection, _, ok := cutLast(ro.fullName, "."); ok {
			m.Set("ansible_collection_name", collection)
		}
		if parents := sc.roleNames(); len(parents) > 0 {
			m.Set("ansible_parent_role_names", parents)
		}
		if origin != nil && origin.RoleDir != "" {
			m.Set("role_path", directory(origin.RoleDir, origin.Builtin))
		}
	}
	return m
}

// searchPath lists the directories where a task's lookups and templates look for files: its role and the roles around that, its file's
// and the playbook's.
func (p *playRun) searchPath(sc *scope, origin *playbooks.Origin) []any {
	directories := []any{}
	add := func(dir string, builtin bool) {
		if name := directory(dir, builtin); dir != "" && !slices.Contains(directories, any(name)) {
			directories = append(directories, name)
		}
	}
	if origin != nil {
		if sc.ownRole() != nil {
			add(origin.RoleDir, origin.Builtin)
		}
		for at := sc; at != nil; at = at.parent {
			if at.role != nil {
				add(at.role.dir, origin.Builtin)
			}
		}
		add(origin.Dir, origin.Builtin)
	}
	add(p.book.Dir, p.book.Builtin)
	if origin != nil && origin.Builtin {
		add(origin.WorkDir, false)
	}
	return directories
}

// directory is a path of a playbook's file system as its user knows it.
func directory(dir string, builtin bool) string {
	if builtin {
		return "builtin/" + dir
	}
	return playbooks.OnHost(strings.TrimPrefix(dir, "/"))
}

// languageVersion is the Ansible whose language this is.
func languageVersion() map[string]any {
	return map[string]any{"full": "2.16.0", "string": "2.16.0", "major": 2, "minor": 16, "revision": 0}
}

// noteSecrets adds the values of those variables whose names say that they are secret and that need no rendering.
func (r *run) noteSecrets(vars *ordered.Map) {
	for name, x := range vars.All() {
		r.noteIn(name, inventory.SecretName(name), x)
	}
}

// noteIn adds what a variable holds that is secret by its own name or by those of what is in it.
func (r *run) noteIn(name string, secret bool, x any) {
	switch x := x.(type) {
	case string:
		if secret && !strings.Contains(x, "{{") && !strings.Contains(x, "{%") {
			r.secret(name, x)
		}
	case int, int64, uint64, *big.Int, float64, ordered.Timestamp:
		if secret {
			r.secret(name, text(x))
		}
	case *ordered.Map:
		for inner, item := range x.All() {
			r.noteInner(name, inner, secret, x.Has, item)
		}
	case map[string]any:
		has := func(inner string) bool { _, there := x[inner]; return there }
		for inner, item := range x {
			r.noteInner(name, inner, secret, has, item)
		}
	case []any:
		for _, item := range x {
			r.noteIn(name, secret, item)
		}
	case templates.Unsafe:
		r.noteIn(name, secret, x.Value)
	}
}

// noteInner adds what stands under a name in a mapping, of which has knows the names.
func (r *run) noteInner(outer, inner string, secret bool, has func(name string) bool, x any) {
	own := inventory.SecretName(inner)
	if secret && !own {
		if inventory.AboutTask(has, inner) {
			return
		}
		inner = outer
	}
	r.noteIn(inner, secret || own, x)
}

// noteSecret adds a secret variable's value as it is used, rendered. A value that cannot be rendered shows itself
// where it is used, so the error is not for here.
func (v *variables) noteSecret(name string, x any) {
	switch x.(type) {
	case string, *ordered.Map, map[string]any, []any:
		if v.noting[name] {
			return
		}
		v.noting[name] = true
		defer delete(v.noting, name)
		if out, err := v.render(x); err == nil {
			v.r.noteIn(name, true, out)
		}
		return
	}
	v.r.noteIn(name, true, x)
}

// secret has the value of a variable masked from now on.
func (r *run) secret(name, value string) {
	if inventory.SecretValue(name, value) {
		r.o.Secrets.Add(value)
	}
}

// noteArgs adds the values of arguments that the module calls secret.
func (r *run) noteArgs(m *tasks.Module, args map[string]any) {
	for name, x := range args {
		arg, ok := m.Arg(name)
		r.noteIn(name, ok && arg.Secret || !ok && inventory.SecretName(name), x)
	}
}

func hostNames(hosts []*host) []any {
	out := make([]any, len(hosts))
	for i, h := range hosts {
		out[i] = h.name
	}
	return out
}

func anys(in []string) []any {
	out := make([]any, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
}
