package jinja

import (
	"errors"
	"fmt"
	"strings"
)

// slice returns of[start:stop:step].
func (r *Run) slice(of any, s *slice) (any, error) {
	if u, ok := of.(*Undefined); ok {
		return u, nil
	}
	bounds := [3]*int{}
	for at, node := range []expression{s.start, s.stop, s.step} {
		if node == nil {
			continue
		}
		value, err := r.forced(node)
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		i, _, isInt, _ := Number(value)
		if !isInt {
			return nil, locate(node, fmt.Errorf("the bounds of a slice are integers, this is %s", Describe(value)))
		}
		bounds[at] = &i
	}
	of, err := r.session.Force(of)
	if err != nil {
		return nil, err
	}
	switch v := of.(type) {
	case string:
		runes := []rune(v)
		picked, err := sliceIndexes(len(runes), bounds)
		var out strings.Builder
		for _, at := range picked {
			out.WriteRune(runes[at])
		}
		return out.String(), err
	case []any:
		return sliceItems(v, bounds)
	case Tuple:
		items, err := sliceItems(v, bounds)
		return Tuple(items), err
	}
	return nil, fmt.Errorf("%s cannot be sliced", Describe(of))
}

func sliceItems(items []any, bounds [3]*int) ([]any, error) {
	picked, err := sliceIndexes(len(items), bounds)
	result := make([]any, 0, len(picked))
	for _, at := range picked {
		result = append(result, items[at])
	}
	return result, err
}

func sliceIndexes(length int, bounds [3]*int) ([]int, error) {
	step := 1
	if bounds[2] != nil {
		step = *bounds[2]
	}
	if step == 0 {
		return nil, errors.New("the step of a slice cannot be zero")
	}
	low, high := 0, length
	if step < 0 {
		low, high = -1, length-1
	}
	clamp := func(bound *int, otherwise int) int {
		if bound == nil {
			return otherwise
		}
		at := *bound
		if at < 0 {
			at += length
		}
		return max(low, min(at, high))
	}
	start, stop := clamp(bounds[0], low), clamp(bounds[1], high)
	if step < 0 {
		start, stop = clamp(bounds[0], high), clamp(bounds[1], low)
	}
	picked := []int{}
	for at := start; step > 0 && at < stop || step < 0 && at > stop; at += step {
		picked = append(picked, at)
		if step > length || -step > length {
			break
		}
	}
	return picked, nil
}
