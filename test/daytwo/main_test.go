// Package daytwo tests what is done to the members of a cluster that runs: who leads, who has a vote, who leaves, and
// what is freed of the log. It runs polarbook as it is shipped against real SSH hosts, with the stand-in for the engine
// or the one in the tarball that POLARDB_TARBALL names.
//
// It must know nothing of polarbook's packages: what it asserts is what a user sees.
package daytwo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/polarsim/prefix"
)

// site is a laptop with an inventory of four hosts, three voters and a learner, and the program.
type site struct {
	t            *testing.T
	lab          *lab.Lab
	dir, program string
	password     string
	roles        map[string]string
}

func realEngine() bool { return os.Getenv("POLARDB_TARBALL") != "" }

// limit bounds one run of polarbook; a run on an idle machine takes seconds.
func limit() time.Duration {
	if realEngine() {
		return 10 * time.Minute
	}
	return 3 * time.Minute
}

// newSite boots the hosts, and brings a cluster up on them.
func newSite(t *testing.T) *site {
	lab.Require(t)
	s := &site{t: t, dir: t.TempDir(), password: "daytwo-5b1c0e", roles: map[string]string{"node4": "learner"}}
	s.program = filepath.Join(s.dir, "polarbook")
	build := exec.Command("go", "build", "-o", s.program, "github.com/polarbook/polarbook/cmd/polarbook")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	tarball := os.Getenv("POLARDB_TARBALL")
	if tarball == "" {
		tarball = filepath.Join(s.dir, "polardb-sim-11.9.tar.gz")
		if err := prefix.Pack(context.Background(), tarball); err != nil {
			t.Fatal(err)
		}
	}
	s.lab = lab.New(t, lab.Options{Hosts: []lab.Spec{{Name: "node1"}, {Name: "node2"}, {Name: "node3"}, {Name: "node4"}}})
	hosts := map[string]any{}
	for _, h := range s.lab.Hosts() {
		v := map[string]any{"ansible_host": h.Address}
		if role := s.roles[h.Name]; role != "" {
			v["polardb_role"] = role
		}
		hosts[h.Name] = v
	}
	inventory, err := yaml.Marshal(map[string]any{"polardb": map[string]any{"hosts": hosts, "vars": map[string]any{
		"ansible_user": "root", "ansible_ssh_private_key_file": s.lab.KeyFile(),
		"polardb_cluster": "daytwo", "polardb_package": tarball,
		"polardb_dma_settings": map[string]any{"polar_dma_election_timeout": "1s", "polar_dma_auto_purge": "off"},
		"polardb_min_cpus":     1, "polardb_min_memory_mb": 100, "polardb_min_free_mb": 100,
	}}})
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "inventory.yml"), inventory, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.run(0, "new-cluster.yml")
	return s
}

// outcome is a run of polarbook that has ended.
type outcome struct {
	*site
	args   []string
	events []map[string]any
	output string
}

// polarbook runs it to its end and returns its exit code, standard output and standard error.
func (s *site) polarbook(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit())
	defer cancel()
	c := exec.CommandContext(ctx, s.program, append(args, "--known-hosts", s.lab.KnownHosts())...)
	c.Dir = s.dir
	c.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + filepath.Join(s.dir, ".home"),
		"XDG_STATE_HOME=" + filepath.Join(s.dir, ".state"), "POLARDB_REPLICATION_PASSWORD=" + s.password}
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	if ctx.Err() != nil {
		s.t.Fatalf("polarbook %s was still at work after %s\n%s%s", strings.Join(args, " "), limit(), out.String(), errs.String())
	}
	if strings.Contains(out.String()+errs.String(), s.password) {
		s.t.Errorf("polarbook %s shows the password", strings.Join(args, " "))
	}
	return code, out.String(), errs.String()
}

// run runs a playbook and wants its exit code.
func (s *site) run(code int, playbook string, args ...string) *outcome {
	s.t.Helper()
	all := append([]string{"run", playbook, "--output", "json"}, args...)
	got, stdout, stderr := s.polarbook(all...)
	o := &outcome{site: s, args: all, output: stdout + stderr}
	for line := range strings.SplitSeq(stdout, "\n") {
		var e map[string]any
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &e) == nil {
			o.events = append(o.events, e)
		}
	}
	if got != code {
		s.t.Fatalf("%s: exit code %d, want %d\n%s", strings.Join(all, " "), got, code, o.said())
	}
	return o
}

// said is what the tasks said, in order.
func (o *outcome) said() string {
	var b strings.Builder
	for _, e := range o.events {
		switch e["type"] {
		case "host_done":
			fmt.Fprintf(&b, "%v %v %v (%v) %v\n", e["host"], e["status"], e["msg"], e["hint"], e["warnings"])
		case "host_said":
			fmt.Fprintf(&b, "%v says %v\n", e["host"], e["line"])
		}
	}
	if b.Len() == 0 {
		return o.output
	}
	return b.String()
}

