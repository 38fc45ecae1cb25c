package tasks

import (
	"encoding/base64"
	"fmt"

	"github.com/polarbook/polarbook/tasks/script"
)

type slurpArgs struct {
	Src string `arg:"src,required,path" alias:"path" doc:"The file."`
}

var slurpModule = Define(Module{
	Name: "slurp", Collections: []string{"ansible.builtin"},
	Summary: "Read a file of a host",
	Returns: []Return{{"content", "str", "what is in it, in base64"}, {"encoding", "str", "base64"}, {"source", "str", "the file"}},
	Examples: `
- slurp: {src: /etc/machine-id}
  register: machine
- debug: {msg: "{{ machine.content | b64decode }}"}
`,
}, func(a *slurpArgs, l Local) (Action, error) { return &slurp{*a, l.Check()}, nil })

type slurp struct {
	slurpArgs
	asking bool
}

func (a *slurp) Probe() string {
	return script.Preamble + script.Look + "p=" + string(script.Path(a.Src)) + fmt.Sprintf(`
look file "$p" -L
[ -f "$p" ] || exit 0
[ -r "$p" ] || die "$p may not be read by this user: does the task need become?"
if [ $(stat -L -c %%s -- "$p") -le %d ]; then encode content < "$p"; fi
`, editLimit)
}

func (a *slurp) Plan(found Found) (Plan, error) {
	ans, err := readAnswer(found)
	if err != nil {
		return Plan{}, err
	}
	file, err := ans.File("file")
	switch {
	case err != nil:
		return Plan{}, err
	case !file.Exists():
		return notYet(a.asking, a.Src+" does not exist", "")
	case file.Kind != "file":
		return Plan{}, &Failure{Msg: fmt.Sprintf("%s is %s and cannot be read", a.Src, describeKind(file.Kind))}
	case !ans.Has("content"):
		return Plan{}, &Failure{Msg: fmt.Sprintf("%s has %d bytes, and up to %d are read", a.Src, file.Size, editLimit)}
	}
	content, err := ans.Decoded("content")
	if err != nil {
		return Plan{}, err
	}
	return Plan{Values: map[string]any{"content": base64.StdEncoding.EncodeToString(content), "encoding": "base64", "source": a.Src}}, nil
}
