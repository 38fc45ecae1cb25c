package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

// clustersGroup is the group whose hosts the built-in playbooks work on.
const clustersGroup = "polardb"

// clusterSet are the clusters of an inventory: their names in the inventory's order, and the hosts of each.
type clusterSet struct {
	names []string
	hosts map[string][]string
}

// clusters finds which clusters the inventory has, by polardb_cluster of each host. Hosts that have a polardb_group of their own are
// kept apart by that.
func (w *workplace) clusters() (clusterSet, error) {
	set := clusterSet{hosts: map[string][]string{}}
	hosts := w.inv.Groups()[clustersGroup]
	for _, name := range hosts {
		h, ok := w.inv.Host(name)
		if !ok {
			continue
		}
		vars, err := w.inv.Vars(h)
		if err != nil {
			return set, err
		}
		if group := text(vars.Value("polardb_group")); group != "" && group != clustersGroup {
			continue
		}
		cluster := w.clusterName(vars)
		if set.hosts[cluster] == nil {
			set.names = append(set.names, cluster)
		}
		set.hosts[cluster] = append(set.hosts[cluster], name)
	}
	return set, nil
}

// clusterName is a host's polardb_cluster; a template that cannot be rendered before the run stands for itself.
func (w *workplace) clusterName(vars *ordered.Map) string {
	value, given := w.vars["polardb_cluster"]
	if !given {
		value = vars.Value("polardb_cluster")
	}
	name := "polardb"
	if value != nil {
		name = fmt.Sprint(value)
	}
	if !isTemplate(name) {
		return name
	}
	if rendered, err := w.render.Render(name, vars); err == nil {
		return fmt.Sprint(rendered)
	}
	return name
}

// choose leaves the hosts of one cluster in the inventory, and those of none.
func (w *workplace) choose(cluster string) error {
	set, err := w.clusters()
	if err != nil {
		return err
	}
	if set.hosts[cluster] == nil {
		return fmt.Errorf("--cluster %s: there is no such cluster in the inventory%s; it has %s", cluster,
			suggest.Suffix(cluster, set.names), strings.Join(set.names, ", "))
	}
	var others []string
	for name, hosts := range set.hosts {
		if name != cluster {
			others = append(others, hosts...)
		}
	}
	w.inv.Without(others)
	return nil
}

// oneCluster refuses to take several clusters for one.
func (w *workplace) oneCluster() error {
	set, err := w.clusters()
	if err != nil || len(set.names) < 2 {
		return err
	}
	return fmt.Errorf("the inventory has %d clusters (%s): name the one that is meant with --cluster NAME; polarbook clusters shows all",
		len(set.names), strings.Join(set.names, ", "))
}

type clustersCmd struct {
	hostOptions
	Wait   int    `default:"30" placeholder:"SECONDS" help:"Give a cluster up that has not answered after this many seconds."`
	Output string `short:"o" enum:"text,json" default:"text" help:"Choose the output: text, or json (one object a cluster)."`
}

// clusterState is a line of the table.
type clusterState struct {
	Cluster string `json:"cluster"`
	Leader  string `json:"leader"`
	Up      int    `json:"up"`
	Members int    `json:"members"`
	Version string `json:"version"`
	Lag     int    `json:"lag"` // log entries that the last of those lacks that answer
	Problem string `json:"problem"`
}

// askClusters asks all clusters of the inventory at once, and returns the answers in its order.
func askClusters[A any](w *workplace, run runContext, ask func(o engine.Options, set clusterSet, name string) A) ([]A, error) {
	set, err := w.clusters()
	if err != nil {
		return nil, err
	}
	if len(set.names) == 0 {
		return nil, fmt.Errorf("the inventory has no host in the group %s", clustersGroup)
	}
	o, err := w.engineOptions(run)
	if err != nil {
		return nil, err
	}
	answers := make([]A, len(set.names))
	var all sync.WaitGroup
	for i, name := range set.names {
		all.Go(func() { answers[i] = ask(o, set, name) })
	}
	all.Wait()
	return answers, nil
}

