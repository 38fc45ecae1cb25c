package preflight

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/polardb"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/taskstest"
	"github.com/polarbook/polarbook/test/golden"
)

// newEngine was built on Debian 12, oldEngine on CentOS 7.
var (
	newEngine = &archive{
		Name:     "polardb-11.9.tar.gz",
		Size:     7065737,
		Machines: []string{"x86_64"},
		GLIBC:    "2.34",
		GLIBCXX:  "3.4.30",
		Libraries: []string{"libc.so.6", "libcrypto.so.3", "libgcc_s.so.1", "libm.so.6", "libprotobuf.so.32", "libreadline.so.8",
			"libssl.so.3", "libstdc++.so.6", "libz.so.1"},
	}
	oldEngine = &archive{Name: "polardb-11.9-el7.tar.gz", Size: 7065737, Machines: []string{"x86_64"}, GLIBC: "2.17", GLIBCXX: "3.4.19",
		Libraries: []string{"libc.so.6", "libgcc_s.so.1", "libm.so.6", "libstdc++.so.6", "libz.so.1"}}
)

func demoNodes() []any {
	return []any{
		map[string]any{"name": "node1", "address": "10.0.0.1", "weight": 9},
		map[string]any{"name": "node2", "address": "10.0.0.2"},
		map[string]any{"name": "node3", "address": "10.0.0.3"},
	}
}

func demoCheck(t *testing.T, more map[string]any) *checkAction {
	t.Helper()
	args := map[string]any{
		"pgdata":    "/var/lib/polardb/pgdata",
		"polardata": "/var/lib/polardb/polardata",
		"cluster":   "demo",
		"nodes":     demoNodes(),
		"clients":   []any{"10.0.0.0/8"},
		"sysctl":    map[string]any{"vm.swappiness": 1, "net.core.somaxconn": "4096"},
	}
	for k, v := range more {
		args[k] = v
	}
	return taskstest.Work[*checkAction](t, taskstest.NewAction(t, "polardb_check", args, &taskstest.FakeLocal{Dir: t.TempDir()}))
}

// planCheck plans from what a probe printed and what was asked.
func planCheck(c *checkAction, probe []byte, asked checkAsked) (tasks.Plan, error) {
	found, err := readCheck(tasks.Found{Result: remote.Result{Stdout: probe}})
	if err != nil {
		return tasks.Plan{}, err
	}
	found.asked = asked
	return c.Plan(found)
}

// demoAsked returns a host from which all is well and nothing listens anywhere yet.
func demoAsked() checkAsked {
	peer := func(name, address string) reach {
		return reach{
			Name:    name,
			Address: dma.Address{Host: address, Port: 5432},
			Client:  attemptedDial{Outcome: refused},
			Voting:  attemptedDial{Outcome: refused},
		}
	}
	return checkAsked{Name: "node1", Clock: clock{Asked: true, Offset: 12 * time.Millisecond, Error: time.Millisecond},
		Forward: reach{Client: attemptedDial{Outcome: connected}}, Peers: []reach{peer("node2", "10.0.0.2"), peer("node3", "10.0.0.3")}}
}

// TestCheckSystems holds what is made of the answers of the systems that are supported, and of some that are not. The
// answers are composed of what those systems print; only Debian's form was compared with real hosts (11, 12 and 13).
func TestCheckSystems(t *testing.T) {
	for _, c := range []struct {
		host    string
		archive *archive
		locale  string
		status  checkStatus
	}{
		{"debian12-bare", newEngine, "C.UTF-8", statusFail},      // two libraries are not there
		{"debian12-whole", newEngine, "en_US.UTF-8", statusWarn}, // little room is left: no reason to stop
		{"rocky9-firewalld", oldEngine, "C", statusWarn},
		{"rocky8-half", oldEngine, "en_US.UTF-8", statusPass},
		{"centos7-firewalld", newEngine, "C", statusFail},
		{"openeuler2203-arm", newEngine, "zh_CN.UTF-8", statusFail},
		{"kylin-v10-foreign", oldEngine, "C", statusFail},
		{"anolis88-noserver", oldEngine, "C", statusFail},
		{"alinux3-readonly", oldEngine, "en_US.UTF-8", statusFail},
		{"alpine", oldEngine, "C", statusFail},
	} {
		t.Run(c.host, func(t *testing.T) {
			a := demoCheck(t, map[string]any{"locale": c.locale, "src": ""})
			a.archive, a.args.Src = c.archive, c.archive.Name
			a.archiveErr = nil
			probe := taskstest.Read(t, filepath.Join("testdata", "polardb_check", c.host+".probe"))
			plan, err := planCheck(a, []byte(probe), demoAsked())
			if err != nil {
				t.Fatal(err)
			}
			if plan.Change {
				t.Error("a change is planned")
			}
			if plan.Values["status"] != string(c.status) {
				t.Errorf("the status is %v, want %s", plan.Values["status"], c.status)
			}
			golden.Check(t, filepath.Join("testdata", "polardb_check", c.host+".golden"), rowText(readReported(plan.Values).Checks))
		})
	}
}

