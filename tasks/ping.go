package tasks

type pingArgs struct {
	Data string `arg:"data" default:"pong" doc:"What comes back; crash makes the module fail."`
}

var pingModule = Define(Module{
	Name: "ping", Collections: []string{"ansible.builtin"},
	Summary:  "See whether a host can be worked on",
	Returns:  []Return{{"ping", "str", "data"}},
	Examples: "- ping:\n",
}, func(a *pingArgs, _ Local) (Action, error) { return pingAction(a.Data), nil })

type pingAction string

// Probe is a round trip through the task's shell: becoming its user is tried too.
func (a pingAction) Probe() string { return "echo alive yes\n" }

func (a pingAction) Plan(found Found) (Plan, error) {
	ans, err := readAnswer(found)
	if err != nil {
		return Plan{}, err
	}
	if ans.Text("alive") != "yes" {
		return Plan{}, &Failure{Msg: "the host's shell did not repeat what it was told", Hint: "something in its start-up files prints or ends it"}
	}
	if a == "crash" {
		return Plan{}, &Failure{Msg: "boom"}
	}
	return Plan{Values: map[string]any{"ping": string(a)}}, nil
}
