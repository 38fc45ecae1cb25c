package playbooks_test

import (
	"io/fs"
	"reflect"
	"strconv"
	"testing"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
	"gopkg.in/yaml.v3"
)

// asBefore is how the list of nodes, the founder and the states of the hosts were made when Jinja wrote JSON.
var asBefore = map[string]string{
	"polardb_nodes": `[{% for h in groups[polardb_group] %}
  {"name": {{ h | to_json }},
  "address": {{ hostvars[h].polardb_address | default(hostvars[h].ansible_host) | default(h) | to_json }},
  "port": {{ hostvars[h].polardb_port | default(5432) | to_json }},
  "role": {{ hostvars[h].polardb_role | default('follower') | to_json }},
  "weight": {{ hostvars[h].polardb_weight | default('') | to_json }},
  "user": {{ hostvars[h].polardb_user | default('polardb') | to_json }},
  "socket": {{ ('/run/polardb-' ~ hostvars[h].polardb_cluster | default('polardb')) | to_json }},
  "pgdata": {{ hostvars[h].polardb_pgdata | default('/var/lib/polardb/pgdata') | to_json }},
  "polardata": {{ hostvars[h].polardb_polardata | default('/var/lib/polardb/polardata') | to_json }}}{{ '' if loop.last else ',' }}
  {% endfor %}]`,
	"polardb_founder": `[{% for h in groups[polardb_group] if hostvars[h].polardb_bootstrap | default(false) | bool %}{{ h | to_json }},{% endfor %}{{ groups[polardb_group][0] | to_json }}]`,
	"polardb_states":  `{ {% for h in ansible_play_hosts_all | select('in', groups[polardb_group]) if hostvars[h].polardb_state is defined %}{{ h | to_json }}: {{ hostvars[h].polardb_state | to_json }},{% endfor %} "": {} }`,
}

func roleDefaults(t *testing.T) templates.Map {
	t.Helper()
	text, err := fs.ReadFile(playbooks.Builtin(), "roles/polardb/defaults/main.yml")
	if err != nil {
		t.Fatal(err)
	}
	defaults := templates.Map{}
	if err := yaml.Unmarshal(text, &defaults); err != nil {
		t.Fatal(err)
	}
	return defaults
}

