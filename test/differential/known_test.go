package differential

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// passing is what is different from one run to the next of the same program.
var passing = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~`), ".BACKUP~"},
	{regexp.MustCompile(`\.rules\.\d{8}_\d{6}\b`), ".rules.BACKUP"}, // ufw's
}

// uncompared are keys of results that are not compared, and why.
var uncompared = map[string]string{
	"invocation":    "what Ansible's module was called with, defaults and all: no user reads it but with -vvv",
	"action":        "the callback's own",
	"start":         "a time",
	"end":           "a time",
	"delta":         "a time",
	"ansible_facts": "facts are compared where a playbook prints them, and those of the modules in finds",
	"elapsed":       "a time",

	"cache_update_time": "a time",
	"execution_time_ms": "a time",

	"warnings":     "wording",
	"deprecations": "of Ansible's own",
	"diff":         "each has its own form of it",
	"src":          "Ansible's is its temporary copy of the file",
	"atime":        "of the moment",
	"ctime":        "of the moment",
	"mtime":        "of the moment",
	"dev":          "of the disk",
	"inode":        "of the disk",
}

// returned are the values that polarbook must return where Ansible does. Others of Ansible's, such as md5sum, may be
// missing: a playbook that reads one is told that it is undefined.
var returned = map[string]bool{
	"changed": true, "failed": true, "skipped": true, "rc": true, "stdout": true, "stdout_lines": true, "stderr": true,
	"stderr_lines": true, "msg": true, "results": true, "item": true, "stat": true, "exists": true, "files": true,
	"matched": true, "content": true, "encoding": true, "dest": true, "backup": true, "cmd": true,
	"attempts": true, "failed_when_result": true, "add_group": true, "home": true, "ping": true, "skip_reason": true,
	"status": true, "json": true, "redirected": true, "cookies": true, "cookies_string": true, "status_code": true, "checksum_src": true,
	"checksum_dest": true, "archived": true, "missing": true, "before": true, "after": true, "remote_url_changed": true,
	"ansible_stats": true, "ansible_included_var_files": true,
}

// returnsAll are the modules that must return all that Ansible's do where they do not fail: they are called for it.
var returnsAll = regexp.MustCompile(`^(community\.\w+\.)?(openssl|x509|openssh|postgresql)_`)

// speaks are the modules whose message is the playbook's and not the module's own words, which are not compared.
var speaks = map[string]bool{"debug": true, "fail": true, "assert": true}

// finds are the modules whose facts are what a user calls them for.
var finds = map[string]bool{
	"getent": true, "set_fact": true, "setup": true, "hostname": true, "package_facts": true, "service_facts": true, "include_vars": true,
}

// kind says what becomes of a difference.
type kind string

const (
	stays  kind = "stays"  // it is meant
	later  kind = "later"  // it is to be mended
	absent kind = "absent" // polarbook has nothing of the kind, and says so
	chance kind = "chance" // it is meant, and is met by chance
)

// knownDifference is an entry of testdata/known.txt.
type knownDifference struct {
	kind    kind
	pattern *regexp.Regexp
	reason  string
	met     bool
}

// readKnown reads testdata/known.txt, whose first lines have its form.
func readKnown(t *testing.T) []*knownDifference {
	t.Helper()
	var all []*knownDifference
	for line := range strings.Lines(readFile(t, "testdata/known.txt")) {
		line = strings.TrimSuffix(line, "\n")
		if reason, ok := strings.CutPrefix(line, "    "); ok && len(all) > 0 {
			all[len(all)-1].reason = reason
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, pattern, _ := strings.Cut(line, " ")
		if k := kind(word); !slices.Contains([]kind{stays, later, absent, chance}, k) {
			t.Fatalf("known.txt: %q is none of stays, later, absent and chance: %s", word, line)
		}
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			t.Fatalf("known.txt: %v", err)
		}
		all = append(all, &knownDifference{kind: kind(word), pattern: compiled})
	}
	for _, d := range all {
		if d.reason == "" {
			t.Fatalf("known.txt: no reason is given for %s", d.pattern)
		}
	}
	return all
}

// find is the entry for a difference, or nil.
func find(known []*knownDifference, line string) *knownDifference {
	for _, d := range known {
		if d.pattern.MatchString(line) {
			d.met = true
			return d
		}
	}
	return nil
}
