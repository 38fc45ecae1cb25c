package engine

import (
	"strings"
	"sync"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/templates/ordered"
)

// condition is whether a host still takes part in the play.
type condition int

const (
	active      condition = iota
	failed                // a task failed; a rescue brings it back
	unreachable           // for the rest of the run
	ended                 // meta said so; back in the next play
	aborted               // the user stopped the run
)

// host holds what the run knows about one host. The mappings are replaced, never changed, because other hosts read them
// through hostvars.
type host struct {
	name string
	inv  *inventory.Host

	mu       sync.Mutex
	cond     condition
	facts    *ordered.Map
	plain    *ordered.Map // the facts without the prefix of their names: ansible_facts
	included *ordered.Map // include_vars
	set      *ordered.Map // set_fact and register
	gathered map[string]bool
	recap    event.Recap
	pending  string
	along    bool // it failed because another host did
	dropped  bool // with a task that ran once on another host: no rescue brings it back
	forgiven int  // failures before meta: clear_host_errors

	invVars         *ordered.Map
	invVersion      int64
	pendingHandlers map[string][]string // by playbook: what earlier runs left
}

func (h *host) state() condition {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cond
}

// inventoryHost is the host in the inventory, which meta: refresh_inventory replaces.
func (h *host) inventoryHost() *inventory.Host {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.inv
}

func (h *host) become(c condition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cond = c
}

func (h *host) summary() event.Recap {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.recap
}

// count adds a task's end to the recap, as Ansible counts: a changed task is also ok.
func (h *host) count(s event.Status, changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch s {
	case event.OK:
		h.recap.OK++
	case event.Changed:
		h.recap.OK++
		h.recap.Changed++
	case event.Skipped:
		h.recap.Skipped++
	case event.Failed:
		h.recap.Failed++
	case event.Ignored:
		h.recap.OK++
		h.recap.Ignored++
		if changed {
			h.recap.Changed++
		}
	case event.Rescued: // counted when its rescue begins
	case event.Unreachable:
		h.recap.Unreachable++
	}
}

// takeAlong fails a host that stands because another failed.
func (h *host) takeAlong() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cond == active {
		h.cond, h.along = failed, true
	}
}

// drop is takeAlong for hosts that stood by while a task that ran once failed within a block that rescues it: as in ansible-core 2.19
// only the host that ran it is rescued, and the others see no more of the play than what is there always.
func (h *host) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cond == active {
		h.cond, h.along, h.dropped = failed, true, true
	}
}

func (h *host) isDropped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dropped
}

// rescue has a host that failed go on.
func (h *host) rescue() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.along {
		h.recap.Rescued++
	}
	h.cond, h.along = active, false
}

func (h *host) setVars(vars *ordered.Map)     { h.merge(&h.set, vars) }
func (h *host) includeVars(vars *ordered.Map) { h.merge(&h.included, vars) }

func (h *host) addFacts(vars *ordered.Map) {
	plain := ordered.New(vars.Len())
	for name, x := range vars.All() {
		if name != "ansible_local" { // which keeps its name, as in Ansible
			name = strings.TrimPrefix(name, "ansible_")
		}
		plain.Set(name, x)
	}
	h.merge(&h.facts, vars)
	h.merge(&h.plain, plain)
}

func (h *host) merge(into **ordered.Map, vars *ordered.Map) {
	if vars.Len() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	merged := (*into).Clone()
	merged.Update(vars)
	*into = merged
}

func (h *host) clearFacts() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts, h.plain, h.gathered = nil, nil, nil
}

// snapshot returns the mappings as they are now; they do not change.
func (h *host) snapshot() (facts, plain, included, set *ordered.Map) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.facts, h.plain, h.included, h.set
}

// wait notes the first task that an aborted run did not begin on this host.
func (h *host) wait(task string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending == "" {
		h.pending = task
	}
	if h.cond == active {
		h.cond = aborted
	}
}

// host returns the state of an inventory host, made when first asked for.
func (r *run) host(name string) (*host, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h, ok := r.hosts[name]; ok {
		return h, true
	}
	inv, ok := r.o.Inventory.Host(name)
	if !ok {
		return nil, false
	}
	h := &host{name: name, inv: inv}
	r.hosts[name] = h
	return h, true
}

// guest returns the state of a host that something is delegated to and that the inventory may lack. Of the latter nothing is seen
// through hostvars, as in Ansible.
func (r *run) guest(name string) *host {
	if h, ok := r.host(name); ok {
		return h
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.guests[name]
	if !ok {
		h = &host{name: name, inv: r.o.Inventory.Guest(name)}
		r.guests[name] = h
	}
	return h
}

// enlist puts a host on the recap.
func (r *run) enlist(h *host) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.order {
		if known == h {
			return
		}
	}
	r.order = append(r.order, h)
}

// inventoryVars are the host's variables in the inventory, read again when add_host or group_by changed it.
func (r *run) inventoryVars(h *host) (*ordered.Map, error) {
	version := r.changes.Load() + 1
	h.mu.Lock()
	if h.invVersion == version {
		defer h.mu.Unlock()
		return h.invVars, nil
	}
	h.mu.Unlock()
	vars, err := r.o.Inventory.Vars(h.inventoryHost())
	if err != nil {
		return nil, err
	}
	r.noteSecrets(vars)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.invVars, h.invVersion = vars, version
	return vars, nil
}

func standing(hosts []*host) []*host {
	var out []*host
	for _, h := range hosts {
		if h.state() == active {
			out = append(out, h)
		}
	}
	return out
}
