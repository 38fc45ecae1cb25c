package ordered

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestLikeAPythonDict holds a mapping against a list of pairs that is searched from its beginning.
func TestLikeAPythonDict(t *testing.T) {
	type pair struct {
		key   string
		value any
	}
	for seed := range int64(200) {
		random := rand.New(rand.NewSource(seed))
		var want []pair
		m := New(random.Intn(20))
		for range random.Intn(120) {
			key := fmt.Sprint("k", random.Intn(30))
			at := slices.IndexFunc(want, func(p pair) bool { return p.key == key })
			if random.Intn(3) == 0 {
				m.Delete(key)
				if at >= 0 {
					want = slices.Delete(want, at, at+1)
				}
			} else {
				value := random.Int()
				m.Set(key, value)
				if at >= 0 {
					want[at].value = value
				} else {
					want = append(want, pair{key, value})
				}
			}
			if random.Intn(10) == 0 {
				m = m.Clone()
			}
		}
		if m.Len() != len(want) {
			t.Fatalf("seed %d: %d keys, want %d", seed, m.Len(), len(want))
		}
		for at, key := range m.Keys() {
			if value, ok := m.Get(key); key != want[at].key || !ok || value != want[at].value || m.Values()[at] != value {
				t.Fatalf("seed %d: at %d %s=%v, want %v", seed, at, key, value, want[at])
			}
		}
		for n := range 30 {
			key := fmt.Sprint("k", n)
			if m.Has(key) != slices.ContainsFunc(want, func(p pair) bool { return p.key == key }) {
				t.Fatalf("seed %d: %s", seed, key)
			}
		}
	}
}

func TestEmpty(t *testing.T) {
	var none *Map
	if none.Len() != 0 || none.Has("a") || none.Value("a") != nil || len(none.Keys()) != 0 || len(none.Values()) != 0 ||
		none.String() != "map[]" {
		t.Error("a nil mapping is not empty")
	}
	if text, err := json.Marshal(none.Clone()); string(text) != "{}" || err != nil {
		t.Error(string(text), err)
	}
	var zero Map
	zero.Set("a", 1)
	none.Delete("a")
	if zero.Value("a") != 1 || !New(0).Equal(none) || none.Equal(&zero) {
		t.Error("the zero value cannot be written to")
	}
}

func TestACopyIsApart(t *testing.T) {
	m := Of("b", 1, "a", 2)
	copied := m.Clone()
	copied.Set("b", 3)
	copied.Set("c", 4)
	copied.Delete("a")
	if m.String() != "map[b:1 a:2]" || copied.String() != "map[b:3 c:4]" {
		t.Error(m, copied)
	}
}

func TestEqualHasNoOrder(t *testing.T) {
	a := Of("x", []any{Of("p", 1, "q", 2)}, "y", 1)
	b := Of("y", 1, "x", []any{Of("q", 2, "p", 1)})
	if !a.Equal(b) || !Same(any(a), any(b)) {
		t.Error("order counts")
	}
	b.Set("y", 2)
	if a.Equal(b) || Same(a, nil) || Same([]any{1, 2}, []any{2, 1}) {
		t.Error("values do not count")
	}
}

func TestJSON(t *testing.T) {
	const text = `{"b":1,"a":{"z":[{"y":"<&>","x":null}],"k":1.50},"c":true,"B":"\u00e9"}`
	var m Map
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(&m)
	want := strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, `\u00e9`, "é").Replace(text)
	if string(got) != want || err != nil {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(&m); err != nil || !strings.Contains(out.String(), "<&>") {
		t.Error(out.String(), err)
	}
	for _, bad := range []string{"", "{", "[1", `{"a"}`, `{"a":}`, "{} {}", "[1,]", "{1:2}", strings.Repeat("[", 20_000)} {
		if value, err := DecodeJSON([]byte(bad)); err == nil {
			t.Errorf("%.20q is %v", bad, value)
		}
	}
}

func TestYAML(t *testing.T) {
	text, err := yaml.Marshal(Of("b", 1, "a", []any{Of("yes", "no", "1", nil)}))
	if want := "b: 1\na:\n    - \"yes\": \"no\"\n      \"1\": null\n"; string(text) != want || err != nil {
		t.Errorf("%s %v", text, err)
	}
}

func TestFromAndPlain(t *testing.T) {
	given := map[string]any{"b": []any{map[string]any{"d": 1, "c": 2}}, "a": Of("z", map[string]any{"n": nil, "m": 0}, "y", 1)}
	ordered := From(given).(*Map)
	if got := ordered.String(); got != "map[a:map[z:map[m:0 n:<nil>] y:1] b:[map[c:2 d:1]]]" {
		t.Error(got)
	}
	if From(ordered) != any(ordered) {
		t.Error("what is ordered was copied")
	}
	want := map[string]any{"b": given["b"], "a": map[string]any{"z": map[string]any{"n": nil, "m": 0}, "y": 1}}
	if got := Plain(ordered); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
}
