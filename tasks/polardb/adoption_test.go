package polardb

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/taskstest"
	"gopkg.in/yaml.v3"
)

// handMade is a node as somebody made it.
func handMade(number string) foundNode {
	return foundNode{PID: 7, Pgdata: "/home/pg/data", Given: "/home/pg/data", Data: "/home/pg/polar", Datadir: "/home/pg/polar/",
		Account: "pg", Group: "pg",
		Home: "/home/pg", Prefix: "/home/pg/base", Version: "postgres (PostgreSQL) 11.9", Sum: strings.Repeat("ab", 32), Port: 5432, System: "7",
		Own: "10.0.0." + number + ":5432", Members: "10.0.0.1:15432#5N;10.0.0.2:15432#5N;10.0.0.3:15432#5N@" + number, Password: "same",
		Settings: []foundSetting{{"polar_hostid", number, "f"}, {"max_connections", "300", "f"},
			{"polar_datadir", "file-dio:///home/pg/polar/", "f"}},
		DMA: map[string]string{"polar_enable_dma": "on", "polar_dma_repl_user": "repl", "polar_dma_repl_appname": "standby_pg" + number},
		HBA: []string{"local all all trust", "host all all 10.0.0.0/8 md5"}}
}

func planAdoption(t *testing.T, change func(map[string]foundNode, map[string]any, *adoptionFound)) (problems []string,
	values map[string]any) {
	t.Helper()
	nodes := map[string]foundNode{"node1": handMade("1"), "node2": handMade("2"), "node3": handMade("3")}
	args := map[string]any{"cluster": "demo", "out": filepath.Join(t.TempDir(), "out.yml"), "says": map[string]any{}}
	found := adoptionFound{roles: map[string]storedRole{"pg": {true, true}, "repl": {true, true}}, made: madeWith{"C", "C", "UTF8"},
		leader: dma.View{Node: "node1", Cluster: []dma.Member{{IPPort: "10.0.0.1:15432", Role: dma.Leader}, {IPPort: "10.0.0.2:15432"},
			{IPPort: "10.0.0.3:15432"}}}}
	if change != nil {
		change(nodes, args, &found)
	}
	given, base, list := map[string]any{}, map[string]any{}, []any{}
	for name, n := range nodes {
		v, err := n.values()
		if err != nil {
			t.Fatal(err)
		}
		given[name] = v
		base[name] = map[string]any{"polar_hostid": name[4:], "polar_datadir": "file-dio://" + n.Data,
			"unix_socket_directories": "/run/polardb-demo"}
	}
	for _, number := range []string{"1", "2", "3"} {
		list = append(list, map[string]any{"name": "node" + number, "address": "10.0.0." + number})
	}
	args["found"], args["base"], args["nodes"], args["login_user"] = given, base, list, "pg"
	w := taskstest.Work[*adoptionAction](t, taskstest.NewAction(t, "polardb_adoption", args, &taskstest.FakeLocal{}))
	plan, _, err := w.Plan(found)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plan.Values["problems"].([]any) {
		problems = append(problems, p.(string))
	}
	return problems, plan.Values
}

