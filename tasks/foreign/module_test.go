package foreign

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
	"github.com/polarbook/polarbook/templates/ordered"
	_ "github.com/polarbook/polarbook/test/golden" // there are no golden files here, but the flag that writes them is for all packages
)

// control is a control node that tells of the task, and knows some variables; others are undefined, and have the default.
type control struct {
	taskstest.FakeLocal
	hidden bool
}

func (l *control) Eval(expr string) (any, error) {
	if name, _, ok := strings.Cut(expr, " | default('', true)"); ok {
		if v, has := l.Vars[name]; has {
			return v, nil
		}
		return "", nil
	}
	return "2.19.0", nil
}

func (l *control) NoLog() (bool, error) { return l.hidden, nil }

func module(t *testing.T, file, content string) tasks.Module {
	t.Helper()
	m, err := Module("mine", file, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// do does a task as the engine does.
func do(t *testing.T, h *taskstest.LocalHost, m tasks.Module, args map[string]any, l tasks.Local) (tasks.Plan, tasks.Result, error) {
	t.Helper()
	a, err := m.New(args, l)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := taskstest.PlanOn(t, h, a)
	if err != nil || !plan.Change || l.Check() {
		return plan, tasks.Result{}, err
	}
	r, err := a.(tasks.Applier).Apply(context.Background(), h, plan)
	return plan, plan.Complete(r), err
}

// home gives the test a home of its own, and returns what looks whether anything is left there.
func home(t *testing.T) (clean func()) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	return func() {
		t.Helper()
		if left, _ := filepath.Glob(dir + "/.*"); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func TestStyles(t *testing.T) {
	const internal = `"_ansible_check_mode": false, "_ansible_no_log": true, "_ansible_debug": false, "_ansible_diff": false, ` +
		`"_ansible_verbosity": 0, "_ansible_version": "2.19.0", "_ansible_module_name": "mine", `
	const plain = "_ansible_check_mode=False _ansible_no_log=True _ansible_debug=False _ansible_diff=False " +
		"_ansible_verbosity=0 _ansible_version=2.19.0 _ansible_module_name=mine "
	const says = "printf '{\"given\": \"%s\", \"mode\": \"%s\", \"n\": %s}' \"$(base64 -w0 \"$1\")\" \"$(stat -c %a \"$1\" \"$0\" \"${0%/*}\" | tr '\\n' ' ')\" $#\n"
	args := map[string]any{
		"text": "it's a \"ü\"\n", "list": []any{1, 2.5, "x'y", nil, true, 1e20}, "map": ordered.Of("z", 1, "a", "b"), "empty": "", "plain": "a/b",
	}
	const asJSON = `{"empty": "", "list": [1, 2.5, "x'y", null, true, 1e+20], "map": {"z": 1, "a": "b"}, "plain": "a/b", ` +
		`"text": "it's a \"\u00fc\"\n", ` + internal
	cases := map[string]struct{ content, begin string }{
		"WANT_JSON": {"#!/bin/sh\n# WANT_JSON\n" + says, asJSON},
		"old-style": {"#!/bin/sh\n" + says, `empty='' list='[1, 2.5, "x'"'"'y", None, True, 1e+20]' map='{'"'"'z'"'"': 1, '"'"'a'"'"': '"'"'b'"'"'}' ` +
			`plain=a/b text='it'"'"'s a "ü"` + "\n" + `' ` + plain},
		"JSON in its text": {"#!/bin/sh\nset -- \"$0.args\"\ncat >\"$1\" <<'END'\n<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>\nEND\nchmod 600 \"$1\"\n" + says, asJSON},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
				clean := home(t)
				_, r, err := do(t, h, module(t, "my mod.sh", c.content), args, &control{hidden: true})
				if err != nil {
					t.Fatal(err)
				}
				given, _ := taskstest.Sh(t, "printf %s '"+r.Values["given"].(string)+"' | base64 -d")
				if !strings.HasPrefix(given, c.begin) {
					t.Errorf("given\n%s\nwant\n%s", given, c.begin)
				}
				if r.Values["mode"] != "600 700 700 " || r.Values["n"] != 1 || r.Changed {
					t.Errorf("%+v", r)
				}
				clean()
			})
		})
	}
}

// A module of a megabyte and arguments of another go in streams of their own.
func TestLarge(t *testing.T) {
	taskstest.Large(t)
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		clean := home(t)
		m := module(t, "m", "#!/bin/sh\n# WANT_JSON\nprintf '{\"changed\": true, \"size\": %s}' $(wc -c <\"$1\")\nexit\n"+strings.Repeat("# filling\n", 100_000))
		_, r, err := do(t, h, m, map[string]any{"a": strings.Repeat("x", 1<<20)}, &control{})
		if size, _ := r.Values["size"].(int); err != nil || !r.Changed || size < 1<<20 {
			t.Errorf("%v %v", r.Values, err)
		}
		clean()
	})
}

