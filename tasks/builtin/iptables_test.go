package builtin

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// fakeIptables keeps the rules of a chain in a file, one a line, as iptables -S writes them; line 1 is the policy.
const fakeIptables = `
me=${0##*/}
[ ! -f "$STATE/denied" ] || { echo "Permission denied (you must be root)" >&2; exit 4; }
echo "$me $*" >>"$STATE/calls"
table=filter
while :; do case $1 in -w) shift 2 ;; -n) shift ;; -t) table=$2; shift 2 ;; *) break ;; esac; done
what=$1 chain=$2 f=$STATE/$me.$table.$2
shift 2
rule="$*"
case $what in
-N) [ ! -f "$f" ] || exit 1; echo - >"$f"; exit ;;
-F) if [ -z "$chain" ]; then rm -f "$STATE/$me.$table."*; exit; fi ;;
esac
[ -f "$f" ] || { echo "No chain/target/match by that name." >&2; exit 1; }
case $what in
-L) echo "Chain $chain (policy $(head -n 1 "$f") 0 packets)" ;;
-C) tail -n +2 "$f" | grep -q -x -F -e "$rule" ;;
-A) echo "$rule" >>"$f" ;;
-I) n=1; case $1 in [0-9]*) n=$1; shift; rule="$*" ;; esac; { head -n $n "$f"; echo "$rule"; tail -n +$((n + 1)) "$f"; } >"$f.new" && mv "$f.new" "$f" ;;
-D) awk -v r="$rule" 'NR > 1 && !done && $0 == r { done = 1; next } { print }' "$f" >"$f.new" && mv "$f.new" "$f" ;;
-P) { echo "$1"; tail -n +2 "$f"; } >"$f.new" && mv "$f.new" "$f" ;;
-X) rm "$f" ;;
-F) p=$(head -n 1 "$f"); echo "$p" >"$f" ;;
*) exit 2 ;;
esac
`