func TestAdoption(t *testing.T) {
	problems, values := planAdoption(t, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	v := values["variables"].(map[string]any)["node2"].(map[string]any)
	for key, want := range map[string]any{"polardb_cluster": "demo", "polardb_user": "pg", "polardb_address": "10.0.0.2", "polardb_port": 5432,
		"polardb_password_encryption": "md5", "polardb_settings": map[string]any{"max_connections": "300", "polar_datadir": "file-dio:///home/pg/polar/"},
		"polardb_hba_first": []any{"local all all trust"}, "polardb_hba": []any{"host all all 10.0.0.0/8 md5"}} {
		if !reflect.DeepEqual(v[key], want) {
			t.Errorf("%s is %#v, want %#v", key, v[key], want)
		}
	}
	if table := values["table"].(string); !strings.Contains(table, "standby_pg2") || !strings.Contains(table, "standby_167772162_5432") {
		t.Errorf("the table does not tell of the application name:\n%s", table)
	}
}

// Of a cluster that is taken over to the end nothing is asked, and a run that was killed goes on with what was noted.
func TestAdoptionAgain(t *testing.T) {
	for name, done := range map[string]bool{"half-way": false, "to the end": true} {
		problems, values := planAdoption(t, func(nodes map[string]foundNode, args map[string]any, _ *adoptionFound) {
			for name, n := range nodes {
				n.Begun, n.Ours, n.Vars = true, done || name == "node1", map[string]any{"polardb_port": 7}
				nodes[name] = n
			}
			if done {
				args["out"] = ""
			}
		})
		if len(problems) > 0 || values["done"] != done {
			t.Errorf("%s: done %v, problems %q", name, values["done"], problems)
		}
		if v := values["variables"].(map[string]any)["node1"]; !done && !reflect.DeepEqual(v, map[string]any{"polardb_port": 7}) {
			t.Errorf("%s: the variables are %v", name, v)
		}
	}
}

func TestAdoptionRefuses(t *testing.T) {
	of := func(change func(*foundNode)) func(map[string]foundNode, map[string]any, *adoptionFound) {
		return func(nodes map[string]foundNode, _ map[string]any, _ *adoptionFound) {
			n := nodes["node2"]
			change(&n)
			nodes["node2"] = n
		}
	}
	for want, change := range map[string]func(map[string]foundNode, map[string]any, *adoptionFound){
		"node2: no server": of(func(n *foundNode) { n.Fault = "no server of PolarDB runs" }),
		"set up by polarbook, and node1, node3 is not":        of(func(n *foundNode) { n.Ours = true }),
		"the account differs":                                 of(func(n *foundNode) { n.Account = "other" }),
		"the engine's version differs":                        of(func(n *foundNode) { n.Version = "postgres (PostgreSQL) 11.2" }),
		"two clusters?":                                       of(func(n *foundNode) { n.System = "8" }),
		"TLS (ssl) differs: off on node1, node3; on on node2": of(func(n *foundNode) { n.Settings = append(n.Settings, foundSetting{"ssl", "true", "f"}) }),
		"is a symbolic link":                                  of(func(n *foundNode) { n.Link = true }),
		"would lose: -F":                                      of(func(n *foundNode) { n.Stray = []string{"-F"} }),
		"polar_enable_dma is not on":                          of(func(n *foundNode) { n.DMA["polar_enable_dma"] = "off" }),
		"polarbook knows 10000 only":                          of(func(n *foundNode) { n.DMA["polar_dma_port_deviation"] = "7" }),
		"is not the one in its polar_dma":                     of(func(n *foundNode) { n.Password = "other" }),
		"password is not given":                               of(func(n *foundNode) { n.Password = "not given" }),
		"must be an IPv4 address":                             of(func(n *foundNode) { n.Own = "db2:5432" }),
		"among other programs":                                of(func(n *foundNode) { n.Prefix = "/usr/local" }),
		"neither inside the other":                            of(func(n *foundNode) { n.Data = n.Pgdata + "/polar" }),
		"does not list it":                                    of(func(n *foundNode) { n.Own = "10.0.0.9:5432" }),
		"pg_hba.conf of node1 and of node2 differ":            of(func(n *foundNode) { n.HBA = n.HBA[:1] }),
		"10.0.0.4:5432 is a member by node1": func(_ map[string]foundNode, _ map[string]any, f *adoptionFound) {
			f.leader.Cluster = append(f.leader.Cluster, dma.Member{IPPort: "10.0.0.4:15432"})
		},
		"no node leads": func(_ map[string]foundNode, _ map[string]any, f *adoptionFound) { f.noLeader = "nobody does" },
		"is no superuser": func(_ map[string]foundNode, _ map[string]any, f *adoptionFound) {
			f.roles["pg"] = storedRole{true, false}
		},
		"is there already": func(_ map[string]foundNode, _ map[string]any, f *adoptionFound) {
			f.there, f.before = true, []byte("x")
		},
		"inventory_out=FILE": func(_ map[string]foundNode, a map[string]any, _ *adoptionFound) { a["out"] = "" },
		"polardb_port is 7 in the inventory, and 5432": func(_ map[string]foundNode, a map[string]any, _ *adoptionFound) {
			a["says"] = map[string]any{"node2": map[string]any{"polardb_port": 7}}
		},
	} {
		problems, _ := planAdoption(t, change)
		if !strings.Contains(strings.Join(problems, "\n"), want) {
			t.Errorf("want %q, and the problems are %q", want, problems)
		}
	}
}

// What was written is read as it was meant.
func TestFragment(t *testing.T) {
	vars := map[string]map[string]any{}
	for _, name := range []string{"node1", "no: 2"} {
		vars[name] = map[string]any{"polardb_cluster": "demo", "polardb_port": 5432, "polardb_address": "10.0.0.1",
			"polardb_unit_hardening": false,
			"polardb_settings":       map[string]any{"log_line_prefix": "%m 'x' \"y\" \\z #no", "a.b": "on", "c": "012", "d": "", "e": "ö\u202e\n", "f": "8MB", "g": "{{ no }}"},
			"polardb_hba_first":      []any{`host "a b" all 0.0.0.0/0 md5`, "local all all trust"}}
	}
	vars["no: 2"]["polardb_port"] = 6000
	text := fragment("polardb", []string{"node1", "no: 2"}, vars)
	var read map[string]struct {
		Vars  map[string]any
		Hosts map[string]map[string]any
	}
	if err := yaml.Unmarshal([]byte(text), &read); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	group := read["polardb"]
	if !reflect.DeepEqual(group.Vars["polardb_settings"], vars["node1"]["polardb_settings"]) ||
		!reflect.DeepEqual(group.Vars["polardb_hba_first"], vars["node1"]["polardb_hba_first"]) ||
		group.Vars["polardb_unit_hardening"] != false ||
		group.Hosts["no: 2"]["polardb_port"] != 6000 || group.Hosts["node1"]["polardb_address"] != "10.0.0.1" ||
		group.Vars["polardb_port"] != nil {
		t.Errorf("%s\nis read as %v", text, read)
	}
	if !strings.Contains(text, `!unsafe "{{ no }}"`) {
		t.Errorf("a template is not marked:\n%s", text)
	}
	name := filepath.Join(t.TempDir(), "out.yml")
	for _, c := range []struct {
		text      string
		overwrite bool
		want      string
	}{{"one", false, "one"}, {"two", false, "one"}, {"two", true, "two"}} {
		err := writeFragment(name, c.text, c.overwrite)
		if got, _ := os.ReadFile(name); string(got) != c.want || (err == nil) != (c.text == c.want) {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestSplitHBA(t *testing.T) {
	for text, want := range map[string]int{
		"host all all 10.0.0.0/8 md5|host all all 192.168.0.0/16 md5":                        0,
		"local all all trust|host all all 10.0.0.0/8 md5":                                    1,
		"host all all 10.0.0.0/8 reject|host all all 0.0.0.0/0 md5|host x y 10.1.0.0/16 md5": 2,
		"hostssl app app 127.0.0.1/32 md5|host all all 10.0.0.0/8 md5":                       1,
		"host a b 127.0.0.0 255.0.0.0 trust":                                                 1,
	} {
		first, after := splitHBA(strings.Split(text, "|"))
		if len(first) != want || len(first)+len(after) != strings.Count(text, "|")+1 {
			t.Errorf("%s: %q, %q", text, first, after)
		}
	}
}
