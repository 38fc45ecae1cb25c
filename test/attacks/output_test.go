package attacks

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestOutput checks that polarbook and its journal stay small whatever a host answers, and that it says what was cut.
func TestOutput(t *testing.T) {
	const enough = 100 << 20
	for _, c := range []struct {
		name, tasks string
		says        string
		code        int
	}{
		{"300 MB of NUL", "- {shell: head -c 300000000 /dev/zero, register: r}\n- {debug: {msg: \"{{ r.stdout | length }}\"}}", "not whole", 0},
		{"100 MB of lines", "- {shell: \"yes a line of text | head -c 100000000\", register: r}\n- {debug: {var: r}}", "not whole", 0},
		{"100 MB of one line", "- {shell: \"head -c 100000000 /dev/zero | tr '\\\\0' x >&2; exit 1\"}", "not whole", 2},
		{"a loop of very many items", "- {debug: {msg: x}, loop: \"{{ range(60000) | list }}\"}", "one by one", 0},
		{"a register of too many", "- {debug: {msg: x}, register: r, loop: \"{{ range(100001) | list }}\"}", "can be registered", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newControlNode(t)
			l.playbook(c.tasks)
			for _, args := range [][]string{{}, {"-o", "json"}} {
				out := l.run(append([]string{"run", "site.yml"}, args...)...)
				if out.code != c.code || !strings.Contains(out.stdout, c.says) {
					t.Errorf("exit code %d\n%.2000s%.2000s", out.code, out.stdout, out.stderr)
				}
				if out.memory > enough {
					t.Errorf("%v: it took %d MB of memory", args, out.memory>>20)
				}
				if len(out.journal) > 10<<20 {
					t.Errorf("a journal of %d MB", len(out.journal)>>20)
				}
				for line := range strings.Lines(out.journal) {
					if len(line) > 8<<20 || !json.Valid([]byte(line)) {
						t.Errorf("a line of %d bytes, or no JSON: %.300s", len(line), line)
					}
				}
			}
		})
	}
}
