package builtin

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestWaitForPorts(t *testing.T) {
	h := &taskstest.LocalHost{Words: taskstest.Shells()[0]}
	l := &taskstest.FakeLocal{}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := server.Addr().(*net.TCPAddr).Port
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 mail ready\r\n"))
			c.Close()
		}
	}()
	_, r := taskstest.MustChange(t, h, "wait_for", map[string]any{"port": port, "search_regex": `^(?P<code>\d+) \w+ (ready)`}, l)
	if r.Changed || r.Values["match_groupdict"].(map[string]any)["code"] != "220" || len(r.Values["match_groups"].([]any)) != 2 {
		t.Errorf("%+v", r)
	}
	_, r = taskstest.MustChange(t, h, "wait_for", map[string]any{"port": port}, l)
	for _, key := range []string{"path", "search_regex"} {
		if value, ok := r.Values[key]; !ok || value != nil {
			t.Errorf("%s: %v", key, value)
		}
	}
	err = taskstest.MustFail(t, h, "wait_for", map[string]any{"port": port, "state": "stopped", "timeout": 0}, l,
		"last seen: it takes connections")
	var f *tasks.Failure
	if !errors.As(err, &f) || f.Values["elapsed"] == nil {
		t.Errorf("%+v", f)
	}
	server.Close()
	<-done
	taskstest.MustChange(t, h, "wait_for", map[string]any{"port": port, "state": "stopped"}, l)
	taskstest.MustFail(t, h, "wait_for", map[string]any{"port": port, "timeout": 0, "msg": "not up"}, l, "not up")
}

// Where sshd forbids forwarding, the host tries by itself.
func TestWaitForWithoutForwarding(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		server, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		port := server.Addr().(*net.TCPAddr).Port
		w := taskstest.Work[*waitFor](t, taskstest.NewAction(t, "wait_for", map[string]any{"port": port, "timeout": 0}, &taskstest.FakeLocal{}))
		if _, err := w.Apply(t.Context(), &noForwarding{h}, tasks.Plan{}); err != nil {
			t.Error(err)
		}
		server.Close()
		if _, err := w.Apply(t.Context(), &noForwarding{h}, tasks.Plan{}); err == nil {
			t.Error("a closed port was found open")
		}
	})
}

type noForwarding struct{ *taskstest.LocalHost }

func (noForwarding) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, remote.ErrNoForwarding
}

func TestWaitForFiles(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		l := &taskstest.FakeLocal{}
		f := dir + "/it's a log"
		taskstest.MustChange(t, h, "wait_for", map[string]any{"path": f, "state": "absent"}, l)
		taskstest.MustFail(t, h, "wait_for", map[string]any{"path": f, "timeout": 0}, l, "not there")
		go func() {
			time.Sleep(50 * time.Millisecond)
			_ = os.WriteFile(f, []byte("starting\nready in 5 s\n"), 0o600)
		}()
		_, r := taskstest.MustChange(t, h, "wait_for", map[string]any{"path": f, "search_regex": `^ready in (\d+)`, "timeout": 60}, l)
		if got := r.Values["match_groups"].([]any); len(got) != 1 || got[0] != "5" {
			t.Errorf("%v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := taskstest.NewAction(t, "wait_for", map[string]any{"path": f, "state": "absent"}, l).(tasks.Applier)
		if _, err := a.Apply(ctx, h, tasks.Plan{}); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled wait ended with %v", err)
		}
	})
}

func TestConnectionsOfTheKernel(t *testing.T) {
	list := script.ParseConnections(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1538 0200000A:8F2C 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   0: 0000000000000000FFFF00000100000A:1538 0000000000000000FFFF00000200000A:0016 06 00000000:00000000 00:00000000 00000000 0 0 3
   1: B80D0120000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 3
`)
	want := []script.Connection{
		{Local: "127.0.0.1", Remote: "0.0.0.0", Port: 5432, State: "LISTEN"}, {Local: "127.0.0.1", Remote: "10.0.0.2", Port: 5432,
			State: "ESTABLISHED"}, {Local: "10.0.0.1", Remote: "10.0.0.2", Port: 5432, State: "TIME_WAIT"},
		{Local: "2001:db8::1", Remote: "::", Port: 5432, State: "LISTEN"},
	}
	if len(list) != len(want) {
		t.Fatalf("%v", list)
	}
	for i := range want {
		if list[i] != want[i] {
			t.Errorf("%+v, want %+v", list[i], want[i])
		}
	}
}
