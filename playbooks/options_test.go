package playbooks

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// write makes files below a fresh directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestLineEnds: files from Windows editors are read, and shown, like others.
func TestLineEnds(t *testing.T) {
	dir := write(t, map[string]string{"site.yml": "\ufeff- hosts: all\r\n  tasks:\r\n  - pong:\r\n", "fine.yml": "\ufeff" +
		strings.ReplaceAll(smallest, "\n", "\r\n")})
	want := "site.yml:3:5: there is no module or keyword \"pong\"\n   3 |   - pong:\n     |     ^^^^\nhint: did you mean \"ping\"?"
	if _, err := Load("site.yml", testOptions(dir)); err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if _, err := Load("fine.yml", testOptions(dir)); err != nil {
		t.Error(err)
	}
}

const smallest = "- hosts: all\n  tasks:\n  - ping:\n"

func TestNames(t *testing.T) {
	dir := write(t, map[string]string{"site.yml": smallest, "other.yaml": smallest, "sub/deep.yml": smallest, "folder/x": ""})
	o := testOptions(dir)
	for _, c := range []struct{ name, path, problem string }{
		{"site.yml", "site.yml", ""},
		{"site", "site.yml", ""},
		{"other", "other.yaml", ""},
		{"./sub/deep", "sub/deep.yml", ""},
		{filepath.Join(dir, "site.yml"), "site.yml", ""},
		{"new-cluster.yml", "builtin/new-cluster.yml", ""},
		{"new-cluster", "builtin/new-cluster.yml", ""},
		{"./new-cluster.ym", "", `there is no playbook "./new-cluster.ym"`},
		{"new-clutser", "", `did you mean "new-cluster"?`},
		{"stie.yml", "", `did you mean "site.yml"?`},
		{"sub/dep.yml", "", `did you mean "sub/deep.yml"?`},
		{"folder", "", "folder is a directory"},
		{"steps/os.yml", "", "there is no playbook"},
		{"", "", "is a directory"},
		{"../../../../../../../..", "", "is a directory"},
	} {
		p, err := Load(c.name, o)
		switch {
		case c.problem == "" && err != nil:
			t.Errorf("Load(%q): %v", c.name, err)
		case c.problem == "" && (p.Path != c.path || p.Builtin != strings.HasPrefix(c.path, "builtin/")):
			t.Errorf("Load(%q) loads %s, builtin %t", c.name, p.Path, p.Builtin)
		case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
			t.Errorf("Load(%q) says %v, not %q", c.name, err, c.problem)
		}
	}
	// A user's file comes before a built-in playbook of the same name.
	if err := os.WriteFile(filepath.Join(dir, "new-cluster.yml"), []byte(smallest), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := Load("new-cluster", o); err != nil || p.Builtin {
		t.Errorf("the built-in playbook is loaded in place of the user's: %v", err)
	}
}

// TestExported: a built-in playbook written out to be changed still finds its steps in the binary.
func TestExported(t *testing.T) {
	o := testOptions("")
	text, err := fs.ReadFile(o.Builtin, "new-cluster.yml")
	if err != nil {
		t.Fatal(err)
	}
	o.Dir = write(t, map[string]string{"mine.yml": string(text)})
	p, err := Load("mine.yml", o)
	if err != nil {
		t.Fatal(err)
	}
	task := p.Plays[0].Tasks[0].(*Include).Nodes[0].(*Task)
	if !task.Origin.Builtin || task.Origin.Dir != "steps" || task.Pos.File != "builtin/steps/os.yml" {
		t.Errorf("the step is from %+v, at %s", task.Origin, task.Pos)
	}
}

func TestFind(t *testing.T) {
	dir := write(t, map[string]string{
		"site.yml": smallest, "files/play": "", "beside": "", "package.tar.gz": "", "dir/files/x": "",
		"roles/r/files/own": "", "roles/r/templates/own.j2": "", "roles/r/tasks/main.yml": "", "roles/r/files/play": "",
		"tasks/files/near": "", "files/near": "", "files/files/twice": "", "files/twice": "",
		"roles/up/files/ups": "", "roles/up/files/near": "", "roles/top/files/ups": "", "roles/top/tops": "",
	})
	at := func(p string) string { return inHost(filepath.Join(dir, p)) }
	templates := fstest.MapFS{"binary.j2": {}}
	plain := Origin{Source: hostFiles, Dir: at("."), PlayDir: at("."), WorkDir: at("."), Templates: templates}
	inRole := plain
	inRole.RoleDir, inRole.Dir = at("roles/r"), at("roles/r/tasks")
	brought := inRole
	brought.RolesAround = []string{at("roles/up"), at("roles/top")}
	inTasks := plain
	inTasks.Dir = at("tasks")
	binary := Origin{Source: fstest.MapFS{"files/unit": {}, "steps/os.yml": {}}, Dir: "steps", PlayDir: ".", Builtin: true,
		WorkDir: at("."), Templates: templates}
	for _, c := range []struct {
		name       string
		o          Origin
		kind, file string
		want       string
	}{
		{"files/", plain, "files", "play", at("files/play")},
		{"beside the playbook", plain, "files", "beside", at("beside")},
		{"the folder is named", plain, "files", "files/play", at("files/play")},
		{"a directory", plain, "files", "dir/", at("dir")},
		{"the role's", inRole, "files", "own", at("roles/r/files/own")},
		{"the role's first", inRole, "files", "play", at("roles/r/files/play")},
		{"the play's from a role", inRole, "files", "beside", at("beside")},
		{"a role's template", inRole, "templates", "own.j2", at("roles/r/templates/own.j2")},
		{"not another role's", plain, "files", "own", ""},
		{"of the nearest role around", brought, "files", "ups", at("roles/up/files/ups")},
		{"of a role further out", brought, "files", "tops", at("roles/top/tops")},
		{"the role's before those around it", brought, "files", "play", at("roles/r/files/play")},
		{"a role around before the playbook's", brought, "files", "near", at("roles/up/files/near")},
		{"not of a role that is not around", inRole, "files", "ups", ""},
		{"the folder in the folder", plain, "files", "files/twice", at("files/files/twice")},
		{"near the file of tasks", inTasks, "files", "near", at("tasks/files/near")},
		{"absolute", plain, "files", filepath.Join(dir, "beside"), at("beside")},
		{"upwards", inTasks, "files", "../beside", at("beside")},
		{"a template of the binary", plain, "templates", "binary.j2", "binary.j2"},
		{"no file of the binary", plain, "files", "binary.j2", ""},
		{"the binary's own", binary, "files", "unit", "files/unit"},
		{"where the user is", binary, "files", "./package.tar.gz", at("package.tar.gz")},
		{"out of the binary", binary, "files", "../../beside", ""},
		{"through a file", plain, "files", "beside/x", ""},
		{"empty kind", plain, "", "beside", at("beside")},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys, p, err := c.o.Find(c.kind, c.file)
			if c.want == "" {
				var missing *NotFoundError
				if !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) || len(missing.Looked) == 0 {
					t.Fatalf("found %q, %v; it should not be there", p, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p != c.want {
				t.Errorf("found %q, not %q", p, c.want)
			}
			if _, err := fs.Stat(fsys, p); err != nil {
				t.Errorf("what was found is not there: %v", err)
			}
		})
	}
	home := write(t, map[string]string{"mine": ""})
	t.Setenv("HOME", home)
	if _, p, err := plain.Find("files", "~/mine"); err != nil || p != inHost(filepath.Join(home, "mine")) {
		t.Errorf("~/mine is %q, %v", p, err)
	}
}

// TestResolve: what could not be loaded ahead is loaded, and checked, when its name is known, also by many hosts at once.
func TestResolve(t *testing.T) {
	dir := write(t, map[string]string{
		"site.yml": "- hosts: all\n  module_defaults:\n    copy: {dest: /d}\n  tasks:\n  - include_tasks: \"{{ os }}.yml\"\n" +
			"  - include_role: {name: \"{{ os }}\", tasks_from: more}\n",
		"debian.yml":                  "- copy: content=x\n- include_tasks: inner.yml\n",
		"inner.yml":                   "- ping:\n",
		"redhat.yml":                  "- pong:\n",
		"roles/debian/tasks/more.yml": "- ping:\n",
	})
	p, err := Load("site.yml", testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	tasks, role := p.Plays[0].Tasks[0].(*Include), p.Plays[0].Tasks[1].(*Include)
	if tasks.Nodes != nil || role.Nodes != nil {
		t.Fatal("includes with templates for names were loaded ahead")
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			nodes, err := tasks.Resolve(map[string]string{"file": "debian.yml"})
			if err != nil || len(nodes) != 2 || nodes[1].(*Include).Nodes == nil {
				t.Errorf("debian.yml is loaded as %v, %v", nodes, err)
			}
		})
	}
	group.Wait()
	if _, err := tasks.Resolve(map[string]string{"file": "redhat.yml"}); err == nil ||
		!strings.Contains(err.Error(), "redhat.yml:1:3: there is no module or keyword \"pong\"") {
		t.Errorf("a mistake in a file that is included late is said to be: %v", err)
	}
	if _, err := tasks.Resolve(map[string]string{"file": "suse.yml"}); err == nil ||
		!strings.Contains(err.Error(), `site.yml:5:20: there is no file "suse.yml"`) {
		t.Errorf("a missing file is said to be: %v", err)
	}
	nodes, err := role.Resolve(map[string]string{"name": "debian"})
	if err != nil || len(nodes) != 1 || nodes[0].(*Block).Role != "debian" || len(nodes[0].(*Block).Block) != 1 {
		t.Errorf("the role is loaded as %v, %v", nodes, err)
	}
}

