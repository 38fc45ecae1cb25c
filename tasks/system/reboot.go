package system

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type rebootArgs struct {
	Before  int      `arg:"pre_reboot_delay" alias:"pre_reboot_delay_sec" default:"0" doc:"Seconds that the host waits before it goes down, in whole minutes: less than 60 is at once."`
	After   int      `arg:"post_reboot_delay" alias:"post_reboot_delay_sec" default:"0" doc:"Seconds to wait before the host is looked for."`
	Timeout int      `arg:"reboot_timeout" alias:"reboot_timeout_sec" default:"600" doc:"Seconds in which it has to be back; as many again for the test command."`
	Connect int      `arg:"connect_timeout" alias:"connect_timeout_sec" default:"0" doc:"Seconds for one attempt to connect and look; 0 is 30."`
	Test    string   `arg:"test_command" default:"whoami" doc:"Command that has to succeed before the play goes on."`
	Msg     string   `arg:"msg" default:"Reboot initiated by Ansible" doc:"What those who are logged in are told."`
	Paths   []string `arg:"search_paths" default:"/sbin,/bin,/usr/sbin,/usr/bin,/usr/local/sbin" doc:"Directories in which the program that reboots is looked for."`
	Boot    string   `arg:"boot_time_command" default:"cat /proc/sys/kernel/random/boot_id" doc:"Command whose answer is another one after a boot."`
	Command string   `arg:"reboot_command" doc:"Command that reboots the host, instead of shutdown -r."`
}

var rebootModule = tasks.Define(tasks.Module{
	Name: "reboot", Collections: []string{"ansible.builtin"},
	Summary: "Reboot a host and wait until it is back",
	Notes: []string{
		"The play goes on over a new connection, under the same lock. Somebody who locks the host while it is down keeps it, and the run stops.",
		"The control node is not rebooted: with connection: local the task fails.",
	},
	Returns: []tasks.Return{
		{Name: "rebooted", Type: "bool", Doc: "whether the host was rebooted"},
		{Name: "elapsed", Type: "int", Doc: "seconds from the command until the host was back"},
	},
	Examples: `
- reboot:
- reboot: {reboot_timeout: 1800, test_command: systemctl is-system-running --wait}
- reboot: {reboot_command: /usr/local/sbin/safe-reboot --now, post_reboot_delay: 30}
`,
}, func(a *rebootArgs, l tasks.Local) (tasks.Action, error) {
	refuse := refusing("reboot")
	switch {
	case a.Timeout <= 0:
		return refuse("reboot_timeout", "has to be more than 0")
	case strings.ContainsAny(a.Msg, "\n\r"):
		return refuse("msg", "has to be one line")
	case strings.TrimSpace(a.Test) == "" || strings.TrimSpace(a.Boot) == "":
		return refuse("test_command", "and boot_time_command cannot be empty")
	}
	a.Before, a.After, a.Connect = max(a.Before, 0), max(a.After, 0), max(a.Connect, 0)
	return tasks.Ask(&reboot{rebootArgs: *a, pause: time.Second}), nil
})

type reboot struct {
	rebootArgs
	pause time.Duration // before the second look; later ones wait longer
}

// Ask looks whether the host is the control node itself.
func (r *reboot) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (bool, error) {
	if here, ok := h.(tasks.Here); ok {
		return here.Here(ctx)
	}
	return false, nil
}

func (r *reboot) Plan(here bool) (tasks.Plan, error) {
	if here {
		return tasks.Plan{}, &tasks.Failure{
			Msg: "the control node would be rebooted: the task's connection is local", Hint: "leave the task out for it",
			Values: map[string]any{"rebooted": false, "elapsed": 0},
		}
	}
	return tasks.Plan{Change: true, Event: true, Msg: "reboot the host", Values: map[string]any{"rebooted": true, "elapsed": 0}}, nil
}

// Apply implements tasks.Applier.
func (r *reboot) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan) (tasks.Result, error) {
	before, err := r.booted(ctx, h)
	if err != nil {
		return tasks.Result{}, err
	}
	command, err := r.command(ctx, h)
	if err != nil {
		return tasks.Result{}, err
	}
	began := time.Now()
	if err := r.down(ctx, h, command); err != nil {
		return tasks.Result{}, err
	}
	if err := tasks.Sleep(ctx, time.Duration(r.After)*time.Second); err != nil {
		return tasks.Result{}, err
	}
	h.Say("waiting until the host is back")
	err = r.until(ctx, h, "the host to be back", began, func(ctx context.Context) error {
		now, err := r.booted(ctx, h)
		if err == nil && (now == "" || now == before) {
			err = errors.New("it has not gone down yet")
		}
		return err
	})
	if err == nil {
		err = r.until(ctx, h, "its test command to succeed", began, func(ctx context.Context) error {
			said, err := h.Shell().Run(ctx, remote.Command{Script: r.Test, Cut: true})
			if err == nil && said.Status != 0 {
				err = fmt.Errorf("exit status %d: %s", said.Status, lastLine(said))
			}
			return err
		})
	}
	if err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Values: map[string]any{"rebooted": true, "elapsed": elapsed(began)}}, nil
}

