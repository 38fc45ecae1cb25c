package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/templates/ordered"
	"gopkg.in/yaml.v3"
)

// Expressions works out the expressions of constructed inventories.
type Expressions interface {
	Evaluate(expression string, vars *ordered.Map) (any, error)
	Condition(condition string, vars *ordered.Map) (bool, error)
	Render(text string, vars *ordered.Map) (any, error)
}

// constructed is a file with plugin: constructed, which makes variables and groups of what the sources before it say of their hosts.
type constructed struct {
	source
	position         Position
	strict           bool
	useExtraVars     bool
	useVarsFiles     bool
	leadingSeparator bool
	compose, groups  *ordered.Map
	keyed            []any
}

// readPlugin reads a file that has the key plugin.
func (s source) readPlugin(root *yaml.Node, at Position, name string) error {
	if name != "constructed" && name != "ansible.builtin.constructed" {
		return errorAt(at, "there is no inventory plugin %s here, only constructed; list the hosts in the file", name)
	}
	if s.inventory.options.Expressions == nil {
		return errorAt(at, "a constructed inventory cannot be read here")
	}
	c := &constructed{source: s, position: at, leadingSeparator: true}
	for _, entry := range entries(root) {
		value, err := DecodeYAMLIn(s.path, entry.value)
		if err == nil {
			err = c.option(entry.key.Value, value)
		}
		if err != nil {
			return errorAt(s.at(entry.key.Line, entry.key.Column), "%v", err)
		}
	}
	for _, h := range s.inventory.hosts {
		if err := c.construct(h); err != nil {
			return errorAt(at, "%v", err)
		}
	}
	return nil
}

func (c *constructed) option(name string, value any) error {
	switches := map[string]*bool{
		"strict": &c.strict, "use_extra_vars": &c.useExtraVars, "use_vars_plugins": &c.useVarsFiles, "leading_separator": &c.leadingSeparator,
	}
	mappings := map[string]**ordered.Map{"compose": &c.compose, "groups": &c.groups}
	switch {
	case name == "plugin" || value == nil:
	case switches[name] != nil:
		yes, ok := isYes(value)
		if !ok {
			return fmt.Errorf("%s is true or false", name)
		}
		*switches[name] = yes
	case mappings[name] != nil:
		m, ok := value.(*ordered.Map)
		if !ok {
			return fmt.Errorf("%s is a mapping of names and expressions", name)
		}
		*mappings[name] = m
	case name == "keyed_groups":
		list, ok := value.([]any)
		if !ok {
			return errors.New("keyed_groups is a list")
		}
		c.keyed = list
	default:
		return fmt.Errorf("a constructed inventory has plugin, compose, groups, keyed_groups, strict, leading_separator, use_extra_vars and "+
			"use_vars_plugins, not %q", name)
	}
	return nil
}

// isYes reads a boolean, which may be a word.
func isYes(value any) (yes, ok bool) {
	switch strings.ToLower(fmt.Sprint(value)) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	}
	return false, false
}

func (c *constructed) construct(h *Host) error {
	vars, err := c.varsOf(h, c.useExtraVars)
	if err != nil {
		return err
	}
	for name, expression := range c.compose.All() {
		value, err := c.evaluate(expression, vars)
		switch {
		case err == nil:
			h.vars.set(name, value, c.position)
		case c.strict:
			return fmt.Errorf("compose: %s of host %s: %w", name, h.Name, err)
		}
	}
	// Conditions of groups see no extra variables, as in Ansible.
	if vars, err = c.varsOf(h, false); err != nil {
		return err
	}
	for name, condition := range c.groups.All() {
		holds, err := c.holds(condition, vars)
		switch {
		case err == nil && holds:
			c.group(name).addHost(h)
		case err != nil && c.strict:
			return fmt.Errorf("groups: whether host %s is in %s: %w", h.Name, name, err)
		}
	}
	if vars, err = c.varsOf(h, c.useExtraVars); err != nil {
		return err
	}
	for _, one := range c.keyed {
		k, ok := one.(*ordered.Map)
		if !ok || k.Len() == 0 {
			return errors.New("keyed_groups: an entry is a mapping with a key")
		}
		if err := c.keyedGroup(h, k, vars); err != nil {
			return fmt.Errorf("keyed_groups: %v for host %s: %w", k.Value("key"), h.Name, err)
		}
	}
	return nil
}

