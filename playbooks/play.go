package playbooks

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
	"gopkg.in/yaml.v3"
)

// playbook reads a file of plays, and those of the playbooks that it imports. outer are the variables of the import.
func (l *loader) playbook(f *file, outer map[string]any) []*Play {
	if !l.enter(f, Position{File: f.name}) {
		return nil
	}
	defer l.leave()
	l.library(place{f.fsys, path.Dir(f.path)})
	if f.root == nil {
		l.fail(Position{File: f.name}, 0, "a playbook is a list of plays, each with hosts and tasks", "this playbook is empty")
		return nil
	}
	if f.root.Kind != yaml.SequenceNode {
		l.fail(f.at(f.root), 0, "begin it with a dash: - hosts: …", "a playbook has to be a list of plays; this is %s", nodeKind(f.root))
		return nil
	}
	var plays []*Play
	for _, n := range f.root.Content {
		n = follow(n)
		if n.Kind != yaml.MappingNode {
			l.fail(f.at(n), 0, "", "a play has to be a mapping with hosts and tasks; this is %s", nodeKind(n))
			continue
		}
		es := entries(n)
		if at := slices.IndexFunc(es, func(e entry) bool { return shortName(e.key) == "import_playbook" }); at >= 0 {
			plays = append(plays, l.importPlaybook(f, es, es[at], outer)...)
			continue
		}
		if p := l.play(f, n, es, outer); p != nil {
			plays = append(plays, p)
		}
	}
	return plays
}

// importPlaybook reads the plays of another file; variables, tags and conditions of the import are given to each.
func (l *loader) importPlaybook(f *file, es []entry, called entry, outer map[string]any) []*Play {
	c := &scope{file: f, vars: outer, origin: l.originOf(f)}
	var given Common
	for _, e := range es {
		if e.at == called.at {
			continue
		}
		if l.keyword(f, e, onImportPlaybook) {
			l.common(c, e, &given)
		}
	}
	inner := c.with(&given)
	name, ok := l.literalName(inner, l.text(f, called), "import_playbook", "a playbook without variables in its name")
	if !ok {
		return nil
	}
	at := f.at(called.value)
	found, ok := l.findPlaybook(inner, name, at)
	if !ok {
		return nil
	}
	imported := l.read(found.fsys, found.path, at)
	if imported == nil {
		return nil
	}
	if slices.Contains(l.open, imported.name) {
		l.enter(imported, at) // which refuses it
		return nil
	}
	defer l.perhaps(inner.maybe)()
	plays := l.playbook(imported, inner.vars)
	for _, p := range plays {
		p.Vars = joined(p.Vars, given.Vars)
		p.When = append(slices.Clone(given.When), p.When...)
		for _, tag := range given.Tags {
			if !slices.Contains(p.Tags, tag) {
				p.Tags = append(p.Tags, tag)
			}
		}
	}
	return plays
}

// findPlaybook finds a playbook that another imports: a file, or one of a collection by its full name.
func (l *loader) findPlaybook(c *scope, name string, at Position) (place, bool) {
	defer l.perhaps(false)()
	if collection, short, ok := fullName(name); ok {
		for _, dir := range l.collectionDirs(c.origin, collection) {
			for _, ext := range []string{".yml", ".yaml"} {
				if p := path.Join(dir.path, "playbooks", short+ext); isFile(dir.fsys, p) {
					return place{dir.fsys, p}, true
				}
			}
		}
	}
	found, _ := l.findTasks(c, name, at)
	return found, found.fsys != nil
}

func (l *loader) originOf(f *file) Origin {
	dir := path.Dir(f.path)
	return Origin{Source: f.fsys, Dir: dir, PlayDir: dir, Builtin: f.fsys != hostFiles, WorkDir: l.workDir,
		Templates: l.Templates, Only: l.Only}
}

var (
	strategies        = []string{"linear", "free", "host_pinned"}
	strategiesWithout = []string{"debug"}
	orders            = []string{"inventory", "sorted", "reverse_sorted", "reverse_inventory", "shuffle"}
)

