package polardb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// recoveryNote is polarbook's note on the surviving node while a recovery of the majority is under way. The engine's member
// lists cannot be read while the survivor's server is stopped, and they forget the weights of the others.
type recoveryNote struct {
	Cluster  string         `json:"cluster"`
	Survivor string         `json:"survivor"`
	Lost     []string       `json:"lost"`
	Weights  map[string]int `json:"weights"` // of the voters before the recovery
	Ahead    []string       `json:"ahead"`   // the learners that have more log than the survivor
}

// recovery returns the path of the note. The file lies beside the directory that only root can read, so that every account
// can see that a recovery is half done, while only root can write it.
func (a *NodeArgs) recovery() string {
	dir, name := path.Split(a.base())
	dir = path.Clean(dir)
	if len(name) > 150 { // with the cluster's name in front
		name = "%" + files.SumOf([]byte(name))
	}
	return dir + name + recoverySuffix
}

const recoverySuffix = ".recovery"

// recoveryLimit is the most bytes that a note may have.
const recoveryLimit = 64 << 10

// parseRecovery reads the note from the answer of the script polardb_recovery; nil: there is none. It parses strictly, because
// the note decides which node goes on alone.
func parseRecovery(out []byte, file string) (*recoveryNote, error) {
	var found struct {
		Fault string   `answer:"recovery_fault"`
		Notes []string `answer:"recovery"`
	}
	if err := script.Decode(out, &found); err != nil {
		return nil, err
	}
	switch {
	case found.Fault != "":
		return nil, recoveryFault(file, found.Fault)
	case len(found.Notes) == 0:
		return nil, nil
	case len(found.Notes[0]) > recoveryLimit:
		return nil, recoveryFault(file, "is longer than any note of polarbook's")
	}
	text := found.Notes[0]
	var n recoveryNote
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil || d.More() || n.Cluster == "" || n.Survivor == "" {
		return nil, recoveryFault(file, "holds something that polarbook does not write there")
	}
	for _, name := range slices.Concat([]string{n.Cluster, n.Survivor}, n.Lost, n.Ahead, slices.Collect(maps.Keys(n.Weights))) {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return nil, recoveryFault(file, "holds a name that is not a node's")
		}
	}
	return &n, nil
}

func recoveryFault(file, why string) error {
	return &tasks.Failure{Msg: file + " " + why, Hint: "the file is not trusted; find out who wrote it, and remove it"}
}

// values returns the note as playbooks see it: survivor, lost, weights, ahead and command; empty without a note.
func (n *recoveryNote) values() map[string]any {
	if n == nil {
		return map[string]any{}
	}
	weights := map[string]any{}
	for name, w := range n.Weights {
		weights[name] = w
	}
	return map[string]any{
		"survivor": n.Survivor,
		"lost":     convert.AnyTexts(n.Lost),
		"weights":  weights,
		"ahead":    convert.AnyTexts(n.Ahead),
		"command":  n.command(),
	}
}

// readRecovery reads a note from the values that a playbook passes on.
func readRecovery(item any) (*recoveryNote, error) {
	m, ok := item.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("must be a list of dicts, not of %s", convert.Describe(item))
	}
	n := &recoveryNote{Weights: map[string]int{}}
	n.Survivor, _ = m["survivor"].(string)
	for key, to := range map[string]*[]string{"lost": &n.Lost, "ahead": &n.Ahead} {
		list, _ := m[key].([]any)
		for _, name := range list {
			*to = append(*to, fmt.Sprint(name))
		}
	}
	weights, _ := m["weights"].(map[string]any)
	for name, w := range weights {
		number, err := convert.Int(w)
		if err != nil {
			return nil, fmt.Errorf("read the weight of %s, which %w", name, err)
		}
		n.Weights[name] = number
	}
	return n, nil
}

// command returns the command that finishes the recovery.
func (n *recoveryNote) command() string {
	command := "polarbook run recover-majority.yml"
	if len(n.Lost) > 0 {
		command += " -e " + remote.Quote("lost="+strings.Join(n.Lost, ","))
	}
	return command
}

// String returns a sentence about what is half done and how to finish it.
func (n *recoveryNote) String() string {
	return fmt.Sprintf("recover-majority.yml was begun, with %s to go on, and is not finished; to finish it: %s", n.Survivor, n.command())
}

