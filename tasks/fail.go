package tasks

type failArgs struct {
	Msg string `arg:"msg" default:"Failed as requested from task" doc:"Why."`
}

var failModule = Define(Module{
	Name: "fail", Collections: []string{"ansible.builtin"},
	Summary: "Fail with a message",
	Examples: `
- fail: {msg: This playbook is for Linux.}
  when: ansible_system != 'Linux'
`,
	Returns: []Return{{"msg", "str", "why"}},
}, func(a *failArgs, _ Local) (Action, error) { return failAction(a.Msg), nil })

type failAction string

func (f failAction) Probe() string { return "" }
func (f failAction) Plan(Found) (Plan, error) {
	return Plan{}, &Failure{Msg: string(f), Values: map[string]any{"msg": string(f)}}
}
