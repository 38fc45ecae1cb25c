package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

// runLimit bounds one run of one playbook. A playbook of a module's cases takes a minute on a machine that is busy.
const runLimit = 10 * time.Minute

// step is how one task ended on one host.
type step struct {
	play, task, status string
	values             map[string]any // what register saw; nil where it was not told
}

// object is what JSON has in braces. A number that a float cannot hold, such as a key's, is kept as it is written.
type object map[string]any

func (o *object) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return err
	}
	for key, value := range values {
		values[key] = short(value)
	}
	*o = values
	return nil
}

// exact are the digits of a whole number that a float has.
const exact = 15

// short has the numbers of a value that a float can hold as one: 1 and 1.0 are the same then.
func short(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = short(v[key])
		}
	case []any:
		for i := range v {
			v[i] = short(v[i])
		}
	case json.Number:
		if f, err := v.Float64(); err == nil && (len(v) <= exact || strings.ContainsAny(v.String(), ".eE")) {
			return f
		}
	}
	return value
}

// outcome is one run of a playbook.
type outcome struct {
	code    int
	loaded  bool                      // the playbook was read and begun
	refused map[*testCase]string      // cases that polarbook refused to load, with its reason; they were left out
	steps   map[string][]step         // by host, in order
	recap   map[string]map[string]int // by host
	text    string                    // all that it wrote
	took    time.Duration
}

// counts are the columns of the recap as Ansible's callback and polarbook's events name them.
var counts = [][2]string{
	{"ok", "ok"}, {"changed", "changed"}, {"unreachable", "unreachable"}, {"failures", "failed"}, {"skipped", "skipped"},
	{"rescued", "rescued"}, {"ignored", "ignored"},
}

// inTree runs a program of another tree in a directory below /tmp. What is mounted for it is gone when it has ended.
const inTree = `mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount --rbind /tmp "$1/tmp" || exit 99
tree=$1 dir=$2; shift 2
exec chroot "$tree" sh -c 'cd "$1"; shift; exec "$@"' sh "$dir" "$@"`

// execute runs a program in a playbook's directory and returns what it wrote.
func (s *desk) execute(b *batch, environment []string, program string, args ...string) (o *outcome, stdout, stderr []byte) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	dir := filepath.Join(s.dir, b.folder())
	command := exec.CommandContext(ctx, program, args...)
	if s.tree != "" && s.tree != "/" {
		command = exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-c", inTree, "sh", s.tree, dir, program}, args...)...)
	}
	command.Dir = dir
	command.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8", "TZ=UTC", "HOME=" + s.dir + "/.home", "FROM_HERE=from here",
	}, environment...)
	if _, err := os.Stat(filepath.Join(dir, "ansible.cfg")); err != nil {
		command.Env = append(command.Env, "ANSIBLE_CONFIG="+s.dir+"/ansible.cfg")
	}
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	began := time.Now()
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Errorf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		s.t.Errorf("%s %s was still at work after %s: %s%s", program, strings.Join(args, " "), runLimit, &out, &errs)
	}
	return &outcome{
		code: command.ProcessState.ExitCode(), refused: map[*testCase]string{}, steps: map[string][]step{}, recap: map[string]map[string]int{},
		text: out.String() + errs.String(), took: time.Since(began),
	}, out.Bytes(), errs.Bytes()
}

// inventories are the arguments that name them.
func (s *desk) inventories(b *batch) []string {
	args := []string{"-i", "../inventory.yml"}
	if _, err := os.Stat(filepath.Join(s.dir, b.folder(), "more")); err == nil {
		args = append(args, "-i", "more")
	}
	return args
}