// recoveries returns the notes on all hosts that could be reached, read with the task's account. A note that cannot be read is
// left out, because they are only shown to people.
func recoveries(ctx context.Context, h tasks.Host, list []WantedNode, survey dma.Survey) []*recoveryNote {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	found := make([]*recoveryNote, len(list))
	var wg sync.WaitGroup
	for i, n := range list {
		v, _ := survey.Of(n.Name)
		if away := new(remote.UnreachableError); !errors.As(v.Err, &away) {
			wg.Go(func() { found[i] = n.recovery(ctx, h) })
		}
	}
	wg.Wait()
	return slices.DeleteFunc(found, func(n *recoveryNote) bool { return n == nil })
}

// recovery returns the note on the node's host, whatever the cluster's name is there; nil: there is none, or it cannot be read.
func (n WantedNode) recovery(ctx context.Context, h tasks.Host) *recoveryNote {
	host, err := h.Peer(ctx, n.Name)
	if err != nil || n.Pgdata == "" {
		return nil
	}
	file := (&NodeArgs{Pgdata: n.Pgdata, Cluster: "*"}).recovery()
	answer, err := host.Shell().Run(ctx, remote.Command{
		Script: "set -- " + string(script.Pattern(file)) + "\n" + scripts.Text("polardb_recovery"),
	})
	if err != nil {
		return nil
	}
	note, _ := parseRecovery(answer.Stdout, file)
	return note
}

type recoveryArgs struct {
	NodeArgs
	State    string         `arg:"state,required" choices:"begun finished" doc:"begun: note that a recovery began; finished: remove the note"`
	Survivor string         `arg:"survivor" doc:"the node that goes on"`
	Lost     []string       `arg:"lost" doc:"the voters that are lost for good"`
	Weights  map[string]any `arg:"weights" doc:"the weight that each voter had"`
	Ahead    []string       `arg:"ahead" doc:"the learners that have more log than the survivor"`
}

var recoveryModule = tasks.Define(tasks.Module{
	Name:    "polardb_recovery",
	Summary: "Note on a node that a recovery of the majority is under way",
	Notes: []string{
		"The note is a file under /var/lib/polarbook that only root can write and everybody can read. " +
			"It holds the survivor, the lost voters, the weights that the voters had and the learners that have to be built anew, " +
			"so that the next run can finish one that was cut off. polardb_facts and polardb_status read it.",
	},
	Examples: `- polardb_recovery:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    state: begun
    survivor: node2
    lost: [node1, node3]
`,
}, func(a *recoveryArgs, _ tasks.Local) (tasks.Action, error) {
	if a.State == "begun" && a.Survivor == "" {
		return nil, &tasks.ArgError{Module: "polardb_recovery", Arg: "survivor", Problem: "is needed: the node that goes on"}
	}
	for name, w := range a.Weights {
		if _, err := convert.Int(w); err != nil {
			return nil, &tasks.ArgError{Module: "polardb_recovery", Arg: "weights", Problem: fmt.Sprintf("of %s %v", name, err)}
		}
	}
	return &recoveryAction{a}, a.Check()
})

type recoveryAction struct{ args *recoveryArgs }

func (r *recoveryAction) Probe() string {
	return scripts.Script("polardb_recovery", nil, r.args.recovery())
}

func (r *recoveryAction) Plan(f tasks.Found) (tasks.Plan, error) {
	a := r.args
	if f.Status != 0 {
		return tasks.Plan{}, errors.New("look for the note of a recovery: " + strings.TrimSpace(string(f.Stderr)))
	}
	was, err := parseRecovery(f.Stdout, a.recovery())
	if err != nil {
		return tasks.Plan{}, err
	}
	if a.State == "finished" {
		if was == nil {
			return tasks.Plan{Msg: "no recovery is under way"}, nil
		}
		return tasks.Plan{
			Change: true,
			Msg:    "the recovery is finished",
			Script: a.script("polardb_recovery_over", script.Values{"FILE": a.recovery()}),
		}, nil
	}
	want := recoveryNote{Cluster: a.Cluster, Survivor: a.Survivor, Lost: a.Lost, Weights: map[string]int{}, Ahead: a.Ahead}
	for name, w := range a.Weights {
		want.Weights[name], _ = convert.Int(w)
	}
	text, err := json.Marshal(want)
	if err != nil {
		return tasks.Plan{}, err
	}
	if was != nil {
		if have, _ := json.Marshal(was); bytes.Equal(have, text) {
			return tasks.Plan{Msg: "the recovery is noted already"}, nil
		}
	}
	return tasks.Plan{
		Change: true,
		Msg:    fmt.Sprintf("note that %s goes on", a.Survivor),
		Stdin:  append(text, '\n'),
		Script: a.script("polardb_recovery_note", script.Values{"FILE": a.recovery()}),
	}, nil
}
