package inventory

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/templates/ordered"
)

// fileVars holds what host_vars or group_vars say about one name, kept so that each file is read once.
type fileVars struct {
	vars variables
	err  error
}

// varsFile returns the variables that directory/kind/name holds: a file with or without one of the
// extensions .yml, .yaml, .json, or a directory of such files. The first that exists counts. The
// caller holds the lock.
func (i *Inventory) varsFile(directory, kind, name string) (variables, error) {
	base := filepath.Join(directory, kind, name)
	if known, ok := i.varsFiles[base]; ok {
		return known.vars, known.err
	}
	var found fileVars
	found.vars, found.err = readVars(base, i.options.MergeMappings)
	i.varsFiles[base] = found
	return found.vars, found.err
}

// checkVarsFiles reads the files of every host and group there is.
func (i *Inventory) checkVarsFiles(directory string) error {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	for _, g := range i.groups {
		if _, err := i.varsFile(directory, "group_vars", g.name); err != nil {
			return err
		}
	}
	for _, h := range i.hosts {
		if _, err := i.varsFile(directory, "host_vars", h.Name); err != nil {
			return err
		}
	}
	return nil
}

var varsExtensions = []string{"", ".yml", ".yaml", ".json"}

func readVars(base string, merging bool) (variables, error) {
	var result variables
	for _, extension := range varsExtensions {
		info, err := os.Stat(base + extension)
		if err != nil {
			continue
		}
		files := []string{base + extension}
		if info.IsDir() {
			if files, err = varsDirectory(base + extension); err != nil {
				return result, err
			}
		}
		for _, file := range files {
			vars, err := readVarsFile(file)
			if err != nil {
				return variables{}, err
			}
			result.add(vars, merging)
		}
		return result, nil
	}
	return result, nil
}

// varsDirectory lists the files of a directory of variables, deep, in the order in which they apply.
func varsDirectory(directory string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, fmt.Errorf("read variables: %w", err)
	}
	files := []string{}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		path := filepath.Join(directory, name)
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read variables: %w", err)
		}
		if info.IsDir() {
			below, err := varsDirectory(path)
			if err != nil {
				return nil, err
			}
			files = append(files, below...)
			continue
		}
		switch filepath.Ext(name) {
		case "", ".yml", ".yaml", ".json":
			files = append(files, path)
		}
	}
	return files, nil
}

func readVarsFile(path string) (variables, error) {
	var result variables
	data, err := os.ReadFile(path)
	if err != nil {
		return result, fmt.Errorf("read variables: %w", err)
	}
	if bytes.HasPrefix(data, []byte("$ANSIBLE_VAULT;")) {
		return result, errorAt(Position{path, 1, 1}, "files encrypted with ansible-vault are not supported")
	}
	root, err := ParseYAML(path, data)
	if err != nil {
		return result, conceal(data, err)
	}
	if root == nil {
		return result, nil
	}
	decoded, err := DecodeYAML(root)
	if err != nil {
		return result, conceal(data, InFile(path, err))
	}
	values, ok := decoded.(*ordered.Map)
	if !ok || root.Kind != yaml.MappingNode {
		return result, errorAt(Position{path, root.Line, root.Column}, "a file of variables is a mapping, this is a %s", kindName(decoded))
	}
	for _, entry := range entries(root) {
		if value, ok := values.Get(entry.key.Value); ok {
			result.set(entry.key.Value, value, Position{path, entry.key.Line, entry.key.Column})
		}
	}
	return result, nil
}

// LoadVars reads a file of variables (vars_files, include_vars, --extra-vars @file): a mapping in
// YAML or JSON. The positions say where each variable is defined.
func LoadVars(path string) (values map[string]any, where map[string]Position, err error) {
	vars, err := readVarsFile(path)
	if err != nil {
		return nil, nil, err
	}
	if vars.values == nil {
		return map[string]any{}, map[string]Position{}, nil
	}
	return vars.values.Top(), vars.where, nil
}
