package inventory

import (
	"github.com/polarbook/polarbook/templates/suggest"
	"gopkg.in/yaml.v3"
)

// readYAML reads an inventory in YAML or JSON: a mapping of groups, each with hosts, vars, children.
func (s source) readYAML(data []byte) error {
	if err := s.readGroups(data); err != nil {
		return conceal(data, err)
	}
	return nil
}

func (s source) readGroups(data []byte) error {
	root, err := ParseYAML(s.path, data)
	if err != nil || root == nil {
		return err
	}
	// Decoding the whole file first finds duplicate keys and bad values everywhere, also in parts
	// that the walk below does not look at.
	if _, err := DecodeYAMLIn(s.path, root); err != nil {
		return err
	}
	if root.Kind != yaml.MappingNode {
		return errorAt(s.at(root.Line, root.Column),
			"an inventory is a mapping of groups, such as all: {hosts: {node1: }}; this is a %s", nodeName(root))
	}
	for _, entry := range entries(root) {
		if value := resolve(entry.value); entry.key.Value == "plugin" && value.Kind == yaml.ScalarNode {
			return s.readPlugin(root, s.at(entry.key.Line, entry.key.Column), value.Value)
		}
	}
	for _, entry := range entries(root) {
		if err := s.readYAMLGroup(entry.key, entry.value, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s source) readYAMLGroup(name, body *yaml.Node, parent *group) error {
	position := s.at(name.Line, name.Column)
	if err := checkGroupName(name.Value, position); err != nil {
		return err
	}
	g := s.inventory.ensureGroup(name.Value, position)
	if parent != nil {
		if err := s.inventory.addChild(parent, g); err != nil {
			return errorAt(position, "%v", err)
		}
	}
	body = resolve(body)
	if isNull(body) {
		return nil
	}
	if body.Kind != yaml.MappingNode {
		return errorAt(s.at(body.Line, body.Column),
			"the group %s must be a mapping with hosts, vars and children; this is a %s", name.Value, nodeName(body))
	}
	for _, section := range entries(body) {
		value := resolve(section.value)
		at := s.at(section.key.Line, section.key.Column)
		switch section.key.Value {
		case "hosts", "vars", "children":
		default:
			near := suggest.Suffix(section.key.Value, []string{"hosts", "vars", "children"})
			return errorAt(at, "a group has hosts, vars and children, not %q%s", section.key.Value, near)
		}
		if isNull(value) {
			continue
		}
		if value.Kind == yaml.ScalarNode && section.key.Value != "vars" {
			// Ansible takes a single name here as a mapping with that one key.
			value = &yaml.Node{Kind: yaml.MappingNode, Line: value.Line, Column: value.Column,
				Content: []*yaml.Node{value, {Kind: yaml.ScalarNode, Tag: "!!null"}}}
		}
		if value.Kind != yaml.MappingNode {
			return errorAt(s.at(value.Line, value.Column),
				"%s of the group %s must be a mapping (each name followed by a colon), this is a %s",
				section.key.Value, name.Value, nodeName(value))
		}
		for _, entry := range entries(value) {
			if err := s.readYAMLEntry(g, section.key.Value, entry); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s source) readYAMLEntry(g *group, section string, entry yamlEntry) error {
	position := s.at(entry.key.Line, entry.key.Column)
	switch section {
	case "children":
		return s.readYAMLGroup(entry.key, entry.value, g)
	case "vars":
		value, err := DecodeYAMLIn(s.path, entry.value)
		if err != nil {
			return err
		}
		return setGroupVariable(g, entry.key.Value, value, position)
	}
	hosts, err := s.addHosts(entry.key.Value, g, position)
	if err != nil {
		return err
	}
	body := resolve(entry.value)
	if isNull(body) {
		return nil
	}
	if body.Kind != yaml.MappingNode {
		return errorAt(s.at(body.Line, body.Column), "the variables of host %s must be a mapping, this is a %s", entry.key.Value, nodeName(body))
	}
	for _, variable := range entries(body) {
		value, err := DecodeYAMLIn(s.path, variable.value)
		if err != nil {
			return err
		}
		for _, h := range hosts {
			h.vars.set(variable.key.Value, value, s.at(variable.key.Line, variable.key.Column))
		}
	}
	return nil
}

type yamlEntry struct{ key, value *yaml.Node }

// entries returns the pairs of a mapping in order, what << brings first and overridden by its own.
func entries(node *yaml.Node) []yamlEntry {
	own := map[string]bool{}
	var merged, list []yamlEntry
	for at := 0; at+1 < len(node.Content); at += 2 {
		key, value := resolve(node.Content[at]), node.Content[at+1]
		if key.Value == "<<" && key.Tag == "!!merge" {
			sources := []*yaml.Node{resolve(value)}
			if sources[0].Kind == yaml.SequenceNode {
				sources = sources[0].Content
			}
			for _, source := range sources {
				merged = append(merged, entries(resolve(source))...)
			}
			continue
		}
		own[key.Value] = true
		list = append(list, yamlEntry{key, value})
	}
	result := []yamlEntry{}
	for _, entry := range merged {
		if !own[entry.key.Value] {
			own[entry.key.Value] = true
			result = append(result, entry)
		}
	}
	return append(result, list...)
}

func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.Tag == "!!null"
}

func nodeName(node *yaml.Node) string {
	switch node.Kind {
	case yaml.SequenceNode:
		return "list"
	case yaml.MappingNode:
		return "mapping"
	}
	return "plain value"
}
