package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestUfwRefusals(t *testing.T) {
	taskstest.TestPlan(t, "ufw", []taskstest.Case{
		{Name: "nothing to do", Args: map[string]any{}, Does: `fails: ufw: argument "rule" is missing`},
		{Name: "an interface alone", Args: map[string]any{"rule": "allow", "interface": "eth0"},
			Does: `fails: ufw: argument "direction" must be in or out`},
		{Name: "a profile and a port", Args: map[string]any{"rule": "allow", "name": "OpenSSH", "port": "22"},
			Does: `fails: ufw: argument "name" and ports exclude`},
	})
}

// The program is played: it keeps its rules in a file, and skips one that is there, as ufw does.
func TestUfwOnAHost(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Write(t, dir+"/rules", "", 0o644)
		taskstest.Pretend(t, dir, map[string]string{"ufw": `
dry=
if [ "$1" = --dry-run ]; then dry=yes; shift; fi
case $1 in
status) echo 'Status: active' ;;
--force)
	if [ ! -e "$STATE/reset" ]; then touch "$STATE/reset"; echo 'ERROR: user.rules already exists. Aborting'; exit 1; fi
	: > "$STATE/rules" ;;
*)
	if grep -qxF -- "$*" "$STATE/rules"; then echo 'Skipping adding existing rule'
	else
		echo 'Rules updated'
		[ -n "$dry" ] || printf '%s\n' "$*" >> "$STATE/rules"
	fi
	if [ "$1" = limit ]; then echo "Skipping unsupported IPv6 'limit' rule"; fi ;;
esac
`})
		l := &taskstest.FakeLocal{}
		args := map[string]any{"rule": "allow", "port": "5432", "proto": "tcp", "from_ip": "10.0.0.0/24", "comment": "it's PolarDB"}
		taskstest.MustChange(t, h, "ufw", args, l)
		taskstest.MustNotChange(t, h, "ufw", args, l)
		if got := taskstest.Read(t, dir+"/rules"); got != "allow from 10.0.0.0/24 to any port 5432 proto tcp comment it's PolarDB\n" {
			t.Errorf("%q", got)
		}
		limit := map[string]any{"rule": "limit", "port": "ssh", "proto": "tcp"}
		taskstest.MustChange(t, h, "ufw", limit, l)
		taskstest.MustNotChange(t, h, "ufw", limit, l)
		// The rule is kept, for all are taken away before it is added; ufw refuses a second reset within the same second.
		taskstest.MustChange(t, h, "ufw", map[string]any{"state": "reset", "rule": "allow", "port": "22"}, l)
		if got := taskstest.Read(t, dir+"/rules"); got != "allow from any to any port 22\n" {
			t.Errorf("%q", got)
		}
	})
}
