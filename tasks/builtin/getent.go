package builtin

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/remote"
)

type getentArgs struct {
	Database string  `arg:"database,required" doc:"Database: passwd, group, hosts, services and the like."`
	Key      *string `arg:"key" doc:"Key to look up; everything by default."`
	FailKey  bool    `arg:"fail_key" default:"true" doc:"Fail when there is no such key."`
	Split    string  `arg:"split" doc:"Separator of values; a colon or blanks by default, depending on the database."`
	Service  string  `arg:"service" doc:"Service to ask, such as files; all by default."`
}

var getentModule = tasks.Define(tasks.Module{
	Name: "getent", Collections: []string{"ansible.builtin"},
	Summary: "Look up accounts, hosts and services as the host does",
	Returns: []tasks.Return{{
		Name: "ansible_facts",
		Type: "dict",
		Doc:  "getent_ and the database's name: by key, the list of the other values",
	}},
	Examples: `
- getent: {database: passwd, key: polardb}
- debug: {msg: "{{ getent_passwd.polardb[4] }}"}
`,
}, func(a *getentArgs, l tasks.Local) (tasks.Action, error) {
	if strings.HasPrefix(a.Database, "-") || a.Key != nil && strings.HasPrefix(*a.Key, "-") || strings.HasPrefix(a.Service, "-") {
		return nil, &tasks.ArgError{Module: "getent", Arg: "database", Problem: "and key cannot begin with -"}
	}
	return &getentAction{*a, l.Check()}, nil
})

type getentAction struct {
	getentArgs
	asking bool
}

func (a *getentAction) Probe() string {
	var words []string
	if a.Service != "" {
		words = append(words, "-s", a.Service)
	}
	words = append(words, a.Database)
	if a.Key != nil {
		words = append(words, *a.Key)
	}
	return scripts.Script("getent", nil, words...)
}

func (a *getentAction) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Status int64    `answer:"status"`
		First  string   `answer:"line"`
		Lines  []string `answer:"line"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	name := "getent_" + a.Database
	table := map[string]any{}
	switch said.Status {
	case 0:
	case 1:
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("getent does not know the database %s: %s", a.Database, said.First)}
	case 2:
		key := ""
		if a.Key != nil {
			key = *a.Key
		}
		if a.FailKey {
			return tasks.NotYet(a.asking, fmt.Sprintf("%s has no %s", a.Database, remote.Quote(key)), "fail_key: false makes it no failure")
		}
		table[key] = nil
		return tasks.Plan{Values: map[string]any{"ansible_facts": map[string]any{name: table}}, Msg: key + " was not found"}, nil
	case 3:
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("the database %s cannot be listed", a.Database), Hint: "give a key"}
	default:
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("getent ended with status %d: %s", said.Status, remote.Quote(said.First))}
	}
	split := a.Split
	if split == "" && (a.Database == "passwd" || a.Database == "shadow" || a.Database == "group" || a.Database == "gshadow") {
		split = ":"
	}
	lines := map[string]int{}
	for _, line := range said.Lines {
		fields := strings.Fields(line)
		if split != "" {
			fields = strings.Split(line, split)
		}
		if len(fields) == 0 || fields[0] == "" {
			continue
		}
		// As in Ansible the values of a key that several lines have are a list of lists.
		key, values := fields[0], convert.AnyTexts(fields[1:])
		switch lines[key]++; lines[key] {
		case 1:
			table[key] = values
		case 2:
			table[key] = []any{table[key], values}
		default:
			table[key] = append(table[key].([]any), any(values))
		}
	}
	return tasks.Plan{Values: map[string]any{"ansible_facts": map[string]any{name: table}}}, nil
}
