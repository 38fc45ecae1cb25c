package playbooks

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParsePairs compares with what ansible-core 2.14's parse_kv makes of the same texts; null is a text it refuses.
func TestParsePairs(t *testing.T) {
	data, err := os.ReadFile("testdata/freeform.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Text       string
		Pairs, Raw map[string]string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for name, variant := range map[string]struct {
			known []string
			want  map[string]string
		}{"pairs": {nil, c.Pairs}, "free form": {append([]string{"warn"}, commandOptions...), c.Raw}} {
			var got map[string]string
			pairs, raw, err := parsePairs(c.Text, variant.known)
			if err == nil {
				got = map[string]string{}
				for _, p := range pairs {
					got[p.key] = p.value
				}
				if raw != "" {
					got["_raw_params"] = raw
				}
			}
			if diff := cmp.Diff(variant.want, got); diff != "" {
				t.Errorf("%s of %q (-ansible +polarbook):\n%s", name, c.Text, diff)
			}
		}
	}
}

// TestPairPlaces: what is wrong with an argument is shown where it stands in the string.
func TestPairPlaces(t *testing.T) {
	text := "src=a  dest=\"b c\"\nmode=0644"
	pairs, _, err := parsePairs(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		if !strings.HasPrefix(text[p.offset:], p.key+"=") {
			t.Errorf("%s is said to begin at %q", p.key, text[p.offset:])
		}
		if text[p.after-1] != '=' {
			t.Errorf("the value of %s is said to begin at %q", p.key, text[p.after:])
		}
	}
}

func FuzzParsePairs(f *testing.F) {
	for _, seed := range []string{"a=b c", `a="b c" {{ d e }}`, "a\\=b \\\n c", `x='`, "{% a %} =b", "\n\n a", "é=ü  "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pairs, _, err := parsePairs(text, nil)
		if err != nil {
			return
		}
		for _, p := range pairs {
			if p.offset < 0 || p.offset > len(text) || p.after < p.offset || p.after > len(text) {
				t.Fatalf("the place of %q in %q is %d, its value's %d", p.key, text, p.offset, p.after)
			}
			lineColumn(text, p.after)
		}
	})
}

// Extra variables are read as Ansible 2.19 does: quotes may be escaped, and those within a word are part of it.
func TestKeyValues(t *testing.T) {
	for text, want := range map[string]map[string]any{
		`d='it\'s'`: {"d": "it's"}, `d="it\"s" e=1`: {"d": `it"s`, "e": "1"}, `d='a b' e="c  d"`: {"d": "a b", "e": "c  d"},
		`d=\x41`: {"d": "A"}, `d='x'y`: {"d": "'x'y"}, `d=a\=b`: {"d": `a\=b`}, `d= e=1`: {"d": "", "e": "1"}, `d=a=b`: {"d": "a=b"},
		`d={{ 'a b' }} e=1`: {"d": "{{ 'a b' }}", "e": "1"}, `d=a\tb`: {"d": "a\tb"}, "": {},
	} {
		got, err := KeyValues(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"word d=1", "word", `d='a`, "=1"} {
		if got, err := KeyValues(text); err == nil {
			t.Errorf("%s: got %q", text, got)
		}
	}
}