// A binary has no interpreter, and its arguments as JSON.
func TestBinary(t *testing.T) {
	program, err := os.ReadFile("/bin/cat")
	if err != nil {
		t.Skip("no program to try it with")
	}
	h := &taskstest.LocalHost{Words: []string{"sh"}}
	clean := home(t)
	_, r, err := do(t, h, module(t, "cat", string(program)), map[string]any{"changed": true, "msg": "hello"}, &control{})
	if err != nil || !r.Changed || r.Msg != "hello" || r.Values["_ansible_version"] != nil {
		t.Errorf("%+v %v", r, err)
	}
	clean()
}

func TestAnswers(t *testing.T) {
	h := &taskstest.LocalHost{Words: []string{"sh"}}
	for says, want := range map[string]struct {
		result tasks.Result
		fails  string
	}{
		`{"changed": true, "msg": "done", "n": 12345678901, "x": 1.5}`: {result: tasks.Result{
			Changed: true, Msg: "done", Values: map[string]any{"msg": "done", "n": 12345678901, "x": 1.5},
		}},
		"Welcome!\n{\"a\": {}}\nbye\n": {result: tasks.Result{
			Values: map[string]any{"a": ordered.New(0)}, Warnings: []string{"the module wrote more behind its JSON: bye"},
		}},
		"[1]\n{\n \"rc\": 0\n}": {result: tasks.Result{Values: map[string]any{"rc": 0}}},
		`{"changed": "yes", "skipped": 1, "warnings": ["w"], "deprecations": [{"msg": "d"}], "results": "x", "_ansible_x": 1}`: {result: tasks.Result{
			Changed: true, Skipped: true, Values: map[string]any{"deprecations": []any{ordered.Of("msg", "d")}, "ansible_module_results": "x"},
			Warnings: []string{"w", "deprecated: d", `"_ansible_x", which the module returned, is Ansible's own and left out`},
		}},
		`{"diff": {"before": "a", "after": {"b": 1}, "before_header": "h"}}`: {result: tasks.Result{
			Values: map[string]any{"diff": ordered.Of("before", "a", "after", ordered.Of("b", 1), "before_header", "h")},
			Diff:   []tasks.Diff{{Before: "a", After: "{\"b\": 1}\n", BeforeHeader: "h"}},
		}},
		`{"ansible_facts": {"own": "v", "ansible_host": "x", "ansible_become_user": "y", "ansible_ssh_args": "z", "ansible_bash_interpreter": "i",
			"ansible_ssh_host_key_rsa_public": "k"}}`: {result: tasks.Result{
			Values: map[string]any{"ansible_facts": ordered.Of("own", "v", "ansible_ssh_host_key_rsa_public", "k")},
			Warnings: []string{"facts that would change how the host is reached are left out: ansible_host, ansible_become_user, " +
				"ansible_ssh_args, ansible_bash_interpreter"},
		}},
		`{"failed": true, "msg": "no", "rc": 0}`: {fails: "no"},
		`{"rc": 3}`:                              {fails: "the module says that it failed, and not why"},
		`{"failed": false, "rc": 3}`:             {result: tasks.Result{Values: map[string]any{"rc": 3}}},
		"changed=true msg=old":                   {fails: "m did not answer as a module does (status 0): it wrote no JSON"},
		"":                                       {fails: "it wrote nothing"},
		"{ not JSON }":                           {fails: "it is not JSON"},
		"{":                                      {fails: "its JSON has no end"},
	} {
		m := module(t, "m", "#!/bin/sh\ncat <<'END'\n"+says+"\nEND\n")
		clean := home(t)
		_, r, err := do(t, h, m, nil, &control{})
		clean()
		if want.fails != "" {
			if err == nil || !strings.Contains(err.Error(), want.fails) {
				t.Errorf("%s: error %v, want %q", says, err, want.fails)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", says, err)
			continue
		}
		if r.Msg != want.result.Msg || r.Changed != want.result.Changed || r.Skipped != want.result.Skipped ||
			!reflect.DeepEqual(r.Warnings, want.result.Warnings) || !reflect.DeepEqual(r.Diff, want.result.Diff) ||
			!reflect.DeepEqual(ordered.From(r.Values), ordered.From(want.result.Values)) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", says, r, want.result)
		}
	}
}

// What a module that fails wrote is in the result, and its status.
func TestNoAnswer(t *testing.T) {
	h := &taskstest.LocalHost{Words: []string{"sh"}}
	clean := home(t)
	_, _, err := do(t, h, module(t, "m", "#!/bin/sh\necho out\necho err >&2\nexit 7\n"), nil, &control{})
	var f *tasks.Failure
	if !errors.As(err, &f) || f.Values["module_stdout"] != "out\n" || f.Values["module_stderr"] != "err\n" || f.Values["rc"] != 7 {
		t.Errorf("%+v", err)
	}
	clean()
}

