package preflight

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
	"github.com/polarbook/polarbook/test/golden"
)

// reported returns what polardb_check tells of a recorded host.
func reported(t *testing.T, file, name string, change func(*checkAsked)) map[string]any {
	t.Helper()
	a := demoCheck(t, map[string]any{"src": "x"})
	a.archive, a.archiveErr = oldEngine, nil
	asked := demoAsked()
	asked.Name = name
	asked.Peers = nil
	for _, n := range a.nodes {
		if n.Name != name {
			asked.Peers = append(asked.Peers, reach{
				Name:    n.Name,
				Address: n.Address,
				Client:  attemptedDial{Outcome: refused},
				Voting:  attemptedDial{Outcome: refused},
			})
		}
	}
	if change != nil {
		change(&asked)
	}
	probe := taskstest.Read(t, filepath.Join("testdata", "polardb_check", file+".probe"))
	for _, n := range a.nodes {
		if n.Name == name {
			probe = strings.ReplaceAll(probe, "check.addresses=10.0.0.1 ", "check.addresses="+n.Address.Host+" ")
		}
	}
	plan, err := planCheck(a, []byte(probe), asked)
	if err != nil {
		t.Fatal(err)
	}
	facts, ok := plan.Values["ansible_facts"].(map[string]any)["polardb_check"].(map[string]any)
	if !ok {
		t.Fatalf("no fact polardb_check: %v", plan.Values)
	}
	return facts
}

func report(t *testing.T, args map[string]any) (map[string]any, error) {
	t.Helper()
	plan, err := taskstest.NewAction(t, "polardb_check_report", args, &taskstest.FakeLocal{}).Plan(tasks.Found{})
	if plan.Change {
		t.Error("the report wants to change something")
	}
	if failure, ok := err.(*tasks.Failure); ok {
		return failure.Values, err
	}
	return plan.Values, err
}

// TestReportTable holds the whole table of three hosts, of which two are set up and one is not fit.
func TestReportTable(t *testing.T) {
	hosts := []any{
		reported(t, "debian12-whole", "node1", nil),
		reported(t, "rocky8-half", "node2", func(a *checkAsked) { a.Clock.Offset = 5e9 }),
		reported(t, "centos7-firewalld", "node3", nil),
	}
	for _, verbose := range []bool{false, true} {
		values, err := report(t, map[string]any{"hosts": hosts, "verbose": verbose})
		if err == nil ||
			!strings.HasPrefix(err.Error(), "1 check failed: all: clock skew: node2 is 4.988 s (± 0.002 s) ahead of node") ||
			!strings.Contains(err.Error(), "\n"+values["table"].(string)) {
			t.Errorf("the error is %v", err)
		}
		file := "report.golden"
		if verbose {
			file = "report-verbose.golden"
		}
		golden.Check(t, filepath.Join("testdata", "polardb_check", file), values["table"].(string))
	}
}

// TestReportHealthy: nothing to tell is one line.
func TestReportHealthy(t *testing.T) {
	hosts := map[string]any{}
	for _, name := range []string{"node1", "node2", "node3"} {
		hosts[name] = reported(t, "rocky8-half", name, nil)
	}
	values, err := report(t, map[string]any{"hosts": hosts})
	if err != nil || values["status"] != "PASS" || strings.Count(values["table"].(string), "\n") != 1 {
		t.Errorf("%v\n%v", err, values["table"])
	}
	counts := values["counts"].(map[string]any)
	if counts["WARN"] != 0 || counts["FAIL"] != 0 || counts["PASS"].(int) < 20 {
		t.Errorf("%v", counts)
	}
}

// TestReportFirewall: a member that its own firewall hides is what new-cluster.yml mends; one that is gone is not.
func TestReportFirewall(t *testing.T) {
	lost := func(peer string) func(*checkAsked) {
		return func(a *checkAsked) {
			for i := range a.Peers {
				if a.Peers[i].Name == peer {
					a.Peers[i].Client.Outcome, a.Peers[i].Voting.Outcome = noRoute, noRoute
				}
			}
		}
	}
	for peer, status := range map[string]string{"node3": "WARN", "node2": "FAIL"} {
		values, _ := report(t, map[string]any{"fail": false, "hosts": []any{
			reported(t, "rocky8-half", "node1", lost(peer)), reported(t, "rocky8-half", "node2", nil), reported(t, "rocky9-firewalld", "node3", nil),
		}})
		for _, item := range values["checks"].([]any) {
			if c := item.(map[string]any); c["name"] == "reach "+peer && c["host"] == "node1" && c["status"] != status {
				t.Errorf("%s: %v, want %s", peer, c, status)
			}
		}
		if values["status"] != status {
			t.Errorf("%s: the status is %v, want %s", peer, values["status"], status)
		}
	}
}

