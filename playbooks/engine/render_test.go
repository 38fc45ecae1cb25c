package engine

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
)

type renderArgs struct {
	Text  string `arg:"text" doc:"A template, in the texts [[ ]]."`
	Start string `arg:"start" default:"[[" doc:"Beginning of an expression."`
}

func init() {
	testModules = append(testModules, tasks.Define(tasks.Module{Name: "render"}, func(a *renderArgs, l tasks.Local) (tasks.Action, error) {
		text, err := l.Render("r.j2", a.Text, tasks.RenderOptions{
			VariableStart: a.Start, VariableEnd: "]]", BlockStart: "{%", BlockEnd: "%}", CommentStart: "/*", CommentEnd: "*/",
			Defaults: map[string]any{"ansible_managed": "Ansible managed"},
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
    - render: {text: "x", start: "/*"}
      ignore_errors: true
`)
	b.wantKind(err, 0)
	for _, want := range []string{"Ansible managed 1", "by us again", "must differ from one another"} {
		if !strings.Contains(b.rec.text(), want) {
			t.Errorf("want %s in\n%s", want, b.rec.text())
		}
	}
}
