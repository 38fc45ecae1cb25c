package ansible

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"os"
	"reflect"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

var refusedTests = map[string]string{}

// tests are the tests of Jinja2 and Ansible. defined and undefined are built into CallTest.
var tests map[string]jinja.Callable

func init() {
	tests = map[string]jinja.Callable{
		"defined": {}, "undefined": {},
		// escaped is told by jinja.Run where a filter gave its value: texts carry no mark here.
		"escaped":  kind(func(any) bool { return false }),
		"none":     kind(func(v any) bool { return v == nil }),
		"boolean":  kind(func(v any) bool { _, ok := v.(bool); return ok }),
		"true":     kind(func(v any) bool { return v == true }),
		"false":    kind(func(v any) bool { return v == false }),
		"integer":  kind(jinja.IsWhole),
		"float":    kind(func(v any) bool { _, ok := v.(float64); return ok }),
		"number":   kind(func(v any) bool { _, _, _, ok := jinja.Number(v); return ok }),
		"string":   kind(func(v any) bool { _, ok := v.(string); return ok }),
		"mapping":  kind(func(v any) bool { _, ok := v.(*ordered.Map); return ok }),
		"sequence": kind(isSequence), "iterable": test(isSequence),
		"callable": test(func(v any) bool { _, ok := v.(*jinja.Function); return ok }),
		"lower":    test(func(v any) bool { s := jinja.Text(v); return s == strings.ToLower(s) && s != strings.ToUpper(s) }),
		"upper":    test(func(v any) bool { s := jinja.Text(v); return s == strings.ToUpper(s) && s != strings.ToLower(s) }),
		"odd":      divisible(func(i *big.Int) bool { return i.Bit(0) == 1 }),
		"even":     divisible(func(i *big.Int) bool { return i.Bit(0) == 0 }),
		"divisibleby": {Parameters: "num!", Do: func(c *jinja.Invocation) (any, error) {
			by, err := c.Integer("num", 0)
			i, isInt := jinja.Big(c.Value)
			if err != nil || !isInt || by == 0 {
				return nil, errors.Join(err, errors.New("divisibleby needs integers, and not zero"))
			}
			return new(big.Int).Rem(i, big.NewInt(int64(by))).Sign() == 0, nil
		}},
		"sameas": {Parameters: "other!", Do: func(c *jinja.Invocation) (any, error) {
			other := c.Bound["other"]
			return reflect.TypeOf(c.Value) == reflect.TypeOf(other) && jinja.Equal(c.Value, other), nil
		}},
		"in": {Parameters: "seq!", Do: func(c *jinja.Invocation) (any, error) { return c.Run.Contains(c.Bound["seq"], c.Value) }},
		"contains": {Parameters: "value!", Do: func(c *jinja.Invocation) (any, error) {
			return c.Run.Contains(c.Value, c.Bound["value"])
		}},
		"vault_encrypted": {Do: func(c *jinja.Invocation) (any, error) { return c.Run.Sealed(c.Value), nil }},
		"vaulted_file":    {Do: vaultedFile},
		"filter": {Do: func(c *jinja.Invocation) (any, error) {
			return c.Run.HasFilter(jinja.Text(c.Value)), nil
		}},
		"test": {Do: func(c *jinja.Invocation) (any, error) {
			_, ok := tests[jinja.BaseName(jinja.Text(c.Value))]
			return ok, nil
		}},

		"truthy": {Parameters: "convert_bool", Do: func(c *jinja.Invocation) (any, error) { return truthy(c) }},
		"falsy": {Parameters: "convert_bool", Do: func(c *jinja.Invocation) (any, error) {
			yes, err := truthy(c)
			return !yes, err
		}},
		"match":   regexTest("match"),
		"search":  regexTest("search"),
		"regex":   regexTest("regex"),
		"version": versionTest, "version_compare": versionTest,
		"subset": setTest(false), "issubset": setTest(false),
		"superset": setTest(true), "issuperset": setTest(true),
		"all": {Do: func(c *jinja.Invocation) (any, error) { return allOrAny(c, true) }},
		"any": {Do: func(c *jinja.Invocation) (any, error) { return allOrAny(c, false) }},
		"nan": {Do: func(c *jinja.Invocation) (any, error) {
			_, f, _, ok := jinja.Number(c.Value)
			return ok && math.IsNaN(f), nil
		}},

		"success":     resultTest(func(r *ordered.Map) (bool, error) { return not(resultFlag(r, "failed")) }),
		"failed":      resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "failed") }),
		"changed":     resultTest(resultChanged),
		"skipped":     resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "skipped") }),
		"finished":    resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "finished") }),
		"started":     resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "started") }),
		"reachable":   resultTest(func(r *ordered.Map) (bool, error) { return not(resultFlag(r, "unreachable")) }),
		"unreachable": resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "unreachable") }),

		"timedout": resultTest(func(r *ordered.Map) (bool, error) {
			limit, ok := r.Value("timedout").(*ordered.Map)
			if !ok {
				return false, nil
			}
			return resultFlag(limit, "period")
		}),
		"same_file": {Parameters: "other!", Do: func(c *jinja.Invocation) (any, error) {
			if c.Run.Options().Read == nil {
				return nil, errors.New("the test same_file cannot look at files here")
			}
			one, err := os.Stat(jinja.Text(c.Value))
			if err != nil {
				return nil, err
			}
			other, err := os.Stat(c.Text("other", ""))
			return err == nil && os.SameFile(one, other), err
		}},

		"file":        fileTest(func(_ string, i os.FileInfo) bool { return i.Mode().IsRegular() }, false),
		"directory":   fileTest(func(_ string, i os.FileInfo) bool { return i.IsDir() }, false),
		"exists":      fileTest(func(string, os.FileInfo) bool { return true }, false),
		"link":        fileTest(func(_ string, i os.FileInfo) bool { return i.Mode()&os.ModeSymlink != 0 }, true),
		"link_exists": fileTest(func(string, os.FileInfo) bool { return true }, true),
		"abs":         {Do: func(c *jinja.Invocation) (any, error) { return strings.HasPrefix(jinja.Text(c.Value), "/"), nil }},
	}
	for name, operator := range map[string]string{
		"eq": "==", "equalto": "==", "==": "==", "ne": "!=", "!=": "!=", "lt": "<", "lessthan": "<", "<": "<", "le": "<=", "<=": "<=",
		"gt": ">", "greaterthan": ">", ">": ">", "ge": ">=", ">=": ">=",
	} {
		tests[name] = jinja.Callable{Parameters: "other!", Do: func(c *jinja.Invocation) (any, error) {
			return c.Run.Compares(operator, c.Value, c.Bound["other"])
		}}
	}
	maps.Copy(tests, placeTests())
	maps.Copy(tests, addressTests())
	for alias, name := range map[string]string{
		"succeeded": "success", "successful": "success", "failure": "failed", "change": "changed", "skip": "skipped",
		"is_file": "file", "is_dir": "directory", "is_link": "link", "is_abs": "abs", "is_same_file": "same_file",
		"is_mount": "mount", "isnan": "nan",
	} {
		tests[alias] = tests[name]
	}
}

