package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/polarbook/polarbook/inventory/vault"
	"github.com/polarbook/polarbook/templates/ordered"
)

// ParseYAML reads the first document of a YAML file into nodes. The result is nil for a file that is
// empty or holds only comments. A second document is an error. Syntax errors carry file and line.
func ParseYAML(file string, data []byte) (node *yaml.Node, err error) {
	// The library is known to panic on some malformed input; a mistake in a file must never end the program.
	defer func() {
		if caught := recover(); caught != nil {
			node, err = nil, errorAt(Position{File: file}, "this is not YAML: %v", caught)
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, yamlSyntaxError(file, err)
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, yamlSyntaxError(file, err)
	default:
		return nil, errorAt(Position{file, second.Line, second.Column}, "a second YAML document begins here; a file holds one")
	}
	if document.Kind == yaml.DocumentNode {
		if len(document.Content) == 0 {
			return nil, nil
		}
		root := document.Content[0]
		if root.Kind == yaml.ScalarNode && root.Tag == "!!null" && root.Value == "" {
			return nil, nil
		}
		return root, nil
	}
	return &document, nil
}

var yamlErrorLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s+)?line (\d+): (.*)`)

func yamlSyntaxError(file string, err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	position := Position{File: file}
	if match := yamlErrorLine.FindStringSubmatch(err.Error()); match != nil {
		position.Line, _ = strconv.Atoi(match[1])
		message = match[2]
	}
	return errorAt(position, "this is not YAML: %s", message)
}

// DecodeYAML turns a node into plain values as Ansible's PyYAML reads them, which is YAML 1.1:
// yes, no, on and off are booleans, 0644 is an octal integer, 1:30 is ninety, 1e3 is a string.
//
// Values are *ordered.Map, []any, string, int (*big.Int where it does not fit), float64, bool and nil. Keys that are not strings
// become the string Ansible would print. Dates are ordered.Timestamp. Anchors, aliases and merge keys (<<)
// are resolved. What is tagged !vault is a *vault.Value, still encrypted. A key that a mapping has twice and a tag that is not
// known are errors of type *Error, with line and column; the caller adds the file (see InFile).
func DecodeYAML(node *yaml.Node) (any, error) { return DecodeYAMLIn("", node) }

// DecodeYAMLIn is DecodeYAML of a node in a file: errors and encrypted values know it.
func DecodeYAMLIn(file string, node *yaml.Node) (any, error) {
	d := &yamlDecoder{file: file, budget: maximumYAMLNodes, open: map[*yaml.Node]bool{}}
	value, err := d.decode(node)
	return value, InFile(file, err)
}

// InFile adds the file to an error of DecodeYAML.
func InFile(file string, err error) error {
	var at *Error
	if errors.As(err, &at) && at.Position.File == "" {
		return &Error{Position: Position{file, at.Position.Line, at.Position.Column}, Message: at.Message}
	}
	return err
}

// maximumYAMLNodes bounds what aliases may expand to, so that a small file cannot fill the memory.
const maximumYAMLNodes = 500_000

type yamlDecoder struct {
	file    string
	budget  int
	aliases int // how many are being followed
	open    map[*yaml.Node]bool
}

func (d *yamlDecoder) decode(node *yaml.Node) (any, error) {
	if node == nil {
		return nil, nil
	}
	// What is written out fills the memory as far as the file is long, which is its author's to decide.
	if d.aliases > 0 {
		d.budget--
	}
	if d.budget < 0 {
		return nil, nodeError(node, "the aliases of this file expand to more than %d values", maximumYAMLNodes)
	}
	if d.open[node] {
		return nil, nodeError(node, "an anchor contains itself")
	}
	d.open[node] = true
	defer delete(d.open, node)

	if err := checkTag(node); err != nil {
		return nil, err
	}
	if node.Tag == "!unsafe" {
		return d.unsafe(node)
	}
	switch node.Kind {
	case yaml.DocumentNode:
		if len(node.Content) == 0 {
			return nil, nil
		}
		return d.decode(node.Content[0])
	case yaml.AliasNode:
		d.aliases++
		defer func() { d.aliases-- }()
		return d.decode(node.Alias)
	case yaml.ScalarNode:
		return d.scalar(node)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			value, err := d.decode(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.MappingNode:
		return d.mapping(node)
	}
	return nil, nodeError(node, "this kind of YAML node is not known")
}

// unsafe is a value that its author marked as no template: a text as it stands, or all within a list or mapping.
func (d *yamlDecoder) unsafe(node *yaml.Node) (any, error) {
	if node.Kind == yaml.ScalarNode {
		return ordered.Unsafe{Value: node.Value}, nil
	}
	plain := *node
	plain.Tag, plain.Style = "", node.Style&^yaml.TaggedStyle
	value, err := d.decode(&plain)
	return ordered.Unsafe{Value: value}, err
}

func (d *yamlDecoder) mapping(node *yaml.Node) (*ordered.Map, error) {
	own := ordered.New(len(node.Content) / 2)
	merged := ordered.New(0)
	lines := map[string]*yaml.Node{}
	for at := 0; at+1 < len(node.Content); at += 2 {
		keyNode, valueNode := node.Content[at], node.Content[at+1]
		if keyNode.Kind == yaml.ScalarNode && keyNode.Value == "<<" && keyNode.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
			if err := d.merge(merged, valueNode); err != nil {
				return nil, err
			}
			continue
		}
		key, as, err := d.key(keyNode)
		if err != nil {
			return nil, err
		}
		if first, ok := lines[key]; ok {
			return nil, nodeError(keyNode, "the key %q is here a second time; it is already on line %d", key, first.Line)
		}
		lines[key] = keyNode
		value, err := d.decode(valueNode)
		if err != nil {
			return nil, err
		}
		own.SetAs(key, as, value)
	}
	if merged.Len() == 0 {
		return own, nil
	}
	merged.Update(own)
	return merged, nil
}

// merge adds what a << key brings, which comes before what the mapping says itself. Of several mappings the earlier wins
// and its keys come later, and what the mapping says itself wins over all of them.
func (d *yamlDecoder) merge(into *ordered.Map, node *yaml.Node) error {
	value, err := d.decode(node)
	if err != nil {
		return err
	}
	sources, ok := value.([]any)
	if !ok {
		sources = []any{value}
	}
	brought := ordered.New(0)
	for _, source := range slices.Backward(sources) {
		mapping, ok := source.(*ordered.Map)
		if !ok {
			return nodeError(node, "<< merges mappings, this is a %s", kindName(value))
		}
		brought.Update(mapping)
	}
	for key, value := range brought.All() {
		if !into.Has(key) {
			into.SetAs(key, brought.KeyOf(key), value)
		}
	}
	return nil
}

// key returns a key as Python prints it, and what it is.
func (d *yamlDecoder) key(node *yaml.Node) (string, any, error) {
	value, err := d.decode(node)
	if err != nil {
		return "", nil, err
	}
	switch key := value.(type) {
	case string:
		return key, key, nil
	case nil:
		return "None", nil, nil
	case bool:
		if key {
			return "True", key, nil
		}
		return "False", key, nil
	case int:
		return strconv.Itoa(key), key, nil
	case *big.Int:
		return key.String(), key, nil
	case float64:
		return node.Value, key, nil
	case ordered.Timestamp:
		return key.Text(), key, nil
	}
	return "", nil, nodeError(node, "a key must be a plain value, this is a %s", kindName(value))
}

func checkTag(node *yaml.Node) error {
	if node.Style&yaml.TaggedStyle == 0 && !strings.HasPrefix(node.Tag, "!") {
		return nil
	}
	switch tag := node.ShortTag(); tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map", "!!timestamp", "!!merge", "", "!":
		return nil
	case "!vault", "!vault-encrypted":
		if node.Kind == yaml.ScalarNode {
			return nil
		}
		return nodeError(node, "%s stands before a text that ansible-vault has encrypted; this is a %s", tag, nodeName(node))
	case "!unsafe":
		return nil
	default:
		return nodeError(node, "the YAML tag %s is not supported", tag)
	}
}

var (
	yamlInteger = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|` +
		`[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlFloat = regexp.MustCompile(`^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|` +
		`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	yamlBooleans    = map[string]bool{"yes": true, "true": true, "on": true, "no": false, "false": false, "off": false}
	yamlBooleanForm = regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
)

