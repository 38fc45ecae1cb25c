package differential

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// batch is what one run of a program does: one case, or many that share a playbook.
type batch struct {
	section string // its line in the table: the folder and the file of it
	name    string
	dir     string            // is copied, when there is one
	files   map[string]string // are written, by their path beside site.yml
	runs    [][]string
	cases   []*testCase

	flavour  string   // of the hosts, as the lab has them
	packages []string // Debian's, that the hosts have for it
}

// testCase is one thing that is compared.
type testCase struct {
	id       string
	play     string            // the name of its play, when others are in the same playbook
	task     string            // the name of its task, likewise
	from, to int               // its lines in that playbook
	dir      string            // on the hosts, when it has one of its own
	files    map[string]string // that it alone has, by path
}

// shared reports whether several cases are in the batch's playbook.
func (b *batch) shared() bool { return b.cases[0].to > 0 }

// of is the case that a step belongs to, or nil.
func (b *batch) of(play, task string) *testCase {
	for _, c := range b.cases {
		if (c.play == "" || c.play == play) && (c.task == "" || c.task == task) {
			return c
		}
	}
	return nil
}

// at is the case that a line of a file belongs to, or nil.
func (b *batch) at(file string, line int) *testCase {
	for _, c := range b.cases {
		if _, own := c.files[file]; file == "site.yml" && c.from <= line && line <= c.to || file != "site.yml" && own {
			return c
		}
	}
	return nil
}