func test(is func(any) bool) jinja.Callable {
	return jinja.Callable{Do: func(c *jinja.Invocation) (any, error) { return is(c.Value), nil }}
}

// kind is a test for a type, which nothing undefined is of.
func kind(is func(any) bool) jinja.Callable {
	return jinja.Callable{Do: func(c *jinja.Invocation) (any, error) { return is(c.Value), nil }, Lenient: true}
}

func not(yes bool, err error) (bool, error) { return !yes, err }

func isSequence(v any) bool {
	switch v.(type) {
	case string, []any, jinja.Tuple, *ordered.Map:
		return true
	}
	return false
}

func divisible(is func(*big.Int) bool) jinja.Callable {
	return jinja.Callable{Do: func(c *jinja.Invocation) (any, error) {
		i, isInt := jinja.Big(c.Value)
		if !isInt {
			return nil, fmt.Errorf("%s needs an integer, this is %s", c.Name, jinja.Describe(c.Value))
		}
		return is(i), nil
	}}
}

func truthy(c *jinja.Invocation) (bool, error) {
	convert, err := c.Truth("convert_bool", false)
	if err != nil {
		return false, err
	}
	if convert {
		if s, ok := c.Value.(string); ok {
			switch strings.ToLower(s) {
			case "yes", "on", "1", "true", "y", "t":
				return true, nil
			case "no", "off", "0", "false", "n", "f":
				return false, nil
			}
		}
	}
	return jinja.Truth(c.Value)
}

func setTest(superset bool) jinja.Callable {
	return jinja.Callable{Parameters: "other!", Do: func(c *jinja.Invocation) (any, error) {
		mine, err := c.Items()
		if err != nil {
			return nil, err
		}
		other, err := jinja.ListOf(c.Name, c.Bound["other"])
		if err != nil {
			return nil, err
		}
		if err := jinja.Defined(append(mine[:len(mine):len(mine)], other...)); err != nil {
			return nil, err
		}
		if superset {
			mine, other = other, mine
		}
		for _, item := range mine {
			if !has(other, item) {
				return false, nil
			}
		}
		return true, nil
	}}
}

func has(items []any, wanted any) bool {
	for _, item := range items {
		if jinja.Equal(item, wanted) {
			return true
		}
	}
	return false
}

func allOrAny(c *jinja.Invocation, all bool) (any, error) {
	items, err := c.Items()
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		yes, err := jinja.Truth(item)
		if err != nil {
			return nil, err
		}
		if yes != all {
			return !all, nil
		}
	}
	return all, nil
}

func resultTest(is func(*ordered.Map) (bool, error)) jinja.Callable {
	return jinja.Callable{Do: func(c *jinja.Invocation) (any, error) {
		result, ok := c.Value.(*ordered.Map)
		if !ok {
			return nil, fmt.Errorf("the test %s needs a registered result, this is %s", c.Name, jinja.Describe(c.Value))
		}
		return is(result)
	}}
}

func resultFlag(result *ordered.Map, name string) (bool, error) {
	value, ok := result.Get(name)
	if !ok {
		return false, nil
	}
	return jinja.Truth(value)
}

// resultChanged also asks the results of a loop.
func resultChanged(result *ordered.Map) (bool, error) {
	if result.Has("changed") {
		return resultFlag(result, "changed")
	}
	items, _ := result.Value("results").([]any)
	for _, item := range items {
		if one, ok := item.(*ordered.Map); ok {
			if yes, err := resultFlag(one, "changed"); yes || err != nil {
				return yes, err
			}
		}
	}
	return false, nil
}

// fileTest looks at this machine, not at a host.
func fileTest(is func(path string, info os.FileInfo) bool, link bool) jinja.Callable {
	return jinja.Callable{Do: func(c *jinja.Invocation) (any, error) {
		path, ok := c.Value.(string)
		if !ok {
			return nil, fmt.Errorf("the test %s needs a path, this is %s", c.Name, jinja.Describe(c.Value))
		}
		if c.Run.Options().Read == nil {
			return nil, fmt.Errorf("the test %s cannot look at files here", c.Name)
		}
		stat := os.Stat
		if link {
			stat = os.Lstat
		}
		info, err := stat(path)
		return err == nil && is(path, info), nil
	}}
}
