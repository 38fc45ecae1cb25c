package playbooks

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Info describes a built-in playbook, from the comment at its head:
//
//	# One line that says what it does.
//	#
//	# More of it.
//	#
//	# Variables: polardb_package, polardb_cluster (required); polardb_port, polardb_user
//
// Names before a semicolon with (required) behind them have to be given. Defaults and what a variable means are taken
// from the defaults of the built-in roles and the comments there. "Variables: as for NAME.yml" refers to another
// playbook. A variable can also stand on a line of its own, "name (default): meaning". A paragraph "Locks: nothing." is for
// playbooks that change nothing: they neither wait for a lock nor take one.
type Info struct {
	Name      string // of the file: "new-cluster.yml"
	Summary   string // the first line, without a full stop
	Doc       string // the whole comment
	Variables []Variable
}

// Variable is one that a playbook reads. Default is as YAML has it, on one line.
type Variable struct {
	Name, Default, Doc string
	Required           bool
}

// List describes the built-in playbooks in the order of their names.
func List() ([]Info, error) { return list(Builtin()) }

func list(fsys fs.FS) ([]Info, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("list the built-in playbooks: %w", err)
	}
	defaults, err := documentedDefaults(fsys)
	if err != nil {
		return nil, err
	}
	var all []Info
	same := map[string]string{}
	for _, e := range entries {
		if e.IsDir() || !isPlaybookName(e.Name()) {
			continue
		}
		text, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the built-in playbook %s: %w", e.Name(), err)
		}
		info, as := describeHead(e.Name(), head(string(text)))
		for i, v := range info.Variables {
			if d, ok := defaults[v.Name]; ok && v.Default == "" && v.Doc == "" {
				info.Variables[i].Default, info.Variables[i].Doc = d.Default, d.Doc
			}
		}
		same[info.Name] = as
		all = append(all, info)
	}
	for i := range all {
		at := slices.IndexFunc(all, func(other Info) bool { return other.Name == same[all[i].Name] })
		if at >= 0 {
			all[i].Variables = all[at].Variables
		}
	}
	return all, nil
}

var (
	variablesBegin = regexp.MustCompile(`^Variables:\s*(.*)$`)
	variablesAs    = regexp.MustCompile(`^as for (\S+\.ya?ml)\.?$`)
	locksNothing   = regexp.MustCompile(`(?m)^Locks: nothing\.$`)
	variableLine   = regexp.MustCompile(`^(\s+)([A-Za-z_]\w*)(?:\s+\((.*?)\))?:(?:\s+(.*))?$`)
)

// describeHead reads a head comment; as is the playbook that it refers to for its variables.
func describeHead(name, doc string) (info Info, as string) {
	info = Info{Name: name, Doc: doc}
	first, rest, _ := strings.Cut(doc, "\n")
	info.Summary = strings.TrimRight(strings.TrimSpace(first), ".")
	inside, indent, names := false, 0, ""
	for line := range strings.SplitSeq(rest, "\n") {
		begin, m := variablesBegin.FindStringSubmatch(line), variableLine.FindStringSubmatch(line)
		switch {
		case begin != nil:
			inside, names = true, begin[1]
		case !inside || strings.TrimSpace(line) == "":
		case line[0] != ' ' && line[0] != '\t':
			inside = false
		case names != "":
			names += " " + strings.TrimSpace(line)
		case m != nil && (indent == 0 || len(m[1]) <= indent):
			indent = len(m[1])
			info.Variables = append(info.Variables, documented(m[2], m[3], m[4]))
		case len(info.Variables) > 0:
			v := &info.Variables[len(info.Variables)-1]
			v.Doc = strings.TrimSpace(v.Doc + " " + strings.TrimSpace(line))
		}
	}
	if m := variablesAs.FindStringSubmatch(names); m != nil {
		return info, m[1]
	}
	for group := range strings.SplitSeq(strings.TrimSuffix(names, "."), ";") {
		group, required := strings.CutSuffix(strings.TrimSpace(group), "(required)")
		for name := range strings.SplitSeq(group, ",") {
			if name = strings.TrimSpace(name); identifier(name) {
				info.Variables = append(info.Variables, Variable{Name: name, Required: required})
			}
		}
	}
	return info, ""
}

// documented is a variable with a line of its own: what stands in the parentheses is its default, or that it is required,
// perhaps with a condition.
func documented(name, fact, doc string) Variable {
	condition, required := strings.CutPrefix(fact, "required")
	if !required {
		return Variable{Name: name, Default: fact, Doc: doc}
	}
	if condition = strings.TrimPrefix(condition, ", "); condition != "" {
		doc = condition + ": " + doc
	}
	return Variable{Name: name, Doc: doc, Required: true}
}

// documentedDefaults are the defaults of all roles, each with the comment right above it.
func documentedDefaults(fsys fs.FS) (map[string]Variable, error) {
	all := map[string]Variable{}
	files, err := fs.Glob(fsys, "roles/*/defaults/main.yml")
	if err != nil {
		return nil, fmt.Errorf("list the defaults of the built-in roles: %w", err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		root, _, err := parseYAML(string(text))
		if err != nil {
			return nil, fmt.Errorf("read the built-in %s: %w", path.Base(name), err)
		}
		if root == nil || root.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(root.Content); i += 2 {
			key, value := root.Content[i], root.Content[i+1]
			all[key.Value] = Variable{Name: key.Value, Default: oneLine(value), Doc: commentText(key.HeadComment)}
		}
	}
	return all, nil
}

func commentText(comment string) string {
	var words []string
	for line := range strings.Lines(comment) {
		words = append(words, strings.Fields(strings.TrimLeft(line, "# "))...)
	}
	return strings.Join(words, " ")
}

// oneLine is a value in YAML's flow style.
func oneLine(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		if n.Value == "" && n.Style != 0 {
			return `""`
		}
		return strings.Join(strings.Fields(n.Value), " ")
	}
	flow := *n
	flow.Style, flow.HeadComment, flow.LineComment, flow.FootComment = yaml.FlowStyle, "", "", ""
	text, err := yaml.Marshal(&flow)
	if err != nil {
		return "" // a node that was just parsed can be written
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
