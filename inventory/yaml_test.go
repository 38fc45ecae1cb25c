package inventory

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/templates/ordered"
)

func decodeText(text string) (any, error) { return decodeWithin(text, maximumYAMLNodes) }

// decodeWithin is what DecodeYAML does, with another bound for what aliases may expand to.
func decodeWithin(text string, most int) (any, error) {
	node, err := ParseYAML("t.yml", []byte(text))
	if err != nil {
		return nil, err
	}
	if most == maximumYAMLNodes {
		return DecodeYAML(node)
	}
	return (&yamlDecoder{budget: most, open: map[*yaml.Node]bool{}}).decode(node)
}

// expandable is how many values aliases may expand to in a test of the bound: with -short few, for the detector of races
// makes half a million of them take half a minute.
func expandable() int {
	if testing.Short() {
		return 5000
	}
	return maximumYAMLNodes
}

// TestScalars holds what PyYAML 6 makes of each.
func TestScalars(t *testing.T) {
	for text, want := range map[string]any{
		"yes": true, "No": false, "ON": true, "off": false, "true": true, "FALSE": false, "y": "y", "yEs": "yEs",
		"0644": 420, "0o644": "0o644", "0x1F": 31, "0b11": 3, "1_000": 1000, "+5": 5, "-7": -7, "08": "08", "1:30": 90,
		"-1:30:00": -5400, "0": 0, "007": 7,
		"1.5": 1.5, "1e3": "1e3", "1.0e+3": 1000.0, "1.0e3": "1.0e3", ".5": 0.5, "1.": 1.0, "-.5": "-.5", ".inf": math.Inf(1),
		"-.inf": math.Inf(-1), "1:30.5": 90.5,
		"~": nil, "null": nil, "Null": nil, "nULL": "nULL", "''": "", "'yes'": "yes", `"0644"`: "0644", "2020-01-01": ordered.Timestamp("2020-01-01"),
		"2020-01-01 10:00:00": ordered.Timestamp("2020-01-01T10:00:00"),
		"10.0.0.1":            "10.0.0.1", "!!str yes": "yes", "!!int '7'": 7, "!!float 1": 1.0, "!!bool 'on'": true, "4GB": "4GB", "=": "=",
	} {
		got, err := decodeText("k: " + text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got.(*ordered.Map).Value("k")); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// A file may be as long as its author likes; what its aliases make of it is bounded.
func TestOnlyAliasesAreCounted(t *testing.T) {
	most := expandable()
	long := "k: [" + strings.Repeat("1, ", most) + "1]\n"
	if got, err := decodeWithin(long, most); err != nil || len(got.(*ordered.Map).Value("k").([]any)) != most+1 {
		t.Errorf("a long file: %v", err)
	}
	bomb := "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for c := 'b'; c < 'h'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	if _, err := decodeWithin(bomb, most); err == nil || !strings.Contains(err.Error(), "expand to more than") {
		t.Errorf("a bomb: %v", err)
	}
}

func TestMergeAndKeys(t *testing.T) {
	got, err := decodeText("base: &b {a: 1, b: 2}\nother: &o {b: 3, c: 4}\none: {<<: *b, a: 9}\n" +
		"two: {<<: [*b, *o], d: *b}\n1: x\nyes: y\n~: z\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"base": map[string]any{"a": 1, "b": 2}, "other": map[string]any{"b": 3, "c": 4}, "one": map[string]any{"a": 9, "b": 2},
		"two": map[string]any{"a": 1, "b": 2, "c": 4, "d": map[string]any{"a": 1, "b": 2}}, "1": "x", "True": "y", "None": "z",
	}
	if diff := cmp.Diff(want, ordered.Plain(got)); diff != "" {
		t.Error(diff)
	}
}

// TestOrder holds the order in which PyYAML 6 gives the keys.
func TestOrder(t *testing.T) {
	for text, want := range map[string]string{
		"{z: 1, b: {y: 1, a: 2}, a: 3}":                                                               `{"z":1,"b":{"y":1,"a":2},"a":3}`,
		"z: 1\na: [{k: 1, B: 2, b: 3}]\n":                                                             `{"z":1,"a":[{"k":1,"B":2,"b":3}]}`,
		"b: &b {z: 1, y: 2}\nd: {<<: *b, y: 3, a: 4}":                                                 `{"b":{"z":1,"y":2},"d":{"z":1,"y":3,"a":4}}`,
		"b: &b {z: 1, y: 2}\nd: {y: 3, a: 4, <<: *b}":                                                 `{"b":{"z":1,"y":2},"d":{"z":1,"y":3,"a":4}}`,
		"{a: 1, <<: [{q: 1, p: 2}, {r: 1, q: 3}], p: 9}":                                              `{"r":1,"q":1,"p":9,"a":1}`,
		"{2: a, true: b, 1: c, ~: d, 10: e}":                                                          `{"2":"a","True":"b","1":"c","None":"d","10":"e"}`,
		`{"k9": 1, "k1": 2, "k5": 3, "k3": 4, "k7": 5, "k2": 6, "k8": 7, "k4": 8, "k6": 9, "k0": 10}`: `{"k9":1,"k1":2,"k5":3,"k3":4,"k7":5,"k2":6,"k8":7,"k4":8,"k6":9,"k0":10}`,
	} {
		got, err := decodeText(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if text2, err := json.Marshal(got); string(text2) != want || err != nil {
			t.Errorf("%s gives %s %v\nwant %s", text, text2, err, want)
		}
	}
	value, ok := parseLiteral("{'z': 1, 'a': {'y': 2, 'b': 3}, 5: 1}")
	if text, _ := json.Marshal(value); !ok || string(text) != `{"z":1,"a":{"y":2,"b":3},"5":1}` {
		t.Errorf("%s", text)
	}
}

func TestAliasesCannotFillTheMemory(t *testing.T) {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for at := 1; at < 10; at++ {
		previous := string(rune('0' + at - 1))
		text += "a" + string(rune('0'+at)) + ": &a" + string(rune('0'+at)) + " ["
		for range 10 {
			text += "*a" + previous + ", "
		}
		text += "]\n"
	}
	if _, err := decodeWithin(text, expandable()); err == nil {
		t.Error("ten to the tenth values are no error")
	}
}

func FuzzDecodeYAML(f *testing.F) {
	for _, text := range []string{
		"a: 1", "a: &x [*x]", "<<: *x", "? [a]: b", "a: !!int x", "- - -", "{a: 1:30}", "--- >-\n x", "a: 0x", "a: 0b_", "%YAML 1.1\n---\na",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		node, err := ParseYAML("f", []byte(text))
		if err != nil {
			return
		}
		_, _ = DecodeYAML(node)
		var s source
		s.inventory = New()
		_ = s.readYAML([]byte(text))
	})
}

func FuzzINI(f *testing.F) {
	for _, text := range []string{
		"[g]\na x=1", "[g:vars]\nx=[1,{'a':2}]", "n[1:3]:22", "[::1]:22 x='a", "[g:children]\ng", "a[b:d] x=\"\\\"\"",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		i := New()
		if err := (source{inventory: i, path: "f"}).readINI(text); err != nil {
			return
		}
		i.reconcile()
		// Each host's variables name all hosts: a range of thousands is enough to be looked at in part, and less of the longest.
		hosts := i.Hosts()
		for _, h := range hosts[:min(50, len(hosts), 1+100_000/(1+len(hosts)))] {
			if _, err := i.Vars(h); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzSelect(f *testing.F) {
	for _, pattern := range []string{"all", "a:&b", "g[0]", "g[1:2]", "~x", "*[", "[!", "a,!b", "::1", "&", "g[-1]"} {
		f.Add(pattern)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		i := New()
		i.AddHost("a", []string{"g"}, nil)
		i.AddHost("b", []string{"g"}, nil)
		_, _ = i.Select(pattern)
	})
}
