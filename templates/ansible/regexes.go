package ansible

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// compileRegex compiles a regular expression with the arguments ignorecase and multiline. The
// syntax is RE2's, which is Python's without look-around and without back-references in the pattern.
func compileRegex(c *jinja.Invocation, pattern string) (*regexp.Regexp, error) {
	flags := ""
	for argument, flag := range map[string]string{"ignorecase": "i", "multiline": "m"} {
		yes, err := c.Truth(argument, false)
		if err != nil {
			return nil, err
		}
		if yes {
			flags += flag
		}
	}
	if flags != "" {
		pattern = "(?" + flags + ")" + pattern
	}
	expression, err := regexp.Compile(pythonRegex(pattern))
	if err != nil {
		hint := ""
		if strings.Contains(pattern, "(?=") || strings.Contains(pattern, "(?!") || strings.Contains(pattern, "(?<") {
			hint = " (look-ahead and look-behind are not supported)"
		}
		return nil, fmt.Errorf("%s: %q is not a regular expression%s: %w", c.Name, c.Text("pattern", pattern), hint, err)
	}
	return expression, nil
}

// pythonRegex rewrites what Python spells otherwise: \Z is the end of the text.
func pythonRegex(pattern string) string {
	var out strings.Builder
	for at := 0; at < len(pattern); at++ {
		if pattern[at] != '\\' || at+1 >= len(pattern) {
			out.WriteByte(pattern[at])
			continue
		}
		at++
		switch pattern[at] {
		case 'Z':
			out.WriteString(`\z`)
		case '/', ' ', '"', '\'', '#', ',', '=', '<', '>', '@', ':', ';', '%', '&', '!', '~', '`', '_', '-':
			// Python lets punctuation be escaped that RE2 does not know as special.
			out.WriteString(regexp.QuoteMeta(string(pattern[at])))
		default:
			out.WriteByte('\\')
			out.WriteByte(pattern[at])
		}
	}
	return out.String()
}

// expandReplacement puts the groups of a match into \1 and \g<name>.
func expandReplacement(expression *regexp.Regexp, replacement, subject string, match []int) (string, error) {
	group := func(number int) (string, error) {
		if number < 0 || 2*number+1 >= len(match) {
			return "", fmt.Errorf("the expression has no group %d", number)
		}
		if match[2*number] < 0 {
			return "", nil
		}
		return subject[match[2*number]:match[2*number+1]], nil
	}
	var out strings.Builder
	for at := 0; at < len(replacement); at++ {
		c := replacement[at]
		if c != '\\' || at+1 >= len(replacement) {
			out.WriteByte(c)
			continue
		}
		at++
		c = replacement[at]
		switch {
		case c >= '1' && c <= '9':
			number := int(c - '0')
			if at+1 < len(replacement) && replacement[at+1] >= '0' && replacement[at+1] <= '9' &&
				2*(number*10+int(replacement[at+1]-'0'))+1 < len(match) {
				at++
				number = number*10 + int(replacement[at]-'0')
			}
			text, err := group(number)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
		case c == 'g' && at+1 < len(replacement) && replacement[at+1] == '<':
			end := strings.IndexByte(replacement[at:], '>')
			if end < 0 {
				return "", fmt.Errorf(`\g< is not closed in %q`, replacement)
			}
			name := replacement[at+2 : at+end]
			at += end
			number, err := strconv.Atoi(name)
			if err != nil {
				number = expression.SubexpIndex(name)
			}
			text, err := group(number)
			if err != nil {
				return "", fmt.Errorf("%w called %q", err, name)
			}
			out.WriteString(text)
		case strings.IndexByte("nrtafv\\", c) >= 0:
			out.WriteByte("\n\r\t\a\f\v\\"[strings.IndexByte("nrtafv\\", c)])
		default:
			out.WriteByte('\\')
			out.WriteByte(c)
		}
	}
	return out.String(), nil
}

