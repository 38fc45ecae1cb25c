package inventory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory/vault"
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
	found.vars, found.err = i.readVars(base)
	i.varsFiles[base] = found
	return found.vars, found.err
}

// locked reports whether an error is that a file cannot be decrypted, which only those who use it need.
func locked(err error) bool {
	var at *vault.LockedError
	return errors.As(err, &at)
}

// checkVarsFiles reads the files of every host and group there is.
func (i *Inventory) checkVarsFiles(directory string) error {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	for _, g := range i.groups {
		if _, err := i.varsFile(directory, "group_vars", g.name); err != nil && !locked(err) {
			return err
		}
	}
	for _, h := range i.hosts {
		if _, err := i.varsFile(directory, "host_vars", h.Name); err != nil && !locked(err) {
			return err
		}
	}
	return nil
}

var varsExtensions = []string{"", ".yml", ".yaml", ".json"}

func (i *Inventory) readVars(base string) (variables, error) {
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
			vars, encrypted, err := readVarsFile(i.options.Vault, file)
			if err != nil {
				return variables{}, err
			}
			if encrypted {
				i.encrypted[file] = true
			}
			result.add(vars, i.options.MergeMappings)
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

// readVarsFile also reports whether the file was encrypted. What it then held has been told to keys.
func readVarsFile(keys *vault.Keyring, path string) (vars variables, encrypted bool, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return vars, false, fmt.Errorf("read variables: %w", err)
	}
	data, encrypted, err = keys.File(data)
	if err != nil {
		return vars, encrypted, &Error{Position{path, 1, 1}, err.Error(), err}
	}
	vars, err = varsIn(path, data)
	if encrypted {
		err = MaskEncrypted(err)
		TellOf(keys, vars.values)
	}
	return vars, encrypted, err
}

func varsIn(path string, data []byte) (variables, error) {
	var result variables
	root, err := ParseYAML(path, data)
	if err != nil {
		return result, conceal(data, err)
	}
	if root == nil {
		return result, nil
	}
	decoded, err := DecodeYAMLIn(path, root)
	if err != nil {
		return result, conceal(data, err)
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
	vars, _, err := readVarsFile(nil, path)
	if err != nil {
		return nil, nil, err
	}
	if vars.values == nil {
		return map[string]any{}, map[string]Position{}, nil
	}
	return vars.values.Top(), vars.where, nil
}
