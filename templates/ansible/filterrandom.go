package ansible

import (
	"errors"
	"fmt"

	"github.com/polarbook/polarbook/templates/jinja"
)

// randomFilters draw numbers. With a seed they are those that Python draws.
func randomFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"random": {Parameters: "start step seed", Do: random},
		"shuffle": {Parameters: "seed", Do: func(c *jinja.Invocation) (any, error) {
			items, err := c.Run.Iterate(c.Value)
			if err != nil {
				return c.Value, nil // as Ansible has it
			}
			seed := c.Get("seed", nil)
			if given, err := jinja.Truth(seed); err != nil || !given {
				return shuffled(items, fresh{c.Run}), err
			}
			from, err := newMersenne(seed)
			if err != nil {
				return nil, fmt.Errorf("shuffle: %w", err)
			}
			return shuffled(items, from), nil
		}},
	}
}

// random is a number below the value, or one of a list or of a text's characters.
func random(c *jinja.Invocation) (any, error) {
	var from draws = fresh{c.Run}
	if seed := c.Get("seed", nil); seed != nil {
		python, err := newMersenne(seed)
		if err != nil {
			return nil, fmt.Errorf("random: %w", err)
		}
		from = python
	}
	start, e1 := optionalInteger(c, "start", 0)
	step, e2 := optionalInteger(c, "step", 1)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	if end, _, isInt, _ := jinja.Number(c.Value); isInt {
		return randomBelow(start, end, step, from)
	}
	switch c.Value.(type) {
	case nil, float64:
		return nil, fmt.Errorf("random takes an integer or a list, not %s", jinja.Describe(c.Value))
	}
	if start != 0 || step != 1 {
		return nil, errors.New("random takes start and step with an integer only")
	}
	if jinja.TypeName(c.Value) == "dict" {
		return nil, errors.New("random picks from a list, this is a mapping: write | list | random for a key of it, | " +
			"dict2items | random for a pair")
	}
	items, err := c.Run.Iterate(c.Value)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, errors.New("random needs something to pick from, this is empty")
	}
	return items[from.below(uint64(len(items)))], nil
}

// optionalInteger is an argument of random: what is false counts as not given.
func optionalInteger(c *jinja.Invocation, name string, otherwise int) (int, error) {
	value, err := c.Integer(name, otherwise)
	if value == 0 {
		value = otherwise
	}
	return value, err
}

// randomBelow is Python's randrange.
func randomBelow(start, end, step int, from draws) (any, error) {
	width := end - start
	if (end < start) != (width < 0) {
		return nil, jinja.ErrTooLarge
	}
	count := 0
	switch {
	case step > 0 && width > 0:
		count = (width-1)/step + 1
	case step < 0 && width < 0:
		count = (width+1)/step + 1
	}
	if count <= 0 {
		return nil, fmt.Errorf("random: there is no number from %d up to %d in steps of %d", start, end, step)
	}
	return start + step*int(from.below(uint64(count))), nil
}
