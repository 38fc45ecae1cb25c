package playbooks

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/templates/suggest"
	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/templates/ordered"
)

// roleCall is one use of a role.
type roleCall struct {
	name   string
	at     Position
	params map[string]Value
	vars   map[string]Value  // of the task that includes it
	from   map[string]string // tasks_from, vars_from, defaults_from, handlers_from
	places map[string]Value  // where these were written
	common Common
	// include means that it is import_role or include_role, which may run a role again; once that they may not.
	include, once bool
	conditional   bool // an include under a condition, which may recurse
	unchecked     bool // rolespec_validate: false
}

// roles reads a play's roles, or a role's dependencies.
func (l *loader) roles(c *scope, n *yaml.Node, what string) []Node {
	f := c.file
	if n == nil || isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		l.fail(f.at(n), 0, "each begins with a dash", "%s has to be a list", what)
		return nil
	}
	var list []Node
	for _, item := range n.Content {
		item = follow(item)
		use, ok := l.roleCall(c, item)
		if !ok {
			continue
		}
		if b := l.role(c.with(&use.common), use); b != nil {
			list = append(list, b)
		}
	}
	return list
}

func (l *loader) roleCall(c *scope, n *yaml.Node) (roleCall, bool) {
	f := c.file
	use := roleCall{at: f.at(n), params: map[string]Value{}}
	use.common.Pos = f.at(n)
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		use.name = n.Value
		return use, l.roleName(c, &use)
	}
	if n.Kind != yaml.MappingNode {
		l.fail(f.at(n), 0, "", "a role is a name or a mapping with role: name")
		return use, false
	}
	es := entries(n)
	named := slices.ContainsFunc(es, func(e entry) bool { return e.key == "role" })
	for _, e := range es {
		_, word := keywords[e.key]
		switch {
		case e.key == "name" && named: // the name of the use, which is shown nowhere
			_ = l.text(f, e)
		case e.key == "role" || e.key == "name":
			use.name, _ = l.text(f, e).Raw.(string)
			use.at = f.at(e.value)
		case !word:
			// As in Ansible, what is not a keyword is a parameter of the role.
			l.variableName(f, e.at, e.key)
			l.define(f, e.at, e.key)
			if hint := suggest.Hint(e.key, keywordNames(onRole)); hint != "" {
				l.warn(f.at(e.at), len([]rune(e.key)), hint, "%q is taken for a parameter of the role", e.key)
			}
			use.params[e.key] = l.variable(f, e.value)
		case l.keyword(f, e, onRole):
			l.common(c, e, &use.common)
		}
	}
	if use.name == "" {
		l.fail(f.at(n), 1, "write role: and its name", "this role has no name")
		return use, false
	}
	return use, l.roleName(c, &use)
}

func (l *loader) roleName(c *scope, use *roleCall) bool {
	name, ok := l.literalName(c, Value{use.name, use.at}, "roles", "include_role")
	use.name = name
	return ok
}

// role loads a role: its dependencies, then its tasks, as a block with its variables and handlers.
func (l *loader) role(c *scope, use roleCall) *Block {
	if use.name == "" {
		return nil
	}
	defer l.perhaps(c.maybe)()
	found, collection, lacking := l.findRole(c, use)
	switch {
	case lacking != nil:
		t := &Task{Common: Common{Pos: use.at}, Origin: c.origin, Called: "include_role", Unavailable: lacking}
		return &Block{Common: use.common, Role: use.name, Block: []Node{t}}
	case found.fsys == nil:
		return nil
	}
	shown := l.display(found.fsys, found.path)
	if found.fsys == hostFiles && !slices.Contains(l.roleDirs, onHost(found.path)) {
		l.roleDirs = append(l.roleDirs, onHost(found.path))
	}
	marker := &file{name: "role " + shown}
	if use.include { // other tasks of the role may be included by it
		marker.name = strings.TrimSpace(marker.name + " " + use.from["tasks_from"])
	}
	if use.conditional && slices.Contains(l.open, marker.name) {
		return nil
	}
	if !l.enter(marker, use.at) {
		return nil
	}
	defer l.leave()
	l.library(found)

	b := &Block{Common: use.common, Role: path.Base(use.name), RoleParams: use.params, RoleDir: found.path, RolePublic: !use.include}
	inner := c.with(&use.common)
	// A role's collections are its own; those around it are not inherited.
	inner.collections = nil
	if collection != "" {
		b.Role = use.name[strings.LastIndex(use.name, ".")+1:]
		b.RoleFullName = collection + "." + b.Role
		inner.collections = []string{collection}
	}
	inner.handler = false
	inner.origin = c.origin.in(place{found.fsys, path.Join(found.path, "tasks", "main.yml")})
	if around := inner.origin.RoleDir; around != "" {
		inner.origin.RolesAround = append([]string{around}, inner.origin.RolesAround...)
	}
	inner.origin.RoleDir = found.path

	b.RoleDefaults = l.roleVariables(found, "defaults", use)
	b.RoleVars = l.roleVariables(found, "vars", use)
	inner.vars = withLiterals(withLiterals(inner.vars, b.RoleDefaults), b.RoleVars)
	duplicates := false
	var dependencies []Node
	var spec *specified
	if f := l.roleFile(found, "meta", use); f != nil {
		dependencies, duplicates, spec = l.meta(inner, f)
	}
	for _, dependency := range dependencies {
		d := dependency.(*Block)
		b.RoleDefaults = joined(d.RoleDefaults, b.RoleDefaults)
		b.RoleVars = joined(d.RoleVars, b.RoleVars)
	}
	b.Block, b.RoleDependencies = dependencies, len(dependencies)
	if f := l.roleFile(found, "handlers", use); f != nil {
		h := *inner
		h.file, h.handler = f, true
		h.origin.Dir = path.Dir(f.path)
		b.RoleHandlers = l.nodes(&h, f.root, "handlers")
	}
	if t := l.validation(inner, found, b, spec, use); t != nil {
		b.Block = append(b.Block, t)
	}
	if f := l.roleFile(found, "tasks", use); f != nil {
		t := *inner
		t.file = f
		t.origin.Dir = path.Dir(f.path)
		b.Block = append(b.Block, l.nodes(&t, f.root, "a role's tasks")...)
	}
	b.RoleKey, b.RoleRepeats = use.key(shown), use.repeats(duplicates)
	return b
}

