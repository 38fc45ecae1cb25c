package polardb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type polardbConfirmArgs struct {
	Msg     string   `arg:"msg,required" doc:"what is about to happen"`
	Hosts   []string `arg:"hosts" doc:"the hosts that it happens to; default the task's host"`
	Cluster string   `arg:"cluster" doc:"the cluster that it happens to"`
	Word    string   `arg:"word" default:"yes" doc:"the word to type: the cluster's name, for a change that cannot be undone"`
	Given   string   `arg:"given" default:"" doc:"the word, given in advance: a variable set with -e. Any other word fails"`
	Always  bool     `arg:"always" default:"false" doc:"ask even with --yes; only the word itself confirms"`
}

var confirmModule = tasks.Define(tasks.Module{
	Name:    "polardb_confirm",
	Summary: "Ask before something is destroyed",
	Notes: []string{
		"Names the cluster and the hosts, and goes on when the word is typed, was given in advance, or with polarbook run --yes. " +
			"Any other answer stops the run on all hosts, and so does a run without a terminal. In check mode it does not ask. " +
			"It changes nothing itself; give it run_once.",
	},
	Returns: []tasks.Return{{Name: "confirmed_by", Type: "str", Doc: "given, or asked"}},
	Examples: `
- polardb_confirm:
    msg: its data directories are removed
    cluster: "{{ polardb_cluster }}"
    hosts: "{{ ansible_play_hosts }}"
    word: "{{ polardb_cluster }}"
    given: "{{ confirm | default('') }}"
    always: true
  run_once: true
`,
}, func(a *polardbConfirmArgs, l tasks.Local) (tasks.Action, error) {
	if strings.TrimSpace(a.Word) == "" {
		return nil, &tasks.ArgError{Module: "polardb_confirm", Arg: "word", Problem: "is empty"}
	}
	return tasks.Know(&polardbConfirmAction{*a, l}), nil
})

type polardbConfirmAction struct {
	polardbConfirmArgs
	local tasks.Local
}

// Plan asks no host: the question is for a person.
func (a *polardbConfirmAction) Plan() (tasks.Plan, error) {
	switch {
	case a.Given != "" && a.Given != a.Word:
		return tasks.Plan{}, &tasks.Failure{
			Msg:  fmt.Sprintf("%q was given to confirm that %s, but the word is %q; nothing was done", a.Given, a.what(), a.Word),
			Hint: "make sure that this is the cluster you mean"}
	case a.Given != "":
		return tasks.Plan{Msg: "confirmed: " + a.what(), Values: map[string]any{"confirmed_by": "given"}}, nil
	case a.local.Check():
		return tasks.Plan{Msg: "would ask to confirm: " + a.what()}, nil
	}
	return tasks.Plan{Change: true, Msg: a.what()}, nil
}

// Apply asks. It changes nothing.
func (a *polardbConfirmAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan) (tasks.Result, error) {
	asker, ok := a.local.(tasks.Confirmer)
	if !ok {
		return tasks.Result{}, errors.New("polardb_confirm: there is nobody to ask")
	}
	text := a.what()
	if len(a.Hosts) == 0 {
		text += " (" + h.Name() + ")"
	}
	if err := asker.Confirm(ctx, tasks.Confirmation{Text: text, Word: a.Word, Always: a.Always}); err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Msg: "confirmed: " + text, Values: map[string]any{"confirmed_by": "asked"}}, nil
}

// what returns the sentence to confirm.
func (a *polardbConfirmAction) what() string {
	s := strings.TrimSpace(a.Msg)
	var of []string
	if a.Cluster != "" {
		of = append(of, "cluster "+a.Cluster)
	}
	if len(a.Hosts) > 0 {
		of = append(of, "hosts "+strings.Join(a.Hosts, ", "))
	}
	if len(of) > 0 {
		s = strings.Join(of, ", ") + ": " + s
	}
	return s
}