func TestNodesAreListedAsTheInventoryHasThem(t *testing.T) {
	type host = map[string]any
	render := templates.New(templates.Options{Filters: all.Filters})
	for name, c := range map[string]struct {
		group string
		order []string
		hosts map[string]host
	}{
		"nothing is said": {"polardb", []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"},
			map[string]host{"10.0.0.1": {}, "10.0.0.2": {}, "10.0.0.3": {}}},
		"addresses": {"polardb", []string{"node2", "node1", "node3"}, map[string]host{
			"node1": {"ansible_host": "203.0.113.1", "polardb_address": "10.0.0.1"}, "node2": {"ansible_host": "10.0.0.2"},
			"node3": {"polardb_address": "10.0.0.3"}}},
		"everything is said": {"demo", []string{"a", "b"}, map[string]host{
			"a": {"polardb_port": 6000, "polardb_role": "learner", "polardb_weight": 0, "polardb_user": "pg", "polardb_cluster": "demo",
				"polardb_pgdata": "/a/pgdata", "polardb_polardata": "/a/polardata"},
			"b": {"polardb_port": "6001", "polardb_role": "logger", "polardb_weight": "9", "polardb_user": "pg", "polardb_cluster": "demo",
				"polardb_bootstrap": true}}},
		"templates, each among its host's variables": {"polardb", []string{"a", "b"}, map[string]host{
			"a": {"last": 7, "polardb_address": "10.0.0.{{ last }}", "polardb_port": "{{ 5000 + last }}",
				"polardb_pgdata": "/data/{{ inventory_hostname }}/pgdata"},
			"b": {"last": 8, "polardb_address": "10.0.0.{{ last }}", "polardb_weight": "{{ last }}", "polardb_port": "{{ nobody_set_this }}"}}},
		"nothing and emptiness": {"polardb", []string{"a", "b"}, map[string]host{
			"a": {"polardb_port": nil, "polardb_role": "", "polardb_weight": nil},
			"b": {"polardb_port": "", "polardb_weight": "", "polardb_role": nil}}},
		"quotes and letters of the world": {"polardb", []string{`a"b`, "ö"}, map[string]host{`a"b`: {"polardb_user": "it's"},
			"ö": {"polardb_pgdata": `/x\y`}}},
		"a founder that is marked": {"polardb", []string{"a", "b", "c"}, map[string]host{"a": {"polardb_bootstrap": "no"},
			"b": {"polardb_bootstrap": "yes"}, "c": {"polardb_bootstrap": true}}},
		"states": {"polardb", []string{"a", "b", "c"}, map[string]host{
			"a": {"polardb_state": map[string]any{"data": "whole", "pid": 7, "own": nil}}, "b": {},
			"c": {"polardb_state": map[string]any{"data": "none", "alone": false}}}},
		"nobody": {"polardb", []string{}, map[string]host{}},
	} {
		t.Run(name, func(t *testing.T) {
			vars, hosts, order := roleDefaults(t), map[string]any{}, []any{}
			for h, of := range c.hosts {
				of["inventory_hostname"] = h
				hosts[h] = templates.Scope{Vars: templates.Map(of)}
			}
			for _, h := range c.order {
				order = append(order, h)
			}
			vars["hostvars"], vars["groups"], vars["polardb_group"] = hosts, map[string]any{c.group: order}, c.group
			vars["ansible_play_hosts_all"] = append([]any{"elsewhere"}, order...)
			before := func(variable string) any {
				text, err := render.Render(asBefore[variable], vars)
				if err != nil {
					return err
				}
				value, err := render.Render("{{ text | from_json }}", templates.Map{"text": templates.Unsafe{Value: text}})
				if err != nil {
					t.Fatalf("%s, as before: %v", variable, err)
				}
				return ordered.Plain(value)
			}
			now := func(variable string) any {
				value, err := render.Render("{{ "+variable+" }}", vars)
				if err != nil {
					return err
				}
				return ordered.Plain(value)
			}
			if was, is := before("polardb_nodes"), now("polardb_nodes"); !reflect.DeepEqual(was, is) {
				t.Errorf("nodes are\n%v, were\n%v", is, was)
			}
			if len(c.order) > 0 {
				if was, is := before("polardb_founder").([]any)[0], now("polardb_founder"); !reflect.DeepEqual(was, is) {
					t.Errorf("the founder is %v, was %v", is, was)
				}
			}
			was := before("polardb_states").(map[string]any)
			delete(was, "") // which ended the list
			if is := now("polardb_states"); !reflect.DeepEqual(was, is) {
				t.Errorf("states are\n%v, were\n%v", is, was)
			}
			for _, h := range c.order {
				vars["h"] = h
				port, err := render.Render("{{ polardb_ports[h] }}", vars)
				if want, _ := render.Render("{{ hostvars[h].polardb_port | default(5432) }}", vars); err != nil || !reflect.DeepEqual(port, want) {
					t.Errorf("the port of %s is %v, want %v (%v)", h, port, want, err)
				}
			}
		})
	}
}

// What the role sets for its own host is what is listed for a host that says nothing.
func TestDefaultsOfTheRoleAreThoseOfTheModules(t *testing.T) {
	defaults := roleDefaults(t)
	if got := defaults["polardb_port"]; got != dma.DefaultPort {
		t.Errorf("polardb_port is %v, the modules have %d", got, dma.DefaultPort)
	}
	render := templates.New(templates.Options{Filters: all.Filters})
	node, err := render.Render("{{ {'inventory_hostname': 'a'} | cluster_node }}", templates.Map{})
	if err != nil {
		t.Fatal(err)
	}
	listed := node.(*ordered.Map)
	for key, variable := range map[string]string{
		"port": "polardb_port", "role": "polardb_role", "user": "polardb_user", "pgdata": "polardb_pgdata", "polardata": "polardb_polardata",
	} {
		if listed.Value(key) != defaults[variable] {
			t.Errorf("%s is %v in the role, and listed as %v", variable, defaults[variable], listed.Value(key))
		}
	}
	for _, m := range all.All() {
		for _, a := range m.Args {
			if a.Name == "port" && a.Default != "" && a.Default != strconv.Itoa(dma.DefaultPort) {
				t.Errorf("%s has the default port %s", m.Name, a.Default)
			}
		}
	}
}
