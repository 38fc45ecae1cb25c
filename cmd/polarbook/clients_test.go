package main

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory"
)

func TestClientsProblem(t *testing.T) {
	for text, want := range map[string]string{
		"[]":                      "",
		"[10.1.0.0/16, 10.2.0.7]": "",
		"'{{ them }}'":            "",
		"['{{ one }}', {networks: ['{{ two }}']}]":                              "",
		"[{networks: 10.1.0.0/16}]":                                             "",
		"[{networks: [10.1.0.0/16, 'fd00::/8'], users: +r, databases: [a, b]}]": "",
		"10.1.0.0/16":                                         "must be a list",
		"{networks: [10.1.0.0/16]}":                           "must be a list",
		"[10.1.0.0/33]":                                       `"10.1.0.0/33", which is neither`,
		"[10.1.2.3/16]":                                       "it would be 10.1.0.0/16",
		"[app.example.com]":                                   "neither an address nor a network",
		"[7]":                                                 "entry 7",
		"[[10.1.0.0/16]]":                                     "neither a network nor a dict",
		"[{users: [app]}]":                                    "without networks",
		"[{networks: []}]":                                    "without networks",
		"[{network: [10.1.0.0/16]}]":                          `did you mean "networks"`,
		"[{networks: [10.1.0.0/16], users: []}]":              "no users at all",
		"[{networks: [10.1.0.0/16], users: [7]}]":             "names, or lists of them",
		"[{networks: [10.1.0.0/16], users: ['']}]":            "no name",
		"[{networks: [10.1.0.0/16], users: [\"a\\nb\"]}]":     "no name",
		"[{networks: [10.1.0.0/16], databases: replication}]": "copies the whole cluster",
	} {
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(text), &node); err != nil {
			t.Fatal(err)
		}
		value, err := inventory.DecodeYAML(&node)
		if err != nil {
			t.Fatal(err)
		}
		got := clientsProblem(value)
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want it to say %q", text, got, want)
		}
	}
}
