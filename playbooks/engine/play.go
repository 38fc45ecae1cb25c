package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// playRun is one play, and the batch of it that is being run.
type playRun struct {
	r       *run
	book    *playbooks.Playbook
	play    *playbooks.Play
	name    string
	scope   *scope
	answers *ordered.Map // of vars_prompt
	all     []*host      // of the play, as it began
	listed  []*host      // the same in the inventory's order, whatever the play's
	batch   []*host

	handlers *handlers

	mu                     sync.Mutex
	static                 []*role  // roles of the play itself, whose variables all its tasks see
	ownRoles, dependencies []string // names of roles: used by the play itself, and by those
	files                  map[string]*ordered.Map
	throttles              map[*playbooks.Task]chan struct{}
	rolesRun               map[string]map[*host]bool // by RoleKey
	broken                 bool                      // any_errors_fatal or max_fail_percentage: nothing may follow
	over                   bool                      // meta: end_play
	err                    error
}

// play runs one play, batch by batch.
func (r *run) play(ctx context.Context, book *playbooks.Playbook, play *playbooks.Play) error {
	answers, err := r.ask(ctx, play)
	if err != nil {
		return err
	}
	p := &playRun{r: r, book: book, play: play, scope: playScope(play), answers: answers}
	selected, err := r.selectHosts(play, answers)
	if err != nil {
		return err // says where
	}
	r.warnOfUnmatched(play, answers)
	for _, inv := range selected {
		h, ok := r.host(inv.Name)
		if !ok {
			return fmt.Errorf("host %q has left the inventory", inv.Name)
		}
		if h.state() == ended {
			h.become(active)
		}
		r.enlist(h)
		if h.state() == active {
			p.all = append(p.all, h)
		}
	}
	p.listed = p.all
	if p.all, err = inOrder(p.all, play.Order); err != nil {
		return at(play.Pos, err)
	}
	p.static = staticRoles(play)
	p.nameRoles(sections(play), false)
	pattern, err := r.pattern(play, answers)
	if err != nil {
		return err
	}
	p.name = p.label(play.Name, pattern)
	batches, err := p.batches()
	if err != nil {
		return at(play.Pos, err)
	}
	if len(p.all) == 0 {
		r.events.Emit(event.PlayStarted{Time: time.Now(), Name: p.name, Hosts: []string{}, Pos: play.Pos})
		return nil
	}
	for _, batch := range batches {
		if r.stopped(ctx) {
			p.wait(batch)
			continue
		}
		if err := p.runBatch(ctx, batch); err != nil {
			return err
		}
		lost := 0
		for _, h := range batch {
			switch h.state() {
			case failed, unreachable:
				lost++
			case ended: // for other batches it is one of the play's hosts
				h.become(active)
			}
		}
		if p.broken || lost == len(batch) {
			r.halted = true
			return nil
		}
		if p.over {
			return nil
		}
	}
	return nil
}

