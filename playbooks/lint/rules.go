// Package lint says what can be known of a playbook without a host: what would fail, what changes something in every run, what is
// written in a form that goes away, and what shows a secret. It looks at what the loader has read (package playbooks), and knows
// neither hosts nor how a playbook is run.
package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
)

// Severity is how much a finding matters.
type Severity string

// An Error is surely a mistake, or a secret that can be read; a Warning works, and is likely to disappoint.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Rule is one kind of finding.
type Rule struct {
	ID       string
	Severity Severity
	// Summary is what it finds, without a full stop; Why what comes of it and what to write instead.
	Summary, Why string
}

// The rules' names.
const (
	loads            = "load"
	loadWarning      = "load-warning"
	lacking          = "lacking"
	duplicateKey     = "duplicate-key"
	unknownHandler   = "unknown-handler"
	undefined        = "undefined-variable"
	beforeSet        = "variable-before-set"
	unknownFact      = "unknown-fact"
	unusedVariable   = "unused-role-variable"
	unusedHandler    = "unused-handler"
	unreachable      = "unreachable-task"
	noHosts          = "no-hosts"
	commandChanges   = "command-changes"
	packageLatest    = "package-latest"
	lineRegexp       = "lineinfile-regexp"
	downloadChecksum = "download-checksum"
	alwaysChanged    = "always-changed"
	withLoop         = "with-loop"
	bareVariable     = "bare-variable"
	oldInclude       = "old-include"
	truthy           = "truthy"
	jinjaInWhen      = "jinja-in-when"
	freeForm         = "free-form"
	shortName        = "short-name"
	localAction      = "local-action"
	onlyOld          = "only-2.14"
	secretInClear    = "secret-in-clear"
	privateKey       = "private-key"
	missingNoLog     = "no-log-missing"
	octalMode        = "octal-mode"
	missingMode      = "missing-mode"
	openMode         = "open-mode"
	unnamedTask      = "unnamed-task"
	ignoredError     = "ignored-error"
)

// Rules are all that there are, in the order of the documentation.
var Rules = []Rule{
	{loads, Error, "the playbook is refused when it is loaded", "polarbook run says the same and stops before it contacts a host"},
	{loadWarning, Warning, "the loader warns", "what is written is allowed, and unlikely to be meant"},
	{lacking, Warning, "a task that may not be reached wants a module, argument or filter that polarbook does not have",
		"a host that reaches it fails"},
	{duplicateKey, Error, "a mapping has a key twice", "Ansible takes the last and drops the first without a word"},
	{unknownHandler, Error, "a task notifies a handler that the play does not have", "the task fails when it changes something"},
	{undefined, Error, "nothing defines a variable that is read", "define it, or give it a default: {{ name | default('…') }}. " +
		"Without an inventory, which may define it, this is a warning"},
	{beforeSet, Warning, "a variable is read by a task before the first task that sets it", "move the task, or test with: is defined"},
	{unknownFact, Warning, "a fact has nearly, and not quite, the name of one that there is", "correct the name"},
	{unusedVariable, Warning, "nothing reads a variable of a role", "remove it, or use it: it was probably meant to do something"},
	{unusedHandler, Warning, "nothing notifies a handler", "remove it, or notify it"},
	{unreachable, Warning, "a task is never reached", "remove it, or the end_play, fail or false condition before it"},
	{noHosts, Warning, "a pattern in hosts matches nothing of the inventory", "the play does nothing"},
	{commandChanges, Warning, "a command, shell, script or raw reports a change in every run",
		"say with creates or removes when it is done already, or with changed_when whether it changed anything"},
	{packageLatest, Warning, "a package is brought to its latest version",
		"hosts change when a repository does, and differ from each other; name a version, or state: present"},
	{lineRegexp, Warning, "lineinfile's regexp does not match its line",
		"every run finds no such line and adds one; the regexp has to match the line that it leaves"},
	{downloadChecksum, Warning, "a download has no checksum", "nothing tells whether it is what was meant, and a file that changed is not " +
		"noticed; give checksum"},
	{alwaysChanged, Warning, "a task changes something in every run as it is written",
		"restart in a handler; preserve times with touch; give a salt"},
	{withLoop, Warning, "a loop is written with_…", "write loop, with a filter or a lookup where the form did more than loop"},
	{bareVariable, Warning, "a loop or a condition names a variable without braces where it is taken as a text",
		"ansible-core 2.19 loops over the text itself; write {{ name }}"},
	{oldInclude, Warning, "include, which ansible-core has no more", "write import_tasks or include_tasks"},
	{truthy, Warning, "yes, no, on or off for true or false", "YAML 1.2 and most tools read a text; write true or false"},
	{jinjaInWhen, Warning, "a condition has braces", "it is an expression already; 2.19 warns, and text of a host in it may be evaluated"},
	{freeForm, Warning, "arguments are written as name=value", "write them one a line, as name: value: they keep their types, and quotes " +
		"mean what they do in YAML"},
	{shortName, Warning, "a module that has moved to a collection is called by its short name", "write its full name"},
	{localAction, Warning, "local_action", "write the module, and delegate_to: localhost"},
	{onlyOld, Warning, "a form that ansible-core 2.14 takes and 2.19 refuses", "write what both take"},
	{secretInClear, Error, "a password, token or key stands in clear", "encrypt it with polarbook vault, or look it up: lookup('env', …)"},
	{privateKey, Error, "a private key stands in clear", "encrypt the file with polarbook vault"},
	{missingNoLog, Warning, "a task handles a password and has no no_log",
		"Ansible prints it with -v and on failure, and polarbook where it does not know it for one; set no_log: true"},
	{octalMode, Warning, "a file mode without quotes", "YAML reads a number: 0644 is meant as octal, 644 is not; write \"0644\". One that " +
		"is no octal number is an error"},
	{missingMode, Warning, "a file is made without saying its mode", "it gets what the umask of the day leaves; set mode"},
	{openMode, Warning, "a file mode lets everybody write", "any account of the host can change it; leave out the write permission of others"},
	{unnamedTask, Warning, "a task has no name", "output and --start-at-task show the module alone; give it a name"},
	{ignoredError, Warning, "ignore_errors without register", "whatever goes wrong is passed over; register the result and look at it, or " +
		"use failed_when"},
}

// RuleOf finds a rule by its name.
func RuleOf(id string) (Rule, bool) {
	at := slices.IndexFunc(Rules, func(r Rule) bool { return r.ID == id })
	if at < 0 {
		return Rule{}, false
	}
	return Rules[at], true
}

// CheckNames reports a name that is no rule's.
func CheckNames(names []string) error {
	var known []string
	for _, r := range Rules {
		known = append(known, r.ID)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no rule %q%s; there are %s", name, suggest.Suffix(name, known), strings.Join(known, ", "))
		}
	}
	return nil
}

// Markdown is the table of rules as the documentation has it.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| rule | | finds | why, and what to do |\n|---|---|---|---|\n")
	for _, r := range Rules {
		cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.ID, r.Severity, cell(r.Summary), cell(r.Why))
	}
	return b.String()
}
