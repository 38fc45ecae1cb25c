package ansible

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

// recorded holds what ansible-core 2.14 made of a template, see testdata/record.py.
type recorded struct {
	Template string
	Want     any
	Error    string
}

// native is why None is not printed here.
const native = "the recorder ran in native mode, which prints None; otherwise Ansible prints nothing for it"

// printedAsLists is why a tuple within a text looks otherwise.
const printedAsLists = "2.19 prints a tuple within a text as a list"

// differences are the templates that are deliberately rendered otherwise than Ansible 2.14 does.
var differences = map[string]string{
	"{{ '' or 'fallback' }} {{ 'a' and 'b' }} {{ 0 or none }} {{ not '' }}": native,
	"{{ true }} {{ True }} {{ none is none }} {{ None }}":                   native,
	"{{ nothing | default('d') }}|{{ nothing | default('d', true) }}":       native,
	"x{{ nothing }}": native,
	"{{ settings.get('ssl') }} {{ settings.get('x') }} {{ settings.get('x', 'dflt') }}":                                                                                                                                          native,
	"{{ 'yes' | bool }} {{ 'no' | bool }} {{ 'True' | bool }} {{ 1 | bool }} {{ 0 | bool }} {{ 'maybe' | bool }} {{ '1' | bool }} {{ none | bool }} {{ 'on' | bool }}":                                                           native,
	`{{ 'foobar' | regex_search('o+b') }} {{ 'foobar' | regex_search('(f)(o+)', '\\1', '\\2') }} {{ 'foobar' | regex_search('z') }} {{ 'foobar' | regex_search('z', '\\1') }} {{ 'foo' | regex_search('(?P<n>o+)', '\\g<n>') }}`: native,
	"{{ lazy.good }}":       "2.14 renders the whole of a variable; newer versions only what is asked for, as here",
	"{{ lazy['list'][0] }}": "the same",
	"{% set l = [3, 1, 2] %}{{ l.pop() }}{{ l }}{{ l.pop(0) }}{{ l }}":                                                                                                                                                                    "the recorder prints lists late",
	"{{ 'x' | ansible.builtin.default('y') }} {{ {'a': 1} | ansible.builtin.combine({'b': 2}) }} {{ 'abc' is ansible.builtin.match('a') }}":                                                                                               "Jinja2's own filters may have the prefix here too",
	"{{ lookup('ansible.builtin.vars', 'port') }} {{ 'a' | ansible.builtin.upper | default('x') }}":                                                                                                                                       "the same",
	"{{ query('sequence', 'start=1 end=3') }} {{ query('sequence', 'count=3 format=node%02d') }} {{ query('sequence', start=0, end=4, stride=2) }} {{ query('sequence', '1-3:n%d') }} {{ query('sequence', 'start=3 end=1 stride=-1') }}": "2.14 ignores end in named arguments; newer versions do not",

	"x{{ (1, 2) }}{{ (1,) }}{{ () }}": printedAsLists,
	"{{ 'a-b'.partition('-') }} {{ ','.join(['a', 'b']) }} {{ 'abc'.zfill(5) }} {{ '-5'.zfill(4) }} {{ 'x'.center(5, '*') }} {{ 'x'.ljust(3) }}| {{ 'x'.rjust(3) }}":                                                  printedAsLists,
	"{% macro m(a) %}{{ a | default('none') }}{{ varargs }}{{ kwargs | dictsort }}{% endmacro %}{{ m() }} {{ m(1, 2, 3) }} {{ m(1, x=2) }}":                                                                           printedAsLists,
	"{{ [1, 2] | zip(['a', 'b', 'c']) | list }} {{ [1, 2] | zip_longest(['a', 'b', 'c'], fillvalue='x') | list }} {{ [1, 2] | product(['a', 'b']) | list }}":                                                          printedAsLists,
	"{{ [1, 2, 3] | permutations(2) | list | length }} {{ [1, 2, 3] | combinations(2) | list }}":                                                                                                                      printedAsLists,
	"{{ {'b': 1, 'a': 2} | dictsort }} {{ {'b': 1, 'a': 2} | dictsort(by='value') }} {{ {'b': 1, 'a': 2} | dictsort(reverse=true) }}":                                                                                 printedAsLists,
	"{{ 'foobar' | regex_findall('o') }} {{ 'a1b2' | regex_findall('([a-z])([0-9])') }} {{ 'a1b2' | regex_findall('[a-z]([0-9])') }}":                                                                                 printedAsLists,
	"{{ path | basename }} {{ path | dirname }} {{ path | splitext }} {{ '/a/b/' | basename }}| {{ '/a/b/' | dirname }} {{ '/' | dirname }} {{ 'a' | dirname }}| {{ '.bashrc' | splitext }} {{ 'a.b/c' | splitext }}": printedAsLists,
	"{{ query('indexed_items', ['a', 'b']) }} {{ query('flattened', [1, [2, [3]]]) }} {{ query('list', [1, [2]]) }}":                                                                                                  printedAsLists,
	"x{{ phases }} {{ phases | string }} {{ phases | items | list }} {{ phases | length }} {{ 'install' in phases }}":                                                                                                 printedAsLists,
	"{{ phases | dictsort }} {{ phases | dictsort(by='value', reverse=true) }} {{ phases | sort }} {{ phases | max }} {{ phases | map('upper') | list }} {{ phases | select('match', 'i|c') | list }}":                printedAsLists,
	"{{ users | map('dict2items') | list }} {{ users | groupby('age') | list }} {{ users | items2dict(key_name='name', value_name='age') }}":                                                                          printedAsLists,
	"{{ phases | zip(phases.values()) | list }} {{ phases.items() | list | flatten }} {{ phases | reverse | list }} {{ phases | batch(2) | list }} {{ phases | join(',') }}":                                          printedAsLists,
}

