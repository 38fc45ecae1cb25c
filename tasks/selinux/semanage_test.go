package selinux

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// semanage is a stand-in that prints as the one of Debian 12 does: it keeps its lists in files.
const semanage = `
echo "$*" >>"$STATE/ran"
what=$1 verb= equal= kind= user= level= proto= ftype= last=
shift
for w; do case $w in -l|-a|-m|-d|-C) verb=$verb$w ;; esac; last=$w; done
while [ $# -gt 1 ]; do
	case $1 in
	-e) equal=$2 ;; -t) kind=$2 ;; -s) user=$2 ;; -r) level=$2 ;; -p) proto=$2 ;; -f) ftype=$2 ;;
	*) shift; continue ;;
	esac
	shift 2
done
list=$STATE/$what
keep() { awk -v "$1" "$2" "$list" >"$list.new"; mv "$list.new" "$list"; }
case $what$verb in
port-l) cat "$list" "$list.local" ;;
port-l-C) cat "$list.local" ;;
port-a) printf '%-30s %-8s %s\n' "$kind" "$proto" "$last" >>"$list.local" ;;
port-m) [ "$last" = 5432 ] && printf '%-30s %-8s %s, 99\n' "$kind" "$proto" "$last" >>"$list.local" ;;
port-d) list=$list.local; keep "p=$last" '{ if ($3 != p) print }' ;;
fcontext-l) cat "$list"; cat "$list.equal" ;;
fcontext-a|fcontext-m|fcontext-d)
	list=$list${equal:+.equal}
	p=$last awk 'index($0, ENVIRON["p"] " ") != 1' "$list" >"$list.new"; mv "$list.new" "$list"
	case $verb in -d) exit 0 ;; esac
	if [ -n "$equal" ]; then echo "$last = $equal" >>"$list"; exit 0; fi
	case $ftype in a) ftype='all files' ;; d) ftype=directory ;; esac
	if [ "$kind" = '<<none>>' ]; then text=$kind; else text="$user:object_r:$kind:$level "; fi
	printf '%-50s %-18s %s\n' "$last" "$ftype" "$text" >>"$list" ;;
permissive-a) echo "permissive_$last" >>"$STATE/modules" ;;
permissive-d) list=$STATE/modules; keep "p=permissive_$last" '{ if ($1 != p) print }' ;;
*) echo "semanage $what $verb" >&2; exit 1 ;;
esac
`

func managed(t *testing.T, h *taskstest.LocalHost) (dir string, l *taskstest.FakeLocal) {
	t.Helper()
	dir, l = t.TempDir(), &taskstest.FakeLocal{}
	for name, text := range map[string]string{
		"port": "http_port_t                    tcp      80, 81, 8000-8010\npostgresql_port_t              tcp      5432, 9898\n" +
			"http_port_t                    udp      5433\n",
		"port.local": "",
		"fcontext": "/srv/.*                                            all files          system_u:object_r:var_t:s0 \n" +
			"/srv/.*                                            directory          system_u:object_r:dir_t:s0:c1 \n" +
			"/srv/.*/x                                          all files          <<None>>\n",
		"fcontext.equal": "/var/run = /run\n/run = /other\n",
		"modules":        "accountsd\npermissive_ntpd_t\t1.0\n",
	} {
		taskstest.MustWrite(t, dir+"/"+name, text)
	}
	taskstest.Pretend(t, dir, map[string]string{"semanage": semanage, "semodule": `cat "$STATE/modules"`})
	taskstest.MustOn(t, h, "mount -t tmpfs none /sys/fs && mkdir /sys/fs/selinux && echo 1 >/sys/fs/selinux/enforce")
	return dir, l
}

// ran are the commands that changed something.
func ran(t *testing.T, dir string) string {
	t.Helper()
	var changes []string
	for line := range strings.Lines(taskstest.Read(t, dir+"/ran")) {
		if !strings.Contains(line, " -l") {
			changes = append(changes, line)
		}
	}
	return strings.Join(changes, "")
}

func TestWithoutSemanage(t *testing.T) {
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		dir, l := managed(t, h)
		if err := os.Remove(dir + "/semanage"); err != nil {
			t.Fatal(err)
		}
		if out, err := taskstest.Sh(t, "command -v semanage"); err == nil {
			t.Skipf("SKIP: this machine has semanage: %s", out)
		}
		for module, args := range map[string]map[string]any{
			"seport":             {"ports": 1, "proto": "tcp", "setype": "x_t"},
			"sefcontext":         {"target": "/x", "setype": "x_t"},
			"selinux_permissive": {"domain": "x_t", "permissive": true},
		} {
			taskstest.MustFail(t, h, module, args, l, "semanage is not installed")
			plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, module, args, &taskstest.FakeLocal{Checking: true}))
			if err != nil || plan.Unknown == "" {
				t.Errorf("%s in a run that asks: %+v %v", module, plan, err)
			}
		}
		taskstest.Pretend(t, dir, map[string]string{"semanage": "exit 1"})
		taskstest.MustFail(t, h, "seport", map[string]any{"ports": 1, "proto": "tcp", "setype": "x_t"}, l, "semanage could not read the policy")
		taskstest.MustOn(t, h, "umount /sys/fs")
		taskstest.MustFail(t, h, "sefcontext", map[string]any{"target": "/x", "setype": "x_t"}, l, "SELinux is disabled on this host")
	})
}