func TestReportTogether(t *testing.T) {
	host := func(name string, more map[string]any) map[string]any {
		m := map[string]any{
			"name":         name,
			"address":      name + ":5432",
			"timezone":     "UTC",
			"locale":       "C",
			"os":           "x",
			"architecture": "x86_64",
			"voters":       3,
			"offset":       0.0,
			"offset_error": 0.001,
			"checks":       []any{map[string]any{"name": "kernel", "status": "PASS", "found": "6.1"}},
		}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	set := func(key string, value any) map[string]any { return map[string]any{key: value} }
	for name, c := range map[string]struct {
		one, two map[string]any
		check    string
		status   string
		found    string
	}{
		"skew":          {set("offset", -1.5), set("offset", 1.0), "clock skew", "FAIL", "b is 2.500 s (± 0.002 s) ahead of a"},
		"skew at limit": {set("offset", 0.0), set("offset", 2), "clock skew", "PASS", "2.000 s"},
		"skew unsure": {map[string]any{"offset": 0.0, "offset_error": 0.2}, map[string]any{"offset": 2.3, "offset_error": 0.2},
			"clock skew", "PASS", "± 0.400"},
		"skew sure": {map[string]any{"offset": 0.0, "offset_error": 0.1}, map[string]any{"offset": 2.3, "offset_error": 0.1},
			"clock skew", "FAIL", "± 0.200"},
		"both behind":   {set("offset", -3600.0), set("offset", -3599.5), "clock skew", "PASS", "0.500 s"},
		"time zone":     {nil, set("timezone", "Asia/Shanghai"), "same time zone", "WARN", "UTC on a; Asia/Shanghai on b"},
		"locale":        {set("locale", ""), nil, "same locale", "WARN", "not set on a; C on b"},
		"system":        {nil, set("os", "y"), "same system", "WARN", "x on a; y on b"},
		"architecture":  {nil, set("architecture", "aarch64"), "same architecture", "WARN", "aarch64 on b"},
		"address twice": {set("address", "10.0.0.1:5432"), set("address", "10.0.0.1:5432"), "addresses", "FAIL", "a and b both have"},
		"two voters":    {set("voters", 2), set("voters", 2), "voters", "WARN", "2"},
		"four voters":   {set("voters", 4), set("voters", 4), "voters", "WARN", "4"},
		"five voters":   {set("voters", 5), set("voters", 5), "voters", "PASS", "5"},
		"no checks":     {set("checks", nil), nil, "checks", "FAIL", "none"},
		"all the same":  {nil, nil, "same time zone", "PASS", "UTC"},
		"line break found": {set("checks", []any{map[string]any{"name": "x", "status": "FAIL", "found": "a\nb", "fix": "y"}}), nil,
			"x", "FAIL", "a\nb"},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := report(t, map[string]any{"hosts": []any{host("a", c.one), host("b", c.two)}})
			if (err != nil) != (c.status == "FAIL") {
				t.Errorf("error %v", err)
			}
			if strings.Contains(values["table"].(string), "a\nb") {
				t.Errorf("a line break of a host's breaks the table:\n%s", values["table"])
			}
			for _, item := range values["checks"].([]any) {
				if m := item.(map[string]any); m["name"] == c.check {
					if m["status"] != c.status || !strings.Contains(m["found"].(string), c.found) {
						t.Errorf("%v, want %s and %q", m, c.status, c.found)
					}
					return
				}
			}
			t.Errorf("there is no check %q", c.check)
		})
	}
}

func TestReportRefuses(t *testing.T) {
	m := taskstest.ModuleNamed(t, "polardb_check_report")
	for name, hosts := range map[string]any{
		"text": "node1", "empty": []any{}, "not dicts": []any{"node1"}, "nameless": []any{map[string]any{"checks": []any{}}},
	} {
		if _, err := m.New(map[string]any{
			"hosts": hosts,
		}, &taskstest.FakeLocal{}); err == nil || !strings.Contains(err.Error(), `"hosts"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
