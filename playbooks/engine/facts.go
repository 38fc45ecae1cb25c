package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// gatherFacts runs the module setup on the hosts whose facts this run does not have yet.
func (p *playRun) gatherFacts(ctx context.Context, hosts []*host) {
	m, ok := p.r.lookup("setup")
	if !ok || len(hosts) == 0 {
		return
	}
	v, err := p.vars(hosts[0], p.scope, nil)
	if err != nil {
		p.fail(err)
		return
	}
	wanted, err := v.boolean(p.play.GatherFacts, !p.r.o.Defaults.GatherExplicitly)
	if err != nil {
		p.fail(err)
		return
	}
	if !wanted {
		return
	}
	subsets := p.play.GatherSubset
	if len(subsets) == 0 {
		subsets = p.r.o.Defaults.GatherSubset
	}
	subset := strings.Join(subsets, ",")
	var without []*host
	for _, h := range standing(hosts) {
		if !h.has(subset) {
			without = append(without, h)
		}
	}
	if len(without) == 0 {
		return
	}
	t := &playbooks.Task{Module: m, Origin: p.play.Origin, Args: map[string]playbooks.Value{}}
	t.Pos = p.play.Pos
	t.Name = playbooks.Value{Raw: "Gathering Facts", Pos: p.play.Pos}
	if len(p.play.Tags) == 0 {
		t.Tags = []string{"always"}
	}
	if subset != "" {
		t.Args["gather_subset"] = playbooks.Value{Raw: anys(subsets), Pos: p.play.Pos}
	}
	p.task(ctx, t, p.scope, without, factsTask)
	for _, h := range standing(without) {
		h.gatheredNow(subset)
	}
}

// has reports whether the facts of a subset, or all of them, were gathered in this run.
func (h *host) has(subset string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gathered[subset] || h.gathered[""]
}

func (h *host) gatheredNow(subset string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gathered == nil {
		h.gathered = map[string]bool{}
	}
	h.gathered[subset] = true
}

func (r *run) lookup(name string) (*tasks.Module, bool) {
	if r.o.Lookup != nil {
		return r.o.Lookup(name)
	}
	return all.Lookup(name)
}

// fileVars reads the play's vars_files for a host, in their order. A name that needs facts which are not there yet
// waits for them, as in Ansible.
func (p *playRun) fileVars(h *host) ([]*ordered.Map, error) {
	if len(p.play.VarsFiles) == 0 {
		return nil, nil
	}
	var read []*ordered.Map
	for _, entry := range p.play.VarsFiles {
		vars, err := p.fileVarsOf(h, entry, read)
		if err != nil {
			return nil, err
		}
		if vars != nil {
			read = append(read, vars)
		}
	}
	return read, nil
}

func (p *playRun) fileVarsOf(h *host, entry playbooks.Value, before []*ordered.Map) (*ordered.Map, error) {
	var looked []string
	for _, candidate := range asList(entry.Raw) {
		name := text(candidate)
		if strings.Contains(name, "{") {
			v, err := p.varsWith(h, p.scope, nil, before)
			if err != nil {
				return nil, err
			}
			out, err := v.render(name)
			var missing *templates.UndefinedError
			if errors.As(err, &missing) {
				return nil, nil
			}
			if err != nil {
				return nil, at(entry.Pos, fmt.Errorf("vars_files: %w", err))
			}
			name = text(out)
		}
		fsys, found, err := p.play.Origin.Find("vars", name)
		if errors.Is(err, fs.ErrNotExist) {
			looked = append(looked, name)
			continue
		}
		if err != nil {
			return nil, at(entry.Pos, fmt.Errorf("vars_files: %w", err))
		}
		return p.readVars(fsys, found, entry.Pos)
	}
	return nil, at(entry.Pos, fmt.Errorf("vars_files: there is no %s", strings.Join(looked, " nor ")))
}

// readVars reads a file of variables, once a play.
func (p *playRun) readVars(fsys fs.FS, name string, pos playbooks.Position) (*ordered.Map, error) {
	p.mu.Lock()
	vars, ok := p.files[name]
	p.mu.Unlock()
	if ok {
		return vars, nil
	}
	vars, err := p.r.loadVars(fsys, name)
	if err != nil {
		return nil, at(pos, err)
	}
	p.r.noteSecrets(vars)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files != nil {
		p.files[name] = vars
	}
	return vars, nil
}