func (d *yamlDecoder) scalar(node *yaml.Node) (any, error) {
	quoted := node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	text := node.Value
	if node.Style&yaml.TaggedStyle != 0 {
		return d.tagged(node)
	}
	if quoted {
		return text, nil
	}
	switch {
	case text == "" || text == "~" || text == "null" || text == "Null" || text == "NULL":
		return nil, nil
	case yamlBooleanForm.MatchString(text):
		return yamlBooleans[strings.ToLower(text)], nil
	case yamlInteger.MatchString(text):
		return decodeInteger(node)
	case yamlFloat.MatchString(text):
		return decodeFloat(node)
	}
	if at, ok := ordered.ParseTimestamp(text); ok {
		return at, nil
	}
	return text, nil
}

func (d *yamlDecoder) tagged(node *yaml.Node) (any, error) {
	switch node.ShortTag() {
	case "!vault", "!vault-encrypted":
		value, err := vault.NewValue(node.Value, d.file, node.Line, node.Column)
		if err != nil {
			return nil, nodeError(node, "what stands behind %s is not what ansible-vault writes: %v", node.ShortTag(), err)
		}
		return value, nil
	case "!!int":
		if !yamlInteger.MatchString(node.Value) {
			return nil, nodeError(node, "%q is not an integer", node.Value)
		}
		return decodeInteger(node)
	case "!!float":
		if yamlInteger.MatchString(node.Value) {
			value, err := decodeInteger(node)
			switch number := value.(type) {
			case int:
				return float64(number), err
			case *big.Int:
				f, _ := new(big.Float).SetInt(number).Float64()
				return f, err
			}
			return value, err
		}
		if !yamlFloat.MatchString(node.Value) {
			return nil, nodeError(node, "%q is not a number", node.Value)
		}
		return decodeFloat(node)
	case "!!bool":
		value, ok := yamlBooleans[strings.ToLower(node.Value)]
		if !ok {
			return nil, nodeError(node, "%q is not a boolean", node.Value)
		}
		return value, nil
	case "!!null":
		return nil, nil
	case "!!timestamp":
		if at, ok := ordered.ParseTimestamp(node.Value); ok {
			return at, nil
		}
		return nil, nodeError(node, "%q is not a date, such as 2024-05-01, nor a date and time, such as 2024-05-01 12:00:00", node.Value)
	}
	return node.Value, nil
}

