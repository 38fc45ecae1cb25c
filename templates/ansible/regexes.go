package ansible

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/pattern"
)

// compileRegex reads a regular expression of Python's, with the arguments ignorecase and multiline.
func compileRegex(c *jinja.Invocation) (*pattern.Pattern, error) {
	flags := pattern.Flags{}
	for argument, flag := range map[string]*bool{"ignorecase": &flags.IgnoreCase, "multiline": &flags.MultiLine} {
		yes, err := c.Truth(argument, false)
		if err != nil {
			return nil, err
		}
		*flag = yes
	}
	expression, err := pattern.Compile(c.Text("pattern", ""), flags)
	if err != nil {
		return nil, fmt.Errorf("%s: %q is not a regular expression: %w", c.Name, c.Text("pattern", ""), err)
	}
	return expression, nil
}

func regexReplace(c *jinja.Invocation) (any, error) {
	expression, err := compileRegex(c)
	if err != nil {
		return nil, err
	}
	count, err := c.Integer("count", 0)
	if err != nil {
		return nil, err
	}
	text, replaced, err := expression.Replace(jinja.Text(c.Value), c.Text("replacement", ""), max(0, count))
	if err != nil {
		return nil, err
	}
	if len(text) > jinja.MaximumText {
		return nil, fmt.Errorf("the text becomes larger than %d bytes", jinja.MaximumText)
	}
	if must, err := c.Integer("mandatory_count", 0); err != nil || must > 0 && replaced != must {
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("regex_replace should have made %d replacements, it made %d", must, replaced)
	}
	return text, nil
}

// regexSearch returns the match, a list of groups where groups are asked for, None without a match.
func regexSearch(c *jinja.Invocation) (any, error) {
	expression, err := compileRegex(c)
	if err != nil {
		return nil, err
	}
	subject := jinja.Text(c.Value)
	match, err := expression.Find(subject)
	if err != nil {
		return nil, err
	}
	if match == nil {
		return nil, nil
	}
	groups := []any{}
	for _, argument := range c.Rest {
		number, err := searchedGroup(expression, argument)
		if err != nil {
			return nil, err
		}
		if match[2*number] < 0 {
			groups = append(groups, nil)
			continue
		}
		groups = append(groups, subject[match[2*number]:match[2*number+1]])
	}
	if len(c.Rest) > 0 {
		return groups, nil
	}
	return subject[match[0]:match[1]], nil
}

// searchedGroup returns the number of a group that regex_search is asked for.
func searchedGroup(expression *pattern.Pattern, argument any) (int, error) {
	written, _ := argument.(string)
	name, ok := strings.CutPrefix(written, `\`)
	if inner, named := strings.CutPrefix(name, "g<"); ok && named {
		if name, ok = strings.CutSuffix(inner, ">"); ok {
			if number, known := expression.Group(name); known {
				return number, nil
			}
		}
	}
	number, err := strconv.Atoi(name)
	if err != nil || !ok {
		return 0, fmt.Errorf(`regex_search takes groups as '\\1' or '\\g<name>', and the expression %q has none for %s`, expression, jinja.Repr(argument))
	}
	if number < 0 || number > expression.Groups() {
		return 0, fmt.Errorf("the expression %q has no group %d", expression, number)
	}
	return number, nil
}

// regexFindAll returns the matches, or their groups where the expression has any.
func regexFindAll(c *jinja.Invocation) (any, error) {
	expression, err := compileRegex(c)
	if err != nil {
		return nil, err
	}
	found := []any{}
	subject := jinja.Text(c.Value)
	matches, err := expression.FindAll(subject, jinja.MaximumItems)
	if err != nil {
		return nil, err
	}
	for _, match := range matches {
		groups := []any{}
		for at := 0; at < len(match); at += 2 {
			if match[at] < 0 {
				groups = append(groups, "")
			} else {
				groups = append(groups, subject[match[at]:match[at+1]])
			}
		}
		switch len(groups) {
		case 1:
			found = append(found, groups[0])
		case 2:
			found = append(found, groups[1])
		default:
			found = append(found, jinja.Tuple(groups[1:]))
		}
	}
	return found, nil
}

// regexEscape escapes as Python's re.escape, or for POSIX basic expressions.
func regexEscape(c *jinja.Invocation) (any, error) {
	text := jinja.Text(c.Value)
	switch kind := c.Text("re_type", "python"); kind {
	case "python":
		return pattern.Escape(text), nil
	case "posix_basic":
		var out strings.Builder
		for _, r := range text {
			if strings.ContainsRune(`[].^$*\`, r) {
				out.WriteByte('\\')
			}
			out.WriteRune(r)
		}
		return out.String(), nil
	default:
		return nil, fmt.Errorf("regex_escape knows python and posix_basic, not %q", kind)
	}
}

// regexTest is match, search and regex.
func regexTest(kind string) jinja.Callable {
	parameters := "pattern! ignorecase multiline"
	if kind == "regex" {
		parameters += " match_type"
	}
	return jinja.Callable{Parameters: parameters, Do: func(c *jinja.Invocation) (any, error) {
		expression, err := compileRegex(c)
		if err != nil {
			return nil, err
		}
		kind := kind
		if kind == "regex" {
			kind = c.Text("match_type", "search")
		}
		find := expression.Find
		switch kind {
		case "search":
		case "match":
			find = expression.Match
		case "fullmatch":
			find = expression.FullMatch
		default:
			return nil, fmt.Errorf("the test regex has no match_type %q; there are search, match and fullmatch", kind)
		}
		match, err := find(jinja.Text(c.Value))
		return match != nil, err
	}}
}