func TestIptables(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, map[string]string{"iptables": fakeIptables, "ip6tables": fakeIptables})
		l := &taskstest.FakeLocal{}
		chain := func(name string) string { return strings.TrimSpace(taskstest.Read(t, dir+"/"+name)) }
		reset := func() {
			for _, name := range []string{"iptables", "ip6tables"} {
				taskstest.Write(t, dir+"/"+name+".filter.INPUT", "ACCEPT\n-p tcp\n", 0o644)
			}
		}
		for _, c := range []struct {
			name string
			args map[string]any
			want string // of iptables' chain INPUT
		}{
			{"append", map[string]any{"protocol": "tcp", "destination_port": "5432", "jump": "ACCEPT", "comment": "it's mine"},
				"ACCEPT\n-p tcp\n-p tcp -j ACCEPT --destination-port 5432 -m comment --comment it's mine"},
			{"insert", map[string]any{"source": "!192.0.2.0/24", "jump": "DROP", "action": "insert"}, "ACCEPT\n! -s 192.0.2.0/24 -j DROP\n-p tcp"},
			{"insert at", map[string]any{"jump": "DROP", "action": "insert", "rule_num": "2", "wait": "5"}, "ACCEPT\n-p tcp\n-j DROP"},
			{"absent", map[string]any{"protocol": "tcp", "state": "absent"}, "ACCEPT"},
			{"policy", map[string]any{"policy": "DROP"}, "DROP\n-p tcp"},
			{"states", map[string]any{"ctstate": []any{"NEW", "RELATED"}, "jump": "ACCEPT"}, "ACCEPT\n-p tcp\n-j ACCEPT -m conntrack --ctstate NEW,RELATED"},
			{"states by state", map[string]any{"match": []any{"state"}, "ctstate": []any{"NEW"}}, "ACCEPT\n-p tcp\n-m state --state NEW"},
			{"flags", map[string]any{"tcp_flags": map[string]any{"flags": []any{"ACK", "SYN"}, "flags_set": []any{"ACK"}}, "syn": "negate"},
				"ACCEPT\n-p tcp\n--tcp-flags ACK,SYN ACK ! --syn"},
			{"flags as texts", map[string]any{"tcp_flags": map[string]any{"flags": "ALL", "flags_set": "ACK, RST"}},
				"ACCEPT\n-p tcp\n--tcp-flags ALL ACK,RST"},
			{"reject", map[string]any{"reject_with": "tcp-reset", "limit": "2/second", "uid_owner": "app"},
				"ACCEPT\n-p tcp\n-m limit --limit 2/second -m owner --uid-owner app -j REJECT --reject-with tcp-reset"},
			{"log", map[string]any{"log_prefix": "no: ", "destination_ports": []any{"80", "443:445"}, "src_range": "192.0.2.1-192.0.2.5", "icmp_type": "8"},
				"ACCEPT\n-p tcp\n-j LOG --log-prefix no:  -m multiport --dports 80,443:445 -m iprange --src-range 192.0.2.1-192.0.2.5 --icmp-type 8"},
			{"set", map[string]any{"match_set": "admins", "match_set_flags": "src", "jump": "ACCEPT"}, "ACCEPT\n-p tcp\n-j ACCEPT -m set --match-set admins src"},
		} {
			t.Run(c.name, func(t *testing.T) {
				reset()
				c.args["chain"] = "INPUT"
				taskstest.MustChange(t, h, "iptables", c.args, l)
				if got := chain("iptables.filter.INPUT"); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
				taskstest.MustNotChange(t, h, "iptables", c.args, l)
				if got := chain("ip6tables.filter.INPUT"); got != "ACCEPT\n-p tcp" {
					t.Errorf("ip6tables has %q", got)
				}
			})
		}
		reset()
		both := map[string]any{"chain": "INPUT", "ip_version": "both", "protocol": "icmp", "icmp_type": "8", "jump": "ACCEPT"}
		taskstest.MustChange(t, h, "iptables", both, l)
		if got := chain("ip6tables.filter.INPUT"); got != "ACCEPT\n-p tcp\n-p icmp -j ACCEPT --icmpv6-type 8" {
			t.Errorf("ip6tables has %q", got)
		}
		taskstest.MustNotChange(t, h, "iptables", both, l)

		taskstest.Write(t, dir+"/iptables.filter.INPUT", "ACCEPT\n-p tcp\n-p udp\n-p tcp\n", 0o644)
		taskstest.MustChange(t, h, "iptables", map[string]any{"chain": "INPUT", "protocol": "tcp", "state": "absent"}, l)
		if got := chain("iptables.filter.INPUT"); got != "ACCEPT\n-p udp" {
			t.Errorf("twice there: %q", got)
		}

		own := map[string]any{"chain": "OWN", "chain_management": true}
		taskstest.MustChange(t, h, "iptables", own, l)
		taskstest.MustNotChange(t, h, "iptables", own, l)
		own["state"] = "absent"
		taskstest.MustChange(t, h, "iptables", own, l)
		taskstest.MustNotChange(t, h, "iptables", own, l)
		taskstest.MustChange(t, h, "iptables", map[string]any{"chain": "OWN", "chain_management": true, "jump": "DROP"}, l)
		taskstest.MustFail(t, h, "iptables", map[string]any{"chain": "NONE", "policy": "DROP"}, l, "no policy")
		taskstest.MustChange(t, h, "iptables", map[string]any{"chain": "INPUT", "flush": true}, l)
		if got := chain("iptables.filter.INPUT"); got != "ACCEPT" {
			t.Errorf("flushed: %q", got)
		}

		taskstest.Write(t, dir+"/denied", "", 0o644)
		taskstest.MustFail(t, h, "iptables", both, l, "must be root")
	})
}

func TestIptablesRefused(t *testing.T) {
	for text, args := range map[string]map[string]any{
		"is required unless flush": {"jump": "DROP"}, "flush and policy": {"flush": true, "policy": "DROP", "chain": "INPUT"},
		"required for the target TEE": {"chain": "INPUT", "jump": "TEE"}, "has to be LOG": {"chain": "INPUT", "jump": "DROP", "log_prefix": "x"},
		"rule_num": {"chain": "INPUT", "jump": "DROP", "rule_num": "first"}, "cannot be \"-F\"": {"chain": "-F", "jump": "DROP"},
		"where no rule is given": {"chain": "INPUT"}, "flags and flags_set": {"chain": "INPUT", "tcp_flags": map[string]any{"x": []any{"A"}}},
	} {
		_, err := taskstest.ModuleNamed(t, "iptables").New(args, &taskstest.FakeLocal{})
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `"`, `"`), text) && !strings.Contains(strings.ReplaceAll(err.Error(), `"flush" `, "flush "), text) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
