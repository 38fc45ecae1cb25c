package differential

import "regexp"

// passing is what is different from one run to the next of the same program.
var passing = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~`), ".BACKUP~"},
}

// uncompared are keys of results that are not compared, and why.
var uncompared = map[string]string{
	"invocation":    "what Ansible's module was called with, defaults and all: no user reads it but with -vvv",
	"action":        "the callback's own",
	"start":         "a time",
	"end":           "a time",
	"delta":         "a time",
	"ansible_facts": "facts are compared where a playbook prints them",
	"warnings":      "wording",
	"deprecations":  "of Ansible's own",
	"diff":          "has a test of its own",
}

// speaks are the modules whose message is the playbook's and not the module's own words, which are not compared.
var speaks = map[string]bool{"debug": true, "fail": true, "assert": true}

// deliberate are the differences that are meant. Each is a pattern over "book/run host [task] .key: difference" or
// "book host:path difference", and the reason. One that matches nothing any more fails the test.
var deliberate = []difference{
	{`^commands/\d node1 \[no such program\] \.(cmd|rc|stderr|stderr_lines): `, "the shell says it, with its status 127; Ansible has Python's errno and no words on stderr"},
	{`^commands/\d node1 \[values\] \.msg: .*\|2\|\[Errno 2\] .*\|127\|the command ended with status 127`, "the same, printed"},
	{`^commands/\d node1 \[raw\] \.(stdout|stderr)`, "no terminal is asked for, so stderr stays apart from stdout, and nothing of ssh's own is in it"},
}

type difference struct{ pattern, reason string }

// known counts what was met of the deliberate differences.
type known struct {
	patterns []*regexp.Regexp
	met      []bool
}

func newKnown() *known {
	k := &known{met: make([]bool, len(deliberate))}
	for _, d := range deliberate {
		k.patterns = append(k.patterns, regexp.MustCompile(d.pattern))
	}
	return k
}

func (k *known) has(line string) bool {
	for i, p := range k.patterns {
		if p.MatchString(line) {
			k.met[i] = true
			return true
		}
	}
	return false
}

func (k *known) unused() []string {
	var all []string
	for i, met := range k.met {
		if !met {
			all = append(all, deliberate[i].pattern+": "+deliberate[i].reason)
		}
	}
	return all
}
