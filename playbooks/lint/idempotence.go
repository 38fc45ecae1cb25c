package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates/pattern"
)

// commands finds those that report a change in every run.
func commands(l *linter, t *task) {
	if !t.is("command", "shell", "raw", "script", "expect") || t.handler || len(t.ChangedWhen) > 0 || len(t.Until) > 0 && t.Register == "" {
		return
	}
	for _, name := range []string{"creates", "removes"} {
		if _, ok := t.arg(name); ok {
			return
		}
	}
	for _, c := range t.When {
		if text, _ := c.Raw.(string); dependsOnFinding.MatchString(text) {
			return // it is done when something was found or changed, and not in every run
		}
	}
	if t.ArgsFrom.Given() {
		return
	}
	l.report(commandChanges, t.at(), t.node, "add creates, removes or changed_when", fmt.Sprintf("%s reports a change in every run", t.module))
}

// dependsOnFinding are conditions that look at what a task before has found or changed.
var dependsOnFinding = regexp.MustCompile(`is (not )?(changed|failed|succeeded|success|search|match)|\.changed|\.stat\.|\.rc\b|\.std(out|err)|\.failed|not in |\.matched`)

// latest finds packages that are brought to whatever is newest.
func latest(l *linter, t *task) {
	modules := []string{"apt", "dnf", "dnf5", "yum", "package", "pip", "zypper", "pacman", "apk", "homebrew", "npm", "gem"}
	v, ok := t.arg("state")
	if !ok || !t.is(modules...) {
		return
	}
	if v.Raw == "latest" {
		l.report(packageLatest, v.Pos, t.node, "state: present, or a version", "state: latest installs whatever is newest on the day")
	}
}

// lineinfile finds a line that its own regexp does not match.
func lineinfile(l *linter, t *task) {
	if !t.is("lineinfile") || t.text("state") == "absent" {
		return
	}
	expression, text := t.text("regexp"), t.text("line")
	_, back := t.arg("backrefs")
	if expression == "" || text == "" || back || playbooks.IsTemplate(expression) {
		return
	}
	v, _ := t.arg("regexp")
	re, err := pattern.Compile(expression, pattern.Flags{})
	if err != nil {
		return // the loader and the run say so
	}
	if !playbooks.IsTemplate(text) {
		if found, err := re.Find(text); err == nil && found == nil {
			l.report(lineRegexp, v.Pos, t.node, "make the regexp match the line that it leaves",
				"the regexp does not match the line: every run adds it once more, or changes another")
		}
		return
	}
	// With templates in it, what stands before the first of them decides, where the expression begins with ^ and a plain text.
	begin, _, _ := strings.Cut(text, "{{")
	literal := plainBeginning.FindStringSubmatch(expression)
	if literal == nil || strings.Contains(begin, "{%") {
		return
	}
	n := min(len(literal[1]), len(begin))
	if literal[1][:n] != begin[:n] {
		l.report(lineRegexp, v.Pos, t.node, "make the regexp match the line that it leaves",
			"the regexp does not match the line: every run adds it once more, or changes another")
	}
}

// plainBeginning is an expression's beginning that stands for itself.
var plainBeginning = regexp.MustCompile(`^\^([A-Za-z0-9_/ ,:;=-]+)(?:[^A-Za-z0-9_/ ,:;=*?+{|-]|$)`)

// downloads finds those that nothing vouches for.
func downloads(l *linter, t *task) {
	switch {
	case t.is("get_url"):
		if _, ok := t.arg("checksum"); !ok && !t.ArgsFrom.Given() {
			l.report(downloadChecksum, t.at(), t.node, "checksum: sha256:…", "get_url has no checksum: nothing tells what was downloaded")
		}
	case t.is("unarchive"):
		if src := t.text("src"); strings.HasPrefix(src, "http://") || strings.HasPrefix(src, "https://") || strings.HasPrefix(src, "ftp://") {
			v, _ := t.arg("src")
			l.report(downloadChecksum, v.Pos, t.node, "get_url with a checksum, and unarchive what that left",
				"unarchive downloads without a checksum")
		}
	case t.is("git"):
		version := t.text("version")
		if v, given := t.arg("version"); (!given || version == "HEAD") && t.text("update") != "no" {
			at := t.at()
			if given {
				at = v.Pos
			}
			l.report(alwaysChanged, at, t.node, "version: a tag or a commit", "git takes whatever the branch holds on the day")
		}
	}
}

var times = []string{"modification_time", "access_time"}

// changes finds the other ways of changing something in every run.
func changes(l *linter, t *task) {
	state, given := t.arg("state")
	switch {
	case t.handler:
	case given && t.is("service", "systemd", "sysvinit", "systemd_service") && (state.Raw == "restarted" || state.Raw == "reloaded"):
		if len(t.When) == 0 {
			l.report(alwaysChanged, state.Pos, t.node, "make it a handler, and notify it", fmt.Sprintf("state: %s does so in every run", state.Raw))
		}
	case given && t.is("file") && state.Raw == "touch":
		kept := func(name string) bool { return t.text(name) == "preserve" }
		if !slices.ContainsFunc(times, kept) {
			l.report(alwaysChanged, state.Pos, t.node, "modification_time: preserve and access_time: preserve",
				"state: touch sets the times in every run")
		}
	case t.is("cron") && given && state.Raw == "present" && t.text("name") == "":
		l.report(alwaysChanged, t.at(), t.node, "give the job a name", "a job without a name cannot be found again")
	}
	for _, v := range t.Args {
		text, ok := v.Raw.(string)
		if !ok || !playbooks.IsTemplate(text) || !strings.Contains(text, "password_hash") {
			continue
		}
		if t.is("user") && t.text("update_password") != "on_create" && !strings.Contains(text, "salt") && !saltGiven.MatchString(text) {
			l.report(alwaysChanged, v.Pos, t.node, "give password_hash a salt, or update_password: on_create",
				"password_hash without a salt gives another text in every run")
		}
	}
}

var saltGiven = regexp.MustCompile(`password_hash\(\s*[^,()]+,\s*[^)]`)
