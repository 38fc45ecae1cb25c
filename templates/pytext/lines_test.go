package pytext

import (
	"fmt"
	"testing"

	_ "github.com/polarbook/polarbook/test/golden"
)

// The lines are Python's.
func TestLines(t *testing.T) {
	for _, c := range []struct{ text, want, kept string }{
		{"", `[]`, `[]`},
		{"\n", `[""]`, `["\n"]`},
		{"a", `["a"]`, `["a"]`},
		{"a\nb\n", `["a" "b"]`, `["a\n" "b\n"]`},
		{"a\r\n\nb", `["a" "" "b"]`, `["a\r\n" "\n" "b"]`},
		{"1%\r2%\r\r\n", `["1%" "2%" ""]`, `["1%\r" "2%\r" "\r\n"]`},
		{"a\vb\fc\x1cd\x1de\x1ef", `["a" "b" "c" "d" "e" "f"]`, `["a\v" "b\f" "c\x1c" "d\x1d" "e\x1e" "f"]`},
		{"ä\u0085ö\u2028ü\u2029", `["ä" "ö" "ü"]`, `["ä\u0085" "ö\u2028" "ü\u2029"]`},
		{"\x00\x85 \xff\n", `["\x00\x85 \xff"]`, `["\x00\x85 \xff\n"]`},
	} {
		for keep, want := range map[bool]string{false: c.want, true: c.kept} {
			if got := fmt.Sprintf("%q", Lines(c.text, keep)); got != want {
				t.Errorf("%q, ends kept %v: %s, want %s", c.text, keep, got, want)
			}
		}
	}
}
