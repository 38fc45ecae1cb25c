package remote

import (
	"bytes"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	s := startSSHD(t).shell(t)
	huge := strings.Repeat("0123456789abcdef\n", 2<<20)
	binary := make([]byte, 70000)
	for i := range binary {
		binary[i] = byte(i * 7)
	}
	for _, c := range []struct {
		name        string
		command     Command
		out, errout string
		status      int
	}{
		{name: "nothing"},
		{name: "streams apart", command: Command{Script: "echo out; echo err >&2; exit 3"}, out: "out\n", errout: "err\n", status: 3},
		{name: "no newline", command: Command{Script: "printf a; printf b >&2"}, out: "a", errout: "b"},
		{name: "set -e ends the script", command: Command{Script: "set -e\nfalse\necho no"}, status: 1},
		{name: "exec", command: Command{Script: "exec echo x"}, out: "x\n"},
		{name: "cd stays inside", command: Command{Script: "cd /tmp; pwd"}, out: "/tmp\n"},
		{name: "here-document", command: Command{Script: "cat <<'E'\n$x 'y'\nE\n"}, out: "$x 'y'\n"},
		{name: "no input by default", command: Command{Script: "cat; echo end"}, out: "end\n"},
		{name: "text input", command: Command{Script: "cat", Stdin: []byte("it's\n\ttext %s \\n")}, out: "it's\n\ttext %s \\n"},
		{name: "binary input", command: Command{Script: "cat", Stdin: binary}, out: string(binary)},
		{name: "environment", command: Command{Script: `printf %s "$A"; sh -c 'printf %s "$B"'`, Env: map[string]string{"A": "a 'b'\n$c", "B": "b"}}, out: "a 'b'\n$cb"},
		{name: "directory", command: Command{Script: "pwd", Dir: "/usr"}, out: "/usr\n"},
		{name: "huge output", command: Command{Script: "i=0; while [ $i -lt 2097152 ]; do i=$((i+1)); echo 0123456789abcdef; done"}, out: huge},
		{name: "status of a signal", command: Command{Script: "sh -c 'kill -9 $$'"}, status: 137},
		{name: "Unicode", command: Command{Script: "echo 数据库 £ é"}, out: "数据库 £ é\n"},
		{name: "after all that", command: Command{Script: "echo fine"}, out: "fine\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runCommand(t, s, c.command)
			if !bytes.Equal(r.Stdout, []byte(c.out)) || r.Status != c.status {
				t.Errorf("got status %d and %d bytes %.200q, want %d and %d bytes %.200q; stderr %.200q", r.Status, len(r.Stdout), r.Stdout, c.status, len(c.out), c.out, r.Stderr)
			}
			if string(r.Stderr) != c.errout && c.name != "status of a signal" {
				t.Errorf("stderr %q, want %q", r.Stderr, c.errout)
			}
		})
	}
}

func TestRunsAreOneRoundTripEach(t *testing.T) {
	s := startSSHD(t).shell(t)
	before := s.host.Stats()
	const runs = 40
	for range runs {
		run(t, s, "echo x")
	}
	after := s.host.Stats()
	if got := after.RoundTrips - before.RoundTrips; got != runs {
		t.Errorf("%d runs took %d round trips", runs, got)
	}
	if after.Sessions != before.Sessions || after.Handshakes != 1 {
		t.Errorf("sessions grew from %d to %d, handshakes are %d", before.Sessions, after.Sessions, after.Handshakes)
	}
}
