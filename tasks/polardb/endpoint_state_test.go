package polardb

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/script"
)

// endpointSays makes an endpoint's state of what three members and a proxy print.
func endpointSays(t *testing.T, s *statusArgs, answers map[string]string) (endpointState, []WantedNode) {
	t.Helper()
	c := newTestCluster(3)
	w := s.wantedEndpoint()
	state := endpointState{wanted: w}
	for _, name := range []string{"node1", "node2", "node3", "proxy1"} {
		if len(w.units(c.list, name)) == 0 {
			continue
		}
		e := endpointHost{name: name, proxy: slices.Contains(w.proxies, name)}
		if said, answered := answers[name]; !answered {
			e.err = errors.New("no route to host")
		} else if err := script.Decode([]byte(said), &e); err != nil {
			t.Fatal(err)
		}
		state.hosts = append(state.hosts, e)
	}
	return state, c.list
}

func TestEndpointState(t *testing.T) {
	address := &statusArgs{Cluster: "demo", Endpoint: map[string]any{"address": "10.0.0.100"}}
	haproxy := &statusArgs{Cluster: "demo", Endpoint: map[string]any{"haproxy": []any{"proxy1", "node1"}, "port": 6432}}
	runs, answers, proxy := "unit polardb-demo-endpoint active\n", "unit polardb-demo-endpoint-answer active\n", "unit polardb-demo-endpoint-proxy active\n"
	servers := "server node1 10.0.0.1:5432\nserver node2 10.0.0.2:5432\nserver node3 10.0.0.3:5432\n"
	for name, c := range map[string]struct {
		args    *statusArgs
		says    map[string]string
		line    string
		remarks []string // a part of each
	}{
		"the leader has it": {args: address, line: "10.0.0.100: node1 has it", says: map[string]string{"node1": runs + "held yes\n", "node2": runs, "node3": runs}},
		"nobody has it": {
			args: address, line: "10.0.0.100: no host has it", says: map[string]string{"node1": runs, "node2": runs, "node3": runs},
			remarks: []string{"no host has the endpoint's address 10.0.0.100, though node1 leads"},
		},
		"nobody has it, and the leader's host does not answer": {args: address, line: "10.0.0.100: no host has it", says: map[string]string{"node2": runs, "node3": runs}},
		"two have it": {
			args: address, line: "10.0.0.100: node1 and node2 have it",
			says:    map[string]string{"node1": runs + "held yes\n", "node2": runs + "held yes\n", "node3": runs},
			remarks: []string{"node1 and node2 have the endpoint's address 10.0.0.100 at the same time"},
		},
		"another has it": {
			args: address, line: "10.0.0.100: node3 has it", says: map[string]string{"node1": runs, "node2": runs, "node3": runs + "held yes\n"},
			remarks: []string{"node3 has the endpoint's address 10.0.0.100, and node1 leads"},
		},
		"a unit is off": {
			args: address, line: "10.0.0.100: node1 has it",
			says: map[string]string{"node1": runs + "held yes\n", "node2": "unit polardb-demo-endpoint failed\n",
				"node3": "unit polardb-demo-endpoint absent\n"},
			remarks: []string{"node2: the unit polardb-demo-endpoint does not run (failed)", "node3 has no unit polardb-demo-endpoint"},
		},
		"it was never set up": {
			args: address, line: "10.0.0.100: no host has it",
			says: map[string]string{"node1": "unit polardb-demo-endpoint absent\n", "node2": "unit polardb-demo-endpoint absent\n",
				"node3": "unit polardb-demo-endpoint absent\n"},
			remarks: []string{"no host that answers has a part in it: polarbook run endpoint.yml"},
		},
		"HAProxy runs": {
			args: haproxy, line: "HAProxy runs on 2 of 2: node1, proxy1",
			says: map[string]string{"node1": answers + proxy + servers, "node2": answers, "node3": answers, "proxy1": proxy + servers},
		},
		"a proxy is off, one does not know a member": {
			args: haproxy, line: "HAProxy runs on 1 of 2: node1",
			says: map[string]string{
				"node1": answers + proxy + "server node1 10.0.0.1:5432\nserver node2 10.0.0.9:5432\nserver node3 10.0.0.3:5432\n", "node2": answers, "node3": "unit polardb-demo-endpoint-answer failed\n",
				"proxy1": "unit polardb-demo-endpoint-proxy inactive\n" + servers,
			},
			remarks: []string{
				"the HAProxy of node1 does not know node2 (10.0.0.2:5432)", "node3: the unit polardb-demo-endpoint-answer does not run",
				"proxy1: the unit polardb-demo-endpoint-proxy does not run (inactive)",
			},
		},
		"a proxy does not answer": {
			args: haproxy, line: "HAProxy runs on 1 of 2: node1", says: map[string]string{"node1": answers + proxy + servers, "node2": answers,
				"node3": answers},
			remarks: []string{"proxy1: whether HAProxy runs there is not known: no route to host"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			state, list := endpointSays(t, c.args, c.says)
			if got := state.String(); got != c.line {
				t.Errorf("it says %q, want %q", got, c.line)
			}
			got := state.remarks(list, "node1")
			if len(got) != len(c.remarks) {
				t.Fatalf("remarks %q, want %q", got, c.remarks)
			}
			for i, want := range c.remarks {
				if !strings.Contains(got[i], want) {
					t.Errorf("remark %q, want %q", got[i], want)
				}
			}
		})
	}
}
