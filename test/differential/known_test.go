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

// deliberate are the differences that are meant. Each is a pattern over "book/run host [task] .key: difference" or
// "book host:path difference", and the reason. One that matches nothing any more fails the test.
var deliberate = []difference{
	{`^commands/1 node1 \[no such program\] \.(cmd|rc|stderr|stderr_lines): `,
		"the shell says it, with its status 127; Ansible has Python's errno and no words on stderr"},
	{`^commands/1 node1 \[values\] \.msg: .*\|2\|\[Errno 2\] .*\|127\|the command ended with status 127`, "the same, printed"},
	{`^commands/1 node1 \[raw\] \.(stdout|stderr)`,
		"no terminal is asked for, so stderr stays apart from stdout, and nothing of ssh's own is in it"},

	{`\.(stat|files\[\d+\])\.(atime|ctime|mtime|dev|inode): `, "of the moment and the disk; times are whole seconds"},
	{`^files/\d node1 \[find.*\] \.(examined|files\[\d+\]\.)`,
		"sorted by path, where Ansible's order is the directory's; what is skipped is not counted"},
	{`^files/\d node1 \[(file as it is|touch|touch preserving)\] \.(dest|state): `, "a file with two names is a file; Ansible calls it hard"},
	{`^files/\d node1 \[.*tree.*\] \.dest: Ansible "\S+/", polarbook`, "dest names the directory itself"},
	{`^files/\d node1 \[does not validate\] \.std`, "the name of the temporary file, and what the words are about"},
	{`^files/\d node1 \[tempfile.*\] \.path: `, "made up"},
	{`^files/2 node1 (\[link to nothing\]|recap: )`, "a link that is there as wanted is left, where Ansible fails for want of force"},

	{`^edits/\d node1 \[(not there|replace.*)\] \.rc: only Ansible returns it`, "nothing was run that has a status"},
	{`^edits/2 (exit code|node1 (recap|\[backup has a name\]))`, "without a change there is no msg: to be mended in polarbook"},

	{`^language/1 node\d \[types\] \.msg\[6\]: `, "a text that looks like a list stays a text, as with jinja2_native"},
	{`^language/1 node\d \[var undefined\] \.nothing_such: `, "says what is undefined"},
	{`^language/1 node\d (recap: |\[verbosity\])`, "verbosity of debug is polarbook's -v: the task is run, and shown from so many on"},
	{`^language/1 node\d \[filters\] \.msg\[5\]: .*AnsibleUnsafeText`, "a name of Ansible's own"},
	{`^language/1 node\d \[(undefined.*|template error in when|assert fails in its own words|loop of undefined|loop over a dict)\] \.msg: `, "wording"},
	{`^language/1 node1 \[with_fileglob\] `, "sorted"},

	{`^failing/1 node1 \[leave\]: only Ansible has it: skipped`, "meta that does nothing is not shown"},
	{`^failing/1 node\d \[grouped\] \.parent_groups: `, "all is every group's parent"},
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
