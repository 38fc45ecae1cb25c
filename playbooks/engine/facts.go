package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
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
		if w := inventory.Exposed(playbooks.OnHost(name), info.Mode(), vars.Top()); w != "" {
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

// includeVarsFrom reads what include_vars names, by the rules of ansible-core 2.19: the files of a directory by its path, those of
// one directory by name, later ones winning.
func (s *taskRun) includeVarsFrom(v *variables, args map[string]any) (*ordered.Map, []any, error) {
	vars := ordered.New(0)
	read := []any{}
	take := func(fsys fs.FS, name string) error {
		more, err := s.p.r.loadVars(fsys, name)
		if err != nil {
			return err
		}
		read = append(read, directory(name, s.t.Origin.Builtin && fsys == s.t.Origin.Source))
		vars.Update(more)
		return nil
	}
	var err error
	if dir := text(args["dir"]); dir != "" {
		err = s.eachVarsFile(dir, args, take)
	} else {
		err = s.oneVarsFile(text(args["file"]), take)
	}
	if err == nil && text(args["hash_behaviour"]) == "merge" && args["name"] == nil {
		for name, x := range vars.All() {
			if before, ok := v.Get(name); ok {
				if before, err = v.render(before); err != nil {
					return nil, nil, err
				}
				vars.Set(name, mergeDeep(before, x))
			}
		}
	}
	return vars, read, err
}

func (s *taskRun) oneVarsFile(name string, take func(fs.FS, string) error) error {
	if name = strings.TrimRight(name, "\n"); name == "" {
		return errors.New("needs file or dir")
	}
	fsys, found, err := s.t.Origin.Find("vars", name)
	if err != nil {
		return err
	}
	return take(fsys, found)
}

// eachVarsFile goes through a directory: in a role below its vars, elsewhere beside the file of the task.
func (s *taskRun) eachVarsFile(dir string, args map[string]any, take func(fs.FS, string) error) error {
	fsys, root, err := s.varsDir(dir)
	if err != nil {
		return err
	}
	extensions := []string{"yaml", "yml", "json"}
	if args["extensions"] != nil {
		extensions = texts(asList(args["extensions"]))
	}
	skipUnknown, err := truth(args["ignore_unknown_extensions"])
	if args["ignore_unknown_extensions"] != nil && err != nil {
		return fmt.Errorf("ignore_unknown_extensions: %w", err)
	}
	depth := 0.0
	if args["depth"] != nil {
		if depth, err = number(args["depth"]); err != nil {
			return fmt.Errorf("depth: %w", err)
		}
	}
	ignore := texts(asList(args["ignore_files"]))
	if words, ok := args["ignore_files"].(string); ok || args["ignore_files"] == nil {
		ignore = strings.Fields(words)
	}
	files := map[string][]string{} // by directory
	err = fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		switch below := strings.TrimPrefix(strings.TrimPrefix(name, root), "/"); {
		case err != nil:
			return err
		case d.IsDir() && depth > 0 && below != "" && strings.Count(below, "/")+2 > int(depth):
			return fs.SkipDir
		case !d.IsDir():
			files[path.Dir(name)] = append(files[path.Dir(name)], name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, dir := range keys(files) {
		slices.Sort(files[dir])
		for _, name := range files[dir] {
			base := path.Base(name)
			wanted, err := s.wantsVarsFile(base, text(args["files_matching"]), ignore)
			if err != nil {
				return err
			}
			known := slices.Contains(extensions, strings.TrimPrefix(path.Ext(base), "."))
			switch {
			case !wanted || !known && skipUnknown:
			case !known:
				return fmt.Errorf("/%s does not have one of the extensions %s; ignore_unknown_extensions passes over it",
					name, strings.Join(extensions, ", "))
			default:
				if err := take(fsys, name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// wantsVarsFile reports whether a file is one of those that files_matching and ignore_files leave.
func (s *taskRun) wantsVarsFile(base, matching string, ignore []string) (bool, error) {
	if matching != "" {
		if ok, err := s.matches("files_matching", matching, base); err != nil || !ok {
			return false, err
		}
	}
	for _, pattern := range ignore {
		if ok, err := s.matches("ignore_files", "(?:"+pattern+")$", base); err != nil || ok {
			return false, err
		}
	}
	return true, nil
}

// varsDir finds a directory of variables where Ansible does, which is in fewer places than a file: in a role below vars alone, and
// elsewhere beside the file of the task. What is missing in the role's vars is looked for from the playbook when vars is named.
func (s *taskRun) varsDir(dir string) (fs.FS, string, error) {
	o := s.t.Origin
	fsys, found := o.Source, path.Join(o.Dir, dir)
	var err error
	isDir := func(at string) bool {
		info, err := fs.Stat(fsys, at)
		return err == nil && info.IsDir()
	}
	switch named := strings.SplitN(dir, "/", 2)[0] == "vars"; {
	case filepath.IsAbs(dir) || strings.HasPrefix(dir, "~"):
		if fsys, found, err = o.Find("vars", dir); err != nil {
			return nil, "", err
		}
	case o.RoleDir == "":
	case !named:
		found = path.Join(o.RoleDir, "vars", dir)
	default:
		if found = path.Join(o.RoleDir, dir); !isDir(found) {
			found = path.Join(o.PlayDir, dir)
		}
	}
	if !isDir(found) {
		return nil, "", fmt.Errorf("there is no directory %s", directory(found, o.Builtin && fsys == o.Source))
	}
	return fsys, found, nil
}

// mergeDeep lays one value over another: dicts key by key at every depth, all else whole.
func mergeDeep(below, above any) any {
	under, ok := below.(*ordered.Map)
	over, both := above.(*ordered.Map)
	if !ok || !both {
		return above
	}
	out := under.Clone()
	for name, x := range over.All() {
		if before, has := out.Get(name); has {
			x = mergeDeep(before, x)
		}
		out.Set(name, x)
	}
	return out
}
