package engine

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates"
)

type renderArgs struct {
	Text  string `arg:"text" doc:"A template, in the texts [[ ]]."`
	Start string `arg:"start" default:"[[" doc:"Beginning of an expression."`
}

func init() {
	testModules = append(testModules, tasks.Define(tasks.Module{Name: "render"}, func(a *renderArgs, l tasks.Local) (tasks.Action, error) {
		text, err := l.Render("r.j2", a.Text, tasks.RenderOptions{
			VariableStart: a.Start, VariableEnd: "]]", BlockStart: "{%", BlockEnd: "%}", CommentStart: "/*", CommentEnd: "*/",
			File: &tasks.TemplateFile{Name: "r.j2", Dest: "/etc/r", FS: os.DirFS("/"), Path: "srv/r.j2"},
		})
		if err != nil {
			return nil, err
		}
		return &echo{a: &echoArgs{Msg: text}, l: l}, nil
	}))
}

// A template has the markers that its task names, and a variable that is set wins over the module's own.
func TestTemplatesHaveMarkersAndDefaults(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: a
  gather_facts: false
  tasks:
    - render: {text: "[[ ansible_managed ]]/* c */ [[ [1][0] ]]"}
    - render: {text: "[[ ansible_managed ]] again"}
      vars: {ansible_managed: by us}
    - render: {text: "[[ template_path ]] [[ template_destpath ]] [[ template_uid ]] [[ template_host|length > 0 ]]"}
    - render: {text: "[[ (template_run_date - template_mtime).total_seconds() < 100 ]], [[ template_mtime.strftime('%Y') == now().strftime('%Y') ]]"}
    - render: {text: "x", start: "/*"}
      ignore_errors: true
`)
	b.wantKind(err, 0)
	for _, want := range []string{"Ansible managed 1", "by us again", "must differ from one another",
		"r.j2 /etc/r 0 True", "True, True"} {
		if !strings.Contains(b.rec.text(), want) {
			t.Errorf("want %s in\n%s", want, b.rec.text())
		}
	}
}

// A play without a name has that of its hosts, and the file of the settings is a variable.
func TestNamesOfPlaysAndOfTheSettings(t *testing.T) {
	for file, want := range map[string]string{"": "none", "/etc/here/ansible.cfg": "/etc/here/ansible.cfg"} {
		b := newBench(t, "a", "b")
		b.o.Defaults.File = file
		_, err := b.run(`
- hosts: [a, b]
  gather_facts: false
  tasks: [echo: "{{ ansible_play_name }} {{ ansible_config_file | default('none', true) }}"]
- hosts: "{{ one }}"
  vars: {one: b}
  gather_facts: false
  tasks: [echo: "{{ ansible_play_name }}"]
`)
		b.wantKind(err, 0)
		for _, want := range []string{"play a,b [a b]", "a ok: a,b " + want, "play b [b]", "b ok: b"} {
			if !strings.Contains(b.rec.text(), want) {
				t.Errorf("want %s in\n%s", want, b.rec.text())
			}
		}
	}
}

// Whoever leaves out what a play's hosts are made of is told how to give it.
func TestHostsThatAreNotNamed(t *testing.T) {
	b := newBench(t, "a")
	_, err := b.run(`
- hosts: "{{ on }}"
  gather_facts: false
  tasks: [echo: hello]
`)
	if err == nil || !strings.Contains(err.Error(), `"on" is undefined`) || !strings.HasSuffix(err.Error(), "; name the hosts: -e on=NAME") {
		t.Error(err)
	}
}

// ansible_managed is what ansible.cfg makes of it: of the time of the template, and of variables that it names in either way.
func TestManagedAsAnsibleCfgHasIt(t *testing.T) {
	at := time.Date(2024, 3, 9, 7, 5, 1, 0, time.Local)
	for _, c := range []struct{ text, want string }{
		{"Ansible managed", "Ansible managed"},
		{"by {file} on {host}, %Y-%m-%d %H:%M:%S", "by {{ template_path }} on {{ template_host }}, 2024-03-09 07:05:01"},
		{"{{{{ template_uid }}}} 100%%", "{{ template_uid }} 100%"},
		{"from {where}", "error: {where}"},
		{"{ open", "error: {host}"},
		{"shut }", "error: without"},
	} {
		got, err := managedBy(c.text, at)
		if wrong, fails := strings.CutPrefix(c.want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%q: %v, want an error with %s", c.text, err, wrong)
			}
			continue
		}
		if u, ok := got.(templates.Unsafe); ok {
			got = u.Value
		}
		if err != nil || got != c.want {
			t.Errorf("%q is %v (%v), want %q", c.text, got, err, c.want)
		}
	}
}
