package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/suggest"
)

// reads looks at the values of variables that something reads.
func (v *follower) reads(in *scope, vars map[string]playbooks.Value) {
	for _, name := range keysOf(vars) {
		value := vars[name]
		if !v.checking {
			continue
		}
		v.value(in, value.Raw, value.Pos)
	}
}

// value looks at a value that was decoded; templates in it are taken for standing where it begins.
func (v *follower) value(in *scope, raw any, at playbooks.Position) {
	for _, text := range deepTexts(raw, 0) {
		if r, ok := v.l.x.Reads(text); ok {
			v.check(in, r, at, at)
		}
	}
}

// keywords looks at all that is written on a task, a block or an include, but what it holds and its condition.
func (v *follower) keywords(in *scope, at playbooks.Position) {
	if !v.checking {
		return
	}
	s, n := v.l.node(at)
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for _, e := range playbooks.Entries(n) {
		switch e.Key {
		case "when", "block", "rescue", "always", "name", "tags", "register", "listen", "notify":
			continue
		case "until", "changed_when", "failed_when", "break_when":
			v.expressions(in, s, e.Value, n)
			continue
		}
		v.written(in, s, e.Value, n, e.Key)
	}
}

// written looks at the texts below a node.
func (v *follower) written(in *scope, s *playbooks.Source, n, about *yaml.Node, key string) {
	module, isModule := v.l.x.Module(key)
	if isModule && !playbooks.IsKeyword(key) && n.Kind == yaml.MappingNode {
		for _, e := range playbooks.Entries(n) {
			if arg, ok := module.Arg(e.Key); ok && arg.Kind == "raw" {
				v.expressions(in, s, e.Value, about)
				continue
			}
			v.texts(in, s, e.Value, about, 0)
		}
		return
	}
	if key == "loop_control" {
		for _, e := range playbooks.Entries(n) {
			if e.Key == "break_when" {
				v.expressions(in, s, e.Value, about)
				continue
			}
			v.texts(in, s, e.Value, about, 0)
		}
		return
	}
	v.texts(in, s, n, about, 0)
}