// runAnsible runs a playbook with ansible-playbook.
func runAnsible(s *desk, b *batch, args []string) *outcome {
	s.t.Helper()
	o, stdout, _ := s.execute(b, []string{
		"ANSIBLE_STDOUT_CALLBACK=ansible.posix.json", "ANSIBLE_PIPELINING=1", "ANSIBLE_FORKS=8",
		"ANSIBLE_PYTHON_INTERPRETER=" + s.python, "ANSIBLE_NOCOLOR=1", "ANSIBLE_DEPRECATION_WARNINGS=0",
		"ANSIBLE_SSH_CONTROL_PATH_DIR=" + s.sockets, "ANSIBLE_PRIVATE_KEY_FILE=" + s.dir + "/id_ed25519",
		"ANSIBLE_SSH_ARGS=-C -o ControlMaster=auto -o ControlPersist=60s -o StrictHostKeyChecking=yes " +
			"-o UserKnownHostsFile=" + s.dir + "/known_hosts",
	}, "ansible-playbook", append(append(s.inventories(b), "site.yml"), args...)...)
	var told struct {
		Plays []struct {
			Play  struct{ Name string }
			Tasks []struct {
				Task  struct{ Name string }
				Hosts map[string]object
			}
		}
		Stats map[string]map[string]int
	}
	begin := bytes.Index(stdout, []byte("{\n"))
	if begin < 0 || json.NewDecoder(bytes.NewReader(stdout[begin:])).Decode(&told) != nil {
		return o
	}
	o.loaded = true
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
				// A task without a name has the module's, which polarbook shows in short.
				name := fullName.ReplaceAllString(task.Task.Name, "$1$2")
				o.steps[host] = append(o.steps[host], step{s.plain(play.Play.Name), s.plain(name), status, values})
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

var fullName = regexp.MustCompile(`^(.* : )?ansible\.(?:builtin|legacy)\.(\w+)$`)

// closeSockets ends the connections that ssh keeps for Ansible.
func (s *desk) closeSockets() {
	sockets, err := filepath.Glob(filepath.Join(s.sockets, "*"))
	if err != nil {
		s.t.Error(err)
	}
	for _, socket := range sockets {
		if out, err := exec.Command("ssh", "-O", "exit", "-o", "ControlPath="+socket, "any").CombinedOutput(); err != nil {
			if _, gone := os.Stat(socket); gone == nil {
				s.t.Errorf("end ssh's connection %s: %v: %s", socket, err, out)
			}
		}
	}
}

// refusal is how polarbook says what it does not load.
var refusal = regexp.MustCompile(`(?m)^(\S+):(\d+):\d+: (.*)$`)

// runPolarbook runs a playbook with polarbook. Of cases that share a playbook those that it refuses to load are left out.
func runPolarbook(s *desk, b *batch, args []string) *outcome {
	s.t.Helper()
	refused := map[*testCase]string{}
	for {
		o := runPolarbookOnce(s, b, args)
		o.refused = refused
		if o.loaded || !b.shared() {
			return o
		}
		more := false
		for _, m := range refusal.FindAllStringSubmatch(o.text, -1) {
			line, err := strconv.Atoi(m[2])
			if err != nil {
				s.t.Fatal(err)
			}
			if c := b.at(m[1], line); c != nil && refused[c] == "" {
				refused[c], more = m[3], true
			}
		}
		if !more {
			s.t.Errorf("polarbook refuses %s and not for one of its cases: %s", b.name, o.text)
			return o
		}
		s.write(filepath.Join(b.folder(), "site.yml"), b.without(refused))
	}
}

func runPolarbookOnce(s *desk, b *batch, args []string) *outcome {
	s.t.Helper()
	command := append([]string{"run", "site.yml"}, s.inventories(b)...)
	command = append(command, "--output", "json", "--private-key", s.dir+"/id_ed25519", "--known-hosts", s.dir+"/known_hosts")
	o, stdout, _ := s.execute(b, []string{"XDG_STATE_HOME=" + s.dir + "/.state"}, site.Program(s.t), append(command, args...)...)
	tasks := map[int]string{}
	play := ""
	for line := range bytes.Lines(stdout) {
		var e struct {
			Type   string
			TaskID int `json:"task_id"`
			Name   string
			Host   string
			Status string
			Item   *string
			Values object
			Hosts  json.RawMessage
		}
		if err := json.Unmarshal(line, &e); err != nil {
			s.t.Fatalf("polarbook said %q, which is no event: %v", line, err)
		}
		o.loaded = true
		switch e.Type {
		case "play_started":
			play = s.plain(e.Name)
		case "task_started":
			tasks[e.TaskID] = s.plain(fullName.ReplaceAllString(e.Name, "$1$2"))
		case "host_done":
			if e.Item != nil {
				break
			}
			status := e.Status
			if status == "ignored" || status == "rescued" { // Ansible's callback does not tell them from failed; the recap does
				status = "failed"
			}
			if e.Values["unreachable"] == true { // as the callback has it, also where ignore_unreachable has the host go on
				status = "unreachable"
			}
			o.steps[e.Host] = append(o.steps[e.Host], step{play, tasks[e.TaskID], status, e.Values})
		case "run_ended":
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
	return o
}
