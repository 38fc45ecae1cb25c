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
	"diff":          "each has its own form of it",
	"src":           "Ansible's is its temporary copy of the file",
	"status":        "a unit's properties: Ansible has all, as they were before the task",
}

// returned are the values that polarbook must return where Ansible does. Others of Ansible's, such as md5sum, may be
// missing: a playbook that reads one is told that it is undefined.
var returned = map[string]bool{
	"changed": true, "failed": true, "skipped": true, "rc": true, "stdout": true, "stdout_lines": true, "stderr": true,
	"stderr_lines": true, "msg": true, "results": true, "item": true, "stat": true, "exists": true, "files": true,
	"matched": true, "content": true, "encoding": true, "dest": true, "backup": true, "cmd": true,
	"attempts": true, "failed_when_result": true, "add_group": true, "home": true, "ping": true, "skip_reason": true,
}

// speaks are the modules whose message is the playbook's and not the module's own words, which are not compared.
var speaks = map[string]bool{"debug": true, "fail": true, "assert": true}

// known are the differences that there are, each with its reason: a pattern of "case/run host [task] .key: difference",
// or "case host:path difference". One that is listed and not met fails the test, and so does one that is met and not listed.
var known = []knownDifference{
	{stays, `^playbooks/commands/1 node1 \[no such program\] \.(cmd|rc|stderr|stderr_lines): `, "the shell says it, with its status 127; Ansible has Python's errno and no words on stderr"},
	{stays, `^playbooks/commands/1 node1 \[values\] \.msg: .*\|2\|\[Errno 2\] .*\|127\|the command ended with status 127`, "the same, printed"},
	{stays, `^playbooks/commands/1 node1 \[raw\] \.(stdout|stderr)`, "no terminal is asked for, so stderr stays apart from stdout, and nothing of ssh's own is in it"},

	{stays, `\.(stat|files\[\d+\])\.(atime|ctime|mtime|dev|inode): `, "of the moment and the disk; times are whole seconds"},
	{stays, `^playbooks/files/\d node1 \[find.*\] \.(examined|files\[\d+\]\.)`, "sorted by path, where Ansible's order is the directory's; what is skipped is not counted"},
	{stays, `^playbooks/files/\d node1 \[(file as it is|touch|touch preserving)\] \.(dest|state): `, "a file with two names is a file; Ansible calls it hard"},
	{stays, `^playbooks/files/\d node1 \[.*tree.*\] \.dest: Ansible "\S+/", polarbook`, "dest names the directory itself"},
	{stays, `^playbooks/files/\d node1 \[does not validate\] \.std`, "the name of the temporary file, and what the words are about"},
	{stays, `^playbooks/files/\d node1 \[tempfile.*\] \.path: `, "made up"},
	{stays, `^playbooks/files/2 node1 (\[link to nothing\]|recap: )`, "a link that is there as wanted is left, where Ansible fails for want of force"},

	{stays, `^playbooks/edits/\d node1 \[(not there|replace.*)\] \.rc: only Ansible returns it`, "nothing was run that has a status"},
	{later, `^playbooks/edits/2 (exit code|node1 (recap|\[backup has a name\]))`, "without a change there is no msg"},

	{stays, `^playbooks/language/1 node\d \[var undefined\] \.nothing_such: `, "says what is undefined"},
	{stays, `^playbooks/language/1 node\d (recap: |\[verbosity\])`, "verbosity of debug is polarbook's -v: the task is run, and shown from so many on"},
	{stays, `^playbooks/language/1 node1 \[with_fileglob\] `, "sorted"},

	{stays, `^playbooks/failing/1 node1 \[leave\]: only Ansible has it: skipped`, "meta that does nothing is not shown"},
	{stays, `^playbooks/failing/1 node\d \[grouped\] \.parent_groups: `, "all is every group's parent"},

	{later, `^expressions/operators/('' or none|none|None)/1 .* \.msg: Ansible null`, "a null as debug's msg"},
	{stays, `^expressions/operators/.*'x' if false.*/1 .*(Ansible failed, polarbook ok|\.failed)`, "2.14's is taken: the value is undefined, an empty text"},
	{later, `^expressions/operators/1234567890\d+/1 refused`, "whole numbers of any length"},

	{stays, `^language/results/when (that is no boolean|by a variable that holds a text)/1 .*(Ansible failed, polarbook|\.failed)`, "2.14's conditions are taken, with a warning"},
	{stays, `^language/results/check mode/1 node1 \[debug\] \.msg: .*known only after`, "a module's own words"},
	{stays, `^language/results/a failed command's values/1 .* \.msg: .*non-zero return code`, "a module's own words"},
	{later, `^language/results/register (of a skipped task|overwrites what was there)/1 .*\.false_condition: Ansible false`, "a condition that is a boolean"},
	{later, `^language/results/until and failed_when/1 `, "failed_when is asked before until"},
	{later, `^language/results node1:/srv/case/tries content`, "failed_when is asked before until"},
	{later, `^language/results/check_mode of a command with creates/1 `, "what a command that creates nothing new returns in check mode"},
	{later, `^language/results/ignore_unreachable/1 `, "a port that a task gives and nobody answers at"},
}

// kind says what becomes of a difference.
type kind int

const (
	stays  kind = iota // it is meant
	later              // it is to be mended
	absent             // polarbook has nothing of the kind, and says so
)

type knownDifference struct {
	kind            kind
	pattern, reason string
}

// table counts what was met of the known differences.
type metTable struct {
	patterns []*regexp.Regexp
	met      []bool
}

func newMet() *metTable {
	k := &metTable{met: make([]bool, len(known))}
	for _, d := range known {
		k.patterns = append(k.patterns, regexp.MustCompile(d.pattern))
	}
	return k
}

// find is the entry for a difference, or nil.
func (k *metTable) find(line string) *knownDifference {
	for i, p := range k.patterns {
		if p.MatchString(line) {
			k.met[i] = true
			return &known[i]
		}
	}
	return nil
}

// unmet are the entries that matched nothing.
func (k *metTable) unmet() []string {
	var all []string
	for i, met := range k.met {
		if !met {
			all = append(all, known[i].pattern+": "+known[i].reason)
		}
	}
	return all
}
