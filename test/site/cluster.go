package site

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Cluster is what `polarbook status --output json` prints.
type Cluster struct {
	Leader    string
	Problem   string
	Members   []Member
	Disagrees []string
	Error     string // nobody could be asked
}

// Member is a node of it.
type Member struct {
	Node      string
	Address   string
	Answers   bool
	Role      string
	Weight    *int
	Term      int
	Streaming bool
	Commit    int `json:"commit_index"`
	Purge     int `json:"purge_index"`
}

// Of returns the member of that name, or the zero one.
func (c Cluster) Of(node string) Member {
	for _, m := range c.Members {
		if m.Node == node {
			return m
		}
	}
	return Member{}
}

// Roles returns the members' by the name of the node.
func (c Cluster) Roles() map[string]string {
	all := map[string]string{}
	for _, m := range c.Members {
		all[m.Node] = m.Role
	}
	return all
}

// Followers returns the voters with data that do not lead, in the inventory's order.
func (c Cluster) Followers() []string {
	var all []string
	for _, m := range c.Members {
		if m.Role == "follower" {
			all = append(all, m.Node)
		}
	}
	return all
}

// lacks returns what keeps the cluster from being whole: just these nodes, all answering, each with what it is to have.
func (c Cluster) lacks(nodes []string) error {
	var have []string
	for _, m := range c.Members {
		have = append(have, m.Node)
		if !m.Answers || (m.Role != "leader" && m.Role != "logger" && !m.Streaming) {
			return fmt.Errorf("%s does not answer or does not stream", m.Node)
		}
	}
	slices.Sort(have)
	if !slices.Equal(have, slices.Sorted(slices.Values(nodes))) {
		return fmt.Errorf("its members are %v, want %v", have, nodes)
	}
	if c.Leader == "" || c.Problem != "" || c.Error != "" || len(c.Disagrees) > 0 {
		return fmt.Errorf("not all is said well of it")
	}
	return nil
}

// Status asks polarbook, and wants the exit code.
func (s *Site) Status(code int) Cluster {
	s.T.Helper()
	o := s.Polarbook(code, "status", "--output", "json")
	var c Cluster
	if err := json.Unmarshal([]byte(o.Stdout), &c); err != nil {
		s.T.Fatalf("polarbook status printed %q: %v", o.Stdout, err)
	}
	return c
}

// StatusNow asks polarbook, whatever it says: a status with nothing but Error when no node answers.
func (s *Site) StatusNow() Cluster {
	s.T.Helper()
	o := s.Start(nil, "status", "--output", "json").Wait()
	var c Cluster
	if err := json.Unmarshal([]byte(o.Stdout), &c); err != nil {
		c.Error = o.Stderr
	}
	return c
}

// StatusSays wants these texts in what polarbook status prints for a person, and the exit code.
func (s *Site) StatusSays(code int, texts ...string) {
	s.T.Helper()
	o := s.Polarbook(code, "status")
	for _, text := range texts {
		if !strings.Contains(o.Printed(), text) {
			s.T.Errorf("polarbook status does not say %q\n%s", text, o.Printed())
		}
	}
}

// answered returns what the nodes say, of a cluster that need not be whole.
func (s *Site) answered() Cluster {
	s.T.Helper()
	c := s.StatusNow()
	if c.Error != "" {
		s.T.Fatalf("polarbook status: %s", c.Error)
	}
	return c
}

// Whole wants a cluster of the inventory's hosts with nothing to be said against it, at once.
func (s *Site) Whole() Cluster {
	s.T.Helper()
	c := s.Status(0)
	if err := c.lacks(s.Names()); err != nil {
		s.T.Fatalf("the cluster is not whole: %v: %+v", err, c)
	}
	return c
}

// Settles waits until the cluster is whole: a server that was started behind polarbook's back has to catch up first.
func (s *Site) Settles() Cluster {
	s.T.Helper()
	var c Cluster
	s.Eventually("the cluster is whole", func() error {
		c = s.StatusNow()
		if err := c.lacks(s.Names()); err != nil {
			return fmt.Errorf("%w: %+v", err, c)
		}
		return nil
	})
	return c
}

// Leader returns who leads a cluster that is whole.
func (s *Site) Leader() string {
	s.T.Helper()
	return s.Whole().Leader
}

// Followers returns those of a cluster that is whole.
func (s *Site) Followers() []string {
	s.T.Helper()
	return s.Whole().Followers()
}

// patience ends a wait for what never comes. Two voters that a test starts together may stand against each other again and
// again on a busy machine, and have needed more than a minute.
const patience = 5 * time.Minute

// Eventually asks again and again until there is no error.
func (s *Site) Eventually(what string, f func() error) {
	s.T.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.T.Fatalf("waited %s until %s; saw last: %v", patience, what, err)
		}
		time.Sleep(300 * time.Millisecond)
	}
}
