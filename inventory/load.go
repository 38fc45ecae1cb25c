package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory/vault"
)

// Load reads the sources in order into one inventory; where two define the same variable of the same
// host or group, the later wins. A source is the path of an inventory file (YAML, JSON or INI), of a
// directory of them, or a list of hosts with a comma in it ("node1,node2" or "node1,"). A file that
// does not exist is an error, and so is any mistake in it, with file, line and column.
func Load(sources []string) (*Inventory, error) { return LoadWith(Options{}, sources) }

// Options say how an inventory is read. The zero value reads it as Ansible does when its configuration says nothing.
type Options struct {
	// MergeMappings has mappings of one name merged, where of other values the one of the highest precedence counts
	// (hash_behaviour = merge).
	MergeMappings bool
	// IgnoreExtensions are the ends of names that are left out of directories; nil: Ansible's own.
	IgnoreExtensions []string
	// IgnorePatterns are names that are left out of directories besides.
	IgnorePatterns []*regexp.Regexp
	// Vault opens files that are encrypted, as they are read; nil: there are no passwords. What cannot be opened is a mistake
	// for those hosts alone whose variables it holds.
	Vault *vault.Keyring
	// Expressions works out those of constructed inventories, which see ExtraVars when they ask for them; nil: there can be none.
	Expressions Expressions
	ExtraVars   map[string]any
}

// LoadWith is Load with options.
func LoadWith(o Options, sources []string) (*Inventory, error) {
	i := New()
	i.options, i.sources = o, sources
	for _, source := range sources {
		if err := i.load(source); err != nil {
			return nil, err
		}
	}
	i.reconcile()
	for _, dir := range i.sourceDirs {
		if err := i.checkVarsFiles(dir); err != nil {
			return nil, err
		}
	}
	return i, nil
}

func (i *Inventory) load(source string) error {
	info, err := os.Stat(source)
	switch {
	case err != nil && strings.Contains(source, ","):
		return i.loadHostList(source)
	case errors.Is(err, fs.ErrNotExist):
		return errorAt(Position{}, "the inventory %s does not exist; name one with -i, or end a list of hosts with a comma", source)
	case err != nil:
		return fmt.Errorf("read the inventory: %w", err)
	case info.IsDir():
		return i.loadDirectory(source, source)
	}
	return i.loadFile(source, filepath.Dir(source))
}

func (i *Inventory) loadHostList(source string) error {
	for _, name := range strings.Split(source, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		names, port, err := expandHostPattern(name)
		if err != nil {
			return errorAt(Position{}, "the host list %q: %v", source, err)
		}
		for _, name := range names {
			h := i.ensureHost(name, Position{}, "", "")
			i.byGroup["ungrouped"].addHost(h)
			if port != 0 {
				h.vars.set("ansible_port", port, Position{})
			}
		}
	}
	return nil
}

// ignoredNames are the directory entries that never are inventories, and ignoredEnds how the names of others end: Ansible's
// lists, of which that of 2.14 has .ini as well.
var (
	ignoredNames = regexp.MustCompile(`^\.|^host_vars$|^group_vars$|^vars_plugins$`)
	ignoredEnds  = []string{"~", ".pyc", ".pyo", ".swp", ".bak", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"}
)

// ignored reports whether an entry of a directory is left out.
func (i *Inventory) ignored(name string) bool {
	ends := i.options.IgnoreExtensions
	if ends == nil {
		ends = ignoredEnds
	}
	return ignoredNames.MatchString(name) ||
		slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(name, end) }) ||
		slices.ContainsFunc(i.options.IgnorePatterns, func(p *regexp.Regexp) bool { return p.MatchString(name) })
}

