package ansible

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

// jsonQuery asks a value with JMESPath. The library reads the query; the answer is worked out here, because the order of mappings must
// stay, and as Python's jmespath does.
func jsonQuery(c *jinja.Invocation) (any, error) {
	if err := jinja.CheckDefined(c.Value); err != nil {
		return nil, err
	}
	text, ok := c.Bound["expr"].(string)
	if !ok {
		return nil, fmt.Errorf("json_query needs a query in a text, not %s", jinja.Describe(c.Bound["expr"]))
	}
	node, err := parsing.NewParser().Parse(barewords(text))
	if err != nil {
		return nil, fmt.Errorf("json_query cannot read %s: %w", text, err)
	}
	value, err := (&query{text: text}).visit(node, c.Value)
	if err != nil {
		return nil, fmt.Errorf("json_query of %s: %w", text, err)
	}
	return value, nil
}

// barewords puts quotes around what stands between backticks and is no JSON: `running` is taken for the text, as jmespath did long and
// playbooks write it.
func barewords(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		quote := text[i]
		end := i + 1
		if quote == '\'' || quote == '"' || quote == '`' {
			for end < len(text) && text[end] != quote {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(text))
		}
		part := text[i:end]
		if quote == '`' && len(part) > 1 && part[len(part)-1] == '`' {
			inner := strings.ReplaceAll(part[1:len(part)-1], "\\`", "`")
			if !json.Valid([]byte(inner)) && json.Valid([]byte(`"`+strings.TrimLeft(inner, " ")+`"`)) {
				part = "`\"" + strings.ReplaceAll(strings.TrimLeft(inner, " "), "`", "\\`") + "\"`"
			}
		}
		out.WriteString(part)
		i = end
	}
	return out.String()
}

// query works out a query.
type query struct {
	text  string
	depth int
}

// reference is an expression that a function gets, such as &name in sort_by(users, &name).
type reference struct{ node parsing.ASTNode }

var errNotHere = errors.New("arithmetic, variables and $ are no part of JMESPath as Ansible has it")

func (q *query) visit(node parsing.ASTNode, value any) (any, error) {
	if q.depth++; q.depth > jinja.MaximumDepth {
		return nil, jinja.ErrTooLarge
	}
	defer func() { q.depth-- }()
	children := node.Children
	switch node.NodeType {
	case parsing.ASTIdentity, parsing.ASTCurrentNode:
		return value, nil
	case parsing.ASTField:
		m, ok := value.(*ordered.Map)
		if !ok {
			return nil, nil
		}
		return m.Value(node.Value.(string)), nil
	case parsing.ASTLiteral:
		return literalOf(node.Value), nil
	case parsing.ASTSubexpression, parsing.ASTPipe, parsing.ASTIndexExpression:
		return q.chain(children, value)
	case parsing.ASTIndex:
		list, ok := value.([]any)
		at := node.Value.(int)
		if at < 0 {
			at += len(list)
		}
		if !ok || at < 0 || at >= len(list) {
			return nil, nil
		}
		return list[at], nil
	case parsing.ASTSlice:
		return slicePart(node.Value.([]*int), value)
	case parsing.ASTProjection, parsing.ASTValueProjection, parsing.ASTFilterProjection:
		return q.project(node, value)
	case parsing.ASTFlatten:
		return q.flatten(children[0], value)
	case parsing.ASTMultiSelectList:
		return q.list(children, value)
	case parsing.ASTMultiSelectHash:
		return q.mapping(children, value)
	case parsing.ASTKeyValPair:
		return q.visit(children[0], value)
	case parsing.ASTOrExpression, parsing.ASTAndExpression:
		left, err := q.visit(children[0], value)
		if err != nil || isFalse(left) == (node.NodeType == parsing.ASTAndExpression) {
			return left, err
		}
		return q.visit(children[1], value)
	case parsing.ASTNotExpression:
		inner, err := q.visit(children[0], value)
		if _, isNumber := asNumber(inner); err != nil || isNumber {
			return false, err
		}
		return isFalse(inner), nil
	case parsing.ASTComparator:
		return q.compare(node, value)
	case parsing.ASTExpRef:
		return reference{children[0]}, nil
	case parsing.ASTFunctionExpression:
		arguments, err := q.each(children, value)
		if err != nil {
			return nil, err
		}
		return q.call(node.Value.(string), arguments)
	}
	return nil, errNotHere
}

func (q *query) chain(nodes []parsing.ASTNode, value any) (any, error) {
	var err error
	for _, node := range nodes {
		if value, err = q.visit(node, value); err != nil {
			return nil, err
		}
	}
	return value, nil
}