func TestAsAnsible(t *testing.T) {
	data, err := os.ReadFile("testdata/ansible.json")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := ordered.DecodeJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/vars.yml")
	if err != nil {
		t.Fatal(err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		t.Fatal(err)
	}
	vars, err := decodeNode(&node, 0, new(int))
	if err != nil {
		t.Fatal(err)
	}
	engine := jinja.NewEngine(jinja.Options{}, All())
	for _, one := range cases.([]any) {
		m := one.(*ordered.Map)
		c := recorded{Template: m.Value("template").(string), Want: m.Value("want")}
		c.Error, _ = m.Value("error").(string)
		want, err := jsonNumbers(c.Want, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := renderRecorded(engine, c.Template, jinja.Map(vars.(*ordered.Map).Top()))
		_, differs := differences[c.Template]
		same := false
		if c.Error != "" {
			same = err != nil
			if err == nil && !differs {
				t.Errorf("%s\n  gave %#v\n  Ansible fails: %s", c.Template, got, c.Error)
			}
		} else if err != nil {
			if !differs {
				t.Errorf("%s\n  %v\n  Ansible: %#v", c.Template, err, want)
			}
		} else if diff := cmp.Diff(want, got); diff == "" && jinja.InJSON(want) == jinja.InJSON(got) {
			same = true
		} else if !differs {
			t.Errorf("%s\n  gave    %#v\n  Ansible %#v", c.Template, got, want)
		}
		if same && differs {
			t.Errorf("%s is as in Ansible, but is listed as a difference", c.Template)
		}
	}
}

// renderRecorded renders as the recorder did: an expression to a value, other templates to text with
// the options of template files.
func renderRecorded(e *jinja.Engine, template string, vars jinja.Vars) (any, error) {
	if inner, ok := strings.CutPrefix(template, "{{"); ok {
		if inner, ok = strings.CutSuffix(inner, "}}"); ok && !strings.Contains(inner, "{{") {
			return e.Evaluate(inner, vars) // which leaves backslashes alone, as the recorder did
		}
	}
	return e.File("", template, vars, jinja.DefaultFileOptions())
}
