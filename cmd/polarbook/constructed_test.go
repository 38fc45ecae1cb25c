package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/templates"
)

const constructedHosts = `[web]
w1 tier=front size=10
w2 tier=
[db]
d1 tags='["x","y"]' num=5
d2 tags='{"role": "pg", "env": ""}'
[web:vars]
port=80
[all:vars]
site=ams
`

// construct reads the hosts and a constructed inventory behind them. It returns the groups that the latter makes, each with its hosts.
func construct(t *testing.T, text string) (*inventory.Inventory, string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, body := range map[string]string{"1.ini": constructedHosts, "2.yml": "plugin: constructed\n" + text,
		"group_vars/web.yml": "filed: 1\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inv, err := inventory.LoadWith(inventory.Options{
		Expressions: expressions{templates.New(templates.Options{})}, ExtraVars: map[string]any{"extra": "E"},
	}, []string{dir})
	if err != nil {
		return nil, "", err
	}
	var made []string
	for name, hosts := range inv.Groups() {
		if !slices.Contains([]string{"all", "ungrouped", "web", "db"}, name) {
			made = append(made, name+"="+strings.Join(hosts, ","))
		}
	}
	slices.Sort(made)
	return inv, strings.Join(made, " "), nil
}

// TestConstructed: the names are those that ansible-inventory gave for the same files.
func TestConstructed(t *testing.T) {
	for text, want := range map[string]string{
		"groups: {fronts: tier == 'front', inweb: \"'web' in group_names\", none: 'false', bad: nothing_such == 1}": "fronts=w1 inweb=w1,w2",
		"groups: {early: site == 'ams', ported: port == 80}":                                                        "ported=w1,w2",
		"groups: {'a b-c': num == 5}":                                                                                      "a_b_c=d1",
		"keyed_groups: [{key: tier, prefix: t}]":                                                                           "t_front=w1",
		"keyed_groups: [{key: tier, prefix: t, default_value: unknown}]":                                                   "t_front=w1 t_unknown=w2",
		"keyed_groups: [{key: tier}]":                                                                                      "_front=w1",
		"keyed_groups: [{key: tier, separator: ''}]":                                                                       "front=w1",
		"leading_separator: false\nkeyed_groups: [{key: tier}]":                                                            "front=w1",
		"keyed_groups: [{key: tags, prefix: t}]":                                                                           "t_env_=d2 t_role_pg=d2 t_x=d1 t_y=d1",
		"keyed_groups: [{key: tags, prefix: t, separator: '-', parent_group: tagged}]":                                     "t_env_=d2 t_role_pg=d2 t_x=d1 t_y=d1 tagged=d1,d2",
		"keyed_groups: [{key: tags, prefix: t, trailing_separator: false}]":                                                "t_env=d2 t_role_pg=d2 t_x=d1 t_y=d1",
		"keyed_groups: [{key: tags, prefix: t, default_value: no_}]":                                                       "t_env_no_=d2 t_role_pg=d2 t_x=d1 t_y=d1",
		"keyed_groups: [{key: size | string, prefix: s, parent_group: 'p_{{ tier }}'}]":                                    "p_front=w1 s_10=w1",
		"groups: {g: filed is defined}":                                                                                    "",
		"use_vars_plugins: true\ngroups: {g: filed is defined}":                                                            "g=w1,w2",
		"use_extra_vars: true\nkeyed_groups: [{key: extra}]":                                                               "_E=w1,w2,d1,d2",
		"compose: {double: num * 2, broken: nothing_such.x}\ngroups: {g: double | default(0) == 10, b: broken is defined}": "g=d1",
	} {
		if _, got, err := construct(t, text); err != nil || got != want {
			t.Errorf("%s\ngot  %s\nwant %s (%v)", text, got, want, err)
		}
	}
	inv, _, err := construct(t, "compose: {label: inventory_hostname ~ '-' ~ port}")
	if err != nil {
		t.Fatal(err)
	}
	w1, _ := inv.Host("w1")
	if vars, err := inv.Vars(w1); err != nil || vars.Value("label") != "w1-80" {
		t.Errorf("the composed variable is %v, %v", vars.Value("label"), err)
	}
}

func TestConstructedMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"strict: true\ncompose: {x: nothing_such.y}":                               "compose: x of host w1",
		"strict: true\ngroups: {x: nothing_such == 1}":                             "groups: whether host w1 is in x",
		"strict: true\nkeyed_groups: [{key: nothing_such}]":                        "keyed_groups: nothing_such for host w1",
		"strict: true\nkeyed_groups: [{key: tier | default('')}]":                  "the key gives nothing",
		"keyed_groups: [{key: tier, default_value: a, trailing_separator: false}]": "exclude one another",
		"keyed_groups: [{key: num}]":                                               "the key gives 5",
		"keyed_groups: [word]":                                                     "an entry is a mapping",
		"groups: [a]":                                                              "groups is a mapping",
		"strict: maybe":                                                            "strict is true or false",
		"hostnames: [a]":                                                           `not "hostnames"`,
	} {
		if _, got, err := construct(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, groups %s", text, err, got)
		}
	}
}
