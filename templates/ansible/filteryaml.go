package ansible

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

func fromYAML(value any) (result any, err error) {
	s, ok := value.(string)
	if !ok {
		return value, nil
	}
	defer func() {
		if caught := recover(); caught != nil {
			result, err = nil, fmt.Errorf("from_yaml: the text is not YAML: %v", caught)
		}
	}()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(s), &node); err != nil {
		return nil, fmt.Errorf("from_yaml: the text is not YAML: %w", err)
	}
	return decodeNode(&node, 0, new(int))
}

func fromYAMLAll(value any) (result any, err error) {
	s, ok := value.(string)
	if !ok {
		return value, nil
	}
	defer func() {
		if caught := recover(); caught != nil {
			result, err = nil, fmt.Errorf("from_yaml_all: the text is not YAML: %v", caught)
		}
	}()
	decoder := yaml.NewDecoder(strings.NewReader(s))
	documents := []any{}
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if err != nil {
			if err.Error() == "EOF" {
				return documents, nil
			}
			return nil, fmt.Errorf("from_yaml_all: the text is not YAML: %w", err)
		}
		document, err := decodeNode(&node, 0, new(int))
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
}

// decodeNode is the decoder of from_yaml, YAML 1.1 as PyYAML reads it.
func decodeNode(node *yaml.Node, depth int, count *int) (any, error) {
	if *count++; *count > jinja.MaximumItems || depth > jinja.MaximumDepth {
		return nil, errors.New("from_yaml: the text holds too many values")
	}
	switch node.Kind {
	case yaml.DocumentNode:
		if len(node.Content) > 0 {
			return decodeNode(node.Content[0], depth+1, count)
		}
	case yaml.AliasNode:
		return decodeNode(node.Alias, depth+1, count)
	case yaml.SequenceNode:
		items := []any{}
		for _, item := range node.Content {
			value, err := decodeNode(item, depth+1, count)
			if err != nil {
				return nil, err
			}
			items = append(items, value)
		}
		return items, nil
	case yaml.MappingNode:
		own, merged := ordered.New(len(node.Content)/2), ordered.New(0)
		for at := 0; at+1 < len(node.Content); at += 2 {
			value, err := decodeNode(node.Content[at+1], depth+1, count)
			if err != nil {
				return nil, err
			}
			if node.Content[at].Tag == "!!merge" {
				// Of several mappings the first counts, and its keys come last.
				below, _ := value.([]any)
				if one, ok := value.(*ordered.Map); ok {
					below = []any{one}
				}
				for _, one := range slices.Backward(below) {
					if one, ok := one.(*ordered.Map); ok {
						merged.Update(one)
					}
				}
				continue
			}
			key, err := decodeNode(node.Content[at], depth+1, count)
			if err != nil {
				return nil, err
			}
			if err := jinja.SetKey(own, key, value); err != nil {
				return nil, err
			}
		}
		merged.Update(own)
		return merged, nil
	case yaml.ScalarNode:
		return scalar(node)
	}
	return nil, nil
}

func scalar(node *yaml.Node) (any, error) {
	if node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 ||
		node.Tag == "!!str" && node.Style&yaml.TaggedStyle != 0 {
		return node.Value, nil
	}
	if kind := plainScalar(node.Value); kind != "str" {
		switch kind {
		case "null":
			return nil, nil
		case "bool":
			return strings.Contains("yes true on", strings.ToLower(node.Value)), nil
		case "int":
			return yamlInt(node.Value)
		case "float":
			s := strings.ToLower(strings.ReplaceAll(node.Value, "_", ""))
			if f, ok := pythonFloat(strings.Replace(strings.Replace(s, ".inf", "inf", 1), ".nan", "nan", 1)); ok {
				return f, nil
			}
		}
	}
	if at, ok := ordered.ParseTimestamp(node.Value); ok {
		return jinja.MomentOf(at), nil
	}
	return node.Value, nil
}

func yamlInt(s string) (any, error) {
	plain := strings.ReplaceAll(s, "_", "")
	if strings.Contains(plain, ":") {
		sign := 1
		if strings.HasPrefix(plain, "-") {
			sign = -1
		}
		total := 0
		for _, part := range strings.Split(strings.TrimLeft(plain, "+-"), ":") {
			digits, err := strconv.Atoi(part)
			if err != nil || total > 1<<50 {
				return s, nil
			}
			total = total*60 + digits
		}
		return sign * total, nil
	}
	value, err := jinja.ParseWhole(plain, 0)
	if err != nil {
		return nil, fmt.Errorf("from_yaml: the number %s: %w", s, err)
	}
	return value, nil
}