func decodeInteger(node *yaml.Node) (any, error) {
	text := strings.ReplaceAll(node.Value, "_", "")
	sign := 1
	switch {
	case strings.HasPrefix(text, "-"):
		sign, text = -1, text[1:]
	case strings.HasPrefix(text, "+"):
		text = text[1:]
	}
	if text == "" {
		return node.Value, nil
	}
	if strings.Contains(text, ":") {
		total := 0
		for _, part := range strings.Split(text, ":") {
			digits, err := strconv.Atoi(part)
			if err != nil || total > (math.MaxInt-digits)/60 {
				return nil, nodeError(node, "the number %s is too large", node.Value)
			}
			total = total*60 + digits
		}
		return sign * total, nil
	}
	base := 10
	switch {
	case strings.HasPrefix(text, "0b"):
		base, text = 2, text[2:]
	case strings.HasPrefix(text, "0x"):
		base, text = 16, text[2:]
	case len(text) > 1 && text[0] == '0':
		base, text = 8, text[1:]
	}
	if text == "" {
		return node.Value, nil
	}
	number, ok := new(big.Int).SetString(text, base)
	if !ok {
		return nil, nodeError(node, "%q is not an integer", node.Value)
	}
	if sign < 0 {
		number.Neg(number)
	}
	if !number.IsInt64() {
		return number, nil
	}
	return int(number.Int64()), nil
}

func decodeFloat(node *yaml.Node) (any, error) {
	text := strings.ToLower(strings.ReplaceAll(node.Value, "_", ""))
	switch strings.TrimLeft(text, "+-") {
	case ".inf":
		if strings.HasPrefix(text, "-") {
			return math.Inf(-1), nil
		}
		return math.Inf(1), nil
	case ".nan":
		return math.NaN(), nil
	}
	if strings.Contains(text, ":") {
		sign := 1.0
		if strings.HasPrefix(text, "-") {
			sign = -1
		}
		total := 0.0
		for _, part := range strings.Split(strings.TrimLeft(text, "+-"), ":") {
			digits, err := strconv.ParseFloat(part, 64)
			if err != nil {
				return nil, nodeError(node, "%q is not a number", node.Value)
			}
			total = total*60 + digits
		}
		return sign * total, nil
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(number, 0) {
		return nil, nodeError(node, "%q is not a number", node.Value)
	}
	return number, nil
}

func nodeError(node *yaml.Node, format string, arguments ...any) *Error {
	return errorAt(Position{Line: node.Line, Column: node.Column}, format, arguments...)
}

// kindName returns what a user calls a value of that type.
func kindName(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case int, *big.Int, float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "list"
	case *ordered.Map:
		return "mapping"
	case ordered.Timestamp:
		return "date"
	case *vault.Value:
		return "encrypted value"
	}
	return fmt.Sprintf("%T", value)
}