func rowText(rows checkRows) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s %s: %s", r.Status, r.Name, r.Found)
		if r.Status != statusPass {
			fmt.Fprintf(&b, "\n\twanted: %s\n\tfix: %s", r.Wanted, r.Fix)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestCheckEveryProblemHasAFix: a line that tells of a problem must say what was wanted and what to do.
func TestCheckEveryProblemHasAFix(t *testing.T) {
	files, err := filepath.Glob("testdata/polardb_check/*.probe")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded hosts: %v", err)
	}
	for _, file := range files {
		a := demoCheck(t, map[string]any{
			"nodes": []any{map[string]any{"name": "node1", "address": "host.example", "weight": 10}},
			"port":  60000,
		})
		asked := demoAsked()
		asked.Forward.Client = attemptedDial{Outcome: prohibited}
		asked.Peers[0].Client = attemptedDial{Outcome: timedOut}
		asked.Clock.Offset = time.Hour
		plan, err := planCheck(a, []byte(taskstest.Read(t, file)), asked)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range readReported(plan.Values).Checks {
			if r.Status != statusPass && (r.Fix == "" || r.Wanted == "" || r.Found == "") {
				t.Errorf("%s: %+v", file, r)
			}
		}
	}
}

func TestCheckInventory(t *testing.T) {
	nodes := func(list ...map[string]any) map[string]any {
		var all []any
		for _, m := range list {
			all = append(all, m)
		}
		return map[string]any{"nodes": all}
	}
	me := map[string]any{"name": "node1", "address": "10.0.0.1"}
	for name, c := range map[string]struct {
		args map[string]any
		says string
	}{
		"duplicate":    {nodes(me, map[string]any{"name": "node2", "address": "10.0.0.1"}), "10.0.0.1:5432, which node1 has"},
		"host name":    {nodes(me, map[string]any{"name": "node2", "address": "db2.example"}), "must be an IPv4 address"},
		"weight":       {nodes(me, map[string]any{"name": "node2", "address": "10.0.0.2", "weight": 10}), "from 0 to 9"},
		"port":         {map[string]any{"port": 55536}, "between 1 and 55535"},
		"node port":    {nodes(me, map[string]any{"name": "node2", "address": "10.0.0.2", "port": 60000}), "between 1 and 55535"},
		"not a node":   {nodes(map[string]any{"name": "node2", "address": "10.0.0.2"}), "there is no node node1 (the inventory has node2)"},
		"other port":   {nodes(map[string]any{"name": "node1", "address": "10.0.0.1", "port": 6000}), "nodes has port 6000, the host 5432"},
		"nested paths": {map[string]any{"polardata": "/var/lib/polardb/pgdata/x"}, "neither inside the other"},
	} {
		t.Run(name, func(t *testing.T) {
			a := demoCheck(t, c.args)
			plan, err := planCheck(a, []byte(taskstest.Read(t, "testdata/polardb_check/debian12-bare.probe")), demoAsked())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range readReported(plan.Values).Checks {
				if r.Name == "inventory" && r.Status == statusFail && strings.Contains(r.Found, c.says) {
					return
				}
			}
			t.Errorf("nothing says %q:\n%s", c.says, rowText(readReported(plan.Values).Checks))
		})
	}
}

// A DBA who has replication log in by SCRAM-SHA-256 is told what this engine makes of it.
func TestCheckReplicationPassword(t *testing.T) {
	for name, c := range map[string]struct {
		args map[string]any
		fix  string
	}{
		"md5":      {map[string]any{"replication_password_encryption": "md5"}, ""},
		"not said": {nil, ""},
		"scram": {map[string]any{"replication_password_encryption": "scram-sha-256"},
			"leave polardb_replication_password_encryption at md5"},
		"the superuser's": {map[string]any{"replication_password_encryption": "scram-sha-256", "replication_user": "polardb"},
			"a role of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := planCheck(demoCheck(t, c.args), []byte(taskstest.Read(t, "testdata/polardb_check/debian12-bare.probe")), demoAsked())
			if err != nil {
				t.Fatal(err)
			}
			var fix string
			for _, r := range readReported(plan.Values).Checks {
				if r.Name == "replication" && r.Status == statusWarn {
					fix = r.Fix
				}
			}
			if (fix == "") != (c.fix == "") || !strings.Contains(fix, c.fix) {
				t.Errorf("%q, want %q", fix, c.fix)
			}
		})
	}
}

func TestCheckFailsWhenTold(t *testing.T) {
	a := demoCheck(t, map[string]any{"fail": true, "secrets": map[string]any{"polardb_replication_password": " "}})
	_, err := planCheck(a, []byte(taskstest.Read(t, "testdata/polardb_check/debian12-bare.probe")), demoAsked())
	failure, ok := err.(*tasks.Failure)
	if !ok || !strings.Contains(failure.Msg, "polardb_replication_password: empty") || failure.Values["status"] != "FAIL" {
		t.Errorf("got %v", err)
	}
}

