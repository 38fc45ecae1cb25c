package lint

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
)

// Finding is one thing that a rule has found.
type Finding struct {
	Rule     string
	Severity Severity
	Pos      playbooks.Position
	Message  string
	Hint     string
	// Shown is the message with its line, as the loader shows what it refuses; no line has a secret in it.
	Shown string

	from, to int // the lines of the task that it is about; a noqa on any of them counts
}

// Options say what is known besides the playbook.
type Options struct {
	// Inventory is nil where there is none: then what it could define is only warned of.
	Inventory *inventory.Inventory
	// Known are variables from elsewhere: those of the command line, of files beside the playbook.
	Known []string
	// Only are the rules that count, where there are some; Skip those that do not.
	Only, Skip []string
}

// Lint looks at a playbook. The findings are in the order of files, lines and columns; one place has a rule's finding once.
func Lint(x *playbooks.Examined, o Options) []Finding {
	l := &linter{
		x: x, o: o, nodes: map[playbooks.Position]*yaml.Node{}, scalars: map[playbooks.Position]*yaml.Node{},
		sources: map[string]*playbooks.Source{}, indexed: map[string]bool{}, seen: map[key]bool{}, secret: map[line]bool{},
		unnotified: map[playbooks.Position]bool{},
	}
	l.structure()
	l.variables()
	l.index() // includes may have brought more files
	l.files()
	l.loader()
	return l.result()
}

type linter struct {
	x       *playbooks.Examined
	o       Options
	sources map[string]*playbooks.Source
	nodes   map[playbooks.Position]*yaml.Node // mappings, by where they begin
	found   []Finding
	seen    map[key]bool
	secret  map[line]bool // lines with a secret, which are not shown

	scalars map[playbooks.Position]*yaml.Node // of the files in indexed
	indexed map[string]bool

	unnotified map[playbooks.Position]bool // handlers that no play notifies
}

type key struct {
	rule string
	at   playbooks.Position
}

type line struct {
	file string
	line int
}

// index notes the files and where their mappings are.
func (l *linter) index() {
	for _, s := range l.x.Sources() {
		if l.sources[s.Name] != nil {
			continue
		}
		l.sources[s.Name] = s
		if s.Root != nil {
			l.indexNode(s, s.Root)
		}
	}
}

func (l *linter) indexNode(s *playbooks.Source, n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		if at := s.At(n); l.nodes[at] == nil {
			l.nodes[at] = n
		}
	}
	for _, child := range n.Content {
		l.indexNode(s, child)
	}
}

// node is the mapping of something that the loader read; nil for what it made itself.
func (l *linter) node(at playbooks.Position) (*playbooks.Source, *yaml.Node) {
	if l.sources[at.File] == nil {
		l.index()
	}
	return l.sources[at.File], l.nodes[at]
}

// report adds a finding. about is the task that it is about, nil: only its own line counts.
func (l *linter) report(rule string, at playbooks.Position, about *yaml.Node, hint, message string) *Finding {
	if l.seen[key{rule, at}] {
		return nil
	}
	l.seen[key{rule, at}] = true
	r, _ := RuleOf(rule)
	f := Finding{Rule: rule, Severity: r.Severity, Pos: at, Message: message, Hint: hint, from: at.Line, to: at.Line}
	if about != nil {
		f.from, f.to = min(at.Line, about.Line), max(at.Line, lastLine(about))
	}
	l.found = append(l.found, f)
	return &l.found[len(l.found)-1]
}

// lastLine is the last line on which something of a node begins.
func lastLine(n *yaml.Node) int {
	last := n.Line
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		last += strings.Count(n.Value, "\n")
	}
	for _, child := range n.Content {
		if child.Kind != yaml.AliasNode {
			last = max(last, lastLine(child))
		}
	}
	return last
}

var noqa = regexp.MustCompile(`(?i)#\s*noqa(?:\s*:\s*|\s+|$)((?:[\w.\-\[\]]+[\s,]*)*)`)

// silenced reports whether a line says that a rule does not count there.
func silenced(text, rule string) bool {
	found := noqa.FindStringSubmatch(text)
	if found == nil {
		return false
	}
	names := strings.FieldsFunc(found[1], func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
	return len(names) == 0 || slices.Contains(names, rule)
}

func (l *linter) silenced(f Finding) bool {
	s := l.sources[f.Pos.File]
	if s == nil {
		return false
	}
	for n := f.from; n <= f.to && n <= len(s.Lines); n++ {
		if n >= 1 && silenced(s.Lines[n-1], f.Rule) {
			return true
		}
	}
	return false
}

// result are the findings that count, in order.
func (l *linter) result() []Finding {
	list := slices.DeleteFunc(l.found, func(f Finding) bool {
		return len(l.o.Only) > 0 && !slices.Contains(l.o.Only, f.Rule) || slices.Contains(l.o.Skip, f.Rule) || l.silenced(f)
	})
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Rule, b.Rule))
	})
	for i := range list {
		f := &list[i]
		e := l.x.Error(f.Pos, 0, f.Hint, f.Message)
		if l.secret[line{f.Pos.File, f.Pos.Line}] {
			e.Line = ""
		}
		f.Message = e.Msg
		e.Msg = string(f.Severity) + ": " + e.Msg + " [" + f.Rule + "]"
		f.Shown = e.Error()
	}
	return list
}

// ruleOfLoader is the rule that a message of the loader is reported under.
var ruleOfLoader = []struct {
	message *regexp.Regexp
	rule    string
}{
	{regexp.MustCompile(`is here a second time; the first is on line`), duplicateKey},
	{regexp.MustCompile(`^there is no handler`), unknownHandler},
	{regexp.MustCompile(`^ansible-core has no include`), oldInclude},
	{regexp.MustCompile(`^a condition is an expression already`), jinjaInWhen},
	{regexp.MustCompile(`^ansible-core refuses`), onlyOld},
}

// loader reports what the loader refuses, warns of and lacks.
func (l *linter) loader() {
	tell := func(list playbooks.Errors, otherwise string) {
		for _, e := range list {
			rule := otherwise
			for _, one := range ruleOfLoader {
				if one.message.MatchString(e.Msg) {
					rule = one.rule
				}
			}
			if !l.seen[key{octalMode, e.Pos}] { // which says it already
				l.report(rule, e.Pos, nil, e.Hint, e.Msg)
			}
		}
	}
	tell(l.x.Problems(), loads)
	tell(l.x.Warnings, loadWarning)
	tell(l.x.Unavailable, lacking)
}
