package polardb

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// Firewalld as both of its doors show it: what busctl and firewall-cmd 1.3.3 printed on the lab's rhel hosts.
var firewalld = map[string]string{
	"ip": `echo '2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\       valid_lft forever preferred_lft forever'`,
	"busctl": `
[ ! -e "$STATE/silent" ] || { echo 'Failed to connect to bus' >&2; exit 1; }
shift 4 # --auto-start=no --timeout=20 call NAME
case "$1 $2 $3 ${4:-} ${5:-}" in
*/FirewallD1" org.fedoraproject.FirewallD1 getDefaultZone  ") echo 's "public"' ;;
*".zone getZoneOfInterface s eth0") cat "$STATE/zone" ;;
*"/FirewallD1 "*".zone getPorts s public") echo 'aas 2 2 "22" "tcp" 2 "15432" "tcp"' ;;
*"/FirewallD1 "*".zone getRichRules s public") echo 'as 0' ;;
*"/FirewallD1 "*".zone getPorts s database") echo 'aas 1 2 "5432" "tcp"' ;;
*"/FirewallD1 "*".zone getRichRules s database") echo 'as 2 "rule family=\"ipv4\" source address=\"10.0.0.2\" port port=\"15432\" protocol=\"tcp\" accept" "rule family=\"ipv4\" source address=\"10.9.9.9\" port port=\"15432\" protocol=\"tcp\" accept"' ;;
*".config getZoneByName s public") echo 'o "/org/fedoraproject/FirewallD1/config/zone/6"' ;;
*".config getZoneByName s database") echo 'o "/org/fedoraproject/FirewallD1/config/zone/9"' ;;
*"/zone/6 "*".config.zone getPorts"*) [ ! -e "$STATE/halfway" ] || exit 1; echo 'a(ss) 1 "15432" "tcp"' ;;
*"/zone/9 "*".config.zone getPorts"*) echo 'a(ss) 0' ;;
*"/zone/"*".config.zone getRichRules"*) echo 'as 0' ;;
*) echo "Call failed: $*" >&2; exit 1 ;;
esac
`,
	"firewall-cmd": `
echo "$*" >> "$STATE/asked"
show() { printf '%s (active)\n  target: default\n  services: ssh\n  ports: %s\n  rich rules: \n' "$1" "$2"; }
case $* in
--list-all) show public '22/tcp 15432/tcp' ;;
--get-zone-of-interface=eth0) if grep -q database "$STATE/zone"; then echo database; else echo 'no zone' >&2; exit 2; fi ;;
'--permanent --zone=public --list-all') show public 15432/tcp ;;
'--zone=database --list-all') show database 5432/tcp
	printf '\trule family="ipv4" source address="%s" port port="15432" protocol="tcp" accept\n' 10.0.0.2 10.9.9.9 ;;
'--permanent --zone=database --list-all') show database '' ;;
*) exit 1 ;;
esac
`,
}

func TestFirewalldSaysTheSameOnTheBus(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, firewalld)
		args := map[string]any{"port": 5432, "address": "10.0.0.1", "members": []any{"10.0.0.1", "10.0.0.2"}}
		plan := func() string {
			t.Helper()
			p, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "polardb_firewall", args, &taskstest.FakeLocal{}))
			return taskstest.Outcome(p, err)
		}
		for zone, want := range map[string]string{
			`s ""`: "change: open 15432/tcp for 10.0.0.1, 15432/tcp for 10.0.0.2, 5432/tcp for everybody; close 15432/tcp for everybody",
			`s "database"`: "change: open 15432/tcp for 10.0.0.1, 15432/tcp for 10.0.0.2, 5432/tcp for everybody; " +
				"close 15432/tcp for everybody, 15432/tcp for 10.9.9.9",
		} {
			taskstest.MustWrite(t, dir+"/zone", zone+"\n")
			if got := plan(); got != want {
				t.Errorf("%s on the bus: %s", zone, got)
			}
			if asked, err := taskstest.Sh(t, "cat "+dir+"/asked"); err == nil {
				t.Fatalf("firewall-cmd was asked too: %s", asked)
			}
			for _, fault := range []string{"silent", "halfway"} {
				taskstest.MustWrite(t, dir+"/"+fault, "")
				if got := plan(); got != want {
					t.Errorf("%s, %s: %s", zone, fault, got)
				}
				if _, err := taskstest.Sh(t, "rm "+dir+"/asked "+dir+"/"+fault); err != nil {
					t.Errorf("%s: firewall-cmd was not asked", fault)
				}
			}
		}
	})
}