// runBatch runs the whole play on some of its hosts.
func (p *playRun) runBatch(ctx context.Context, batch []*host) error {
	p.batch = batch
	p.files = map[string]*ordered.Map{}
	p.rolesRun = map[string]map[*host]bool{}
	p.throttles = map[*playbooks.Task]chan struct{}{}
	p.handlers = newHandlers(p)
	p.r.events.Emit(event.PlayStarted{
		Time: time.Now(), Name: p.name, Hosts: texts(hostNames(batch)), Tasks: countTasks(p.play), Pos: p.play.Pos,
	})
	if p.r.start.skips(sections(p.play), "", p) {
		return nil
	}
	here := p.staysHere()
	if !here && !p.connectsLate() {
		p.connectAll(ctx, batch)
		p.applyUnreachable(batch)
	}
	if !here {
		p.loadPendingHandlers(ctx, batch)
	}
	if p.strategy() == "free" {
		p.free(ctx)
	} else {
		p.linear(ctx, batch)
	}
	if !here {
		p.savePendingHandlers(ctx, batch)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// strategy is the play's, or that of all plays without one.
func (p *playRun) strategy() string { return cmp.Or(p.play.Strategy, p.r.o.Defaults.Strategy) }

// wait notes that the play was not begun on these hosts.
func (p *playRun) wait(hosts []*host) {
	for _, h := range hosts {
		if h.state() == active {
			h.wait("play " + p.name)
		}
	}
}

// linear runs the play's sections with all hosts in step.
func (p *playRun) linear(ctx context.Context, hosts []*host) {
	p.gatherFacts(ctx, hosts)
	sections := [][]playbooks.Node{p.play.PreTasks, append(append([]playbooks.Node{}, p.play.Roles...), p.play.Tasks...), p.play.PostTasks}
	// As in ansible-core 2.19 the flush at the end of a section is a task with the tag always.
	ends := p.r.selected([]string{"always"})
	last := len(sections) - 1 // that has any tasks
	for last > 0 && len(sections[last]) == 0 {
		last--
	}
	for i, section := range sections {
		// Hosts that fell in an earlier section have run their handlers, if they were to.
		on := standing(hosts)
		p.walk(ctx, section, p.scope, on)
		if i == last {
			for _, h := range on {
				p.handlers.settle(h, func(string) bool { return true })
			}
		}
		if ends {
			p.handlers.flush(ctx, on, false)
		}
	}
	for _, h := range standing(hosts) {
		if p.r.stopped(ctx) {
			return
		}
		why := "only a handler called for it, in the last flush of the play"
		if !ends {
			why = "--skip-tags always leaves out the flushes at the ends of a play's sections"
		}
		for _, name := range p.handlers.forget(h) {
			p.r.sayOf(h, "the handler %q does not run: %s", name, why)
		}
	}
}

// free lets each host go at its own pace. How many work at once is still bounded by forks, task by task.
func (p *playRun) free(ctx context.Context) {
	var all sync.WaitGroup
	for _, h := range p.batch {
		all.Go(func() { p.linear(ctx, []*host{h}) })
	}
	all.Wait()
}

// fail ends the whole run: a mistake that no host is to blame for.
func (p *playRun) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.over = true
}

// finished reports whether nothing more of this play may begin.
func (p *playRun) finished() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over || p.broken
}

// label renders a name for people; one that cannot be rendered yet is shown as written.
func (p *playRun) label(name playbooks.Value, otherwise string) string {
	if !name.Given() || text(name.Raw) == "" {
		return otherwise
	}
	if len(p.all) == 0 {
		return text(name.Raw)
	}
	v, err := p.vars(p.all[0], p.scope, nil)
	if err != nil {
		return text(name.Raw)
	}
	return v.label(name, otherwise)
}

func (v *variables) label(name playbooks.Value, otherwise string) string {
	out, err := v.text(name, otherwise)
	if err != nil {
		return text(name.Raw)
	}
	return out
}

// selectHosts resolves the play's host pattern and the limit.
func (r *run) selectHosts(play *playbooks.Play, answers *ordered.Map) ([]*inventory.Host, error) {
	pattern, err := r.pattern(play, answers)
	if err != nil {
		return nil, err
	}
	hosts, err := r.o.Inventory.Select(pattern)
	if err != nil {
		return nil, at(play.Hosts.Pos, fmt.Errorf("hosts: %w", err))
	}
	if r.o.Limit == "" {
		return hosts, nil
	}
	if hosts, err = r.o.Inventory.Limit(hosts, r.o.Limit); err != nil {
		return nil, at(play.Hosts.Pos, err)
	}
	return hosts, nil
}