func TestInterpreter(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		clean := home(t)
		taskstest.Write(t, dir+"/mysh", "#!/bin/sh\nexport BY=mine A=\"$1\"\nshift\nexec /bin/sh \"$@\"\n", 0o755)
		script := module(t, "m", "#!/bin/sh -e\n# WANT_JSON\nprintf '{\"by\": \"%s%s\"}' \"$BY\" \"$A\"\n")
		for value, want := range map[string]string{"": "", dir + "/mysh": "mine-e", "env " + dir + "/mysh": "mine-e"} {
			l := &control{FakeLocal: taskstest.FakeLocal{Vars: map[string]any{"ansible_sh_interpreter": value}}}
			if _, r, err := do(t, h, script, nil, l); err != nil || r.Values["by"] != want {
				t.Errorf("%q: %v %v", value, r.Values, err)
			}
		}
		lacking := module(t, "m", "#!/no/such/perl\n# WANT_JSON _ansible_check_mode\n")
		if _, _, err := do(t, h, lacking, nil, &control{}); err == nil || !strings.Contains(err.Error(), "m needs /no/such/perl") {
			t.Errorf("%v", err)
		}
		plan, _, err := do(t, h, lacking, nil, &control{FakeLocal: taskstest.FakeLocal{Checking: true}})
		if err != nil || plan.Unknown == "" {
			t.Errorf("%+v %v", plan, err)
		}
		clean()
	})
}

// In check mode a module runs that looks at what it is told about it, and no other.
func TestCheck(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		clean := home(t)
		l := &control{FakeLocal: taskstest.FakeLocal{Checking: true}}
		heeds := module(t, "m", "#!/bin/sh\n. \"$1\"\n[ $_ansible_check_mode = True ] || touch $file\necho '{\"changed\": true, \"msg\": \"would\", \"diff\": {\"after\": \"x\"}}'\n")
		plan, _, err := do(t, h, heeds, map[string]any{"file": dir + "/made"}, l)
		if err != nil || !plan.Change || plan.Msg != "would" || len(plan.Diff) != 1 || plan.Unknown != "" {
			t.Errorf("%+v %v", plan, err)
		}
		fails := module(t, "m", "#!/bin/sh\n# _ansible_check_mode\necho '{\"failed\": true, \"msg\": \"cannot\"}'\n")
		if _, _, err := do(t, h, fails, nil, l); err == nil || !strings.Contains(err.Error(), "cannot") {
			t.Errorf("%v", err)
		}
		ignores := module(t, "m", "#!/bin/sh\n. \"$1\"\ntouch $file\necho '{}'\n")
		plan, _, err = do(t, h, ignores, map[string]any{"file": dir + "/made"}, l)
		if err != nil || plan.Unknown == "" || plan.Values["skipped"] != true {
			t.Errorf("%+v %v", plan, err)
		}
		if _, err := os.Stat(dir + "/made"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("check mode made the file: %v", err)
		}
		if _, _, err := do(t, h, ignores, map[string]any{"file": dir + "/made"}, &control{}); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir + "/made"); err != nil {
			t.Error(err)
		}
		clean()
	})
}

func TestRefused(t *testing.T) {
	for content, want := range map[string]struct {
		line int
		text string
	}{
		"#!/usr/bin/python\nimport os\nfrom ansible.module_utils.basic import *\n# WANT_JSON\n": {3, "Ansible's own Python"},
		"#!/usr/bin/python\nimport ansible.module_utils.basic\n":                                {2, "Ansible's own Python"},
		"#!/usr/bin/python\nfrom ..module_utils.x import y\n":                                   {2, "Ansible's own Python"},
		"#!/usr/bin/python\n\n\n#<<INCLUDE_ANSIBLE_MODULE_COMMON>>\n":                           {4, "Ansible's own Python"},
		"#!powershell\n\n#AnsibleRequires -CSharpUtil Ansible.Basic\n":                          {3, "Windows"},
		"#!powershell\n# POWERSHELL_COMMON\n":                                                   {2, "Windows"},
		"# WANT_JSON\n":                                                                         {1, "no interpreter line"},
		"#!\n# WANT_JSON\n":                                                                     {1, "interpreter line that cannot be read"},
		"":                                                                                      {1, "no interpreter line"},
	} {
		_, err := Module("m", "m.py", []byte(content))
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Line != want.line || !strings.Contains(refused.Reason, want.text) {
			t.Errorf("%q: %+v", content, err)
		}
	}
}