func (l *loader) play(f *file, n *yaml.Node, es []entry, outer map[string]any) *Play {
	p := &Play{Strategy: "linear", Origin: l.originOf(f)}
	p.Pos = f.at(n)
	c := &scope{file: f, origin: p.Origin, vars: outer, maybe: l.maybe}
	// The keywords are read before the tasks, which depend on them.
	sections := map[string]entry{}
	for _, e := range es {
		if l.playTask(f, e) || !l.keyword(f, e, onPlay) || l.common(c, e, &p.Common) {
			continue
		}
		switch e.key {
		case "tasks", "pre_tasks", "post_tasks", "handlers", "roles":
			sections[e.key] = e
		default:
			l.playKeyword(f, e, p)
		}
	}
	if !p.Hosts.Given() {
		hint := "write hosts: and a pattern, such as all"
		if f.root != nil && len(f.root.Content) > 0 && follow(f.root.Content[0]) != n && len(sections) > 0 {
			hint += "; what belongs to the play before has no dash"
		}
		l.fail(f.at(n), 1, hint, "this play says no hosts")
	}
	inner := c.with(&p.Common)
	for _, s := range []struct {
		name string
		into *[]Node
	}{{"pre_tasks", &p.PreTasks}, {"roles", &p.Roles}, {"tasks", &p.Tasks}, {"post_tasks", &p.PostTasks}, {"handlers", &p.Handlers}} {
		e, ok := sections[s.name]
		switch {
		case !ok:
		case s.name == "roles":
			*s.into = l.roles(inner, e.value, "roles")
		case s.name == "handlers":
			h := *inner
			h.handler = true
			*s.into = l.nodes(&h, e.value, s.name)
		default:
			*s.into = l.nodes(inner, e.value, s.name)
		}
	}
	l.checkNotified(p)
	return p
}

// playTask reports whether a key is a module, which has to stand in a task, and adds that problem.
func (l *loader) playTask(f *file, e entry) bool {
	if _, word := keywords[e.key]; word {
		return false
	}
	if _, _, ok := l.moduleNamed(e.key); !ok && !slices.Contains(includes, shortName(e.key)) {
		return false
	}
	l.fail(f.at(e.at), len([]rune(e.key)), "write it below tasks:", "%q is a module; a play has it among its tasks", e.key)
	return true
}

func (l *loader) playKeyword(f *file, e entry, p *Play) {
	switch e.key {
	case "hosts":
		p.Hosts = l.hosts(f, e)
	case "order":
		p.Order, _ = l.oneOf(f, e, orders...).Raw.(string)
	case "gather_facts":
		p.GatherFacts = l.boolean(f, e)
	case "gather_subset":
		for _, v := range l.texts(f, e) {
			for s := range strings.SplitSeq(v.Raw.(string), ",") {
				p.GatherSubset = append(p.GatherSubset, strings.TrimSpace(s))
			}
		}
	case "vars_files":
		p.VarsFiles = l.varsFiles(f, e, p.Origin)
	case "vars_prompt":
		p.VarsPrompt = l.prompts(f, e)
	case "serial":
		p.Serial = l.serial(f, e)
	case "strategy":
		s := l.word(f, e)
		if slices.Contains(strategiesWithout, shortName(s)) {
			l.fail(f.at(e.value), 0, "", "the strategy %q is not implemented by polarbook, though Ansible has it", s)
			return
		}
		if v, ok := l.oneOf(f, e, strategies...).Raw.(string); ok {
			p.Strategy = v
			if v == "host_pinned" { // free, with as many hosts at a time as there are forks, each up to its end
				p.Strategy = "free"
			}
		}
	case "max_fail_percentage":
		p.MaxFailPercentage = l.amount(f, e)
	case "force_handlers":
		p.ForceHandlers = l.boolean(f, e)
	}
}

func (l *loader) hosts(f *file, e entry) Value {
	v := l.value(f, e.value)
	list := []any{v.Raw}
	switch raw := v.Raw.(type) {
	case []any:
		list = raw
	case nil:
		list = nil
	}
	for _, item := range list {
		if s, ok := item.(string); !ok || strings.TrimSpace(s) == "" {
			l.fail(f.at(e.value), 0, "", "hosts has to be a pattern or a list of patterns, not %s", describe(item))
			return v
		}
	}
	if len(list) == 0 {
		l.fail(f.at(e.at), 0, "write a pattern, such as all", "hosts names no hosts")
	}
	return v
}