func (i *Inventory) loadDirectory(directory, varsDirectory string) error {
	entries, err := os.ReadDir(directory) // sorted by name
	if err != nil {
		return fmt.Errorf("read the inventory: %w", err)
	}
	for _, entry := range entries {
		if i.ignored(entry.Name()) {
			continue
		}
		path := filepath.Join(directory, entry.Name())
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("read the inventory: %w", err)
		}
		if info.IsDir() {
			err = i.loadDirectory(path, path)
		} else {
			err = i.loadFile(path, directory)
		}
		if err != nil {
			return err
		}
	}
	i.addSourceDirectory(varsDirectory)
	return nil
}

func (i *Inventory) addSourceDirectory(directory string) {
	directory = filepath.Clean(directory)
	for _, known := range i.sourceDirs {
		if known == directory {
			return
		}
	}
	i.sourceDirs = append(i.sourceDirs, directory)
}

func (i *Inventory) loadFile(path, directory string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the inventory: %w", err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("read the inventory %s: %w", path, err)
	}
	source := source{inventory: i, path: path, absolute: absolute, directory: filepath.Dir(absolute)}
	data, encrypted, err := i.options.Vault.File(data)
	if err != nil {
		return errorAt(Position{path, 1, 1}, "%v", err)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if info, err := os.Stat(path); err == nil && !encrypted && info.Mode().Perm()&0o111 != 0 {
		if err := source.readProgram(); !errors.Is(err, errNotAProgram) {
			if err == nil {
				i.addSourceDirectory(directory)
			}
			return err
		}
	}
	switch {
	case bytes.HasPrefix(data, []byte("#!")):
		return describeProgram(path)
	case strings.EqualFold(filepath.Ext(path), ".toml"):
		return errorAt(Position{path, 1, 1}, "an inventory in TOML cannot be read; write it in YAML or as an ini file")
	case isYAML(path, data):
		err = source.readYAML(data)
	default:
		err = source.readINI(string(data))
	}
	if encrypted {
		err = MaskEncrypted(err)
		i.encrypted[path] = true
		i.tellOfFile(path)
	}
	if err != nil {
		return err
	}
	i.addSourceDirectory(directory)
	return nil
}

var yamlKeyLine = regexp.MustCompile(`^[^\s=\[#;][^\s=]*:(?:\s.*)?$`)

// isYAML tells the two formats apart: by the extension, or by the first line that says something.
func isYAML(path string, data []byte) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yml", ".yaml", ".json", ".config": // the last is a plugin's
		return true
	case ".ini":
		return false
	}
	for _, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, " \t\r")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		return trimmed == "---" || trimmed[0] == '{' || yamlKeyLine.MatchString(line)
	}
	return false
}

// source is one inventory file while it is read.
type source struct {
	inventory *Inventory
	path      string // as the user named it: for messages
	absolute  string // inventory_file
	directory string // inventory_dir
}

func (s source) at(line, column int) Position { return Position{s.path, line, column} }

// addHosts makes the hosts that a pattern of names stands for and puts them into the group.
func (s source) addHosts(pattern string, into *group, position Position) ([]*Host, error) {
	names, port, err := expandHostPattern(pattern)
	if err != nil {
		return nil, errorAt(position, "%v", err)
	}
	hosts := []*Host{}
	for _, name := range names {
		h := s.inventory.ensureHost(name, position, s.absolute, s.directory)
		into.addHost(h)
		if port != 0 {
			h.vars.set("ansible_port", port, position)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// setGroupVariable sets a variable of a group, or its priority.
func setGroupVariable(g *group, name string, value any, position Position) error {
	if name != "ansible_group_priority" {
		g.vars.set(name, value, position)
		return nil
	}
	switch number := value.(type) {
	case int:
		g.priority = number
		return nil
	case string:
		if _, err := fmt.Sscanf(number, "%d", &g.priority); err == nil {
			return nil
		}
	}
	return errorAt(position, "ansible_group_priority must be an integer, this is %v", value)
}

var groupNameForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.\-]*$`)

func checkGroupName(name string, position Position) error {
	if !groupNameForm.MatchString(name) {
		return errorAt(position, "%q cannot be the name of a group: letters, digits, _, - and dots, not beginning with - or a dot", name)
	}
	return nil
}