func elapsed(since time.Time) int { return int(time.Since(since) / time.Second) }

// lastLine is the end of what a command said.
func lastLine(r remote.Result) string {
	lines := strings.Split(strings.TrimSpace(string(r.Stdout)+"\n"+string(r.Stderr)), "\n")
	return lines[len(lines)-1]
}

// booted returns what is another text after a boot.
func (r *reboot) booted(ctx context.Context, h tasks.Host) (string, error) {
	said, err := h.Shell().Run(ctx, remote.Command{Script: r.Boot})
	if err == nil && said.Status != 0 {
		err = &tasks.Failure{Msg: fmt.Sprintf("boot_time_command ended with exit status %d: %s", said.Status, lastLine(said)),
			Values: map[string]any{"rebooted": false}}
	}
	return strings.TrimSpace(string(said.Stdout)), err
}

// command returns the command that reboots the host.
func (r *reboot) command(ctx context.Context, h tasks.Host) (string, error) {
	name, args, given := strings.Cut(r.Command, " ")
	if strings.HasPrefix(name, "/") {
		return r.Command, nil
	}
	said, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("reboot_find", script.Values{"name": name}, r.Paths...)})
	if err != nil {
		return "", err
	}
	var found struct {
		Program string `answer:"program"`
		Bare    bool   `answer:"bare"` // it takes no arguments
		Plus    bool   `answer:"plus"`
	}
	if err := (tasks.Found{Result: said}).Decode(&found); err != nil {
		return "", err
	}
	if found.Program == "" {
		if name == "" {
			name = "shutdown"
		}
		return "", &tasks.Failure{
			Msg: fmt.Sprintf("the program %s is in none of %s", name, strings.Join(r.Paths, ", ")), Hint: "give reboot_command or search_paths",
			Values: map[string]any{"rebooted": false},
		}
	}
	switch {
	case r.Command != "" && given:
		return remote.Quote(found.Program) + " " + args, nil
	case r.Command != "" || found.Bare:
		return remote.Quote(found.Program), nil
	}
	minutes := fmt.Sprint(r.Before / 60)
	if found.Plus {
		minutes = "+" + minutes
	}
	return script.Words([]string{found.Program, "-r", minutes, r.Msg}), nil
}

// down has the host reboot. That the connection is lost meanwhile is no failure.
func (r *reboot) down(ctx context.Context, h tasks.Host, command string) error {
	said, err := h.Shell().Run(ctx, remote.Command{Script: command, Cut: true})
	var lost *remote.UnreachableError
	switch {
	case errors.As(err, &lost):
		return nil
	case err != nil:
		return err
	case said.Status != 0:
		return &tasks.Failure{
			Msg:    fmt.Sprintf("the host could not be rebooted: %s ended with exit status %d: %s", command, said.Status, lastLine(said)),
			Values: map[string]any{"rebooted": false, "elapsed": 0},
		}
	}
	return nil
}

// mostPause is the longest time between two looks at a host.
const mostPause = 12 * time.Second

// until tries again what fails. What says that the host is another one, or another's, ends it.
func (r *reboot) until(ctx context.Context, h tasks.Host, what string, began time.Time, try func(context.Context) error) error {
	limit := 30 * time.Second
	if r.Connect > 0 {
		limit = time.Duration(r.Connect) * time.Second
	}
	end := time.Now().Add(time.Duration(r.Timeout) * time.Second)
	for pause := r.pause; ; pause = min(2*pause, mostPause) {
		one, cancel := context.WithTimeout(ctx, limit)
		err := try(one)
		late := one.Err() != nil
		cancel()
		var unknown *remote.UnknownHostKeyError
		var changed *remote.ChangedHostKeyError
		var locked *remote.LockedError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &unknown), errors.As(err, &changed), errors.As(err, &locked):
			return err
		case !time.Now().Add(pause).Before(end):
			return &tasks.Failure{
				Msg:    fmt.Sprintf("waited %d seconds for %s: %v", r.Timeout, what, err),
				Hint:   "look at its console; reboot_timeout is for how long it may take",
				Values: map[string]any{"rebooted": true, "elapsed": elapsed(began)},
			}
		}
		// A host that lost its power says nothing, and the connection to it seems to stand.
		if resets, ok := h.(tasks.Resets); ok && late {
			resets.Reset()
		}
		if err := tasks.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}
