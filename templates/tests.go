package templates

import (
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

var refusedTests = map[string]string{
	"vault_encrypted": "encrypted values are not supported",
}

// tests are the tests of Jinja2 and Ansible. defined and undefined are built into callTest.
var tests map[string]callable

func init() {
	tests = map[string]callable{
		"defined": {}, "undefined": {},
		"none":     kind(func(v any) bool { return v == nil }),
		"boolean":  kind(func(v any) bool { _, ok := v.(bool); return ok }),
		"true":     kind(func(v any) bool { return v == true }),
		"false":    kind(func(v any) bool { return v == false }),
		"integer":  kind(func(v any) bool { _, ok := v.(int); return ok }),
		"float":    kind(func(v any) bool { _, ok := v.(float64); return ok }),
		"number":   kind(func(v any) bool { _, _, _, ok := number(v); return ok }),
		"string":   kind(func(v any) bool { _, ok := v.(string); return ok }),
		"mapping":  kind(func(v any) bool { _, ok := v.(*ordered.Map); return ok }),
		"sequence": kind(isSequence), "iterable": test(isSequence),
		"callable": test(func(v any) bool { _, ok := v.(*function); return ok }),
		"lower":    test(func(v any) bool { s := text(v); return s == strings.ToLower(s) && s != strings.ToUpper(s) }),
		"upper":    test(func(v any) bool { s := text(v); return s == strings.ToUpper(s) && s != strings.ToLower(s) }),
		"odd":      divisible(func(i int) bool { return i%2 != 0 }),
		"even":     divisible(func(i int) bool { return i%2 == 0 }),
		"divisibleby": {"num!", func(c *invocation) (any, error) {
			by, err := c.integer("num", 0)
			i, _, isInt, _ := number(c.value)
			if err != nil || !isInt || by == 0 {
				return nil, errors.Join(err, errors.New("divisibleby needs integers, and not zero"))
			}
			return i%by == 0, nil
		}, false},
		"sameas": {"other!", func(c *invocation) (any, error) {
			other := c.bound["other"]
			return reflect.TypeOf(c.value) == reflect.TypeOf(other) && equal(c.value, other), nil
		}, false},
		"in": {"seq!", func(c *invocation) (any, error) { return c.run.contains(c.bound["seq"], c.value) }, false},
		"contains": {"value!", func(c *invocation) (any, error) {
			return c.run.contains(c.value, c.bound["value"])
		}, false},
		"filter": {"", func(c *invocation) (any, error) {
			_, ok := c.run.session.engine.filters[baseName(text(c.value))]
			return ok, nil
		}, false},
		"test": {"", func(c *invocation) (any, error) { _, ok := tests[baseName(text(c.value))]; return ok, nil }, false},

		"truthy": {"convert_bool", func(c *invocation) (any, error) { return truthy(c) }, false},
		"falsy": {"convert_bool", func(c *invocation) (any, error) {
			yes, err := truthy(c)
			return !yes, err
		}, false},
		"match":   regexTest("match"),
		"search":  regexTest("search"),
		"regex":   regexTest("search"),
		"version": versionTest, "version_compare": versionTest,
		"subset": setTest(false), "issubset": setTest(false),
		"superset": setTest(true), "issuperset": setTest(true),
		"all": {"", func(c *invocation) (any, error) { return allOrAny(c, true) }, false},
		"any": {"", func(c *invocation) (any, error) { return allOrAny(c, false) }, false},
		"nan": {"", func(c *invocation) (any, error) {
			_, f, _, ok := number(c.value)
			return ok && math.IsNaN(f), nil
		}, false},

		"success":     resultTest(func(r *ordered.Map) (bool, error) { return not(resultFlag(r, "failed")) }),
		"failed":      resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "failed") }),
		"changed":     resultTest(resultChanged),
		"skipped":     resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "skipped") }),
		"finished":    resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "finished") }),
		"started":     resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "started") }),
		"reachable":   resultTest(func(r *ordered.Map) (bool, error) { return not(resultFlag(r, "unreachable")) }),
		"unreachable": resultTest(func(r *ordered.Map) (bool, error) { return resultFlag(r, "unreachable") }),

		"file":        fileTest(func(i os.FileInfo) bool { return i.Mode().IsRegular() }, false),
		"directory":   fileTest(func(i os.FileInfo) bool { return i.IsDir() }, false),
		"exists":      fileTest(func(os.FileInfo) bool { return true }, false),
		"link":        fileTest(func(i os.FileInfo) bool { return i.Mode()&os.ModeSymlink != 0 }, true),
		"link_exists": fileTest(func(os.FileInfo) bool { return true }, true),
		"abs":         {"", func(c *invocation) (any, error) { return strings.HasPrefix(text(c.value), "/"), nil }, false},
	}
	for name, operator := range map[string]string{
		"eq": "==", "equalto": "==", "==": "==", "ne": "!=", "!=": "!=", "lt": "<", "lessthan": "<", "<": "<", "le": "<=", "<=": "<=",
		"gt": ">", "greaterthan": ">", ">": ">", "ge": ">=", ">=": ">=",
	} {
		tests[name] = callable{"other!", func(c *invocation) (any, error) {
			return c.run.compares(operator, c.value, c.bound["other"])
		}, false}
	}
	for alias, name := range map[string]string{
		"succeeded": "success", "successful": "success", "failure": "failed", "change": "changed", "skip": "skipped",
		"is_file": "file", "is_dir": "directory", "is_link": "link", "is_abs": "abs", "isnan": "nan",
	} {
		tests[alias] = tests[name]
	}
}