// load reads all cases in the order of the table.
func load(t *testing.T) []*batch {
	t.Helper()
	var all []*batch
	books, err := filepath.Glob("testdata/playbooks/*/site.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range books {
		all = append(all, loadBook(t, filepath.Dir(path)))
	}
	for _, folder := range []string{"language", "expressions", "modules"} {
		files, err := os.ReadDir(filepath.Join("testdata", folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			name, kind := strings.TrimSuffix(f.Name(), filepath.Ext(f.Name())), filepath.Ext(f.Name())
			text := readFile(t, filepath.Join("testdata", folder, f.Name()))
			switch kind {
			case ".cases":
				all = append(all, parseCases(t, folder+"/"+name, text)...)
			case ".table":
				all = append(all, parseTable(folder+"/"+name, text))
			case ".txt":
				all = append(all, parseExpressions(folder+"/"+name, text, readFile(t, "testdata/expressions/vars.yml")))
			}
		}
	}
	seen := map[string]bool{}
	for _, b := range all {
		if b.flavour == "" {
			b.flavour = "debian"
		}
		for _, c := range b.cases {
			if seen[c.id] {
				t.Errorf("two cases are called %s", c.id)
			}
			seen[c.id] = true
		}
	}
	return all
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func loadBook(t *testing.T, dir string) *batch {
	t.Helper()
	name := "playbooks/" + filepath.Base(dir)
	b := &batch{section: "playbooks", name: name, dir: dir, cases: []*testCase{{id: name}}}
	if _, err := os.Stat(filepath.Join(dir, "runs")); err == nil {
		for line := range strings.Lines(readFile(t, filepath.Join(dir, "runs"))) {
			b.runs = append(b.runs, strings.Fields(line))
		}
	} else {
		b.runs = [][]string{{}}
	}
	return b
}

// part is what stands before the first case of a file, or one case.
type part struct {
	name     string
	runs     [][]string
	play     []string // keywords of the play
	together bool
	alone    bool
	tasks    string
	files    map[string]string
	packages []string // before the first case only: those of all
}

var fileLine = regexp.MustCompile(`^-- (\S+) --$`)

func parseCases(t *testing.T, section, text string) []*batch {
	t.Helper()
	chunks := strings.Split("\n"+text, "\n=== ")
	first := parsePart(chunks[0])
	var parts []part
	for _, chunk := range chunks[1:] {
		name, rest, _ := strings.Cut(chunk, "\n")
		p := parsePart(rest)
		p.name = name
		parts = append(parts, p)
	}
	joined := &batch{section: section, name: section, files: map[string]string{}, runs: first.runs}
	if len(joined.runs) == 0 {
		joined.runs = [][]string{{}}
	}
	maps.Copy(joined.files, first.files)
	var all []*batch
	for _, p := range parts {
		if !first.together || !joined.add(first, p) {
			all = append(all, aloneOf(t, section, first, p))
		}
	}
	if len(joined.cases) > 0 {
		all = append([]*batch{joined}, all...)
	}
	for _, b := range all {
		b.packages = first.packages
	}
	return all
}

// aloneOf is the batch of one case.
func aloneOf(t *testing.T, section string, first, p part) *batch {
	t.Helper()
	b := &batch{section: section, name: section + "/" + p.name, files: map[string]string{}, runs: p.runs}
	b.cases = []*testCase{{id: b.name}}
	maps.Copy(b.files, first.files)
	maps.Copy(b.files, p.files)
	if len(b.runs) == 0 {
		b.runs = first.runs
	}
	if len(b.runs) == 0 {
		b.runs = [][]string{{}}
	}
	if b.files["site.yml"] == "" {
		b.files["site.yml"] = playOf("", slices.Concat(first.play, p.play), p.tasks)
	} else if strings.TrimSpace(p.tasks) != "" {
		t.Fatalf("%s has both tasks and a site.yml", b.name)
	}
	return b
}

// forAll are files that every play of a playbook would feel.
var forAll = regexp.MustCompile(`^(ansible\.cfg$|more/|group_vars/|host_vars/)`)

// add puts a case into a playbook that it shares with others, unless it has to be alone.
func (b *batch) add(first, p part) bool {
	if p.alone || len(p.runs) > 0 {
		return false
	}
	for path, content := range p.files {
		if other, there := b.files[path]; path != "site.yml" && (forAll.MatchString(path) || there && other != content) {
			return false
		}
	}
	plays := p.files["site.yml"]
	if plays == "" {
		plays = playOf(p.name, slices.Concat([]string{"ignore_errors: true"}, first.play, p.play), p.tasks)
	} else {
		plays = playStart.ReplaceAllString(plays, "- name: "+asYAML(p.name)+"\n  $1:")
	}
	for path, content := range p.files {
		if path != "site.yml" {
			b.files[path] = content
		}
	}
	from := strings.Count(b.files["site.yml"], "\n") + 1
	b.files["site.yml"] += plays
	to := strings.Count(b.files["site.yml"], "\n")
	b.cases = append(b.cases, &testCase{id: b.section + "/" + p.name, play: p.name, from: from, to: to, files: p.files})
	return true
}

// playStart is where a play without a name begins.
var playStart = regexp.MustCompile(`(?m)^- (hosts):`)

func parsePart(text string) part {
	p := part{files: map[string]string{}}
	var tasks strings.Builder
	file, head := "", true
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if m := fileLine.FindStringSubmatch(trimmed); m != nil {
			file, head = m[1], false
			p.files[file] = ""
			continue
		}
		if file != "" {
			p.files[file] += line
			continue
		}
		if head {
			if arguments, ok := strings.CutPrefix(trimmed, "run:"); ok {
				p.runs = append(p.runs, strings.Fields(arguments))
				continue
			}
			if keyword, ok := strings.CutPrefix(trimmed, "play: "); ok {
				p.play = append(p.play, keyword)
				continue
			}
			if names, ok := strings.CutPrefix(trimmed, "packages: "); ok {
				p.packages = strings.Fields(names)
				continue
			}
			if trimmed == "together" || trimmed == "alone" {
				p.together, p.alone = trimmed == "together", trimmed == "alone"
				continue
			}
		}
		if trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			head = false
		}
		tasks.WriteString(line)
	}
	p.tasks = tasks.String()
	// The empty line before the next case belongs to no file.
	if file != "" && strings.HasSuffix(p.files[file], "\n\n") {
		p.files[file] = strings.TrimSuffix(p.files[file], "\n")
	}
	return p
}

