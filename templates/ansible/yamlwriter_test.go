package ansible

import (
	"bufio"
	"os"
	"testing"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

// The texts are what PyYAML wrote, see testdata/record_yaml.py: folding at 80 columns, quotes, and keys that are too long.
func TestYAMLAsPyYAML(t *testing.T) {
	file, err := os.Open("testdata/yaml.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	engine := jinja.NewEngine(jinja.Options{}, All())
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	wrong, all := 0, 0
	for lines.Scan() && wrong < 5 {
		decoded, err := ordered.DecodeJSON(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		c := decoded.(*ordered.Map)
		vars := ordered.New(2)
		value, err := jsonNumbers(c.Value("value"), "")
		if err != nil {
			t.Fatal(err)
		}
		options, err := jsonNumbers(c.Value("options"), "")
		if err != nil {
			t.Fatal(err)
		}
		vars.Set("v", value)
		vars.Set("o", options)
		got, err := engine.Evaluate("v | to_yaml(**o)", jinja.Map(vars.Top()))
		if err != nil {
			t.Errorf("%s: %v", lines.Text(), err)
			wrong++
		} else if want := c.Value("want"); got != want {
			t.Errorf("%s\n  gave\n%v\n  PyYAML\n%v\n%q\n%q", lines.Text(), got, want, got, want)
			wrong++
		}
		all++
	}
	if lines.Err() != nil || wrong == 0 && all < 500 {
		t.Fatal(all, lines.Err())
	}
}