func test(is func(any) bool) callable {
	return callable{"", func(c *invocation) (any, error) { return is(c.value), nil }, false}
}

// kind is a test for a type, which nothing undefined is of.
func kind(is func(any) bool) callable {
	return callable{"", func(c *invocation) (any, error) { return is(c.value), nil }, true}
}

func not(yes bool, err error) (bool, error) { return !yes, err }

func isSequence(v any) bool {
	switch v.(type) {
	case string, []any, tuple, *ordered.Map:
		return true
	}
	return false
}

func divisible(is func(int) bool) callable {
	return callable{"", func(c *invocation) (any, error) {
		i, _, isInt, _ := number(c.value)
		if !isInt {
			return nil, fmt.Errorf("%s needs an integer, this is %s", c.name, describe(c.value))
		}
		return is(i), nil
	}, false}
}

func truthy(c *invocation) (bool, error) {
	convert, err := c.truth("convert_bool", false)
	if err != nil {
		return false, err
	}
	if convert {
		if s, ok := c.value.(string); ok {
			switch strings.ToLower(s) {
			case "yes", "on", "1", "true", "y", "t":
				return true, nil
			case "no", "off", "0", "false", "n", "f":
				return false, nil
			}
		}
	}
	return truth(c.value)
}

func regexTest(kind string) callable {
	prefix := ""
	if kind == "match" {
		prefix = `\A`
	}
	return callable{"pattern! ignorecase multiline", func(c *invocation) (any, error) {
		expression, err := compileRegex(c, prefix+`(?:`+c.text("pattern", "")+`)`)
		if err != nil {
			return nil, err
		}
		return expression.MatchString(text(c.value)), nil
	}, false}
}

func setTest(superset bool) callable {
	return callable{"other!", func(c *invocation) (any, error) {
		mine, err := c.items()
		if err != nil {
			return nil, err
		}
		other, err := listOf(c.name, c.bound["other"])
		if err != nil {
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
	}, false}
}

func has(items []any, wanted any) bool {
	for _, item := range items {
		if equal(item, wanted) {
			return true
		}
	}
	return false
}

func allOrAny(c *invocation, all bool) (any, error) {
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		yes, err := truth(item)
		if err != nil {
			return nil, err
		}
		if yes != all {
			return !all, nil
		}
	}
	return all, nil
}

func resultTest(is func(*ordered.Map) (bool, error)) callable {
	return callable{"", func(c *invocation) (any, error) {
		result, ok := c.value.(*ordered.Map)
		if !ok {
			return nil, fmt.Errorf("the test %s needs a registered result, this is %s", c.name, describe(c.value))
		}
		return is(result)
	}, false}
}

func resultFlag(result *ordered.Map, name string) (bool, error) {
	value, ok := result.Get(name)
	if !ok {
		return false, nil
	}
	return truth(value)
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
func fileTest(is func(os.FileInfo) bool, link bool) callable {
	return callable{"", func(c *invocation) (any, error) {
		path, ok := c.value.(string)
		if !ok {
			return nil, fmt.Errorf("the test %s needs a path, this is %s", c.name, describe(c.value))
		}
		if c.run.session.engine.options.Read == nil {
			return nil, fmt.Errorf("the test %s cannot look at files here", c.name)
		}
		stat := os.Stat
		if link {
			stat = os.Lstat
		}
		info, err := stat(path)
		return err == nil && is(info), nil
	}, false}
}
