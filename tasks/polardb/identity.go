package polardb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

type identityArgs struct {
	ClusterArgs
	States  map[string]any `arg:"states,required" doc:"polardb_state of each host, by the host's name"`
	Node    string         `arg:"node" doc:"the node (or host:port) that the run is about; its data may be gone or of another kind"`
	Moving  bool           `arg:"moving" default:"no" doc:"node is about to get the address that the inventory has for it"`
	Scope   string         `arg:"scope" default:"all" choices:"all cluster" doc:"all: every host; cluster: node and members that lead or run"`
	Login   bool           `arg:"login" default:"yes" doc:"fail when the nodes refuse the password; no: go by what the hosts hold then"`
	Members bool           `arg:"members" default:"yes" doc:"refuse a member that is not in the inventory, too"`
	Foreign bool           `arg:"foreign" default:"no" doc:"let servers take part that run and that polarbook did not set up; for what changes no files"`
	Ports   bool           `arg:"ports" default:"yes" doc:"refuse foreign servers on a node's port; no: a later task does, naming the program"`
}

var identityModule = tasks.Define(tasks.Module{
	Name:    "polardb_identity",
	Summary: "Check that hosts, inventory and cluster agree about the nodes, before anything is changed",
	Notes: []string{
		"Refuses a member whose address or port in the inventory differs from that in its own consensus meta (it would become " +
			"another member, or not be reached); a logger that should hold data, and the other way round; a host that was set up, " +
			"or is a member, but holds no data (its disk is not mounted, or lost); data and servers that polarbook did not put there; " +
			"and a member that is not in the inventory, which the files and firewalls of the others would no longer let in.",
		"Asks the leader who is a member. Without a leader, the members are those that most of the hosts have in their consensus meta.",
		"Changes nothing. Give it run_once, after polardb_facts.",
	},
	Returns: []tasks.Return{
		{Name: "leader", Type: "str", Doc: "the node that leads; empty when none does"},
		{Name: "listed", Type: "list", Doc: "the members' addresses, host:port"},
		{Name: "roles", Type: "dict", Doc: "the role that the leader lists for each of them"},
		{Name: "weights", Type: "dict", Doc: "the weight that the leader lists for each of them"},
		{Name: "moved", Type: "dict", Doc: "by node, the address that it has where the inventory has another"},
	},
	Examples: `- polardb_identity:
    states: "{{ polardb_states }}"
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: true
`,
}, func(a *identityArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	if err != nil {
		err = &tasks.Failure{Msg: "inventory", Err: err, Hint: "correct the inventory"}
	}
	return tasks.Ask(&identityAction{args: a, list: list}), err
})

type identityAction struct {
	args *identityArgs
	list []WantedNode
}

// identityFound holds the cluster as its nodes see it.
type identityFound struct {
	Survey dma.Survey
	Leader dma.View
	Led    bool // there is a leader: Leader
}

