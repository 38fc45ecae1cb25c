package builtin

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestFirewalldOnAHost(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, map[string]string{"busctl": `
[ "$*" = '--auto-start=no --timeout=20 get-property org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1 state' ] || exit 1
[ ! -e "$STATE/silent" ] && echo 's "RUNNING"'
`, "firewall-cmd": `
echo "$*" >>"$STATE/asked"
place=now
for word; do
	case $word in
	--state) echo running; exit 0 ;;
	--permanent) place=boot ;;
	--query-port=*) if grep -qx "${word#*=}" "$STATE/$place" 2>/dev/null; then echo yes; exit 0; else echo no; exit 1; fi ;;
	--add-port=*) echo "${word#*=}" >> "$STATE/$place"; echo success ;;
	--remove-port=*) : > "$STATE/$place"; echo success ;;
	--query-service=*) echo 'Error: INVALID_SERVICE: nosuch' >&2; exit 101 ;;
	esac
done
`})
		l := &taskstest.FakeLocal{}
		args := map[string]any{"port": "5432/tcp", "permanent": true, "immediate": true, "state": "enabled"}
		taskstest.MustChange(t, h, "firewalld", args, l)
		taskstest.MustNotChange(t, h, "firewalld", args, l)
		args["state"] = "disabled"
		taskstest.MustChange(t, h, "firewalld", args, l)
		// firewall-cmd takes long to start: it is asked for nothing that the bus says or nobody wants.
		taskstest.MustWrite(t, dir+"/asked", "")
		now := map[string]any{"port": "5432/tcp", "immediate": true, "permanent": false, "state": "disabled"}
		taskstest.MustNotChange(t, h, "firewalld", now, l)
		if asked := taskstest.Read(t, dir+"/asked"); asked != "--query-port=5432/tcp\n" {
			t.Errorf("firewall-cmd was asked %q", asked)
		}
		taskstest.MustWrite(t, dir+"/silent", "")
		taskstest.MustNotChange(t, h, "firewalld", now, l)
		if asked := taskstest.Read(t, dir+"/asked"); asked != "--query-port=5432/tcp\n--state\n--query-port=5432/tcp\n" {
			t.Errorf("without the bus firewall-cmd was asked %q", asked)
		}
		taskstest.MustFail(t, h, "firewalld", map[string]any{"service": "nosuch", "state": "enabled", "permanent": true}, l, "INVALID_SERVICE")
	})
}