func regexReplace(c *jinja.Invocation) (any, error) {
	expression, err := compileRegex(c, c.Text("pattern", ""))
	if err != nil {
		return nil, err
	}
	count, err := c.Integer("count", 0)
	if err != nil {
		return nil, err
	}
	subject, replacement := jinja.Text(c.Value), c.Text("replacement", "")
	var out strings.Builder
	last, replaced := 0, 0
	for _, match := range allMatches(expression, subject) {
		if count > 0 && replaced >= count {
			break
		}
		text, err := expandReplacement(expression, replacement, subject, match)
		if err != nil {
			return nil, err
		}
		out.WriteString(subject[last:match[0]])
		out.WriteString(text)
		if out.Len() > jinja.MaximumText {
			return nil, fmt.Errorf("the text becomes larger than %d bytes", jinja.MaximumText)
		}
		last = match[1]
		replaced++
	}
	if must, err := c.Integer("mandatory_count", 0); err != nil || must > 0 && replaced != must {
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("regex_replace should have made %d replacements, it made %d", must, replaced)
	}
	out.WriteString(subject[last:])
	return out.String(), nil
}

// regexSearch returns the match, a list of groups where groups are asked for, None without a match.
func regexSearch(c *jinja.Invocation) (any, error) {
	expression, err := compileRegex(c, c.Text("pattern", ""))
	if err != nil {
		return nil, err
	}
	subject := jinja.Text(c.Value)
	match := expression.FindStringSubmatchIndex(subject)
	groups := []any{}
	for _, argument := range c.Rest {
		name, ok := argument.(string)
		if !ok || !strings.HasPrefix(name, `\`) {
			return nil, fmt.Errorf("regex_search takes groups as '\\1' or '\\g<name>', not %s", jinja.Repr(argument))
		}
		if match == nil {
			continue
		}
		text, err := expandReplacement(expression, name, subject, match)
		if err != nil {
			return nil, err
		}
		groups = append(groups, text)
	}
	switch {
	case match == nil:
		return nil, nil
	case len(c.Rest) > 0:
		return groups, nil
	}
	return subject[match[0]:match[1]], nil
}

// regexFindAll returns the matches, or their groups where the expression has any.
func regexFindAll(c *jinja.Invocation) (any, error) {
	expression, err := compileRegex(c, c.Text("pattern", ""))
	if err != nil {
		return nil, err
	}
	found := []any{}
	subject := jinja.Text(c.Value)
	for _, match := range allMatches(expression, subject) {
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

// allMatches finds as Python does: an empty match may stand right behind a match that is not empty,
// where RE2's library leaves it out. Expressions that look at what stands before are left to RE2.
func allMatches(expression *regexp.Regexp, subject string) [][]int {
	matches := expression.FindAllStringSubmatchIndex(subject, -1)
	if strings.ContainsAny(expression.String(), "^") || strings.Contains(expression.String(), `\b`) ||
		strings.Contains(expression.String(), `\B`) || strings.Contains(expression.String(), `\A`) {
		return matches
	}
	result := make([][]int, 0, len(matches))
	for at, match := range matches {
		result = append(result, match)
		end := match[1]
		if match[0] == end || at+1 < len(matches) && matches[at+1][0] == end {
			continue
		}
		next := expression.FindStringSubmatchIndex(subject[end:])
		if next != nil && next[0] == 0 && next[1] == 0 {
			for i := range next {
				if next[i] >= 0 {
					next[i] += end
				}
			}
			result = append(result, next)
		}
	}
	return result
}

// regexEscape escapes as Python's re.escape, or for POSIX basic expressions.
func regexEscape(c *jinja.Invocation) (any, error) {
	special := `\.+*?()|[]{}^$-&~# ` + "\t\n\r\v\f"
	switch kind := c.Text("re_type", "python"); kind {
	case "python":
	case "posix_basic":
		special = `[].^$*\`
	default:
		return nil, fmt.Errorf("regex_escape knows python and posix_basic, not %q", kind)
	}
	var out strings.Builder
	for _, r := range jinja.Text(c.Value) {
		if strings.ContainsRune(special, r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String(), nil
}
