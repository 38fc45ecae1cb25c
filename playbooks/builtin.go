package playbooks

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// Info is what a built-in playbook says of itself in the comment at its head:
//
//	# One line that says what it does.
//	#
//	# More of it.
//	#
//	# Variables:
//	#   polardb_port (5432): the client port
//	#   polardb_package: the tarball, on this machine;
//	#     a line that is indented further goes on
type Info struct {
	Name      string // of the file: "new-cluster.yml"
	Summary   string // the first line, without a full stop
	Doc       string // the whole comment
	Variables []Variable
}

// Variable is one that a playbook reads.
type Variable struct{ Name, Default, Doc string }

// List describes the built-in playbooks in the order of their names.
func List() ([]Info, error) { return list(Builtin()) }

func list(fsys fs.FS) ([]Info, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("list the built-in playbooks: %w", err)
	}
	var all []Info
	for _, e := range entries {
		if e.IsDir() || !isPlaybookName(e.Name()) {
			continue
		}
		text, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the built-in playbook %s: %w", e.Name(), err)
		}
		all = append(all, describeHead(e.Name(), head(string(text))))
	}
	return all, nil
}

var (
	variablesBegin = regexp.MustCompile(`(?i)^variables\b.*:$`)
	variableLine   = regexp.MustCompile(`^(\s+)([A-Za-z_]\w*)(?:\s+\((.*?)\))?:(?:\s+(.*))?$`)
)

func describeHead(name, doc string) Info {
	info := Info{Name: name, Doc: doc}
	first, rest, _ := strings.Cut(doc, "\n")
	info.Summary = strings.TrimSuffix(strings.TrimSpace(first), ".")
	inside, indent := false, 0
	for line := range strings.SplitSeq(rest, "\n") {
		switch m := variableLine.FindStringSubmatch(line); {
		case variablesBegin.MatchString(line):
			inside = true
		case !inside || strings.TrimSpace(line) == "":
		case line[0] != ' ' && line[0] != '\t':
			inside = false
		case m != nil && (indent == 0 || len(m[1]) <= indent):
			indent = len(m[1])
			info.Variables = append(info.Variables, Variable{m[2], m[3], m[4]})
		case len(info.Variables) > 0:
			v := &info.Variables[len(info.Variables)-1]
			v.Doc = strings.TrimSpace(v.Doc + " " + strings.TrimSpace(line))
		}
	}
	return info
}
