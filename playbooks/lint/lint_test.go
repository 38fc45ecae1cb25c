package lint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
)

// examine lints a playbook below testdata, with the inventory there.
func examine(t *testing.T, dir, name string, o Options) []Finding {
	t.Helper()
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	x, err := playbooks.Examine(name, playbooks.Options{Dir: dir, RolesPath: []string{}, CollectionsPath: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	if at := filepath.Join(dir, "inventory.yml"); o.Inventory == nil {
		if _, err := os.Stat(at); err == nil {
			if o.Inventory, err = inventory.Load([]string{at}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return Lint(x, o)
}

var marker = regexp.MustCompile(`#! ([\w. -]+)$`)

// wanted are the findings that the files of a directory are marked with, as FILE:LINE RULE.
func wanted(t *testing.T, root string) map[string]bool {
	t.Helper()
	marks := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		for i, text := range strings.Split(string(data), "\n") {
			if m := marker.FindStringSubmatch(text); m != nil {
				for _, rule := range strings.Fields(m[1]) {
					marks[fmt.Sprintf("%s:%d %s", filepath.ToSlash(name), i+1, rule)] = true
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return marks
}

// TestFindings: what is marked is found, and nothing else; every rule is met.
func TestFindings(t *testing.T) {
	marks := wanted(t, "testdata/site")
	marks["roles/web/templates/web.conf.j2:5 "+undefined] = true // where a comment of YAML would be text
	met := map[string]bool{}
	var found []Finding
	for _, name := range []string{"variables.yml", "idempotence.yml", "forms.yml", "secrets.yml", "structure.yml"} {
		found = append(found, examine(t, "testdata/site", name, Options{})...)
	}
	got := map[string]bool{}
	for _, f := range found {
		met[f.Rule] = true
		at := fmt.Sprintf("%s:%d %s", f.Pos.File, f.Pos.Line, f.Rule)
		got[at] = true
		if !marks[at] {
			t.Errorf("not to be found: %s", f.Shown)
		}
		if f.Pos.Column == 0 || f.Message == "" {
			t.Errorf("%s: no column or no message: %+v", at, f)
		}
		if strings.Contains(f.Shown+f.Message+f.Hint, "hunter2") {
			t.Errorf("a secret is quoted: %s", f.Shown)
		}
	}
	for mark := range marks {
		if !got[mark] {
			t.Errorf("not found: %s", mark)
		}
	}
	for _, r := range Rules {
		if !met[r.ID] {
			t.Errorf("no test meets the rule %s", r.ID)
		}
	}
}

// TestSeverity: what the inventory may define is an error only where there is one.
func TestSeverity(t *testing.T) {
	severities := func(o Options) map[Severity]int {
		n := map[Severity]int{}
		for _, f := range examine(t, "testdata/site", "variables.yml", o) {
			if f.Rule == undefined {
				n[f.Severity]++
			}
		}
		return n
	}
	if n := severities(Options{}); n[Error] == 0 {
		t.Errorf("with an inventory: %v", n)
	}
	x, err := playbooks.Examine("variables.yml", playbooks.Options{Dir: absolute(t, "testdata/site")})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Lint(x, Options{Only: []string{undefined}}) {
		if f.Severity != Warning || f.Rule != undefined {
			t.Errorf("without an inventory: %s", f.Shown)
		}
	}
	for _, f := range examine(t, "testdata/site", "forms.yml", Options{Only: []string{octalMode}}) {
		if want := map[bool]Severity{true: Error, false: Warning}[strings.Contains(f.Message, "decimal")]; f.Severity != want {
			t.Errorf("%s is %s", f.Shown, f.Severity)
		}
	}
}

func absolute(t *testing.T, dir string) string {
	t.Helper()
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestOnlyAndSkip choose rules.
func TestOnlyAndSkip(t *testing.T) {
	only := examine(t, "testdata/site", "forms.yml", Options{Only: []string{truthy}})
	if len(only) != 1 || only[0].Rule != truthy {
		t.Errorf("only truthy: %v", only)
	}
	for _, f := range examine(t, "testdata/site", "forms.yml", Options{Skip: []string{truthy}}) {
		if f.Rule == truthy {
			t.Errorf("truthy was to be left out: %s", f.Shown)
		}
	}
	if err := CheckNames([]string{"truty"}); err == nil || !strings.Contains(err.Error(), `did you mean "truthy"`) {
		t.Errorf("a misspelt rule: %v", err)
	}
}

// TestNoqa: what silences a rule on a line, and what does not.
func TestNoqa(t *testing.T) {
	for text, want := range map[string]bool{
		"x: yes # noqa: truthy": true, "x: yes # noqa truthy": true, "x: yes #noqa:truthy": true, "x: yes # NOQA": true,
		"x: yes # noqa: load, truthy": true, "x: yes # noqa: load truthy": true, "x: yes # noqa: load": false, "x: yes": false,
		"x: noqa truthy": false,
	} {
		if got := silenced(text, truthy); got != want {
			t.Errorf("%q silences truthy: %t", text, got)
		}
	}
}

// TestBuiltinsAreClean: the playbooks in the binary have none of it.
func TestBuiltinsAreClean(t *testing.T) {
	all, err := playbooks.List()
	if err != nil {
		t.Fatal(err)
	}
	for i, info := range all {
		if testing.Short() && i%5 != 0 { // the detector of races makes a second of each
			continue
		}
		t.Run(info.Name, func(t *testing.T) {
			x, err := playbooks.Examine(info.Name, playbooks.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range Lint(x, Options{}) {
				t.Error(f.Shown)
			}
		})
	}
}

// TestOrder: findings come by file, line and column.
func TestOrder(t *testing.T) {
	found := examine(t, "testdata/site", "secrets.yml", Options{})
	sorted := slices.IsSortedFunc(found, func(a, b Finding) int { return a.Pos.Line - b.Pos.Line })
	if !sorted || len(found) < 5 {
		t.Errorf("not in order: %v", found)
	}
}

// TestRole: the directory of a role is looked at by itself.
func TestRole(t *testing.T) {
	rules := map[string]bool{}
	for _, f := range examine(t, "testdata/site", "roles/web", Options{}) {
		rules[f.Rule] = true
	}
	for _, want := range []string{undefined, unusedVariable, unusedHandler, secretInClear} {
		if !rules[want] {
			t.Errorf("%s is not found in the role: %v", want, rules)
		}
	}
}

// TestJSON: a list, empty rather than null.
func TestJSON(t *testing.T) {
	if data, err := JSON(nil); err != nil || string(data) != "[]" {
		t.Errorf("nothing is %s, %v", data, err)
	}
	data, err := JSON(examine(t, "testdata/site", "forms.yml", Options{}))
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(data, &list); err != nil || len(list) < 10 {
		t.Fatalf("%d findings, %v", len(list), err)
	}
	for _, f := range list {
		for _, key := range []string{"rule", "severity", "file", "line", "column", "message"} {
			if f[key] == nil || f[key] == "" || f[key] == 0.0 {
				t.Errorf("no %s in %v", key, f)
			}
		}
	}
}

// TestSARIF: what SARIF 2.1.0 asks of the parts that are written (§3.13, 3.14, 3.18, 3.19, 3.27, 3.28, 3.30, 3.49).
func TestSARIF(t *testing.T) {
	found := append(examine(t, "testdata/site", "forms.yml", Options{}),
		Finding{Rule: loads, Severity: Error, Message: "no place", Pos: playbooks.Position{File: "/a b"}})
	data, err := SARIF(found, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			ColumnKind string
			Tool       struct {
				Driver struct {
					Name, Version string
					Rules         []struct {
						ID                     string
						ShortDescription, Help struct{ Text string }
						DefaultConfiguration   struct{ Level string }
					}
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           *struct{ StartLine, StartColumn int }
					}
				}
			}
		}
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.HasPrefix(log.Schema, "https://") || len(log.Runs) != 1 {
		t.Fatalf("version %q, schema %q, %d runs", log.Version, log.Schema, len(log.Runs))
	}
	run := log.Runs[0]
	rules := run.Tool.Driver.Rules
	if run.Tool.Driver.Name != "polarbook" || len(rules) != len(Rules) || len(run.Results) != len(found) ||
		run.ColumnKind != "unicodeCodePoints" {
		t.Fatalf("driver %q, %d rules, %d results", run.Tool.Driver.Name, len(rules), len(run.Results))
	}
	for _, r := range run.Results {
		switch {
		case r.RuleIndex < 0 || r.RuleIndex >= len(rules) || rules[r.RuleIndex].ID != r.RuleID:
			t.Errorf("rule %q is not at %d", r.RuleID, r.RuleIndex)
		case r.Level != "error" && r.Level != "warning":
			t.Errorf("level %q", r.Level)
		case r.Message.Text == "" || len(r.Locations) != 1:
			t.Errorf("result %+v", r)
		}
		place := r.Locations[0].PhysicalLocation
		if place.Region != nil && (place.Region.StartLine < 1 || place.Region.StartColumn < 1) {
			t.Errorf("region %+v", *place.Region)
		}
	}
	if last := run.Results[len(run.Results)-1].Locations[0].PhysicalLocation; last.Region != nil ||
		last.ArtifactLocation.URI != "file:///a%20b" {
		t.Errorf("without a line: %+v", last)
	}
}

// FuzzLint: whatever a file holds, it is looked at without a panic.
func FuzzLint(f *testing.F) {
	files, err := filepath.Glob("testdata/site/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("- hosts: all\n  vars: &a\n    <<: *a\n"))
	f.Add([]byte("- &a {hosts: x, tasks: [&t {ping: }, *t]}\n- *a\n"))
	f.Add([]byte("- hosts: all\n  tasks:\n  - include_tasks: \"{{ x }}.yml\"\n  - import_tasks: fuzz.yml\n    when: x\n"))
	f.Add([]byte("- hosts: all\n  roles: [{role: \"{{ x }}\", when: [y is defined, '{{']}]\n  handlers: [{name: [x], ping: }]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := playbooks.Options{Dir: t.TempDir(), RolesPath: []string{}, CollectionsPath: []string{}}
		if err := os.WriteFile(filepath.Join(o.Dir, "fuzz.yml"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := playbooks.Examine("./fuzz.yml", o)
		if err != nil {
			return
		}
		for _, f := range Lint(x, Options{}) {
			if f.Shown == "" {
				t.Error("it is not said what was found")
			}
		}
	})
}

// TestReadme: its table of rules is the one in the program, the Chinese one's has the same rules, and its playbooks are clean.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), Markdown()) {
		t.Errorf("README.md has another table of rules than this:\n%s", Markdown())
	}
	chinese, err := os.ReadFile("../../README.zh-CN.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `[^`]+` \\| (?:error|warning) \\|")
	if diff := cmp.Diff(row.FindAllString(Markdown(), -1), row.FindAllString(string(chinese), -1)); diff != "" {
		t.Errorf("README.zh-CN.md has other rules or levels in its table, which is translated by hand: -want +got\n%s", diff)
	}
	n := 0
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(data), -1) {
		if !strings.Contains(block[1], "hosts: ") || strings.Contains(block[1], "ansible_host:") {
			continue
		}
		n++
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "site.yml"), []byte(block[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, f := range examine(t, dir, "site.yml", Options{}) {
			t.Error(f.Shown)
		}
	}
	if n == 0 {
		t.Error("README.md shows no playbook")
	}
}