// place is where the name of a file of the role was written.
func (use roleCall) place(folder string) Position {
	if v, ok := use.places[folder+"_from"]; ok {
		return v.Pos
	}
	return use.at
}

// joined is variables with those of a role that depends on theirs, which win.
func joined(under, over map[string]Value) map[string]Value {
	if len(under) == 0 {
		return over
	}
	all := maps.Clone(under)
	maps.Copy(all, over)
	return all
}

// key is the same for uses that Ansible takes for the same: role, parameters, variables, conditions and tags.
func (use roleCall) key(dir string) string {
	raw := func(vars map[string]Value) map[string]any {
		all := map[string]any{}
		for name, v := range vars {
			all[name] = ordered.Plain(v.Raw) // the order makes no difference
		}
		return all
	}
	var when []any
	for _, v := range use.common.When {
		when = append(when, v.Raw)
	}
	from := maps.Clone(use.from)
	delete(from, "name")
	text, err := json.Marshal([]any{dir, raw(use.params), raw(use.common.Vars), raw(use.vars), when, use.common.Tags, from, use.include})
	if err != nil {
		return "" // not a number: no two uses are the same then
	}
	return string(text)
}

// repeats reports whether the role may run although the same has run before; duplicates is what its meta says of that.
func (use roleCall) repeats(duplicates bool) bool {
	if use.include {
		return !use.once
	}
	return duplicates
}

// findRole looks where Ansible does: in collections, by full name or in those of `collections:`; roles beside the playbook, beside
// the role that depends on it, beside the playbook. Without any, lacking is what to say where it may never be reached.
func (l *loader) findRole(c *scope, use roleCall) (found place, collection string, lacking *Error) {
	o := c.origin
	var list []place
	if in, short, ok := fullName(use.name); ok {
		for _, dir := range l.collectionDirs(o, in) {
			list = append(list, place{dir.fsys, path.Join(dir.path, "roles", short)})
		}
	}
	if !strings.ContainsAny(use.name, "./~") {
		for _, in := range c.collections {
			for _, dir := range l.collectionDirs(o, in) {
				list = append(list, place{dir.fsys, path.Join(dir.path, "roles", use.name)})
			}
		}
	}
	for _, p := range list {
		if isDir(p.fsys, p.path) {
			dir := path.Dir(path.Dir(p.path))
			return p, path.Base(path.Dir(dir)) + "." + path.Base(dir), nil
		}
	}
	inCollections := list
	list = nil
	if p, ok := absolute(use.name); ok {
		list = append(list, place{hostFiles, p})
	} else {
		list = append(list, place{o.Source, path.Join(o.PlayDir, "roles", use.name)})
		if o.RoleDir != "" {
			list = append(list, place{o.Source, path.Join(path.Dir(o.RoleDir), use.name)})
		}
		dirs := l.RolesPath
		if dirs == nil {
			dirs = []string{"~/.ansible/roles", "/usr/share/ansible/roles", "/etc/ansible/roles"}
		}
		for _, dir := range dirs {
			if p, ok := absolute(dir); ok && o.Source == hostFiles {
				list = append(list, place{hostFiles, path.Join(p, use.name)})
			}
		}
		// Last the built-in ones, so that a built-in playbook written out to be changed still has its roles.
		list = append(list, place{o.Source, path.Join(o.PlayDir, use.name)}, place{l.Builtin, path.Join("roles", use.name)})
	}
	var looked, names []string
	for _, p := range inCollections {
		looked = append(looked, l.display(p.fsys, p.path))
	}
	for _, p := range list {
		if isDir(p.fsys, p.path) {
			return p, "", nil
		}
		if shown := l.display(p.fsys, p.path); !slices.Contains(looked, shown) {
			looked = append(looked, shown)
		}
		names = append(names, directories(p.fsys, path.Dir(p.path))...)
	}
	hint := suggest.Hint(use.name, names)
	if hint == "" {
		hint = "looked for " + strings.Join(looked, ", ")
	}
	return place{}, "", l.lack(use.at, 0, hint, "there is no role %q", use.name)
}

