package tasks

import (
	"fmt"
	"strings"
	"testing"
)

type embeddedArgs struct {
	Mode string `arg:"mode,mode"`
}

type argsUnderTest struct {
	embeddedArgs
	Name  string   `arg:"name,required" alias:"dest"`
	Names []string `arg:"names"`
	Flag  *bool    `arg:"flag"`
	Ratio float64  `arg:"ratio" default:"1.5"`
}

func TestDefineTakesArgumentsOfEmbeddedStructs(t *testing.T) {
	var got argsUnderTest
	m := Define(Module{Name: "m"}, func(a *argsUnderTest, _ Local) (Action, error) { got = *a; return nil, nil })
	if _, err := m.New(map[string]any{"dest": 1.0, "mode": 0o640, "names": "a, b", "flag": "yes"}, nil); err != nil {
		t.Fatal(err)
	}
	if got.Mode != "0640" || got.Name != "1.0" || strings.Join(got.Names, "+") != "a+b" || got.Flag == nil || !*got.Flag || got.Ratio != 1.5 {
		t.Errorf("decoded %+v", got)
	}
}

func TestListsOfDictsAreReadIntoStructs(t *testing.T) {
	type item struct {
		Name string `arg:"name,required"`
		Port *int   `arg:"port"`
		Kind string `arg:"kind"`
		Size any    `arg:"size"`
		Home string `arg:"home,required"`
	}
	type args struct {
		Items []item `arg:"items" each:"thing"`
	}
	var got []item
	m := Define(Module{Name: "m"}, func(a *args, _ Local) (Action, error) { got = a.Items; return nil, nil })
	give := func(items ...any) error {
		got = nil
		_, err := m.New(map[string]any{"items": items}, nil)
		return err
	}
	if err := give(map[string]any{"name": "a", "port": "7", "size": 3, "home": ""}, map[string]any{"name": 2, "port": "", "kind": nil, "size": "", "home": "/h"}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || *got[0].Port != 7 || got[0].Size != 3 || got[1].Name != "2" || got[1].Port != nil || got[1].Size != nil || got[1].Home != "/h" {
		t.Errorf("read %+v", got)
	}
	if again, err := ReadItems[item]("thing", []any{map[string]any{"name": "a", "home": "/h"}}); err != nil || again[0].Home != "/h" {
		t.Errorf("%+v, %v", again, err)
	}
	for _, c := range []struct {
		want  string
		items []any
	}{
		{`must be a list of dicts, not of "a"`, []any{"a"}},
		{`must be a list of dicts, not of a list`, []any{[]any{}}},
		{`holds a thing with the unknown key "prot"`, []any{map[string]any{"name": "a", "home": "", "prot": 1}}},
		{`holds a thing without a name`, []any{map[string]any{"home": ""}}},
		{`holds a thing without a name`, []any{map[string]any{"name": "a", "home": ""}, map[string]any{"name": ""}}},
		{`has no home for a`, []any{map[string]any{"name": "a"}}},
		{`port of a must be an integer, not "x"`, []any{map[string]any{"name": "a", "home": "", "port": "x"}}},
		{`kind of a must be a string, not a list`, []any{map[string]any{"name": "a", "home": "", "kind": []any{}}}},
	} {
		if err := give(c.items...); err == nil || err.Error() != `m: argument "items" `+c.want {
			t.Errorf("%v: %v, want %s", c.items, err, c.want)
		}
	}
	// Before templates are rendered, all that can be told is told at once.
	problems := m.CheckArgs(map[string]any{"items": []any{map[string]any{"name": "a", "port": "x", "hoem": 1}, map[string]any{"name": "?", "port": "?", "home": "?"}, "?"}},
		func(_ string, value any) bool { return value != "?" })
	var said []string
	for _, p := range problems {
		said = append(said, fmt.Sprint(p.Item, " ", p.Key, " ", len(p.Known)))
	}
	if got := strings.Join(said, ", "); got != "1 hoem 5, 1 port 0, 1  0" {
		t.Errorf("problems: %s", got)
	}
}

func TestFormerChoicesAreTheirNewOnes(t *testing.T) {
	type args struct {
		State string `arg:"state" choices:"present gone" choice_alias:"there=present away=gone"`
	}
	var got string
	m := Define(Module{Name: "m"}, func(a *args, _ Local) (Action, error) { got = a.State; return nil, nil })
	for given, want := range map[string]string{"present": "present", "there": "present", "away": "gone"} {
		if _, err := m.New(map[string]any{"state": given}, nil); err != nil || got != want {
			t.Errorf("%s is %q, %v", given, got, err)
		}
	}
	if _, err := m.New(map[string]any{"state": "x"}, nil); err == nil || err.Error() != `m: argument "state" must be one of present, gone, not "x"` {
		t.Error(err)
	}
}

func TestArgErrorNamesTheModuleWhereItIsKnown(t *testing.T) {
	for want, e := range map[string]*ArgError{
		`copy: argument "dest" is required`: {Module: "copy", Arg: "dest", Problem: "is required"},
		`argument "nodes" is empty`:         {Arg: "nodes", Problem: "is empty"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("says %q, want %q", got, want)
		}
	}
}

func TestRestTakesEveryArgument(t *testing.T) {
	var got map[string]any
	type args struct {
		Known bool           `arg:"known"`
		Rest  map[string]any `arg:",rest"`
	}
	m := Define(Module{Name: "m", AnyArgs: true}, func(a *args, _ Local) (Action, error) { got = a.Rest; return nil, nil })
	if _, err := m.New(map[string]any{"x": 1, "known": true}, nil); err != nil {
		t.Fatal(err)
	}
	if got["x"] != 1 || len(m.Args) != 1 {
		t.Errorf("rest %v, arguments %v", got, m.Args)
	}
}

// A YAML integer as a mode has been read as octal if it had a leading zero and as decimal if it had not.
func TestModeRefusesLostZero(t *testing.T) {
	for _, v := range []int{0o644, 0o755, 0o600, 0o640, 0o700, 0o750, 0o660, 0o664, 0o775, 0o777, 0o400, 0o440, 0o444, 0o1777, 0o2755, 0o2770, 0o4755, 0o500, 0o550, 0o711} {
		if _, err := toMode(v); err != nil {
			t.Errorf("%04o refused: %v", v, err)
		}
	}
	for _, v := range []int{644, 755, 600, 640, 700, 750, 660, 664, 775, 777, 400, 440, 444, 1777, 2755, 2770, 500, 550, 555, 711} {
		if s, err := toMode(v); err == nil {
			t.Errorf("%d, written without its zero, became %s", v, s)
		}
	}
}

func TestTextOfNumbersIsPythons(t *testing.T) {
	for v, want := range map[float64]string{1: "1.0", 1.25: "1.25", 1e21: "1e+21", 1000000: "1000000.0"} {
		if got, _ := ToString(v); got != want {
			t.Errorf("%v became %q, want %q", v, got, want)
		}
	}
}
