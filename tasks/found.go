package tasks

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks/script"
)

// readAnswer reads a probe's answer. A probe that failed is a failure of the task: what it would have told is not known.
func readAnswer(f Found) (script.Answer, error) {
	if f.Status != 0 {
		said := strings.TrimSpace(string(f.Stderr))
		if said == "" {
			said = "no message"
		}
		return nil, &Failure{
			Msg:    fmt.Sprintf("looking at the host ended with status %d: %s", f.Status, said),
			Values: map[string]any{"rc": f.Status, "stderr": string(f.Stderr)},
		}
	}
	return script.Parse(f.Stdout), nil
}