// says wants that a task said these.
func (o *outcome) says(texts ...string) *outcome {
	o.t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.said(), text) {
			o.t.Errorf("%s does not say %q:\n%s", strings.Join(o.args, " "), text, o.said())
		}
	}
	return o
}

// changes counts the tasks that changed something.
func (o *outcome) changes() int {
	n := 0
	for _, e := range o.events {
		if e["type"] == "host_done" && e["status"] == "changed" && e["item"] == nil {
			n++
		}
	}
	return n
}

// changed wants that the run changed something, or nothing.
func (o *outcome) changed(yes bool) *outcome {
	o.t.Helper()
	if n := o.changes(); (n > 0) != yes {
		o.t.Errorf("%s made %d changes, want any: %t\n%s", strings.Join(o.args, " "), n, yes, o.said())
	}
	return o
}

// twice runs a playbook that changes something, asks before what it would do, and runs it again: nothing more is to do.
func (s *site) twice(playbook string, args ...string) *outcome {
	s.t.Helper()
	before := s.status()
	s.run(0, playbook, append([]string{"--check"}, args...)...).changed(true)
	if after := s.status(); after.Leader != before.Leader || !maps.Equal(after.roles(), before.roles()) {
		s.t.Errorf("%s --check changed the cluster from %+v to %+v", playbook, before, after)
	}
	o := s.run(0, playbook, args...).changed(true)
	s.run(0, playbook, args...).changed(false)
	return o
}

// refused wants that a run fails with this text, and that a check of it does too, and that neither changes a thing.
func (s *site) refused(text, playbook string, args ...string) {
	s.t.Helper()
	before := s.status()
	s.run(2, playbook, append([]string{"--check"}, args...)...).says(text).changed(false)
	s.run(2, playbook, args...).says(text).changed(false)
	if after := s.status(); after.Leader != before.Leader || !maps.Equal(after.roles(), before.roles()) {
		s.t.Errorf("%s was refused and changed the cluster from %+v to %+v", playbook, before, after)
	}
}

// cluster is what `polarbook status --output json` prints.
type cluster struct {
	Leader    string
	Members   []member
	Disagrees []string
}

type member struct {
	Node, Role string
	Answers    bool
	Weight     *int
	Streaming  bool
	Purge      int `json:"purge_index"`
	Commit     int `json:"commit_index"`
}

func (s *site) status() cluster {
	s.t.Helper()
	var c cluster
	_, stdout, stderr := s.polarbook("status", "--output", "json")
	if err := json.Unmarshal([]byte(stdout), &c); err != nil {
		s.t.Fatalf("polarbook status: %v\n%s%s", err, stdout, stderr)
	}
	return c
}

// roles are the members' by the name of the node.
func (c cluster) roles() map[string]string {
	all := map[string]string{}
	for _, m := range c.Members {
		all[m.Node] = m.Role
	}
	return all
}

func (c cluster) of(node string) member {
	for _, m := range c.Members {
		if m.Node == node {
			return m
		}
	}
	return member{}
}

// eventually asks for the state again and again until it is as wanted.
func (s *site) eventually(what string, as func(c cluster) bool) cluster {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		c := s.status()
		if as(c) {
			return c
		}
		if time.Now().After(end) {
			s.t.Fatalf("waited a minute until %s; saw last: %+v", what, c)
		}
	}
}

// whole wants that there is nothing to be said against the cluster.
func (s *site) whole() cluster {
	s.t.Helper()
	return s.eventually("the cluster is as the inventory wants it", func(c cluster) bool {
		return c.Leader != "" && len(c.Disagrees) == 0 && len(c.Members) == 4 && !slices.ContainsFunc(c.Members, func(m member) bool { return !m.Answers })
	})
}

// on runs a script as root on a host, behind polarbook's back.
func (s *site) on(host, script string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := s.lab.Host(host).Exec(ctx, script)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// sql runs a statement on a node's server.
func (s *site) sql(host, statement string) string {
	s.t.Helper()
	return strings.TrimSpace(s.on(host, fmt.Sprintf(`cd /; PGPASSWORD=%s LD_LIBRARY_PATH=/opt/polardb/current/lib /opt/polardb/current/bin/psql -h 127.0.0.1 -U polardb -d postgres -At -c %q`, s.password, statement)))
}

const unit = "polardb-daytwo"

// followers are the voters that do not lead, in the inventory's order.
func (c cluster) followers() []string {
	var all []string
	for _, m := range c.Members {
		if m.Role == "follower" {
			all = append(all, m.Node)
		}
	}
	return all
}
