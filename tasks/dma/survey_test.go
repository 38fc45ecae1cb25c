package dma

import (
	"errors"
	"strings"
	"testing"
)

// node makes a view of 10.0.0.N:5432 as that node would give it: its role, term and whom it follows (0: nobody).
func node(n int, role Role, term int64, follows int64, recovering bool) View {
	list, _ := ParseMembers("10.0.0.1:15432#5N;10.0.0.2:15432#5N;10.0.0.3:15432#5N@1")
	list.Self = n
	return View{Node: "node" + string(rune('0'+n)), Address: Address{"10.0.0." + string(rune('0'+n)), 5432},
		InRecovery: recovering, Members: list,
		Status: Status{ServerID: int64(n), Term: term, Leader: follows, Role: role}, SystemID: "1"}
}

func leading(n int, term int64, extra ...Member) View {
	v := node(n, Leader, term, int64(n), false)
	for i := 1; i <= 3; i++ {
		role := Follower
		if i == n {
			role = Leader
		}
		v.Cluster = append(v.Cluster, Member{ServerID: int64(i), IPPort: "10.0.0." + string(rune('0'+i)) + ":15432", Role: role, Weight: 5})
	}
	v.Cluster = append(v.Cluster, extra...)
	return v
}

// alone is node n in singleton mode: the only voter of its own list.
func alone(n int, term int64) View {
	v := node(n, Leader, term, 1, false)
	v.Members, _ = ParseMembers(v.Address.Consensus() + "#5N@1")
	v.Cluster = []Member{{ServerID: 1, IPPort: v.Address.Consensus(), Role: Leader, Weight: 5}}
	return v
}

func down(n int) View {
	return View{Node: "node" + string(rune('0'+n)), Address: Address{"10.0.0." + string(rune('0'+n)), 5432}, Err: errors.New("refused")}
}

func streaming(v View, to ...string) View {
	for _, app := range to {
		v.Replicas = append(v.Replicas, Replica{AppName: app, State: "streaming"})
	}
	return v
}

