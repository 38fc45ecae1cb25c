package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestSystemdOnAHost(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, map[string]string{"systemctl": `
if [ "$1" = --no-reload ]; then shift; fi
case $1 in
show)
	if [ "$*" = "show --no-pager --all -p LoadState -p FragmentPath -p NeedDaemonReload *" ]; then
		printf 'LoadState=loaded\nFragmentPath=/etc/x.service\nNeedDaemonReload=no\n'
		if [ -e "$STATE/masked" ]; then printf '\nLoadState=masked\nFragmentPath=%s\nNeedDaemonReload=yes\n' "$(cat "$STATE/masked")"; fi
		if [ -e "$STATE/stale" ]; then printf '\nLoadState=loaded\nFragmentPath=/etc/y.service\nNeedDaemonReload=yes\n'; fi
		exit 0
	fi
	echo LoadState=loaded
	echo Environment=PGPASSWORD=secret
	echo 'ExecStart={ path=/bin/sh ; argv[]=/bin/sh -c a'
	echo 'b=c ; status=0/0 }'
	echo LimitNOFILE=524288
	echo Type=simple
	if [ -e "$STATE/active" ]; then echo ActiveState=active; else echo ActiveState=inactive; fi ;;
is-enabled) if [ -e "$STATE/enabled" ]; then echo enabled; else echo disabled; exit 1; fi ;;
is-active) if [ -e "$STATE/active" ]; then echo active; else echo failed; exit 3; fi ;;
start|restart) if [ -e "$STATE/broken" ]; then echo "Job for $2.service failed." >&2; exit 1; fi; if [ ! -e "$STATE/falls" ]; then : > "$STATE/active"; fi ;;
stop) rm -f "$STATE/active" ;;
enable) : > "$STATE/enabled" ;;
disable) rm -f "$STATE/enabled" ;;
daemon-reload) rm -f "$STATE/stale"; if [ "$(cat "$STATE/masked" 2>/dev/null)" != /dev/null ]; then rm -f "$STATE/masked"; fi ;;
--no-pager) echo "status of $4: it broke" ;;
esac
`, "journalctl": "echo 'polardb[1]: FATAL: no space left'\n"})
		l := &taskstest.FakeLocal{}
		args := map[string]any{"name": "polardb", "state": "started", "enabled": true, "daemon_reload": true}
		taskstest.Write(t, dir+"/stale", "", 0o600)
		taskstest.MustChange(t, h, "systemd", args, l)
		status := taskstest.MustNotChange(t, h, "systemd", args, l).Values["status"].(map[string]any)
		if _, told := status["Environment"]; told || status["LimitNOFILE"] != "524288" ||
			status["ExecStart"] != "{ path=/bin/sh ; argv[]=/bin/sh -c a\nb=c ; status=0/0 }" || status["b"] != nil {
			t.Errorf("status %q", status)
		}
		taskstest.Write(t, dir+"/stale", "", 0o600)
		taskstest.MustChange(t, h, "systemd", map[string]any{"daemon_reload": true}, l)
		taskstest.MustNotChange(t, h, "systemd", map[string]any{"daemon_reload": true}, l)
		taskstest.Write(t, dir+"/stale", "", 0o600)
		taskstest.MustChange(t, h, "service", map[string]any{"daemon_reload": true}, l)
		taskstest.MustNotChange(t, h, "service", map[string]any{"daemon_reload": true}, l)
		// A masked unit with drop-ins is to be read again whenever one asks, unless it is masked no more.
		taskstest.Write(t, dir+"/masked", "/dev/null", 0o600)
		taskstest.MustNotChange(t, h, "systemd", map[string]any{"daemon_reload": true}, l)
		taskstest.Write(t, dir+"/stale", "", 0o600)
		taskstest.MustChange(t, h, "systemd", map[string]any{"daemon_reload": true}, l)
		for _, unmasked := range []string{"/etc/passwd", "/nonexistent"} {
			taskstest.Write(t, dir+"/masked", unmasked, 0o600)
			taskstest.MustChange(t, h, "systemd", map[string]any{"daemon_reload": true}, l)
		}
		plan, _ := taskstest.MustChange(t, h, "service", map[string]any{"name": "polardb", "state": "restarted", "sleep": 1, "pattern": "x"}, l)
		if len(plan.Warnings) != 2 {
			t.Errorf("what is not used is not said: %q", plan.Warnings)
		}
		taskstest.MustChange(t, h, "systemd_service", map[string]any{"name": "polardb", "state": "stopped", "enabled": false}, l)
		taskstest.Write(t, dir+"/falls", "", 0o600)
		taskstest.MustFail(t, h, "systemd", map[string]any{"name": "polardb", "state": "started"}, l, "polardb failed right after its start")
		taskstest.Write(t, dir+"/broken", "", 0o600)
		err := taskstest.MustFail(t, h, "systemd", map[string]any{"name": "polardb", "state": "started"}, l,
			"start of polardb failed: Job for polardb.service failed.")
		for _, want := range []string{"it broke", "no space left"} {
			taskstest.MustContain(t, err.Error(), want)
		}
	})
}

// What is-enabled accepts is enabled for Ansible 2.19, but for indirect and alias and what is so until the next boot only.
func TestSystemdsWordsOfEnabled(t *testing.T) {
	for said, want := range map[string]bool{
		"0 enabled": true, "0 enabled-runtime": false, "0 static": true, "0 generated": true, "0 linked-runtime": true, "0 indirect": false, "0 alias": false,
		"1 disabled": false, "1 linked": false, "1 masked": false, "4 not-found": false, "": false,
	} {
		if got := readUnit(systemdFound{Enabled: said}).enabled; got != want {
			t.Errorf("%q: enabled is %v", said, got)
		}
	}
}
