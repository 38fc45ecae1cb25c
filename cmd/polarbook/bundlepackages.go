package main

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/playbooks/engine/event"
	"github.com/polarbook/polarbook/tasks/ospackage"
	"github.com/polarbook/polarbook/tasks/preflight"
	"github.com/polarbook/polarbook/tasks/script"
)

type bundlePackagesCmd struct {
	hostOptions
	Package string   `placeholder:"FILE" complete:"files" help:"Look at this engine. Default: polardb_package of the inventory."`
	Also    []string `placeholder:"NAME" sep:"," help:"Download these packages too, with what they need; may be repeated."`
	To      string   `placeholder:"DIR" default:"packages" complete:"directories" help:"Write to a directory of the host's system in this one, as packages/debian-12-x86_64."`
}

//go:embed scripts/*.sh
var ownScripts embed.FS

// Run asks the hosts of -l, one of each system and release that the bundle is for. Nothing is changed there.
func (c *bundlePackagesCmd) Run(t *terminal, run runContext) error {
	if c.Limit == "" {
		return errors.New("name the host that has repositories, of the same system and release as the cluster's: -l HOST")
	}
	w, err := c.prepare(t)
	if err != nil {
		return err
	}
	needs, err := c.needs(w)
	if err != nil {
		return err
	}
	for _, name := range c.Also {
		if !plainPackage(name) {
			return fmt.Errorf("--also: %q is not the name of a package", name)
		}
	}
	var words []string
	for _, library := range sortedKeys(needs) {
		if !plainPackage(library) || !plainPackage(needs[library]) {
			return fmt.Errorf("the engine names a library %q, which cannot be one", library)
		}
		words = append(words, library+"="+needs[library])
	}
	to, err := filepath.Abs(c.To)
	if err != nil {
		return err
	}
	scripts := script.Load(ownScripts, script.Shared)
	w.vars["polarbook_script"] = scripts.Script("bundle_gather", script.Values{"PACKAGES": strings.Join(c.Also, " ")}, words...)
	w.vars["polarbook_to"] = to
	p, err := w.loadInternal("bundlepackages.yml")
	if err != nil {
		return err
	}
	l := &gathered{said: map[string]string{}, files: map[string][]string{}}
	err = w.carryOut(run, p, l)
	if l.failure != "" {
		return &exit{code: cmp.Or(codeOf(err), exitFailed), err: errors.New(l.failure)}
	}
	if err != nil {
		return err
	}
	for _, host := range sortedKeys(l.said) {
		if err := c.tell(t, host, l, needs); err != nil {
			return err
		}
	}
	return nil
}

// plainPackage reports whether a text may be the name of a package or a library: it becomes a word on hosts.
func plainPackage(name string) bool {
	return name != "" && name[0] != '-' && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._:") == ""
}

// needs are the libraries that the engine does not hold itself.
func (c *bundlePackagesCmd) needs(w *workplace) (map[string]string, error) {
	file := c.Package
	if file == "" {
		hosts, err := w.inv.Limit(w.inv.Hosts(), c.Limit)
		if err != nil {
			return nil, err
		}
		for _, h := range hosts {
			vars, err := w.inv.Vars(h)
			if err != nil {
				return nil, err
			}
			if file = text(vars.Value("polardb_package")); file != "" {
				break
			}
		}
		if given := text(w.vars["polardb_package"]); given != "" {
			file = given
		}
	}
	if file == "" || strings.Contains(file, "{{") {
		return nil, errors.New("name the engine's archive with --package: polardb_package of the host does not")
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	needs, err := preflight.Needs(file, in, info.Size())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", oneLine(file), err)
	}
	return needs, nil
}

// tell reads what came, and says what it brings. A library that nothing brings is an error.
func (c *bundlePackagesCmd) tell(t *terminal, host string, l *gathered, needs map[string]string) error {
	missing := sortedKeys(needs)
	has := func(library string) {
		missing = slices.DeleteFunc(missing, func(m string) bool { return m == library })
	}
	system := ""
	for line := range strings.Lines(l.said[host]) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "has":
			has(value)
		case "system":
			system = value
		}
	}
	shelf := &ospackage.Shelf{}
	files := slices.Sorted(slices.Values(l.files[host]))
	for _, file := range files {
		given, err := shelf.Collect(here{filepath.Dir(file)}, []string{filepath.Base(file)})
		if err != nil {
			return &exit{code: exitFailed, err: err}
		}
		brings, err := shelf.Brings(given[0])
		if err != nil {
			return &exit{code: exitFailed, err: err}
		}
		for _, library := range brings {
			has(library)
		}
		fmt.Fprintln(t.out, oneLine(filepath.Join(c.To, system, filepath.Base(file))))
	}
	if len(missing) > 0 {
		return &exit{code: exitFailed, err: fmt.Errorf("%s: none of the packages brings %s: name the one that does with --also", host,
			strings.Join(missing, ", "))}
	}
	if len(files) == 0 {
		fmt.Fprintf(t.out, "%s: a minimal installation of %s lacks nothing that the engine needs\n", host, oneLine(system))
		return nil
	}
	return c.twice(shelf, filepath.Dir(files[0]))
}

// twice refuses two versions of a package, of which the older one is left from another time.
func (c *bundlePackagesCmd) twice(shelf *ospackage.Shelf, dir string) error {
	given, err := shelf.Collect(directory{dir}, []string{"."})
	if err != nil {
		return &exit{code: exitFailed, err: err}
	}
	seen := map[string]ospackage.Given{}
	for _, g := range given {
		key := g.Name + " " + g.Architecture
		if other, twice := seen[key]; twice && other.Version != g.Version {
			older, newer := other, g
			if g.Compare(other.Version) < 0 {
				older, newer = g, other
			}
			return &exit{code: exitFailed, err: fmt.Errorf("%s has two versions of %s: remove %s, and keep %s", dir, g.Name, older.File, newer.File)}
		}
		seen[key] = g
	}
	return nil
}

// directory finds itself.
type directory struct{ dir string }

func (d directory) Find(_, _ string) (fs.FS, string, error) { return os.DirFS(d.dir), ".", nil }

// gathered is what hosts said, and the files that came of them.
type gathered struct {
	said    map[string]string
	files   map[string][]string
	failure string
}

func (l *gathered) Event(e event.Event) {
	d, ok := e.(event.HostDone)
	switch {
	case !ok:
	case d.Status == event.Failed || d.Status == event.Unreachable:
		if l.failure == "" {
			l.failure = whatFailed(d)
		}
	case strings.Contains("\n"+text(d.Values.Value("stdout")), "\nsystem "):
		l.said[d.Host] = text(d.Values.Value("stdout"))
	case text(d.Values.Value("dest")) != "" && d.Item != "":
		l.files[d.Host] = append(l.files[d.Host], text(d.Values.Value("dest")))
	}
}
