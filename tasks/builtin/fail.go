package builtin

import "github.com/polarbook/polarbook/tasks"

type failArgs struct {
	Msg string `arg:"msg" default:"Failed as requested from task" doc:"Why."`
}

var failModule = tasks.Define(tasks.Module{
	Name: "fail", Collections: []string{"ansible.builtin"},
	Summary: "Fail with a message",
	Examples: `
- fail: {msg: This playbook is for Linux.}
  when: ansible_system != 'Linux'
`,
	Returns: []tasks.Return{{Name: "msg", Type: "str", Doc: "why"}},
}, func(a *failArgs, _ tasks.Local) (tasks.Action, error) { return tasks.Know(failAction(a.Msg)), nil })

type failAction string

func (f failAction) Plan() (tasks.Plan, error) {
	return tasks.Plan{}, &tasks.Failure{Msg: string(f), Values: map[string]any{"msg": string(f)}}
}