// loadVars reads one file of variables, and warns when everybody may read what is secret in it.
func (r *run) loadVars(fsys fs.FS, name string) (*ordered.Map, error) {
	vars, encrypted, err := loadVars(r.o.Vault, fsys, name)
	if encrypted && err == nil {
		inventory.TellOf(r.o.Vault, vars)
	}
	if err != nil || r.o.Warn == nil || encrypted {
		return vars, err
	}
	if info, err := fs.Stat(fsys, name); err == nil {
		if w := inventory.Exposed("/"+name, info.Mode(), vars.Top()); w != "" {
			r.o.Warn(w)
		}
	}
	return vars, nil
}

func loadVars(keys *vault.Keyring, fsys fs.FS, name string) (vars *ordered.Map, encrypted bool, err error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, false, fmt.Errorf("read variables: %w", err)
	}
	data, encrypted, err = keys.File(data)
	if err != nil {
		return nil, encrypted, fmt.Errorf("%s: %w", name, err)
	}
	if vars, err = varsIn(name, data); encrypted {
		err = inventory.MaskEncrypted(err)
	}
	return vars, encrypted, err
}

func varsIn(name string, data []byte) (*ordered.Map, error) {
	node, err := inventory.ParseYAML(name, data)
	if err != nil {
		return nil, err
	}
	if node == nil {
		return ordered.New(0), nil
	}
	x, err := inventory.DecodeYAMLIn(name, node)
	if err != nil {
		return nil, err
	}
	if x == nil {
		return ordered.New(0), nil
	}
	vars, ok := x.(*ordered.Map)
	if !ok {
		return nil, fmt.Errorf("%s: a file of variables has to be a mapping", name)
	}
	return vars, nil
}

// includeVarsFrom reads what include_vars names.
func (s *taskRun) includeVarsFrom(args map[string]any) (*ordered.Map, []any, error) {
	vars := ordered.New(0)
	var read []any
	take := func(fsys fs.FS, name string) error {
		more, err := s.p.r.loadVars(fsys, name)
		if err != nil {
			return err
		}
		read = append(read, name)
		merge := text(args["hash_behaviour"]) == "merge"
		for k, x := range more.All() {
			below, isDict := vars.Value(k).(*ordered.Map)
			above, bothDicts := x.(*ordered.Map)
			if merge && isDict && bothDicts {
				below = below.Clone()
				below.Update(above)
				x = below
			}
			vars.Set(k, x)
		}
		return nil
	}
	if dir := text(args["dir"]); dir != "" {
		fsys, found, err := s.t.Origin.Find("vars", dir)
		if err != nil {
			return nil, nil, err
		}
		extensions := []string{"yaml", "yml", "json"}
		if args["extensions"] != nil {
			extensions = texts(asList(args["extensions"]))
		}
		ignore := texts(asList(args["ignore_files"]))
		depth := 0
		if args["depth"] != nil {
			n, err := number(args["depth"])
			if err != nil {
				return nil, nil, fmt.Errorf("depth: %w", err)
			}
			depth = int(n)
		}
		err = fs.WalkDir(fsys, found, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel := strings.TrimPrefix(strings.TrimPrefix(name, found), "/")
			switch {
			case d.IsDir():
				if depth > 0 && rel != "" && strings.Count(rel, "/")+1 >= depth {
					return fs.SkipDir
				}
				return nil
			case slices.Contains(ignore, path.Base(name)):
				return nil
			case !slices.Contains(extensions, strings.TrimPrefix(path.Ext(name), ".")):
				return nil
			}
			if pattern := text(args["files_matching"]); pattern != "" {
				ok, err := s.matches(pattern, path.Base(name))
				if err != nil || !ok {
					return err
				}
			}
			return take(fsys, name)
		})
		return vars, read, err
	}
	name := text(args["file"])
	if name == "" {
		return nil, nil, errors.New("needs file or dir")
	}
	fsys, found, err := s.t.Origin.Find("vars", name)
	if err != nil {
		return nil, nil, err
	}
	return vars, append(read, found), take(fsys, found)
}