func (q *query) each(nodes []parsing.ASTNode, value any) ([]any, error) {
	values := make([]any, len(nodes))
	for at, node := range nodes {
		var err error
		if values[at], err = q.visit(node, value); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (q *query) project(node parsing.ASTNode, value any) (any, error) {
	base, err := q.visit(node.Children[0], value)
	if err != nil {
		return nil, err
	}
	var items []any
	switch v := base.(type) {
	case []any:
		if node.NodeType == parsing.ASTValueProjection {
			return nil, nil
		}
		items = v
	case *ordered.Map:
		if node.NodeType != parsing.ASTValueProjection {
			return nil, nil
		}
		items = v.Values()
	default:
		return nil, nil
	}
	collected := []any{}
	for _, item := range items {
		if node.NodeType == parsing.ASTFilterProjection {
			yes, err := q.visit(node.Children[2], item)
			if err != nil {
				return nil, err
			}
			if isFalse(yes) {
				continue
			}
		}
		found, err := q.visit(node.Children[1], item)
		if err != nil {
			return nil, err
		}
		if found != nil {
			collected = append(collected, found)
		}
	}
	return collected, nil
}

func (q *query) flatten(node parsing.ASTNode, value any) (any, error) {
	base, err := q.visit(node, value)
	items, ok := base.([]any)
	if err != nil || !ok {
		return nil, err
	}
	flat := []any{}
	for _, item := range items {
		if inner, ok := item.([]any); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, item)
		}
	}
	return flat, nil
}

func (q *query) list(nodes []parsing.ASTNode, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	return q.each(nodes, value)
}

func (q *query) mapping(nodes []parsing.ASTNode, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	m := ordered.New(len(nodes))
	for _, node := range nodes {
		found, err := q.visit(node, value)
		if err != nil {
			return nil, err
		}
		m.Set(node.Value.(string), found)
	}
	return m, nil
}

func (q *query) compare(node parsing.ASTNode, value any) (any, error) {
	sides, err := q.each(node.Children, value)
	if err != nil {
		return nil, err
	}
	left, right := sides[0], sides[1]
	operator := node.Value.(parsing.TokType)
	if operator == parsing.TOKEQ || operator == parsing.TOKNE {
		_, one := left.(bool)
		_, other := right.(bool)
		same := one == other && jinja.Equal(left, right)
		return same == (operator == parsing.TOKEQ), nil
	}
	if !isComparable(left) || !isComparable(right) {
		return nil, nil
	}
	order, err := orderOf(left, right)
	if err != nil {
		return nil, err
	}
	switch operator {
	case parsing.TOKLT:
		return order < 0, nil
	case parsing.TOKLTE:
		return order <= 0, nil
	case parsing.TOKGT:
		return order > 0, nil
	case parsing.TOKGTE:
		return order >= 0, nil
	}
	return nil, errNotHere
}

func isComparable(value any) bool {
	_, isNumber := asNumber(value)
	_, isText := value.(string)
	return isNumber || isText
}

func asNumber(value any) (float64, bool) {
	if _, isBool := value.(bool); isBool {
		return 0, false
	}
	_, f, _, ok := jinja.Number(value)
	return f, ok
}

// orderOf is below, at or above 0. A number and a text have no order.
func orderOf(left, right any) (int, error) {
	a, isNumber := asNumber(left)
	b, also := asNumber(right)
	if isNumber != also {
		return 0, fmt.Errorf("%s and %s have no order", jinja.Describe(left), jinja.Describe(right))
	}
	if isNumber {
		switch {
		case a < b:
			return -1, nil
		case a > b:
			return 1, nil
		}
		return 0, nil
	}
	return strings.Compare(jinja.Text(left), jinja.Text(right)), nil
}

func isFalse(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case *ordered.Map:
		return v.Len() == 0
	}
	return false
}

func slicePart(parts []*int, value any) (any, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, nil
	}
	step := 1
	if parts[2] != nil {
		step = *parts[2]
	}
	if step == 0 {
		return nil, errors.New("a slice has no step of 0")
	}
	bound := func(given *int, otherwise int) int {
		if given == nil {
			return otherwise
		}
		at := *given
		if at < 0 {
			at += len(list)
		}
		if step < 0 {
			return min(max(at, -1), len(list)-1)
		}
		return min(max(at, 0), len(list))
	}
	from, to := 0, len(list)
	if step < 0 {
		from, to = len(list)-1, -1
	}
	from, to = bound(parts[0], from), bound(parts[1], to)
	part := []any{}
	for at := from; step > 0 && at < to || step < 0 && at > to; at += step {
		part = append(part, list[at])
	}
	return part, nil
}

// literalOf turns what stands between backticks into values of templates.
func literalOf(value any) any {
	switch v := value.(type) {
	case float64:
		if v == float64(int(v)) {
			return int(v)
		}
	case []any:
		items := make([]any, len(v))
		for at, item := range v {
			items[at] = literalOf(item)
		}
		return items
	case map[string]any:
		m := ordered.New(len(v))
		for _, key := range jinja.Keys(v) {
			m.Set(key, literalOf(v[key]))
		}
		return m
	}
	return value
}