// playOf writes a play of tasks for node1; keywords stand in the place of what it would have otherwise.
func playOf(name string, keywords []string, tasks string) string {
	var out strings.Builder
	var all []string
	if name != "" {
		all = append(all, "name: "+asYAML(name))
	}
	all = append(all, "hosts: node1", "gather_facts: false")
	for _, k := range keywords {
		key, _, _ := strings.Cut(k, ":")
		all = slices.DeleteFunc(all, func(other string) bool { return strings.HasPrefix(other, key+":") })
		all = append(all, k)
	}
	for i, line := range all {
		out.WriteString(map[bool]string{true: "- ", false: "  "}[i == 0] + line + "\n")
	}
	out.WriteString("  tasks:\n")
	for line := range strings.Lines(strings.Trim(tasks, "\n")) {
		if strings.TrimSpace(line) != "" {
			line = "    " + line
		}
		out.WriteString(line)
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// source is the file of the control node that a row's task has.
var source = regexp.MustCompile(`\bsrc: ([\w./-]+)`)

// ownDirectory is where a row's arguments have the case's directory.
var ownDirectory = regexp.MustCompile(`\bDIR\b`)

// setting is a line of a table that is about all rows.
var setting = regexp.MustCompile(`^(run|packages|flavour|after|gather|module):(.*)$`)

// parseTable makes one playbook of a table of a module's cases: what is to be there is made by one script before.
func parseTable(section, text string) *batch {
	b := &batch{section: section, name: section, files: map[string]string{}}
	module := filepath.Base(section)
	table, rest := text, ""
	if at := strings.Index(text, "\n-- "); at >= 0 {
		table, rest = text[:at+1], text[at+1:]
	}
	b.files = parsePart(rest).files
	settings := map[string][]string{}
	for row := range strings.Lines(table) {
		if m := setting.FindStringSubmatch(strings.TrimSpace(row)); m != nil {
			settings[m[1]] = append(settings[m[1]], strings.TrimSpace(m[2]))
		}
	}
	for _, arguments := range settings["run"] {
		b.runs = append(b.runs, strings.Fields(arguments))
	}
	if len(b.runs) == 0 {
		b.runs = [][]string{{}, {"--skip-tags", "prepare"}}
	}
	value := func(name string) string { return strings.Join(settings[name], " ") }
	b.packages, b.flavour, module = strings.Fields(value("packages")), value("flavour"), cmp.Or(value("module"), module)
	prepared, tasks := "set -eu\n", ""
	head, facts := "- hosts: node1\n  ignore_errors: true\n  vars: {n: 5, word: text, items: [a, b]}\n", "  gather_facts: false\n"
	if fact := value("gather"); fact != "" {
		facts = "  gather_subset: [\"!all\", \"!min\", " + fact + "]\n"
	}
	head += facts + "  tasks:\n"
	line := strings.Count(head, "\n") + 2 // behind the task that prepares
	for row := range strings.Lines(table) {
		row = strings.TrimSpace(row)
		name, does, ok := strings.Cut(row, " :: ")
		if !ok || strings.HasPrefix(row, "#") || setting.MatchString(row) {
			continue
		}
		does, prepare, _ := strings.Cut(does, " <- ")
		dir := "/srv/case/" + slug(name)
		does, keywords, _ := strings.Cut(ownDirectory.ReplaceAllLiteralString(does, dir), " ++ ")
		if keywords != "" {
			keywords = ", " + keywords
		}
		if !strings.HasPrefix(does, "{") {
			does = asYAML(does)
		}
		prepared += fmt.Sprintf("mkdir -p %s; cd %s; %s\n", dir, dir, prepare)
		tasks += fmt.Sprintf("    - {name: %s, %s: %s%s}\n", asYAML(name), module, does, keywords)
		c := &testCase{id: section + "/" + name, task: name, from: line, to: line, dir: dir, files: map[string]string{}}
		if m := source.FindStringSubmatch(does); m != nil {
			c.files["templates/"+m[1]], c.files["files/"+m[1]] = "", ""
		}
		b.cases = append(b.cases, c)
		line++
	}
	b.files["site.yml"] = fmt.Sprintf("%s    - {name: prepare, tags: prepare, shell: %s}\n", head, asYAML(prepared)) + tasks
	if script := value("after"); script != "" {
		b.files["site.yml"] += fmt.Sprintf("    - {name: after, changed_when: false, shell: %s}\n", asYAML(script))
	}
	return b
}

func parseExpressions(section, text, vars string) *batch {
	b := &batch{section: section, name: section, files: map[string]string{"vars.yml": vars}, runs: [][]string{{}}}
	site := "- hosts: node1\n  gather_facts: false\n  ignore_errors: true\n  vars_files: [vars.yml]\n  tasks:\n"
	line := strings.Count(site, "\n")
	for expression := range strings.Lines(text) {
		expression = strings.TrimSuffix(expression, "\n")
		if expression == "" || strings.HasPrefix(expression, "#") {
			continue
		}
		template := "{{ " + expression + " }}"
		if strings.Contains(expression, "{{") || strings.Contains(expression, "{%") {
			template = strings.ReplaceAll(expression, `\n`, "\n")
		}
		line++
		name := fmt.Sprintf("expression %d", len(b.cases)+1)
		site += fmt.Sprintf("    - {name: %s, debug: {msg: %s}}\n", name, asYAML(template))
		b.cases = append(b.cases, &testCase{id: section + "/" + expression, task: name, from: line, to: line})
	}
	b.files["site.yml"] = site
	return b
}

// asYAML quotes a text: JSON's quoting is YAML's too.
func asYAML(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// without takes refused cases out of a playbook and keeps the lines of the others where they are.
func (b *batch) without(refused map[*testCase]string) string {
	lines := strings.SplitAfter(b.files["site.yml"], "\n")
	for c := range refused {
		for i := c.from; i <= c.to; i++ {
			lines[i-1] = "\n"
		}
	}
	return strings.Join(lines, "")
}