func TestLeaderIsBelievedOnlyWithAMajority(t *testing.T) {
	views := node(3, Follower, 7, 1, true)
	views.NoViews = true
	weighing := node(1, NoRole, 7, 1, true)
	elected := leading(1, 7)
	elected.InRecovery = true
	for name, c := range map[string]struct {
		survey Survey
		want   string // the leader, or what the refusal says
	}{
		"all agree":    {Survey{leading(1, 7), node(2, Follower, 7, 1, true), node(3, Follower, 7, 1, true)}, "node1"},
		"one is down":  {Survey{leading(1, 7), node(2, Follower, 7, 1, true), down(3)}, "node1"},
		"two are down": {Survey{leading(1, 7), down(2), down(3)}, "1 of its 3 voters agree; 2 are needed"},
		"nobody claims": {Survey{node(1, Candidate, 8, 0, false), node(2, Follower, 8, 0, true), down(3)},
			"none of the nodes says that it leads"},
		"elected, not writable": {Survey{elected, node(2, Follower, 7, 1, true), node(3, Follower, 7, 1, true)},
			"does not take writes yet"},
		"weighing":                       {Survey{weighing, node(2, Follower, 7, 1, true)}, "none of the nodes"},
		"an old leader in an older term": {Survey{leading(1, 7), leading(2, 8), node(3, Follower, 8, 2, true)}, "node2"},
		"two in the same term":           {Survey{leading(1, 8), leading(2, 8), node(3, Follower, 8, 1, true)}, "split brain"},
		"a voter gone on alone":          {Survey{down(1), alone(2, 9), down(3)}, "node2"},
		"given up, and both back": {Survey{leading(1, 8), alone(2, 9), node(3, Follower, 8, 1, true)},
			"each with a majority of its own members (10.0.0.2:15432 (weight 5); 10.0.0.1:15432"},
		"given up, and in a later term":        {Survey{leading(1, 10), alone(2, 9), node(3, Follower, 10, 1, true)}, "split brain"},
		"given up, and one of two back":        {Survey{leading(1, 8), alone(2, 9), down(3)}, "node2"},
		"a cut-off leader, the rest elsewhere": {Survey{leading(1, 7), node(2, Follower, 8, 3, true), down(3)}, "1 of its 3 voters"},
		"a voter in another term":              {Survey{leading(1, 7), node(2, Follower, 6, 1, true), down(3)}, "1 of its 3 voters"},
		"a logger streams":                     {Survey{streaming(leading(1, 7), "standby_167772163_5432"), down(2), views}, "node1"},
		"a logger that does not stream":        {Survey{leading(1, 7), down(2), views}, "1 of its 3 voters"},
		"learners have no vote": {Survey{leading(1, 7, Member{ServerID: 100, IPPort: "10.0.0.4:15432", Role: Learner}),
			node(2, Follower, 7, 1, true), down(3)}, "node1"},
	} {
		leader, err := c.survey.Leader()
		got := leader.Node
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || (err == nil) != strings.HasPrefix(c.want, "node") {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		var refusal *NoLeaderError
		if err != nil && (!errors.As(err, &refusal) || !strings.Contains(err.Error(), "node1: ")) {
			t.Errorf("%s: the refusal does not say what each node answered: %v", name, err)
		}
	}
}

func TestParseMembers(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1:15432@1":                        "10.0.0.1:15432 (weight 5)",
		"10.0.0.1:15432#9N;0;10.0.0.3:15432#0S@3": "10.0.0.1:15432 (weight 9), 10.0.0.3:15432 (weight 0)",
		"10.0.0.4:15432#5N":                       "10.0.0.4:15432 (weight 5)",
		"10.0.0.1:15432#0N;10.0.0.2:15432#5N;10.0.0.2:15432#5N@3": "10.0.0.1:15432 (weight 0), " +
			"10.0.0.2:15432 (weight 5), 10.0.0.2:15432 (weight 5)",
		"": "",
	} {
		list, err := ParseMembers(text)
		if err != nil || list.String() != want {
			t.Errorf("%q: got %q, %v", text, list, err)
		}
	}
	list, _ := ParseMembers("10.0.0.1:15432#9N;0;10.0.0.3:15432#0S@3")
	if e, ok := list.At(3); !ok || e.IPPort != "10.0.0.3:15432" || !e.ForceSync || list.Self != 3 {
		t.Errorf("a dropped member must leave a hole: %+v", list)
	}
	if _, ok := list.At(2); ok {
		t.Error("the hole is taken for a member")
	}
	for _, bad := range []string{"10.0.0.1:15432#xN@1", "10.0.0.1:15432@me"} {
		if _, err := ParseMembers(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzParseMembers(f *testing.F) {
	f.Add("10.0.0.1:15432#9N;0;10.0.0.3:15432#0S@3")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseMembers(text)
		if err == nil && !list.Same(list) {
			t.Errorf("%q is not the same as itself", text)
		}
	})
}

func TestAddress(t *testing.T) {
	for text, app := range map[string]string{
		"10.0.0.1:5432":     "standby_167772161_5432",
		"192.168.1.1:5432":  "standby_3232235777_5432",
		"127.0.0.2:5502":    "standby_2130706434_5502",
		"255.255.255.255:1": "standby_4294967295_1",
	} {
		a, err := ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.AppName(); err != nil || got != app {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
		back, err := FromConsensus(a.Consensus())
		if err != nil || back != a {
			t.Errorf("%s: through its consensus address it becomes %s, %v", text, back, err)
		}
	}
	for _, bad := range []string{"10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:55536", "db1:5432", "[::1]:5432", ":5432", "10.0.0.1:x"} {
		if a, err := ParseAddress(bad); err == nil {
			t.Errorf("%q was taken for %s", bad, a)
		}
	}
}

func TestStatementsQuote(t *testing.T) {
	a := Address{"10.0.0.2", 5432}
	for got, want := range map[string]string{
		AddFollower(a):       "ALTER SYSTEM DMA ADD FOLLOWER '10.0.0.2:5432'",
		LearnerToFollower(a): "ALTER SYSTEM DMA CHANGE LEARNER '10.0.0.2:5432' TO FOLLOWER",
		ChangeWeight(a, 9):   "ALTER SYSTEM DMA CHANGE NODE '10.0.0.2:5432' WEIGHT TO 9",
		ChangeLeader(a):      "ALTER SYSTEM DMA CHANGE LEADER TO '10.0.0.2:5432'",
		Literal(`a'b`):       `'a''b'`,
		Identifier(`a"b`):    `"a""b"`,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A member that somebody else set up streams under any name, and is known by the address that it connects from.
func TestReplicaOf(t *testing.T) {
	for want, list := range map[string][]Replica{
		"standby_167772162_5432": {{ClientAddr: "10.0.0.9", AppName: "standby_167772162_5432", State: "streaming"}},
		"standby_pg2":            {{ClientAddr: "10.0.0.2", AppName: "standby_pg2", State: "streaming"}, {ClientAddr: "10.0.0.3", AppName: "standby_pg3", State: "streaming"}},
		"walreceiver":            {{ClientAddr: "10.0.0.2", AppName: "pg_receivewal", State: "streaming"}, {ClientAddr: "10.0.0.2", AppName: "walreceiver", State: "streaming"}},
	} {
		v := leading(1, 7)
		v.Replicas = list
		if r, ok := v.ReplicaOf("10.0.0.2:15432"); !ok || r.AppName != want {
			t.Errorf("%s: %+v, %t", want, r, ok)
		}
	}
	for name, list := range map[string][]Replica{
		"another node of its host": {{ClientAddr: "10.0.0.2", AppName: "standby_167772162_6000", State: "streaming"}},
		"two nodes of its host":    {{ClientAddr: "10.0.0.2", AppName: "a", State: "streaming"}, {ClientAddr: "10.0.0.2", AppName: "b", State: "streaming"}},
		"one that does not stream": {{ClientAddr: "10.0.0.2", AppName: "a", State: "catchup"}},
		"a copy":                   {{ClientAddr: "10.0.0.2", AppName: "polar_basebackup", State: "streaming"}},
		"another host":             {{ClientAddr: "10.0.0.3", AppName: "standby_pg2", State: "streaming"}},
	} {
		v := leading(1, 7)
		v.Replicas = list
		if r, ok := v.ReplicaOf("10.0.0.2:15432"); ok {
			t.Errorf("%s: taken for it is %+v", name, r)
		}
	}
}
