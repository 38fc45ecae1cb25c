package ansible

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

// testdata/ips.jsonl holds what the filters of ansible.utils give with netaddr 0.8: f is the filter, v the value, a and k its arguments,
// r the result, e whether it is an error.
func TestAddressesAsAnsibleUtils(t *testing.T) {
	name := "testdata/ips.jsonl"
	if other := os.Getenv("ADDRESSES"); other != "" {
		name = other
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	engine := jinja.NewEngine(jinja.Options{}, All())
	lines := bufio.NewScanner(file)
	count := 0
	for lines.Scan() {
		var c struct {
			F    string
			V, R json.RawMessage
			A    []json.RawMessage
			K    map[string]int
			E    bool
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		count++
		arguments := []string{}
		for _, a := range c.A {
			arguments = append(arguments, python(a))
		}
		if version, ok := c.K["version"]; ok {
			arguments = append(arguments, "version="+string('0'+rune(version)))
		}
		template := "{{ " + python(c.V) + " | ansible.utils." + c.F + "(" + strings.Join(arguments, ", ") + ") }}"
		got, err := engine.Render(template, nil)
		text, _ := json.Marshal(got)
		want, _ := ordered.DecodeJSON(c.R)
		wanted, _ := json.Marshal(want)
		if (err != nil) != c.E || err == nil && string(text) != string(wanted) {
			t.Errorf("%s\n  ansible.utils %s error %v\n  ours %s %v", template, wanted, c.E, text, err)
		}
	}
	if count < 500 || lines.Err() != nil {
		t.Errorf("%d cases, %v", count, lines.Err())
	}
}

// python writes a value of JSON in an expression.
func python(raw json.RawMessage) string {
	switch string(raw) {
	case "null":
		return "none"
	}
	return strings.NewReplacer("[null", "[none", " null", " none").Replace(string(raw))
}
