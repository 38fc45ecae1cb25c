package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// runLimit bounds one run of one playbook.
const runLimit = 3 * time.Minute

// step is how one task ended on one host.
type step struct {
	task, status string
	values       map[string]any // what register saw; nil where it was not told
}

// outcome is one run of a playbook.
type outcome struct {
	code  int
	steps map[string][]step         // by host, in order
	recap map[string]map[string]int // by host
	text  string                    // all that it wrote
	took  time.Duration
}

// counts are the columns of the recap as Ansible's callback and polarbook's events name them.
var counts = [][2]string{
	{"ok", "ok"}, {"changed", "changed"}, {"unreachable", "unreachable"}, {"failures", "failed"}, {"skipped", "skipped"},
	{"rescued", "rescued"}, {"ignored", "ignored"},
}

// execute runs a program in a playbook's directory and returns what it wrote.
func (s *desk) execute(book string, environment []string, program string, args ...string) (o *outcome, stdout, stderr []byte) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = filepath.Join(s.dir, book)
	command.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8", "TZ=UTC", "HOME=" + s.dir + "/.home", "FROM_HERE=from here",
	}, environment...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	began := time.Now()
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		s.t.Fatalf("%s %s was still at work after %s: %s%s", program, strings.Join(args, " "), runLimit, &out, &errs)
	}
	return &outcome{
		code: command.ProcessState.ExitCode(), steps: map[string][]step{}, recap: map[string]map[string]int{},
		text: out.String() + errs.String(), took: time.Since(began),
	}, out.Bytes(), errs.Bytes()
}

// runAnsible runs a playbook with ansible-playbook.
func runAnsible(s *desk, book string, args []string) *outcome {
	s.t.Helper()
	o, stdout, _ := s.execute(book, []string{
		"ANSIBLE_CONFIG=" + s.dir + "/ansible.cfg", "ANSIBLE_STDOUT_CALLBACK=ansible.posix.json", "ANSIBLE_PIPELINING=1", "ANSIBLE_FORKS=8",
		"ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3", "ANSIBLE_NOCOLOR=1", "ANSIBLE_DEPRECATION_WARNINGS=0",
		"ANSIBLE_SSH_CONTROL_PATH_DIR=" + s.sockets, "ANSIBLE_PRIVATE_KEY_FILE=" + s.lab.KeyFile(),
		"ANSIBLE_SSH_ARGS=-C -o ControlMaster=auto -o ControlPersist=60s -o StrictHostKeyChecking=yes -o UserKnownHostsFile=" +
			s.lab.KnownHosts(),
	}, "ansible-playbook", append([]string{"-i", "../inventory.yml", "site.yml"}, args...)...)
	var told struct {
		Plays []struct {
			Tasks []struct {
				Task  struct{ Name string }
				Hosts map[string]map[string]any
			}
		}
		Stats map[string]map[string]int
	}
	if err := json.Unmarshal(stdout, &told); err != nil {
		s.t.Fatalf("ansible-playbook said no JSON (%v): %s", err, o.text)
	}
	for _, play := range told.Plays {
		for _, task := range play.Tasks {
			for host, values := range task.Hosts {
				status := "ok"
				switch {
				case values["unreachable"] == true:
					status = "unreachable"
				case values["failed"] == true:
					status = "failed"
				case values["skipped"] == true:
					status = "skipped"
				case values["changed"] == true:
					status = "changed"
				}
				if values["censored"] != nil {
					values = nil
				}
				o.steps[host] = append(o.steps[host], step{s.plain(task.Task.Name), status, values})
			}
		}
	}
	for host, stats := range told.Stats {
		o.recap[host] = map[string]int{}
		for _, c := range counts {
			o.recap[host][c[1]] = stats[c[0]]
		}
	}
	return o
}

// closeSockets ends the connections that ssh keeps for Ansible.
func (s *desk) closeSockets() error {
	sockets, err := filepath.Glob(filepath.Join(s.sockets, "*"))
	for _, socket := range sockets {
		if out, e := exec.Command("ssh", "-O", "exit", "-o", "ControlPath="+socket, "any").CombinedOutput(); e != nil {
			if _, gone := os.Stat(socket); gone == nil {
				err = errors.Join(err, fmt.Errorf("end ssh's connection %s: %w: %s", socket, e, out))
			}
		}
	}
	return err
}

// runPolarbook runs a playbook with polarbook.
func runPolarbook(s *desk, book string, args []string) *outcome {
	s.t.Helper()
	o, stdout, _ := s.execute(book, []string{"XDG_STATE_HOME=" + s.dir + "/.state"}, site.Program(s.t), append([]string{
		"run", "site.yml", "-i", "../inventory.yml", "--output", "json", "--private-key", s.lab.KeyFile(), "--known-hosts", s.lab.KnownHosts(),
	}, args...)...)
	tasks := map[int]string{}
	ended := false
	for line := range bytes.Lines(stdout) {
		var e struct {
			Type   string
			TaskID int `json:"task_id"`
			Name   string
			Host   string
			Status string
			Item   *string
			Msg    string
			Values map[string]any
			Hosts  json.RawMessage
		}
		if err := json.Unmarshal(line, &e); err != nil {
			s.t.Fatalf("polarbook said %q, which is no event: %v", line, err)
		}
		switch e.Type {
		case "task_started":
			tasks[e.TaskID] = e.Name
		case "host_done":
			if e.Item != nil {
				break
			}
			status := e.Status
			if status == "ignored" || status == "rescued" { // Ansible's callback does not tell them from failed; the recap does
				status = "failed"
			}
			o.steps[e.Host] = append(o.steps[e.Host], step{s.plain(tasks[e.TaskID]), status, e.Values})
		case "run_ended":
			ended = true
			if err := json.Unmarshal(e.Hosts, &struct{}{}); err != nil {
				s.t.Fatal(err)
			}
			var hosts map[string]map[string]int
			if err := json.Unmarshal(e.Hosts, &hosts); err != nil {
				s.t.Fatal(err)
			}
			for host, recap := range hosts {
				o.recap[host] = map[string]int{}
				for _, c := range counts {
					o.recap[host][c[1]] = recap[c[1]]
				}
			}
		}
	}
	if !ended {
		s.t.Fatalf("polarbook did not say how the run of %s ended: %s", book, o.text)
	}
	return o
}