func TestExtraVarsInImports(t *testing.T) {
	dir := write(t, map[string]string{
		"site.yml": "- import_playbook: \"{{ which }}.yml\"\n- hosts: all\n  vars: {flavour: plain}\n  tasks:\n" +
			"  - import_tasks: \"{{ flavour }}.yml\"\n",
		"chosen.yml": smallest, "plain.yml": "- ping:\n", "sweet.yml": "- ping:\n- ping:\n",
	})
	o := testOptions(dir)
	o.ExtraVars = map[string]any{"which": "chosen"}
	for _, flavour := range []string{"", "sweet"} { // the play's own, then the command line's
		want := 1
		if flavour != "" {
			o.ExtraVars["flavour"], want = flavour, 2
		}
		p, err := Load("site.yml", o)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(p.Plays[1].Tasks[0].(*Block).Block); len(p.Plays) != 2 || got != want {
			t.Errorf("with flavour %q, %d plays and %d tasks are loaded", flavour, len(p.Plays), got)
		}
	}
}

// The name of an import is a template of what is known at once: filters, numbers, where the playbook and the role are, the environment.
func TestTemplatesInImports(t *testing.T) {
	dir := write(t, map[string]string{
		"site.yml": "- hosts: all\n  vars: {release: 15}\n  roles:\n  - role: \"{{ playbook_dir }}/own\"\n  tasks:\n" +
			"  - import_tasks: \"{{ kind | default('pg') | lower }}{{ release }}.yml\"\n  - import_role: {name: \"{{ lookup('env', 'OWN_ROLE') }}\"}\n",
		"pg15.yml": "- ping:\n", "own/defaults/main.yml": "part: One\n",
		"own/tasks/main.yml": "- import_tasks: \"{{ role_path }}/tasks/{{ part | lower }}.yml\"\n", "own/tasks/one.yml": "- ping:\n",
	})
	t.Setenv("OWN_ROLE", dir+"/own")
	p, err := Load("site.yml", testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	for at, n := range append(slices.Clone(p.Plays[0].Roles), p.Plays[0].Tasks...) {
		b := n.(*Block)
		for len(b.Block) == 1 {
			inner, ok := b.Block[0].(*Block)
			if !ok {
				break
			}
			b = inner
		}
		if len(b.Block) != 1 || b.Block[0].(*Task).Module.Name != "ping" {
			t.Errorf("part %d is loaded as %v", at, n)
		}
	}
}

func TestList(t *testing.T) {
	fsys := fstest.MapFS{
		"b.yml": {Data: []byte("# Does b.\n- hosts: all\n")},
		"a.yml": {Data: []byte("# Does a to all hosts.\n#\n# Carefully.\n#\n# Variables:\n#   port (5432): the client port\n" +
			"#   settings ({a: 1}): postgresql.conf,\n#     merged\n#   user: whose\n#   to (required): where\n" +
			"#   from (required, unless back): what\n#\n# See also b.\n")},
		"c.yml":       {Data: []byte("# Does c.\n#\n# Variables: one, two (required); three,\n#   four\n- hosts: all\n")},
		"d.yml":       {Data: []byte("# Does d.\n#\n# Variables: as for c.yml\n")},
		"steps/c.yml": {Data: []byte("- ping:\n")},
		"roles/r/defaults/main.yml": {Data: []byte("# Of the role.\n\n# The first,\n# and the second.\none: \"\"\ntwo: {a: 1}\n\n" +
			"three:\n  - 1\n  - \"{{ x }}\"\n")},
		"x.txt": {},
	}
	got, err := list(fsys)
	if err != nil {
		t.Fatal(err)
	}
	shared := []Variable{
		{Name: "one", Default: `""`, Doc: "The first, and the second.", Required: true},
		{Name: "two", Default: "{a: 1}", Required: true},
		{Name: "three", Default: `[1, "{{ x }}"]`}, {Name: "four"},
	}
	want := []Info{
		{Name: "a.yml", Summary: "Does a to all hosts", Variables: []Variable{
			{Name: "port", Default: "5432", Doc: "the client port"}, {Name: "settings", Default: "{a: 1}", Doc: "postgresql.conf, merged"},
			{Name: "user", Doc: "whose"},
			{Name: "to", Doc: "where", Required: true}, {Name: "from", Doc: "unless back: what", Required: true},
		}},
		{Name: "b.yml", Summary: "Does b"},
		{Name: "c.yml", Summary: "Does c", Variables: shared},
		{Name: "d.yml", Summary: "Does d", Variables: shared},
	}
	for i := range got {
		if got[i].Doc == "" {
			t.Errorf("%s has no documentation", got[i].Name)
		}
		got[i].Doc = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestWalk: --list-tasks and --list-tags go by the order and the tags that Walk gives.
func TestWalk(t *testing.T) {
	dir := write(t, map[string]string{
		"site.yml": "- hosts: all\n  tags: play\n  handlers:\n  - {name: last, ping: }\n  pre_tasks:\n  - {name: first, ping: " +
			", tags: [a, play]}\n  tasks:\n" +
			"  - tags: b\n    block:\n    - {name: second, ping: , tags: c}\n    always:\n    - {name: third, ping: }\n" +
			"  - include_tasks: {file: more.yml, apply: {tags: applied}}\n    tags: own\n  roles: [r]\n",
		"more.yml":                  "- {name: fourth, ping: }\n",
		"roles/r/tasks/main.yml":    "- {name: of the role, ping: }\n",
		"roles/r/handlers/main.yml": "- {name: its handler, ping: }\n",
	})
	p, err := Load("site.yml", testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	p.Walk(func(s Step) bool {
		if _, ok := s.Node.(*Task); ok {
			name, _ := s.Node.Keywords().Name.Raw.(string)
			got = append(got, s.Section+": "+s.Role()+": "+name+": "+strings.Join(s.Tags, ","))
		}
		return true
	})
	want := []string{
		"pre_tasks: : first: play,a", "roles: r: of the role: play", "tasks: : second: play,b,c", "tasks: : third: play,b",
		"tasks: : fourth: play,applied", "handlers: : last: play", "handlers: r: its handler: play",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
