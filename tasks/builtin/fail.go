package builtin

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
)

type failArgs struct {
	Msg any `arg:"msg" default:"Failed as requested from task" doc:"Why: a text, or any other value, such as a list of texts."`
}

var failModule = tasks.Define(tasks.Module{
	Name: "fail", Collections: []string{"ansible.builtin"}, NoAsync: true,
	Summary: "Fail with a message",
	Examples: `
- fail: {msg: This playbook is for Linux.}
  when: ansible_system != 'Linux'
`,
	Returns: []tasks.Return{{Name: "msg", Type: "raw", Doc: "why, as it was given"}},
}, func(a *failArgs, _ tasks.Local) (tasks.Action, error) { return tasks.Know(failAction{a.Msg}), nil })

type failAction struct{ why any }

func (f failAction) Plan() (tasks.Plan, error) {
	return tasks.Plan{}, &tasks.Failure{Msg: forPeople(f.why), Values: map[string]any{"msg": f.why}}
}

// forPeople returns a value as a message: the items of a list on a line each, what has no text of its own as JSON.
func forPeople(value any) string {
	if list, ok := value.([]any); ok {
		lines := make([]string, len(list))
		for i, x := range list {
			lines[i] = forPeople(x)
		}
		return strings.Join(lines, "\n")
	}
	if text, err := convert.Text(value); err == nil {
		return text
	}
	if text, err := json.Marshal(value); err == nil {
		return string(text)
	}
	return fmt.Sprint(value)
}
