package attacks

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestTerminal: what a host says is shown and never obeyed: it writes no clipboard, title or screen, moves no text, and
// makes no line that looks like polarbook's own.
func TestTerminal(t *testing.T) {
	l := newLaptop(t)
	const evil = `printf '\033]52;c;aGVsbG8=\007\033[2J\033]0;title\007\302\2331m\342\200\256txt.exe\000\177\377\r\nRECAP     ok  changed\nevil       1        0\n'`
	l.write("evil.sh", evil+"\n")
	l.write("before", "harmless\n")
	l.playbook(`
- {name: failing, shell: "sh {{ playbook_dir }}/evil.sh; sh {{ playbook_dir }}/evil.sh >&2; exit 3", ignore_errors: true}
- {name: shown, shell: "sh {{ playbook_dir }}/evil.sh", register: r}
- {name: debugged, debug: {var: r}}
- {name: said, debug: {msg: "{{ r.stdout }}"}}
- {name: "named {{ r.stdout }}", debug: {msg: x}}
- {name: items, debug: {msg: "{{ item }}"}, loop: ["{{ r.stdout }}"]}
- {name: difference, copy: {dest: "{{ playbook_dir }}/made", content: "{{ r.stdout }}"}}
- {name: failed, fail: {msg: "{{ r.stdout }}"}}
`)
	for _, args := range [][]string{{}, {"--diff", "-vvv"}, {"-o", "json"}} {
		out := l.run(append([]string{"run", "site.yml"}, args...)...)
		if out.code != 2 {
			t.Fatalf("exit code %d\n%s%s", out.code, out.stdout, out.stderr)
		}
		recaps := 0
		for line := range strings.Lines(out.stdout + out.stderr) {
			for _, r := range strings.TrimSuffix(line, "\n") {
				if r < ' ' && r != '\t' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || !utf8.ValidString(line) {
					t.Errorf("%v: %U reaches the terminal: %q", args, r, line)
				}
			}
			if strings.HasPrefix(line, "RECAP") || strings.HasPrefix(line, "evil ") {
				recaps++
			}
			if len(args) > 0 && args[0] == "-o" && !strings.HasPrefix(line, "polarbook: ") && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
		if want := 2; len(args) == 0 && recaps != want {
			t.Errorf("%d lines look like a recap's, want %d:\n%s", recaps, want, out.stdout)
		}
		if !strings.Contains(out.stdout, `]52;c;`) {
			t.Errorf("%v: what the host said is not shown:\n%s", args, out.stdout)
		}
	}
}