// varsOf are the variables that a host has so far.
func (c *constructed) varsOf(h *Host, withExtra bool) (*ordered.Map, error) {
	var all variables
	merging := c.inventory.options.MergeMappings
	if c.useVarsFiles {
		merged, err := c.inventory.merged(h)
		if err != nil {
			return nil, err
		}
		all = merged
	} else {
		top := c.inventory.byGroup["all"]
		below := func(g *group) bool {
			return slices.Contains(g.walk(func(g *group) []*group { return g.parents }), top)
		}
		for _, g := range h.allGroups() {
			// Groups without parents are put below all when every source is read, which is too late for this one.
			if g != top || slices.ContainsFunc(h.groups, below) {
				all.add(g.vars, merging)
			}
		}
		all.add(h.vars, merging)
	}
	for name, value := range h.magic().All() {
		if name != "groups" && value != nil {
			all.set(name, value, Position{})
		}
	}
	if withExtra {
		for name, value := range c.inventory.options.ExtraVars {
			all.set(name, value, Position{})
		}
	}
	return all.values, nil
}

// evaluate works out an expression. What is no text is its own value.
func (c *constructed) evaluate(expression any, vars *ordered.Map) (any, error) {
	text, ok := expression.(string)
	if !ok {
		return nil, fmt.Errorf("%v is no expression", expression)
	}
	return c.inventory.options.Expressions.Evaluate(text, vars)
}

func (c *constructed) holds(condition any, vars *ordered.Map) (bool, error) {
	switch condition := condition.(type) {
	case bool:
		return condition, nil
	case string:
		return c.inventory.options.Expressions.Condition(condition, vars)
	}
	return false, fmt.Errorf("%v is no condition", condition)
}

// keyedGroup puts a host into the groups that an entry's key names.
func (c *constructed) keyedGroup(h *Host, k *ordered.Map, vars *ordered.Map) error {
	otherwise, trailing := k.Value("default_value"), k.Value("trailing_separator")
	if otherwise != nil && trailing != nil {
		return errors.New("default_value and trailing_separator exclude one another")
	}
	key, err := c.evaluate(k.Value("key"), vars)
	if err != nil {
		if c.strict {
			return err
		}
		return nil
	}
	separator := "_"
	if given, ok := k.Get("separator"); ok {
		separator = inName(given)
	}
	names, err := keyedNames(key, otherwise, trailing, separator)
	switch {
	case err != nil:
		return err
	case names == nil && c.strict && !isEmptyContainer(key):
		return errors.New("the key gives nothing")
	case names == nil:
		return nil
	}
	parent := k.Value("parent_group")
	if text, ok := parent.(string); ok {
		if parent, err = c.inventory.options.Expressions.Render(text, vars); err != nil {
			if c.strict {
				return err
			}
			return nil
		}
	}
	prefix := inName(k.Value("prefix"))
	if prefix == "" && !c.leadingSeparator {
		separator = ""
	}
	for _, name := range names {
		g := c.group(prefix + separator + name)
		g.addHost(h)
		if above := inName(parent); above != "" {
			if err := c.inventory.addChild(c.group(above), g); err != nil {
				return err
			}
		}
	}
	return nil
}

// group is the group of a name, with _ for what a variable's name cannot have.
func (c *constructed) group(name string) *group {
	safe := []rune(name)
	for at, r := range safe {
		if r != '_' && !unicode.IsLetter(r) && (at == 0 || !unicode.IsDigit(r)) {
			safe[at] = '_'
		}
	}
	return c.inventory.ensureGroup(string(safe), c.position)
}

// keyedNames are what the groups of a key are called behind prefix and separator; nil: there are none.
func keyedNames(key, otherwise, trailing any, separator string) ([]string, error) {
	missing := func(x any) bool { return x == nil || x == "" }
	var names []string
	switch k := key.(type) {
	case nil, string:
		switch {
		case !missing(k):
			names = append(names, inName(k))
		case otherwise != nil:
			names = append(names, inName(otherwise))
		}
	case []any:
		for _, one := range k {
			if missing(one) && otherwise != nil {
				one = otherwise
			}
			names = append(names, inName(one))
		}
	case *ordered.Map:
		for name, value := range k.All() {
			switch keep, known := isYes(trailing); {
			case !missing(value):
				name += separator + inName(value)
			case otherwise != nil:
				name += separator + inName(otherwise)
			case trailing != nil && known && !keep:
			default:
				name += separator + inName(value)
			}
			names = append(names, name)
		}
	default:
		if yes, ok := key.(bool); ok && !yes || key == 0 {
			return nil, nil
		}
		return nil, fmt.Errorf("the key gives %v, and not a text, a list or a mapping", key)
	}
	return names, nil
}

func isEmptyContainer(x any) bool {
	switch x := x.(type) {
	case []any:
		return len(x) == 0
	case *ordered.Map:
		return x.Len() == 0
	}
	return false
}

// inName is a value as it stands in a name.
func inName(x any) string {
	switch x := x.(type) {
	case nil:
		return ""
	case bool:
		if x {
			return "True"
		}
		return "False"
	}
	return fmt.Sprint(x)
}
