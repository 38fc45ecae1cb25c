package builtin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/job"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// started starts a command as a job and returns its id.
func started(t *testing.T, h *taskstest.LocalHost, args map[string]any, limit int, free bool) string {
	t.Helper()
	action := taskstest.NewAction(t, "shell", args, &taskstest.FakeLocal{})
	plan, err := taskstest.PlanOn(t, h, action)
	if err != nil {
		t.Fatal(err)
	}
	id, start, err := action.(tasks.Detacher).Detach(plan, limit, free)
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Run(context.Background(), start)
	if err != nil || r.Status != 0 {
		t.Fatalf("the job was not started: %v, %+v", err, r)
	}
	var file struct {
		File []byte `answer:"file,required"`
	}
	if err := script.Decode(r.Stdout, &file); err != nil || !strings.HasSuffix(string(file.File), "/"+id) {
		t.Errorf("it is noted in %q, %v", file.File, err)
	}
	return id
}

// asked asks for a job once.
func asked(t *testing.T, h *taskstest.LocalHost, id, mode string) (tasks.Result, error) {
	t.Helper()
	action := taskstest.NewAction(t, "async_status", map[string]any{"jid": id, "mode": mode}, &taskstest.FakeLocal{})
	plan, err := taskstest.PlanOn(t, h, action)
	if err != nil || !plan.Change {
		return tasks.Result{Msg: plan.Msg, Values: plan.Values}, err
	}
	r, err := action.(tasks.Applier).Apply(context.Background(), h, plan)
	return plan.Complete(r), err
}

// ended asks until the job has ended.
func ended(t *testing.T, h *taskstest.LocalHost, id string) (tasks.Result, error) {
	t.Helper()
	for over := time.Now().Add(time.Minute); time.Now().Before(over); time.Sleep(50 * time.Millisecond) {
		if r, err := asked(t, h, id, "status"); err != nil || r.Values["finished"] == true {
			return r, err
		}
	}
	t.Fatal("the job does not end")
	return tasks.Result{}, nil
}

func TestJobs(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		t.Setenv("ANSIBLE_ASYNC_DIR", filepath.Join(dir, "jobs"))
		gate := filepath.Join(dir, "gate")

		waiting := "while [ ! -e " + gate + " ]; do sleep 0.05; done; cat; echo it\\'s; echo no >&2"
		id := started(t, h, map[string]any{"cmd": waiting, "stdin": "in"}, 60, true)
		r, err := asked(t, h, id, "status")
		if err != nil || r.Changed || r.Values["finished"] != false || r.Values["started"] != true {
			t.Errorf("while it runs: %+v, %v", r, err)
		}
		if info, err := os.Stat(filepath.Join(dir, "jobs")); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the directory of jobs: %v, %v", info, err)
		}
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err = ended(t, h, id)
		if err != nil || !r.Changed || r.Values["rc"] != 0 || r.Values["stdout"] != "in\nit's" || r.Values["stderr"] != "no" {
			t.Errorf("when it had ended: %+v, %v", r, err)
		}
		if r, err = asked(t, h, id, "cleanup"); err != nil || r.Changed || r.Values["erased"] != filepath.Join(dir, "jobs", id) {
			t.Errorf("cleanup: %+v, %v", r, err)
		}
		if left, err := os.ReadDir(filepath.Join(dir, "jobs")); err != nil || len(left) != 0 {
			t.Errorf("it left %v, %v", left, err)
		}
		var failed *tasks.Failure
		_, err = asked(t, h, id, "status")
		if !errors.As(err, &failed) || failed.Msg != "could not find job" || failed.Values["finished"] != true {
			t.Errorf("a job that is gone: %v", err)
		}
		_, err = asked(t, h, id, "cleanup")
		if !errors.As(err, &failed) || failed.Msg != "could not find job" || failed.Values["erased"] != filepath.Join(dir, "jobs", id) {
			t.Errorf("cleanup of a job that is gone: %v", err)
		}

		t.Setenv("POLARBOOK_RUN", "mark")
		t.Setenv("SUDO_COMMAND", "env POLARBOOK_RUN=mark /bin/sh")
		for free, want := range map[bool]string{true: "POLARBOOK_JOB=free", false: "POLARBOOK_JOB=mark"} {
			r, err = ended(t, h, started(t, h, map[string]any{"cmd": "env | grep -e POLARBOOK_RUN -e POLARBOOK_JOB || :"}, 60, free))
			if err != nil || r.Values["stdout"] != want {
				t.Errorf("free %v: it has the marks %v: %v", free, r.Values["stdout"], err)
			}
		}

		r, err = ended(t, h, started(t, h, map[string]any{"cmd": "echo x; exit 3"}, 60, false))
		if !errors.As(err, &failed) || failed.Values["rc"] != 3 || failed.Values["stdout"] != "x" || !r.Changed {
			t.Errorf("a job that fails: %+v, %v", r, err)
		}
		r, err = ended(t, h, started(t, h, map[string]any{"cmd": "false", "creates": gate}, 60, true))
		if err != nil || r.Changed || r.Values["rc"] != 0 {
			t.Errorf("a job with nothing to do: %+v, %v", r, err)
		}
		pid := filepath.Join(dir, "pid")
		_, err = ended(t, h, started(t, h, map[string]any{"cmd": "echo $$ >" + pid + "; sleep 600 & wait"}, 1, true))
		if !errors.Is(err, tasks.ErrJobLate) {
			t.Errorf("a job that takes too long: %v", err)
		}

		id = started(t, h, map[string]any{"cmd": "echo $$ >" + pid + "; exec sleep 600"}, 600, false)
		if _, err := h.Run(context.Background(), job.Erase(id, true)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(pid)
		if err != nil {
			t.Fatal(err)
		}
		state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(text)) + "/stat")
		if err == nil && !strings.Contains(string(state), ") Z ") {
			t.Errorf("a job that was ended runs on: %s", state)
		}
	})
}

