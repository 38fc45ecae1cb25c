package tasks

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks/script"
)

// Decode reads a probe's answer into a struct, as script.Decode does. A probe that failed is a failure of the task.
func (f Found) Decode(into any) error {
	if f.Status == 0 {
		return script.Decode(f.Stdout, into)
	}
	said := strings.TrimSpace(string(f.Stderr))
	if said == "" {
		said = "no message"
	}
	return &Failure{
		Msg:    fmt.Sprintf("the probe failed with exit status %d: %s", f.Status, said),
		Values: map[string]any{"rc": f.Status, "stderr": string(f.Stderr)},
	}
}

// NotYet returns the plan for when something is missing that an earlier task may provide: a run fails without it, and check
// mode reports that it cannot know. what names what is missing, hint what to do next.
func NotYet(check bool, what, hint string) (Plan, error) {
	if check {
		return Plan{Unknown: what}, nil
	}
	return Plan{}, &Failure{Msg: what, Hint: hint}
}