// Run shows all clusters, or the one of --cluster.
func (c *clustersCmd) Run(t *terminal, run runContext) error {
	w, err := c.prepare(t)
	if err != nil {
		return err
	}
	states, err := askClusters(w, run, func(o engine.Options, set clusterSet, name string) clusterState {
		return w.clusterState(run, o, set, name, seconds(max(1, c.Wait)))
	})
	if err != nil {
		return err
	}
	wrong := false
	rows := [][]string{{"CLUSTER", "LEADER", "UP", "VERSION", "LAG", "SAYS"}}
	for _, s := range states {
		wrong = wrong || s.Problem != ""
		if c.Output == "json" {
			if err := jsonLine(t, s); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, s.row())
	}
	if c.Output == "text" {
		head, rest, _ := strings.Cut(table(rows), "\n")
		fmt.Fprintln(t.out, t.bold(head)+"\n"+rest)
	}
	if wrong {
		return &exit{code: exitFailed}
	}
	return nil
}

func (s clusterState) row() []string {
	dash := func(text string) string {
		if text == "" {
			return "-"
		}
		return text
	}
	lag, says := "-", "as wanted"
	if s.Leader != "" {
		lag = strconv.Itoa(s.Lag)
	}
	if s.Problem != "" {
		says = oneLine(s.Problem)
	}
	return []string{s.Cluster, dash(s.Leader), fmt.Sprintf("%d of %d", s.Up, s.Members), dash(s.Version), lag, says}
}

// clusterState asks one cluster, for a bounded time.
func (w *workplace) clusterState(run runContext, o engine.Options, set clusterSet, name string, limit time.Duration) clusterState {
	s := clusterState{Cluster: name, Members: len(set.hosts[name])}
	ctx, cancel := context.WithTimeout(run, limit)
	defer cancel()
	l, err := w.statusOf(ctx, o, set, name)
	switch {
	case err == nil:
		s.read(l)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		s.Problem = fmt.Sprintf("no answer in %s", limit)
	default:
		s.Problem = "no answer: " + err.Error()
	}
	return s
}

// statusOf asks the nodes of one of several clusters.
func (w *workplace) statusOf(ctx context.Context, o engine.Options, set clusterSet, name string) (*statusListener, error) {
	reading, err := inventoryOptions(w.settings)
	if err != nil {
		return nil, err
	}
	reading.Vault = w.keys
	sources, err := w.options.sources(w.settings)
	if err != nil {
		return nil, err
	}
	inv, err := inventory.LoadWith(reading, sources)
	if err != nil {
		return nil, err
	}
	var others []string
	for other, hosts := range set.hosts {
		if other != name {
			others = append(others, hosts...)
		}
	}
	inv.Without(others)
	p, err := playbooks.Load("status.yml", playbooks.Options{Dir: "/nonexistent", Checker: w.render, ExtraVars: w.vars})
	if err != nil {
		return nil, err
	}
	l := &statusListener{}
	o.Inventory, o.Refresh, o.SSH.Jumps = inv, inv.Reread, remote.NewJumps()
	o.Playbooks, o.Listeners = []*playbooks.Playbook{p}, []event.Listener{l}
	_, err = engine.Run(ctx, o)
	switch {
	case l.values != nil:
		return l, nil
	case l.failure != "":
		return nil, errors.New(l.failure)
	case err == nil:
		err = errors.New("no host was asked")
	}
	return nil, err
}

func (s *clusterState) read(l *statusListener) {
	s.Leader = text(l.values.Value("leader"))
	var versions []string
	s.Members = 0
	for _, m := range listOf(l.values.Value("members")) {
		s.Members++
		if field(m, "answers") != true {
			continue
		}
		s.Up++
		if lag, known := field(m, "lag").(int); known {
			s.Lag = max(s.Lag, lag)
		}
		if v := text(field(m, "version")); v != "" && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	s.Version = strings.Join(versions, ", ")
	s.Problem = text(l.values.Value("problem"))
	if differences := listOf(l.values.Value("disagrees")); s.Problem == "" && len(differences) > 0 {
		s.Problem = fmt.Sprint(differences[0])
		if more := len(differences) - 1; more > 0 {
			s.Problem += fmt.Sprintf(" (and %d more)", more)
		}
	}
	if begun := listOf(l.values.Value("unfinished")); s.Problem == "" && len(begun) > 0 {
		s.Problem = "recover-majority.yml was begun and is not finished"
	}
}
