package remote

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// FuzzFrame: whatever the output is and however it is cut into pieces, the frame
// gives it back and ends where it ends.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("out"), []byte("err"), 0, 1)
	f.Add([]byte("polarbook-00-out\n"), []byte("polarbook-00-end ok 0"), 255, 3)
	f.Add([]byte("polarbook-m-ou"), []byte("\npolarbook-m-end"), 1, 5)
	f.Fuzz(func(t *testing.T, out, errs []byte, status, size int) {
		const marker = "m"
		if bytes.Contains(out, []byte("polarbook-m-out\n")) || bytes.Contains(errs, []byte("polarbook-m-end ")) {
			t.Skip("the real marker is random and unknown to the script")
		}
		if size < 1 {
			size = 1
		}
		answer := fmt.Appendf(nil, "%spolarbook-m-out\n%spolarbook-m-end ok %d\n", out, errs, status)
		fr := newFrame(marker, MaxOutput)
		for len(answer) > 0 {
			n := min(size, len(answer))
			piece := answer[:n]
			answer = answer[n:]
			if fr.write(piece) != (len(answer) == 0) {
				t.Fatalf("complete with %d bytes to come", len(answer))
			}
		}
		if fr.kind != frameOK || fr.result.Status != status || !bytes.Equal(fr.result.Stdout, out) || !bytes.Equal(fr.result.Stderr, errs) {
			t.Errorf("got %s %+v", fr.kind, fr.result)
		}
	})
}

// FuzzRunRequest: whatever the script and its input are, each shell answers in a
// frame, hands the input over unchanged, and answers the next request too.
func FuzzRunRequest(f *testing.F) {
	for _, s := range []string{
		"cat", "cat <<E", "'", "exit 3", "set -eu; cat", "}", ")", "(", "{", "kill -9 0x", "exec 2>&1; nosuch", "`", "$(",
		"case x in", "\\", "a\\\n", "# c", "trap : 0; return", "unset PATH", "cd /; set -- a b", "f() { f; }", "\x01\x88'",
	} {
		f.Add(s, []byte("in\x00put\n"))
		f.Add(s, []byte("text"))
	}
	found, bash := shells(f), map[string]bool{}
	for name, path := range found {
		bash[name] = isBash(f, path)
	}
	f.Fuzz(func(t *testing.T, script string, input []byte) {
		if strings.IndexByte(script, 0) >= 0 {
			t.Skip("refused before it gets here")
		}
		// What the fuzzer makes up is to be parsed, not run, should it get out of
		// this; and it finds no programs then.
		script = "PATH=/nonexistent\nif false; then " + script + "\nfi\n"
		for name, path := range found {
			dir := t.TempDir()
			requests := [][]byte{
				runRequest(Command{Script: script, Stdin: input}, "one", dir, 1),
				runRequest(Command{Script: "cat", Stdin: input}, "two", dir, 2),
			}
			var text []byte
			for _, r := range requests {
				if bash[name] {
					r = inOnePiece(append(r, strings.Repeat("# long\n", readWhole/7)...))
				}
				text = append(text, r...)
			}
			cmd := exec.Command(path)
			cmd.Dir = dir
			cmd.Stdin = bytes.NewReader(text)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s ended: %v", name, err)
			}
			first, second := newFrame("one", MaxOutput), newFrame("two", MaxOutput)
			i := bytes.Index(out, []byte("polarbook-one-end "))
			if i < 0 {
				t.Fatalf("%s: %q has no frame: %q", name, script, out)
			}
			end := i + bytes.IndexByte(out[i:], '\n') + 1
			if !first.write(out[:end]) || first.kind != frameOK {
				t.Fatalf("%s: %q: frame %q", name, script, out)
			}
			if !second.write(out[end:]) || second.kind != frameOK || second.result.Status != 0 || !bytes.Equal(second.result.Stdout, input) {
				t.Fatalf("%s: after %q came %q, want %q", name, script, second.result.Stdout, input)
			}
		}
	})
}
