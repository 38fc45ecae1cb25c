package tasks

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks/script"
)

// ReadAnswer reads a probe's answer. A probe that failed is a failure of the task: what it would have told is not known.
func ReadAnswer(f Found) (script.Answer, error) {
	if f.Status != 0 {
		said := strings.TrimSpace(string(f.Stderr))
		if said == "" {
			said = "no message"
		}
		return nil, &Failure{
			Msg:    fmt.Sprintf("the probe failed with exit status %d: %s", f.Status, said),
			Values: map[string]any{"rc": f.Status, "stderr": string(f.Stderr)},
		}
	}
	return script.Parse(f.Stdout), nil
}

// NotYet is for what an earlier task may provide: a run fails without it, a run that only asks cannot know.
// what says what is missing.
func NotYet(check bool, what, hint string) (Plan, error) {
	if check {
		return Plan{Unknown: what}, nil
	}
	return Plan{}, &Failure{Msg: what, Hint: hint}
}
