package tasks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/argument"
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
	type given struct {
		Items []item `arg:"items" each:"thing"`
	}
	var got []item
	m := Define(Module{Name: "m"}, func(a *given, _ Local) (Action, error) { got = a.Items; return nil, nil })
	give := func(items ...any) error {
		got = nil
		_, err := m.New(map[string]any{"items": items}, nil)
		return err
	}
	err := give(map[string]any{"name": "a", "port": "7", "size": 3, "home": ""}, map[string]any{"name": 2, "port": "",
		"kind": nil, "size": "", "home": "/h"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || *got[0].Port != 7 || got[0].Size != 3 || got[1].Name != "2" || got[1].Port != nil || got[1].Size != nil ||
		got[1].Home != "/h" {
		t.Errorf("read %+v", got)
	}
	if again, err := argument.ReadItems[item]("thing", []any{map[string]any{"name": "a", "home": "/h"}}); err != nil || again[0].Home != "/h" {
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
	problems := m.CheckArgs(map[string]any{"items": []any{map[string]any{"name": "a", "port": "x", "hoem": 1},
		map[string]any{"name": "?", "port": "?", "home": "?"}, "?"}},
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
	type given struct {
		State string `arg:"state" choices:"present gone" choice_alias:"there=present away=gone"`
	}
	var got string
	m := Define(Module{Name: "m"}, func(a *given, _ Local) (Action, error) { got = a.State; return nil, nil })
	for given, want := range map[string]string{"present": "present", "there": "present", "away": "gone"} {
		if _, err := m.New(map[string]any{"state": given}, nil); err != nil || got != want {
			t.Errorf("%s is %q, %v", given, got, err)
		}
	}
	_, err := m.New(map[string]any{"state": "x"}, nil)
	if err == nil || err.Error() != `m: argument "state" must be one of present, gone, not "x"` {
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
	type given struct {
		Known bool           `arg:"known"`
		Rest  map[string]any `arg:",rest"`
	}
	m := Define(Module{Name: "m", AnyArgs: true}, func(a *given, _ Local) (Action, error) { got = a.Rest; return nil, nil })
	if _, err := m.New(map[string]any{"x": 1, "known": true}, nil); err != nil {
		t.Fatal(err)
	}
	if got["x"] != 1 || len(m.Args) != 1 {
		t.Errorf("rest %v, arguments %v", got, m.Args)
	}
}
