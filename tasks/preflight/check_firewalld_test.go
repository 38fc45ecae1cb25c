package preflight

import (
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// The default zone is the same one on the bus as firewall-cmd prints it, where both are there.
func TestCheckAsksFirewalldOnTheBus(t *testing.T) {
	const rule = `rule family="ipv4" source address="10.0.0.1" port port="15432" protocol="tcp" accept`
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, map[string]string{
			"systemctl": "[ \"$*\" = '-q is-active firewalld' ]\n",
			"busctl": `
[ ! -e "$STATE/silent" ] || exit 1
shift 4 # --auto-start=no --timeout=20 call NAME
case "$2 $3 ${4:-} ${5:-}" in
"org.fedoraproject.FirewallD1 getDefaultZone  ") echo 's "public"' ;;
*".config getZoneByName s public") echo 'o "/config/zone/6"' ;;
*".config.zone getTarget  ") [ "$1" = /config/zone/6 ] && echo 's "default"' ;;
*".zone getServices s public") echo 'as 2 "ssh" "postgresql"' ;;
*".zone getPorts s public") echo 'aas 2 2 "22" "tcp" 2 "8000-8010" "tcp"' ;;
*".zone getRichRules s public") echo 'as 1 "` + strings.ReplaceAll(rule, `"`, `\"`) + `"' ;;
*) exit 1 ;;
esac
`,
			"firewall-cmd": `echo "$*" >"$STATE/asked"
printf 'public (active)\n  target: default\n  services: ssh postgresql\n  ports: 22/tcp 8000-8010/tcp\n  rich rules: \n\t%s\n' '` + rule + `'
`})
		rules := func() []string {
			t.Helper()
			r, err := h.Run(t.Context(), remote.Command{Script: demoCheck(t, nil).script()})
			if err != nil {
				t.Fatal(err)
			}
			found, err := parseCheck(tasks.Found{Result: r})
			if err != nil || found.Firewall != "firewalld" {
				t.Fatalf("%v, the firewall is %q", err, found.Firewall)
			}
			var said []string
			for _, line := range found.FirewallRules {
				if line = strings.TrimSpace(line); !strings.HasPrefix(line, "public") && line != "rich rules:" {
					said = append(said, line)
				}
			}
			return said
		}
		bus := rules()
		if _, err := taskstest.Sh(t, "cat "+dir+"/asked"); err == nil {
			t.Error("firewall-cmd was asked too")
		}
		taskstest.MustWrite(t, dir+"/silent", "")
		if program := rules(); !slices.Equal(bus, program) || len(bus) != 4 {
			t.Errorf("on the bus %q, by firewall-cmd %q", bus, program)
		}
	})
}