// serial is a number of hosts, a percentage, or a list of these.
func (l *loader) serial(f *file, e entry) []Value {
	var list []Value
	for _, item := range items(e.value) {
		v := l.value(f, item)
		ok := false
		switch raw := v.Raw.(type) {
		case int:
			ok = raw >= 0
		case string:
			digits := strings.TrimSuffix(strings.TrimSpace(raw), "%")
			n, err := strconv.Atoi(digits)
			ok = isTemplate(raw) || err == nil && n >= 0
			if err == nil && digits == strings.TrimSpace(raw) {
				v.Raw = n
			}
		}
		if !ok {
			l.fail(f.at(item), 0, "", `serial has to be a number of hosts or a percentage such as "30%%", not %s`, describe(v.Raw))
			continue
		}
		list = append(list, v)
	}
	return list
}

// varsFiles checks that files with literal names are there and hold variables. Of an entry that is itself a list the
// first that exists counts.
func (l *loader) varsFiles(f *file, e entry, o Origin) []Value {
	var list []Value
	for _, item := range items(e.value) {
		names := items(item)
		var missing *NotFoundError
		known, found := true, false
		for _, n := range names {
			name, ok := l.value(f, n).Raw.(string)
			if !ok {
				l.fail(f.at(n), 0, "", "vars_files has to be a list of file names")
				known = false
				break
			}
			if isTemplate(name) {
				known = false
				continue
			}
			fsys, p, err := o.Find("vars", name)
			if err != nil {
				if missing == nil {
					missing = &NotFoundError{Name: name}
					errors.As(err, &missing)
				}
				continue
			}
			if vars := l.read(fsys, p, f.at(n)); vars != nil && !found {
				l.variablesIn(vars)
			}
			found = true
		}
		if known && !found && missing != nil {
			for i, place := range missing.Looked {
				missing.Looked[i] = l.shorten(place)
			}
			l.fail(f.at(names[0]), 0, "looked for "+strings.Join(missing.Looked, ", "), "there is no file %q of variables", missing.Name)
		}
		list = append(list, l.plain(f, item))
	}
	return list
}

// hashes are the ways in which vars_prompt encrypts, by Ansible's names, and those of the filter password_hash.
var hashes = map[string]string{"md5_crypt": "md5", "sha256_crypt": "sha256", "sha512_crypt": "sha512", "bcrypt": "bcrypt"}

func (l *loader) prompts(f *file, e entry) []VarsPrompt {
	var list []VarsPrompt
	for _, item := range items(e.value) {
		if item.Kind != yaml.MappingNode {
			l.fail(f.at(item), 0, "", "vars_prompt has to be a list of mappings, each with a name")
			continue
		}
		v := VarsPrompt{Pos: f.at(item), Private: true}
		flag := func(e entry, into *bool) {
			value := l.boolean(f, e)
			if s, ok := value.Raw.(string); ok {
				l.fail(f.at(e.value), 0, "", "%s cannot be a template, as %q is", e.key, s)
			}
			*into, _ = value.Raw.(bool)
		}
		for _, k := range entries(item) {
			switch k.key {
			case "name":
				v.Name = l.word(f, k)
				l.variableName(f, k.value, v.Name)
			case "prompt":
				v.Prompt, _ = l.text(f, k).Raw.(string)
			case "default":
				v.Default = l.value(f, k.value)
			case "private":
				flag(k, &v.Private)
			case "confirm":
				flag(k, &v.Confirm)
			case "unsafe":
				flag(k, &v.Unsafe)
			case "encrypt":
				if how := l.word(f, k); how != "" {
					kind, known := hashes[how]
					if v.Encrypt = kind; !known {
						l.fail(f.at(k.value), 0, "", "encrypt has to be one of %s, not %q", strings.Join(slices.Sorted(maps.Keys(hashes)), ", "), how)
					}
				}
			case "salt":
				v.Salt = l.word(f, k)
			case "salt_size":
				v.SaltSize, _ = l.integer(f, k, 1, 22).Raw.(int)
			default:
				known := []string{"name", "prompt", "default", "private", "confirm", "unsafe", "encrypt", "salt", "salt_size"}
				l.fail(f.at(k.at), len([]rune(k.key)), suggest.Hint(k.key, known), "there is no keyword %q in vars_prompt", k.key)
			}
		}
		if v.Name == "" {
			l.fail(f.at(item), 1, "", "this question has no name of a variable")
			continue
		}
		list = append(list, v)
	}
	return list
}