// fullName takes NAMESPACE.COLLECTION.NAME apart.
func fullName(name string) (collection, short string, ok bool) {
	parts := strings.Split(name, ".")
	if len(parts) < 3 || slices.ContainsFunc(parts, func(p string) bool { return !identifier(p) }) {
		return "", "", false
	}
	return parts[0] + "." + parts[1], path.Join(parts[2:]...), true
}

// collectionDirs are the places of a collection: beside the playbook, and where the user and the system keep theirs.
func (l *loader) collectionDirs(o Origin, collection string) []place {
	namespace, name, ok := strings.Cut(collection, ".")
	if !ok {
		return nil
	}
	below := path.Join("ansible_collections", namespace, name)
	// A playbook of a collection finds its neighbours there.
	list := []place{{o.Source, path.Join(o.PlayDir, "collections", below)}}
	if i := strings.LastIndex("/"+o.PlayDir+"/", "/ansible_collections/"); i >= 0 {
		list = append(list, place{o.Source, path.Join(o.PlayDir[:max(i-1, 0)], below)})
	}
	paths := l.CollectionsPath
	if paths == nil {
		paths = []string{"~/.ansible/collections", "/usr/share/ansible/collections"}
	}
	for _, dir := range paths {
		if p, ok := absolute(dir); ok && o.Source == hostFiles {
			list = append(list, place{hostFiles, path.Join(p, below)})
		}
	}
	return list
}

func directories(fsys fs.FS, dir string) []string {
	if !fs.ValidPath(dir) {
		return nil
	}
	list, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil // candidates for a hint only
	}
	var names []string
	for _, e := range list {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// roleFile reads main.yml, or the file named instead, of one of a role's folders. Only a file that is named has to exist.
func (l *loader) roleFile(role place, folder string, use roleCall) *file {
	name, from := "main", use.from[folder+"_from"]
	if from != "" {
		name = path.Clean(from)
	}
	for _, ext := range []string{".yml", ".yaml", ".json", ""} {
		p := path.Join(role.path, folder, name+ext)
		if isFile(role.fsys, p) {
			return l.read(role.fsys, p, use.at)
		}
	}
	if from != "" {
		dir := path.Join(role.path, folder)
		l.fail(use.place(folder), 0, suggest.Hint(from, namesIn(role.fsys, dir)),
			"the role has no file %q in %s", from, l.display(role.fsys, dir))
	}
	return nil
}

// roleVariables reads defaults or vars: main.yml, or every file of a folder main in the order of their names.
func (l *loader) roleVariables(role place, folder string, use roleCall) map[string]Value {
	vars := map[string]Value{}
	dir := path.Join(role.path, folder, "main")
	if use.from[folder+"_from"] == "" && isDir(role.fsys, dir) {
		for _, name := range namesIn(role.fsys, dir) {
			if f := l.read(role.fsys, path.Join(dir, name), use.at); f != nil {
				maps.Copy(vars, l.variablesIn(f))
			}
		}
		return vars
	}
	if f := l.roleFile(role, folder, use); f != nil {
		maps.Copy(vars, l.variablesIn(f))
	}
	return vars
}

// variablesIn reads a file of variables.
func (l *loader) variablesIn(f *file) map[string]Value {
	if f.root == nil {
		return nil
	}
	vars := l.variables(f, entry{"a file of variables", f.root, follow(f.root)})
	if f.sealed {
		for name, v := range vars {
			inventory.TellOf(l.Vault, ordered.Of(name, v.Raw))
		}
	}
	return vars
}

// meta reads a role's dependencies, whether it may run more than once with the same parameters, and what it says of its arguments.
func (l *loader) meta(c *scope, f *file) (dependencies []Node, duplicates bool, spec *specified) {
	if f.root == nil {
		return nil, false, nil
	}
	if f.root.Kind != yaml.MappingNode {
		l.fail(f.at(f.root), 0, "", "a role's meta has to be a mapping")
		return nil, false, nil
	}
	inner := *c
	inner.file = f
	for _, e := range entries(f.root) {
		switch e.key {
		case "dependencies":
			dependencies = l.roles(&inner, e.value, "dependencies")
		case "allow_duplicates":
			duplicates, _ = l.boolean(f, e).Raw.(bool)
		case "collections":
			c.collections = append(c.collections, l.collections(f, e)...)
		case "argument_specs":
			spec = &specified{f, e.value}
		case "galaxy_info":
		default:
			hint := suggest.Hint(e.key, []string{"dependencies", "allow_duplicates", "galaxy_info", "collections"})
			l.fail(f.at(e.at), 0, hint, "there is no keyword %q in a role's meta", e.key)
		}
	}
	return dependencies, duplicates, spec
}