func (v *follower) texts(in *scope, s *playbooks.Source, n, about *yaml.Node, depth int) {
	if depth > maxDepth || n.Tag == "!unsafe" {
		return
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode {
		if r, ok := v.l.x.Reads(n.Value); ok {
			v.checkIn(in, r, s, n, about)
		}
		return
	}
	for _, child := range n.Content {
		v.texts(in, s, child, about, depth+1)
	}
}

func (v *follower) expressions(in *scope, s *playbooks.Source, n, about *yaml.Node) {
	for _, item := range playbooks.Items(n) {
		if item.Kind != yaml.ScalarNode {
			continue
		}
		if r, ok := v.l.x.ConditionReads(item.Value); ok {
			v.checkIn(in, r, s, item, about)
			in = in.with(r.WhenTrue...)
		}
	}
}

// templates looks at the template file that a task names.
func (v *follower) templates(in *scope, t *playbooks.Task) {
	if !v.checking || t.Module == nil || t.Module.Name != "template" {
		return
	}
	name, _ := t.Args["src"].Raw.(string)
	for arg := range t.Args {
		if strings.HasSuffix(arg, "_start_string") || strings.HasSuffix(arg, "_end_string") {
			return
		}
	}
	if name == "" || playbooks.IsTemplate(name) {
		return
	}
	s, text, ok := v.l.x.TemplateText(t.Origin, name)
	if !ok || s.Sealed {
		return
	}
	r, ok := v.l.x.FileReads(s.Name, text)
	if !ok {
		return
	}
	in = in.with("template_host", "template_path", "template_fullpath", "template_run_date", "template_uid", "template_mtime",
		"template_destpath")
	for _, read := range r.Reads {
		v.read(in, read, playbooks.Position{File: s.Name, Line: read.Line, Column: read.Column}, nil)
	}
}

// check looks at what a text reads that begins at a place.
func (v *follower) check(in *scope, r templates.Reading, at, about playbooks.Position) {
	if !v.checking {
		return
	}
	_, n := v.l.node(about)
	s, scalar := v.l.scalar(at)
	for _, read := range r.Reads {
		place := at
		if scalar != nil {
			place = s.Inside(scalar, read.Line, read.Column)
		}
		v.read(in, read, place, n)
	}
}

func (v *follower) checkIn(in *scope, r templates.Reading, s *playbooks.Source, n, about *yaml.Node) {
	for _, read := range r.Reads {
		v.read(in, read, s.Inside(n, read.Line, read.Column), about)
	}
}

// has reports whether anything defines a variable, and whether a task does so only later.
func (v *follower) has(in *scope, name string) (defined, later bool) {
	if in.has(name) || v.known[name] || magic[name] || connections[name] {
		return true, false
	}
	if at, ok := v.set[name]; ok {
		return true, at > v.now && !v.handler && !v.looped
	}
	return v.refused[name] || strings.HasPrefix(name, "ansible_"), false // a fact, or something a connection has
}

// read judges one place that reads a variable.
func (v *follower) read(in *scope, read templates.Read, at playbooks.Position, about *yaml.Node) {
	if fact, isFact := strings.CutPrefix(read.Name, "ansible_"); isFact && !magic[read.Name] && !connections[read.Name] &&
		!in.has(read.Name) && !v.known[read.Name] {
		if _, set := v.set[read.Name]; !set {
			v.fact(fact, read.Name, at, about)
		}
	}
	if read.Name == "ansible_facts" && read.Attribute != "" && v.set[read.Attribute] == 0 && !v.known[read.Attribute] {
		v.fact(read.Attribute, read.Attribute, at, about)
	}
	if read.Guarded {
		return
	}
	for _, other := range read.Unless {
		if ok, _ := v.has(in, other); ok {
			return
		}
	}
	defined, later := v.has(in, read.Name)
	switch {
	case later:
		v.l.report(beforeSet, at, about, "", fmt.Sprintf("%q is read before the first task that sets it", read.Name))
	case !defined && !in.any(isGuess):
		hint := suggest.Hint(read.Name, v.names(in))
		if f := v.l.report(undefined, at, about, hint, fmt.Sprintf("nothing defines the variable %q", read.Name)); f != nil {
			if v.l.o.Inventory == nil || v.open || in.any(isOpen) {
				f.Severity = Warning
			}
		}
	}
}

func (v *follower) fact(fact, name string, at playbooks.Position, about *yaml.Node) {
	if near := nearFact(fact); near != "" {
		v.l.report(unknownFact, at, about, "did you mean "+strings.TrimSuffix(name, fact)+near+"?", fmt.Sprintf("there is no fact %q", name))
	}
}

// names are all that are defined, for hints.
func (v *follower) names(in *scope) []string {
	var list []string
	for s := in; s != nil; s = s.parent {
		list = append(list, slices.Collect(maps.Keys(s.names))...)
	}
	list = append(list, slices.Collect(maps.Keys(v.set))...)
	list = append(list, slices.Collect(maps.Keys(v.known))...)
	slices.Sort(list)
	return slices.Compact(list)
}

// scalar is the scalar that begins at a place.
func (l *linter) scalar(at playbooks.Position) (*playbooks.Source, *yaml.Node) {
	s := l.sources[at.File]
	if s == nil {
		return nil, nil
	}
	if !l.indexed[s.Name] {
		l.indexed[s.Name] = true
		if s.Root != nil {
			l.indexScalars(s, s.Root, false)
		}
	}
	return s, l.scalars[at]
}

func (l *linter) indexScalars(s *playbooks.Source, n *yaml.Node, isKey bool) {
	if n.Kind == yaml.ScalarNode && !isKey {
		l.scalars[s.At(n)] = n
	}
	for i, child := range n.Content {
		l.indexScalars(s, child, n.Kind == yaml.MappingNode && i%2 == 0)
	}
}
