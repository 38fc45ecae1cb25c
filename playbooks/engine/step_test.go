package engine

import (
	"context"
	"fmt"
	"testing"
)

// With --step a task that is not wanted is left out on all hosts, and nothing is asked of plays whose hosts go at their own pace.
func TestStep(t *testing.T) {
	for strategy, want := range map[string]string{"linear": "[one two] [one]", "free": "[] [one two]"} {
		b := newBench(t, "a", "b")
		asked := []string{}
		b.o.Step = func(_ context.Context, task string) (bool, error) {
			asked = append(asked, task)
			return task == "one", nil
		}
		_, err := b.run("- hosts: all\n  gather_facts: false\n  strategy: " + strategy +
			"\n  tasks:\n    - {name: one, echo: 1}\n    - {name: two, echo: 2}\n")
		b.wantKind(err, 0)
		ran := []string{"one"}
		if b.rec.done("a", 1).Host != "" {
			ran = append(ran, "two")
		}
		if got := fmt.Sprint(asked, ran); got != want {
			t.Errorf("%s: asked and ran %s, want %s", strategy, got, want)
		}
	}
}