// pattern is the play's host pattern, rendered.
func (r *run) pattern(play *playbooks.Play, answers *ordered.Map) (string, error) {
	var l inventory.Layers
	l = l.With(inventory.PlayVars, raw(play.Vars)).With(inventory.PlayPrompts, answers).With(inventory.ExtraVars, r.extraVars)
	l = l.With(inventory.MagicVars, ordered.Of("groups", ordered.From(r.o.Inventory.Groups())))
	nowhere := &playRun{r: r, book: &playbooks.Playbook{}, play: play} // hostvars ask it: no host is chosen yet
	v := &variables{r: r, p: nowhere, layers: l, noting: map[string]bool{}}
	rendered, err := v.render(play.Hosts.Raw)
	var missing *templates.UndefinedError
	if errors.As(err, &missing) && !strings.ContainsAny(missing.Name, ".[") {
		return "", at(play.Hosts.Pos, fmt.Errorf("hosts: %w; name the hosts: -e %s=NAME", err, missing.Name))
	}
	if err != nil {
		return "", at(play.Hosts.Pos, fmt.Errorf("hosts: %w", err))
	}
	if x, ok := rendered.([]any); ok {
		return strings.Join(texts(x), ","), nil
	}
	return text(rendered), nil
}

// warnOfUnmatched tells of hosts and groups of a play that do not exist, as Ansible does when the play begins.
func (r *run) warnOfUnmatched(play *playbooks.Play, answers *ordered.Map) {
	pattern, err := r.pattern(play, answers)
	if err != nil || r.o.Warn == nil {
		return // said by selectHosts
	}
	for _, text := range r.o.Inventory.Unmatched(pattern) {
		r.o.Warn(play.Hosts.Pos.String() + ": " + text)
	}
}

func inOrder(hosts []*host, order string) ([]*host, error) {
	out := append([]*host{}, hosts...)
	switch order {
	case "", "inventory":
	case "sorted":
		sort.SliceStable(out, func(a, b int) bool { return out[a].name < out[b].name })
	case "reverse_sorted":
		sort.SliceStable(out, func(a, b int) bool { return out[a].name > out[b].name })
	case "reverse_inventory":
		slices.Reverse(out)
	case "shuffle":
		rand.Shuffle(len(out), func(a, b int) { out[a], out[b] = out[b], out[a] })
	default:
		return nil, fmt.Errorf("order: %q is not one of inventory, reverse_inventory, sorted, reverse_sorted, shuffle", order)
	}
	return out, nil
}

// batches cuts the hosts as serial says: numbers or percentages, the last of a list for all that remain.
func (p *playRun) batches() ([][]*host, error) {
	rest := p.all
	if len(p.play.Serial) == 0 || len(rest) == 0 {
		return [][]*host{rest}, nil
	}
	v, err := p.vars(p.all[0], p.scope, nil)
	if err != nil {
		return nil, err
	}
	var sizes []int
	for _, s := range p.play.Serial {
		x, _, err := v.value(s)
		if err != nil {
			return nil, fmt.Errorf("serial: %w", err)
		}
		list, ok := x.([]any)
		if !ok {
			list = []any{x}
		}
		for _, one := range list {
			n, err := share(text(one), len(p.all))
			if err != nil {
				return nil, fmt.Errorf("serial: %w", err)
			}
			sizes = append(sizes, n)
		}
	}
	var out [][]*host
	for i := 0; len(rest) > 0; i++ {
		n := sizes[min(i, len(sizes)-1)]
		if n <= 0 || n > len(rest) {
			n = len(rest)
		}
		out, rest = append(out, rest[:n]), rest[n:]
	}
	return out, nil
}

// share is a number, or a percentage of a whole and then at least one.
func share(s string, whole int) (int, error) {
	if pct, ok := strings.CutSuffix(strings.TrimSpace(s), "%"); ok {
		n, err := strconv.ParseFloat(pct, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a percentage", s)
		}
		return max(1, int(n/100*float64(whole))), nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor a percentage", s)
	}
	return n, nil
}

func texts(in []any) []string {
	out := make([]string, len(in))
	for i, x := range in {
		out[i] = text(x)
	}
	return out
}