// killOf kills a job with what watches over it, as a reboot or the fence of a run does.
func killOf(dir, id string) remote.Command {
	return remote.Command{Script: "read -r watch work <" + dir + "/." + id + "/pid; kill -KILL \"$watch\" \"-$work\""}
}

func TestJobThatWasKilled(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		t.Setenv("ANSIBLE_ASYNC_DIR", dir)
		id := started(t, h, map[string]any{"cmd": "sleep 600"}, 600, true)
		if r, err := h.Run(context.Background(), killOf(dir, id)); err != nil || r.Status != 0 {
			t.Fatalf("%v, %+v", err, r)
		}
		if _, err := ended(t, h, id); err == nil || !strings.Contains(err.Error(), "ended without a result") {
			t.Errorf("a job that was killed: %v", err)
		}
	})
}

// What is done on the control node, and what ansible-playbook started, is noted in a file alone.
func TestJobThatSomebodyElseDoes(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		t.Setenv("ANSIBLE_ASYNC_DIR", dir)
		write := func(id, state string, limit int) {
			t.Helper()
			if r, err := h.Run(context.Background(), job.Write(id, state, limit)); err != nil || r.Status != 0 {
				t.Fatalf("%v, %+v", err, r)
			}
		}
		const id = "j123456789012.34"
		write(id, `{"started": 1, "finished": 0, "ansible_job_id": "`+id+`"}`, 600)
		if r, err := asked(t, h, id, "status"); err != nil || r.Values["finished"] != false {
			t.Errorf("while it runs: %+v, %v", r, err)
		}
		write(id, `{"started": 1, "finished": 0, "ansible_job_id": "`+id+`"}`, -1)
		if _, err := asked(t, h, id, "status"); err == nil || !strings.Contains(err.Error(), "ended without a result") {
			t.Errorf("when its time is over: %v", err)
		}
		write(id, `{"changed": true, "mode": "0644", "n": 3, "warnings": ["w"], "started": 1, "finished": 1, "msg": "m"}`, 0)
		r, err := asked(t, h, id, "status")
		if err != nil || !r.Changed || r.Values["finished"] != true || r.Values["mode"] != "0644" || r.Values["n"] != 3 || r.Msg != "m" ||
			len(r.Warnings) != 1 {
			t.Errorf("when it has ended: %+v, %v", r, err)
		}
		write(id, `{"failed": true, "changed": false, "msg": "no such thing"}`, 0)
		r, err = asked(t, h, id, "status")
		var failed *tasks.Failure
		if !errors.As(err, &failed) || failed.Msg != "no such thing" || failed.Values["finished"] != true || r.Changed {
			t.Errorf("when it has failed: %+v, %v", r, err)
		}
		if err := os.WriteFile(filepath.Join(dir, id), []byte(`{"chan`), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := asked(t, h, id, "status"); err != nil || r.Values["finished"] != false {
			t.Errorf("while it is written: %+v, %v", r, err)
		}
		if _, err = asked(t, h, id, "cleanup"); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("it left %v, %v", left, err)
		}
	})
}

// What is noted of a job may have been written by anybody who has the account.
func FuzzNotedJob(f *testing.F) {
	for _, s := range []string{`{"started": 1, "finished": 0}`, `{"changed": true, "n": 1e999, "l": [1, {"a": 2}]}`, `[]`, `{"failed": 1, "msg": 3, "warnings": "w"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, running, err := notedJob(text)
		var failed *tasks.Failure
		switch {
		case running && (err != nil || r.Values != nil):
			t.Errorf("%q runs, and has %v, %v", text, r.Values, err)
		case err != nil && !errors.As(err, &failed):
			t.Errorf("%q: %v", text, err)
		}
	})
}
