package files

import (
	"context"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// A command's words reach it as they are split here.
func FuzzWordsOfCommands(f *testing.F) {
	for _, seed := range []string{"a 'b c'", `"x\"y" z`, `\$HOME`, "*", "a\\\nb", "~x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := script.SplitWords(line)
		if err != nil || len(words) == 0 || strings.ContainsRune(line, 0) {
			t.Skip()
		}
		h := &taskstest.LocalHost{Words: []string{"sh"}}
		r, err := h.Run(context.Background(), remote.Command{Script: "for w in " + script.Words(words) + "; do printf '%s\\037' \"$w\"; done"})
		if err != nil || string(r.Stdout) != strings.Join(words, "\037")+"\037" {
			t.Errorf("%q: %q became %q, %v", line, words, r.Stdout, err)
		}
	})
}

func FuzzModes(f *testing.F) {
	for _, seed := range []string{"0644", "u=rwX,g=u,o=", "a+s-t", "=", "+"} {
		f.Add(seed, 0o644, false)
	}
	f.Fuzz(func(t *testing.T, spec string, current int, dir bool) {
		mode, err := ModeFrom(spec, current&0o7777, dir)
		if err == nil && (mode < 0 || mode > 0o7777) {
			t.Errorf("%q on %04o is %o", spec, current&0o7777, mode)
		}
	})
}