func (i *identityAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (identityFound, error) {
	list := i.where()
	survey, err := i.args.survey(ctx, h, list)
	if err != nil {
		return identityFound{}, err
	}
	leader, err := survey.Leader()
	if err != nil && i.args.Members && mayElect(survey) {
		// There are enough voters to elect a leader, who knows the members: wait for it.
		leader, survey, err = i.args.leader(ctx, h, list, electionPatience)
	}
	var changing *changingError
	if errors.As(err, &changing) {
		return identityFound{}, err
	}
	if err != nil && i.args.Login {
		if refused := passwordRefused(survey, i.args.LoginUser); refused != nil {
			return identityFound{}, refused
		}
	}
	return identityFound{Survey: survey, Leader: leader, Led: err == nil}, nil
}

// where returns the nodes with the addresses in their own meta, because a server is asked on the port that it really has.
func (i *identityAction) where() []WantedNode {
	list := slices.Clone(i.list)
	for at, n := range list {
		st, _ := i.state(n.Name)
		if own, err := dma.ParseAddress(st.own); err == nil && st.step != stepDropped {
			list[at].Address = own
		}
	}
	return list
}

// mayElect reports whether a majority of the voters in some node's list runs.
func mayElect(survey dma.Survey) bool {
	for _, v := range survey {
		alive := 0
		for _, e := range v.Members.Entries {
			if other, known := survey.At(e.IPPort); known && other.Err == nil {
				alive++
			}
		}
		if v.Err == nil && v.Status.Role != dma.Learner && alive >= dma.Majority(len(v.Members.Entries)) {
			return true
		}
	}
	return false
}

// hostState is the part of the fact polardb_state that counts here.
type hostState struct {
	data, reason, lost, step, own, members, unit, unitPgdata string
	restoring                                                string // the backup of a restore that is not finished
	gone, logger, running, client                            bool
}

func (i *identityAction) state(name string) (hostState, bool) {
	m, ok := i.args.States[name].(map[string]any)
	str := func(key string) string { s, _ := m[key].(string); return s }
	yes := func(key string) bool { b, _ := m[key].(bool); return b }
	return hostState{
		data: str("data"), reason: str("reason"), lost: str("lost"), step: str("step"), own: str("own"),
		restoring: str("restoring"), members: str("meta_members"), unit: str("unit"), unitPgdata: str("unit_pgdata"),
		gone: yes("gone"), logger: yes("logger"), running: yes("running"), client: yes("client"),
	}, ok
}

func (i *identityAction) Plan(found identityFound) (tasks.Plan, error) {
	members := i.members(found)
	listed, roles, weights, movedTo := []any{}, map[string]any{}, map[string]any{}, map[string]any{}
	for _, m := range members {
		listed = append(listed, m.address)
		if found.Led {
			roles[m.address], weights[m.address] = m.row.Role.String(), m.row.Weight
		}
	}
	moved := i.moved(found)
	for name, address := range moved {
		movedTo[name] = address
	}
	values := map[string]any{"leader": found.Leader.Node, "listed": listed, "roles": roles, "weights": weights, "moved": movedTo}
	for _, n := range i.list {
		// What is there of the cluster may be the backup's, and not a member of anything yet.
		if st, _ := i.state(n.Name); st.restoring != "" {
			return tasks.Plan{}, &tasks.Failure{
				Msg: fmt.Sprintf("a restore of %s was begun on %s and is not finished", st.restoring, n.Name),
				Hint: fmt.Sprintf("nothing was changed. Finish it: polarbook run restore.yml -e from=%s. "+
					"Or remove what there is of it: polarbook run destroy.yml", st.restoring),
				Values: values,
			}
		}
		if err := i.check(found, members, moved, n); err != nil {
			err.Values = values
			return tasks.Plan{}, err
		}
	}
	if err := i.strangers(found, members, moved); err != nil {
		err.Values = values
		return tasks.Plan{}, err
	}
	return tasks.Plan{Msg: "hosts, inventory and cluster agree about the nodes", Values: values}, nil
}

// identityMember is a member in the leader's list or in most metas.
type identityMember struct {
	address string // host:port
	by      string // who lists it
	row     dma.Member
}

func (i *identityAction) members(found identityFound) []identityMember {
	var all []identityMember
	if found.Led {
		for _, row := range found.Leader.Cluster {
			a, err := dma.FromConsensus(row.IPPort)
			if err == nil {
				all = append(all, identityMember{a.String(), found.Leader.Node + ", which leads", row})
			}
		}
		return all
	}
	by := map[string][]string{}
	var order []string
	voters := 0
	for _, n := range i.list {
		st, _ := i.state(n.Name)
		list, err := dma.ParseMembers(st.members)
		if st.data != "whole" || st.step != stepMeta || err != nil || list.Self == 0 {
			continue
		}
		voters++
		for _, e := range list.Entries {
			a, err := dma.FromConsensus(e.IPPort)
			if err != nil {
				continue
			}
			if by[a.String()] == nil {
				order = append(order, a.String())
			}
			by[a.String()] = append(by[a.String()], n.Name)
		}
	}
	for _, address := range order {
		if who := by[address]; len(who) >= dma.Majority(voters) {
			all = append(all, identityMember{address: address, by: "the consensus meta of " + strings.Join(who, ", ")})
		}
	}
	return all
}

func listedBy(members []identityMember, address string) (identityMember, bool) {
	at := slices.IndexFunc(members, func(m identityMember) bool { return m.address == address })
	if at < 0 {
		return identityMember{}, false
	}
	return members[at], true
}

// moved returns, by node, the address in its own meta or its own answer where the inventory has another.
func (i *identityAction) moved(found identityFound) map[string]string {
	all := map[string]string{}
	for _, n := range i.list {
		st, _ := i.state(n.Name)
		switch v, _ := found.Survey.Of(n.Name); {
		case st.own != "" && st.step != stepDropped:
			if st.own != n.Address.String() {
				all[n.Name] = st.own
			}
		// A node that still has the meta of the one that it was copied from does not count.
		case v.Err == nil && !v.NoViews && v.Address != n.Address && st.data == "":
			all[n.Name] = v.Address.String()
		}
	}
	return all
}

// check returns what is wrong with one node; nil: nothing.
func (i *identityAction) check(found identityFound, members []identityMember, moved map[string]string, n WantedNode) *tasks.Failure {
	a := i.args
	st, seen := i.state(n.Name)
	view, _ := found.Survey.Of(n.Name)
	self := n.Name == a.Node
	leads := found.Led && found.Leader.Node == n.Name
	if a.Scope == "cluster" && !self && !leads && !(!found.Led && view.Err == nil) {
		return nil
	}
	if st.step == stepMoving && !a.Moving {
		return &tasks.Failure{Msg: fmt.Sprintf("the move of %s to another address is unfinished", n.Name),
			Hint: "finish it: polarbook run move-node.yml -e node=" + n.Name}
	}
	if address, is := moved[n.Name]; is && !a.Moving {
		return movedFailure(n.Name, address, n.Address)
	}
	if !seen {
		return nil
	}
	member, listed := listedBy(members, n.Address.String())
	why := ""
	switch {
	case st.data == "foreign" && st.step == "" && st.running && a.Foreign:
		return nil
	case st.data == "foreign" && !st.gone:
		return &tasks.Failure{Msg: n.Name + ": " + st.reason}
	case st.data != "whole" && st.client && !st.running && a.Ports:
		return &tasks.Failure{
			Msg: fmt.Sprintf("on %s a server that polarbook did not set up listens on port %d", n.Name, n.Address.Port),
			Hint: fmt.Sprintf("nothing was done. Find the process: ss -ltnp 'sport = :%d'. "+
				"polarbook status shows a cluster that polarbook did not make; everything else leaves it alone", n.Address.Port)}
	case st.gone:
		why = cmp.Or(st.lost, st.reason)
	case st.data == "none" && listed:
		why = member.by + ", lists it as a member"
		if !found.Led {
			why = "it is a member in " + member.by
		}
	case st.data == "none" && !found.Led && st.unit == "plain" && st.step == "":
		// This release notes a step on the host before it begins it; an earlier one may have noted it on the missing disk.
		why = "an earlier release of polarbook set its unit up"
	case st.data == "none" && st.unitPgdata != "" && n.Pgdata != "" && st.unitPgdata != n.Pgdata && st.step == "":
		return &tasks.Failure{
			Msg:  fmt.Sprintf("%s has its data in %s by its unit, but in %s by the inventory (polardb_pgdata)", n.Name, st.unitPgdata, n.Pgdata),
			Hint: "correct the inventory, or move the data and the note about it by hand"}
	}
	if why != "" && (!self || a.Moving) {
		return &tasks.Failure{Msg: fmt.Sprintf("the data of %s is gone or its disk is not mounted: %s", n.Name, why),
			Hint: fmt.Sprintf("mount it, or rebuild the node: polarbook run rebuild-node.yml -e node=%s%s", n.Name, neverHadAny(st, found.Led))}
	}
	otherKind := st.data == "whole" && st.step != stepData && st.logger != (n.Role == roleLogger)
	if otherKind && (!self || a.Moving) {
		kind := map[bool]string{true: "a logger", false: "a node with data"}
		return &tasks.Failure{
			Msg:  fmt.Sprintf("%s is %s, but by the inventory (polardb_role) it should be %s", n.Name, kind[st.logger], kind[!st.logger]),
			Hint: "one cannot become the other; rebuild it: polarbook run rebuild-node.yml -e node=" + n.Name}
	}
	return nil
}

// neverHadAny returns what to do if the host never had any data, in addition to a hint; "": it had some.
func neverHadAny(st hostState, led bool) string {
	if st.step != "" || led {
		return ""
	}
	return ". If it never had any data, because the first run was stopped early, remove the host's unit file and run again"
}

// strangers returns a failure for the first member that is not in the inventory; nil: all are.
func (i *identityAction) strangers(found identityFound, members []identityMember, moved map[string]string) *tasks.Failure {
	if !i.args.Members {
		return nil
	}
	known := map[string]bool{i.args.Node: true}
	for _, n := range i.list {
		known[n.Address.String()] = true
	}
	for _, address := range moved {
		known[address] = true
	}
	var lost []string // nodes that could not be asked and that are not listed, though they should be
	for _, n := range i.list {
		v, _ := found.Survey.Of(n.Name)
		if _, listed := listedBy(members, n.Address.String()); !listed && v.Err != nil {
			lost = append(lost, n.Name)
		}
	}
	for _, m := range members {
		if known[m.address] {
			continue
		}
		role := "voter"
		if found.Led {
			role = m.row.Role.String()
		}
		hint := "put it back into the inventory, or drop it from the cluster: polarbook run drop-node.yml -e node=" + m.address
		if len(lost) > 0 {
			hint += fmt.Sprintf(". If it is %s, whose address was changed: polarbook run move-node.yml -e node=%s",
				strings.Join(lost, " or "), lost[0])
		}
		return &tasks.Failure{
			Msg: fmt.Sprintf("%s is a member of the cluster (%s, by %s) but not in the inventory: the others would no longer let it in",
				m.address, role, m.by),
			Hint: hint}
	}
	return nil
}

// movedFailure refuses a node that would become another member.
func movedFailure(name, is string, wanted dma.Address) *tasks.Failure {
	return &tasks.Failure{
		Msg: fmt.Sprintf("%s is %s by its consensus meta, and %s by the inventory (polardb_address, polardb_port): "+
			"it would become another member",
			name, is, wanted),
		Hint: fmt.Sprintf("nothing was changed. To give it that address, with its data: polarbook run move-node.yml -e node=%s. "+
			"Or restore the address in the inventory", name)}
}