func TestCheckAnswerBrokeOff(t *testing.T) {
	whole := taskstest.Read(t, "testdata/polardb_check/debian12-bare.probe")
	for _, cut := range []int{0, 20, 200, len(whole) - 12} {
		_, err := planCheck(demoCheck(t, nil), []byte(whole[:cut]), demoAsked())
		if err == nil || !strings.Contains(err.Error(), "broke off") {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestCheckSysctlNames(t *testing.T) {
	m := taskstest.ModuleNamed(t, "polardb_check")
	for _, name := range []string{"vm.swappiness; reboot", "../../etc/shadow", "a b"} {
		_, err := m.New(map[string]any{
			"pgdata":    "/a/b",
			"polardata": "/a/c",
			"nodes":     []any{},
			"sysctl":    map[string]any{name: 1},
		}, &taskstest.FakeLocal{})
		if err == nil {
			t.Errorf("%q is taken for a setting's name", name)
		}
	}
}

func TestPortOpen(t *testing.T) {
	for _, c := range []struct {
		firewall, rule string
		port           int
		open           bool
	}{
		{"firewalld", "  ports: 80/tcp 5432/tcp", 5432, true},
		{"firewalld", "  ports: 5432/udp", 5432, false},
		{"firewalld", "  ports: 15000-16000/tcp", 15432, true},
		{"firewalld", "  ports: 15000-15431/tcp", 15432, false},
		{"firewalld", "  services: ssh postgresql", 5432, true},
		{"firewalld", "  services: ssh postgresql", 15432, false},
		{"firewalld", "  services: ssh postgresql", 5433, false},
		{"firewalld", "  target: ACCEPT", 15432, true},
		{"firewalld", "  target: default", 15432, false},
		{"firewalld", "  source-ports: 5432/tcp", 5432, false},
		{"firewalld", `	rule family="ipv4" source address="10.0.0.1" port port="15432" protocol="tcp" accept`, 15432, true},
		{"firewalld", `	rule family="ipv4" source address="10.0.0.0/24" port port="15432" protocol="tcp" accept`, 15432, true},
		{"firewalld", `	rule family="ipv4" source address="10.0.0.2" port port="15432" protocol="tcp" accept`, 15432, false},
		{"firewalld", `	rule family="ipv4" source address="10.0.0.1" port port="15432" protocol="tcp" reject`, 15432, false},
		{"firewalld", `	rule family="ipv4" source address="10.0.0.1" port port="15432" protocol="tcp" accept`, 5432, false},
		{"ufw", "15432/tcp                  ALLOW       10.0.0.1", 15432, true},
		{"ufw", "15432/tcp                  ALLOW       10.0.0.2", 15432, false},
		{"ufw", "15432/tcp                  ALLOW IN    10.0.0.2", 15432, false},
		{"ufw", "5432/tcp                   ALLOW       10.0.0.0/8", 5432, true},
		{"ufw", "5432                       ALLOW IN    Anywhere", 5432, true},
		{"ufw", "5432/udp                   ALLOW       Anywhere", 5432, false},
		{"ufw", "5432/tcp                   DENY        Anywhere", 5432, false},
		{"ufw", "5432,15432/tcp             ALLOW       Anywhere", 15432, true},
		{"ufw", "15000:16000/tcp            ALLOW       Anywhere", 15432, true},
		{"ufw", "Anywhere                   ALLOW       10.0.0.0/8", 15432, true},
		{"ufw", "15432/tcp (v6)             ALLOW       Anywhere (v6)", 5432, false},
	} {
		if got := portOpen(c.firewall, []string{c.rule}, c.port, "10.0.0.1"); got != c.open {
			t.Errorf("%s %q, port %d: open is %v", c.firewall, c.rule, c.port, got)
		}
	}
}

// FuzzParseCheck: whatever a host answers is read without a panic, and judged.
func FuzzParseCheck(f *testing.F) {
	files, _ := filepath.Glob("testdata/polardb_check/*.probe")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("end=yes\ncheck.path.pgdata=|\ncheck.holder=\ncheck.sysctl=\ncheck.hugepage=]\ncheck.end=yes"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		a := &checkAction{
			args: &checkArgs{NodeArgs: polardb.NodeArgs{Pgdata: "/a/b", Polardata: "/a/c", Home: "/o/p", User: "polardb", Port: 5432},
				Src: "x", Sysctl: map[string]any{"a": "b"}},
			archive: newEngine,
		}
		plan, err := planCheck(a, answer, demoAsked())
		if err == nil && len(plan.Values["checks"].([]any)) == 0 {
			t.Error("an answer without any check")
		}
	})
}
