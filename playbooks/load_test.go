package playbooks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/test/golden"
)

// The modules of these tests have the shapes that matter to the loader and do nothing.
type (
	copyArgs struct {
		Src       string `arg:"src,path"`
		Content   string `arg:"content"`
		Dest      string `arg:"dest,required,path" alias:"name"`
		Mode      string `arg:"mode,mode"`
		Backup    bool   `arg:"backup"`
		RemoteSrc bool   `arg:"remote_src"`
		Owner     string `arg:"owner"`
	}
	templateArgs struct {
		Src  string `arg:"src,required,path"`
		Dest string `arg:"dest,required,path"`
		Mode string `arg:"mode,mode"`
	}
	commandArgs struct {
		Cmd     string   `arg:"cmd"`
		Argv    []string `arg:"argv"`
		Creates string   `arg:"creates,path"`
		Chdir   string   `arg:"chdir,path"`
	}
	debugArgs struct {
		Msg string `arg:"msg" default:"Hello world!"`
		Var any    `arg:"var,raw"`
	}
	assertArgs struct {
		That any    `arg:"that,required,raw"`
		Msg  string `arg:"msg" alias:"fail_msg"`
	}
	setFactArgs struct {
		Cacheable bool           `arg:"cacheable"`
		Rest      map[string]any `arg:",rest"`
	}
	fileArgs struct {
		Path  string `arg:"path,required,path" alias:"dest name"`
		State string `arg:"state" choices:"file directory absent touch link hard" default:"file"`
		Mode  string `arg:"mode,mode"`
	}
	waitForArgs struct {
		Port    int `arg:"port"`
		Timeout int `arg:"timeout" default:"300"`
	}
	noArgs      struct{}
	membersArgs struct {
		Nodes []struct {
			Name   string `arg:"name,required"`
			Port   int    `arg:"port"`
			Role   string `arg:"role" choices:"follower learner"`
			Weight any    `arg:"weight"`
		} `arg:"nodes" each:"node"`
	}
)

func defined[A any](m tasks.Module) tasks.Module {
	return tasks.Define(m, func(*A, tasks.Local) (tasks.Action, error) { return nil, fmt.Errorf("only to be loaded") })
}

var testModules = func() []tasks.Module {
	builtin := []string{"ansible.builtin"}
	return []tasks.Module{
		defined[copyArgs](tasks.Module{Name: "copy", Collections: builtin, Without: map[string]string{"links": "write what they are"}}),
		defined[templateArgs](tasks.Module{Name: "template", Collections: builtin}),
		defined[commandArgs](tasks.Module{Name: "command", Collections: builtin, FreeForm: "cmd"}),
		defined[commandArgs](tasks.Module{Name: "shell", Collections: builtin, FreeForm: "cmd"}),
		defined[commandArgs](tasks.Module{Name: "script", Collections: builtin, FreeForm: "cmd"}),
		defined[debugArgs](tasks.Module{Name: "debug", Collections: builtin}),
		defined[assertArgs](tasks.Module{Name: "assert", Collections: builtin}),
		defined[setFactArgs](tasks.Module{Name: "set_fact", Collections: builtin, AnyArgs: true}),
		defined[fileArgs](tasks.Module{Name: "file", Collections: builtin}),
		defined[waitForArgs](tasks.Module{Name: "wait_for", Collections: builtin}),
		defined[fileArgs](tasks.Module{Name: "sysctl", Collections: []string{"ansible.posix"}}),
		defined[noArgs](tasks.Module{Name: "ping", Collections: builtin}),
		defined[noArgs](tasks.Module{Name: "polardb_facts"}),
		defined[membersArgs](tasks.Module{Name: "polardb_members"}),
	}
}()

func testLookup(name string) (*tasks.Module, bool) {
	collection, short := "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		collection, short = name[:i], name[i+1:]
	}
	for i, m := range testModules {
		if m.Name == short && (collection == "" || len(m.Collections) > 0 && m.Collections[0] == collection) {
			return &testModules[i], true
		}
	}
	return nil, false
}

func testOptions(dir string) Options {
	return Options{
		Dir:    dir,
		Lookup: testLookup,
		Builtin: fstest.MapFS{"new-cluster.yml": {Data: []byte("# Makes a cluster.\n- hosts: all\n  tasks:\n" +
			"  - include_tasks: steps/os.yml\n")}, "steps/os.yml": {Data: []byte("- ping:\n")}},
		Templates: fstest.MapFS{"postgresql.conf.j2": {Data: []byte("port = {{ port }}\n")}},
	}
}

// TestBad loads the playbooks in testdata/bad and compares what is said of them with the .txt files beside them.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no playbooks in testdata/bad: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yml"), func(t *testing.T) {
			_, err := Load(filepath.Base(path), testOptions("testdata/bad"))
			if err == nil {
				t.Fatal("it was loaded without an error")
			}
			var said strings.Builder
			var all Errors
			if !errors.As(err, &all) {
				t.Fatalf("the error is a %T", err)
			}
			for _, one := range all {
				fmt.Fprintln(&said, one)
			}
			checkGolden(t, strings.TrimSuffix(path, ".yml")+".txt", said.String())
		})
	}
}

// TestGood loads the playbooks in testdata/good, which have nothing wrong with them.
func TestGood(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no playbooks in testdata/good: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p, err := Load(filepath.Base(path), testOptions("testdata/good"))
			if err != nil {
				t.Fatalf("it was not loaded:\n%v", err)
			}
			checkGolden(t, strings.TrimSuffix(path, ".yml")+".txt", outline(p))
		})
	}
}

// A playbook may hold as many values as its author likes; what its aliases make of it is bounded.
func TestOnlyAliasesAreCounted(t *testing.T) {
	dir := t.TempDir()
	most := maxNodes
	if testing.Short() { // the detector of races makes seconds of them
		most = 5000
	}
	load := func(text string) error {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "site.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := newLoader(testOptions(dir))
		if err != nil {
			t.Fatal(err)
		}
		l.mostNodes = most
		_, err = l.load(filepath.Join(dir, "site.yml"))
		return err
	}
	if err := load("- hosts: all\n  vars:\n    k: [" + strings.Repeat("1, ", most) + "1]\n"); err != nil {
		t.Errorf("a long file: %v", err)
	}
	bomb := "- hosts: all\n  vars:\n    a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for c := 'b'; c < 'h'; c++ {
		bomb += fmt.Sprintf("    %c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	if err := load(bomb); err == nil || !strings.Contains(err.Error(), "expand to more than") {
		t.Errorf("a bomb: %v", err)
	}
}

func checkGolden(t *testing.T, path, got string) {
	t.Helper()
	home, _ := os.Getwd()
	golden.Check(t, path, strings.ReplaceAll(got, home, "/PLAYBOOKS"))
}
