package templates

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/templates/ordered"
)

var tagForm = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>`)

// textFilters concern strings.
func textFilters() map[string]callable {
	return map[string]callable{
		"upper":      ofText(func(s string) (any, error) { return strings.ToUpper(s), nil }),
		"lower":      ofText(func(s string) (any, error) { return strings.ToLower(s), nil }),
		"capitalize": ofText(func(s string) (any, error) { return capitalize(s), nil }),
		"title":      ofText(func(s string) (any, error) { return jinjaTitle(s), nil }),
		"trim": {"chars", func(c *invocation) (any, error) {
			if chars, ok := c.given("chars"); ok && chars != nil {
				return strings.Trim(text(c.value), text(chars)), nil
			}
			return strings.TrimSpace(text(c.value)), nil
		}, false},
		"replace": {"old! new! count", func(c *invocation) (any, error) {
			count, err := c.integer("count", -1)
			if err != nil {
				return nil, err
			}
			return replaceText(text(c.value), c.text("old", ""), c.text("new", ""), count)
		}, false},
		"center": {"width", func(c *invocation) (any, error) {
			if _, ok := c.given("width"); !ok {
				c.bound["width"] = 80
			}
			c.value = text(c.value)
			return stringMethods["center"].do(c)
		}, false},
		"indent":   {"width first blank", indent, false},
		"truncate": {"length killwords end leeway", truncate, false},
		"wordwrap": {"width break_long_words wrapstring break_on_hyphens", wordwrap, false},
		"wordcount": ofText(func(s string) (any, error) {
			return len(strings.FieldsFunc(s, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })), nil
		}),
		"striptags": ofText(func(s string) (any, error) {
			return strings.Join(strings.Fields(html.UnescapeString(tagForm.ReplaceAllString(s, ""))), " "), nil
		}),
		"escape": ofText(func(s string) (any, error) {
			return strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", `"`, "&#34;").Replace(s), nil
		}),
		"split": {"sep maxsplit", func(c *invocation) (any, error) {
			c.value = text(c.value)
			return splitMethod(c, false)
		}, false},
		"quote":         ofText(func(s string) (any, error) { return shellQuote(s), nil }),
		"regex_replace": {"pattern replacement ignorecase multiline count mandatory_count", regexReplace, false},
		"regex_search":  {"pattern! *groups ignorecase multiline", regexSearch, false},
		"regex_findall": {"pattern! multiline ignorecase", regexFindAll, false},
		"regex_escape":  {"re_type", regexEscape, false},
		"comment":       {"style decoration beginning end prefix prefix_count postfix postfix_count newline", comment, false},
		"urlencode": {"", func(c *invocation) (any, error) {
			switch v := c.value.(type) {
			case *ordered.Map:
				parts := []string{}
				for key, item := range v.All() {
					parts = append(parts, queryEscape(key, "")+"="+queryEscape(text(item), ""))
				}
				return strings.Join(parts, "&"), nil
			case []any:
				parts := []string{}
				for _, item := range v {
					pair, ok := item.(tuple)
					if list, isList := item.([]any); isList {
						pair, ok = list, true
					}
					if !ok || len(pair) != 2 {
						return nil, errors.New("urlencode needs a string, a mapping or a list of pairs")
					}
					parts = append(parts, queryEscape(text(pair[0]), "")+"="+queryEscape(text(pair[1]), ""))
				}
				return strings.Join(parts, "&"), nil
			}
			return strings.ReplaceAll(queryEscape(text(c.value), "/"), "+", "%20"), nil
		}, false},
		"urldecode":      ofText(func(s string) (any, error) { return url.QueryUnescape(s) }),
		"urlsplit":       {"query", urlSplit, false},
		"human_readable": {"isbits unit", humanReadable, false},
		"human_to_bytes": {"default_unit isbits", humanToBytes, false},
		"filesizeformat": {"binary", fileSize, false},
		"expanduser":     {"", expandUser, false},
		"expandvars": {"", func(*invocation) (any, error) {
			return nil, errors.New("expandvars is not supported: use lookup('env', 'NAME')")
		}, false},
		"commonpath": {"", commonPath, false},
		"normpath":   ofText(func(s string) (any, error) { return cleanPath(s), nil }),
	}
}

// jinjaTitle makes the first letter of every word upper case; words end at blanks, dashes and
// opening brackets.
func jinjaTitle(s string) string {
	var out strings.Builder
	begin := true
	for _, c := range s {
		switch {
		case begin:
			out.WriteRune(unicode.ToUpper(c))
		default:
			out.WriteRune(unicode.ToLower(c))
		}
		begin = unicode.IsSpace(c) || strings.ContainsRune("-({[<", c)
	}
	return out.String()
}

// indent puts blanks before every line but the first; empty lines stay empty.
func indent(c *invocation) (any, error) {
	prefix := ""
	if s, ok := c.bound["width"].(string); ok {
		prefix = s
	} else {
		width, err := c.integer("width", 4)
		if err != nil {
			return nil, err
		}
		if width > maximumWidth {
			return nil, errors.New("the width is too large")
		}
		prefix = strings.Repeat(" ", max(width, 0))
	}
	first, err := c.truth("first", false)
	if err != nil {
		return nil, err
	}
	blank, err := c.truth("blank", false)
	if err != nil {
		return nil, err
	}
	s := text(c.value)
	lines := strings.Split(s, "\n")
	for at, line := range lines {
		if (at > 0 || first) && (blank || line != "") {
			lines[at] = prefix + line
		}
		if at == 0 && first && line == "" && s != "" {
			lines[at] = prefix
		}
	}
	return strings.Join(lines, "\n"), nil
}

func truncate(c *invocation) (any, error) {
	length, e1 := c.integer("length", 255)
	leeway, e2 := c.integer("leeway", 0)
	kill, e3 := c.truth("killwords", false)
	if err := errors.Join(e1, e2, e3); err != nil {
		return nil, err
	}
	if _, ok := c.given("leeway"); !ok {
		leeway = 5
	}
	end := c.text("end", "...")
	runes := []rune(text(c.value))
	if length < len([]rune(end)) {
		return nil, fmt.Errorf("truncate: the length %d is shorter than %q", length, end)
	}
	if len(runes) <= length+leeway {
		return string(runes), nil
	}
	cut := string(runes[:length-len([]rune(end))])
	if !kill {
		if at := strings.LastIndexByte(cut, ' '); at >= 0 {
			cut = cut[:at]
		}
	}
	return cut + end, nil
}

// wordwrap breaks lines at blanks.
func wordwrap(c *invocation) (any, error) {
	width, e1 := c.integer("width", 79)
	long, e2 := c.truth("break_long_words", true)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	if width < 1 {
		return nil, errors.New("wordwrap needs a width above zero")
	}
	newline := c.text("wrapstring", "\n")
	result := []string{}
	for _, line := range strings.Split(text(c.value), "\n") {
		current := []rune{}
		for _, word := range strings.Fields(line) {
			runes := []rune(word)
			if len(current) > 0 && len(current)+1+len(runes) > width {
				result = append(result, string(current))
				current = nil
			}
			if len(current) > 0 {
				current = append(current, ' ')
			}
			for long && len(current)+len(runes) > width {
				room := width - len(current)
				result = append(result, string(append(current, runes[:room]...)))
				current, runes = nil, runes[room:]
			}
			current = append(current, runes...)
		}
		result = append(result, string(current))
	}
	return strings.Join(result, newline), nil
}

var shellSafe = regexp.MustCompile(`^[a-zA-Z0-9@%+=:,./_-]+$`)

// shellQuote quotes as Python's shlex.quote.
func shellQuote(s string) string {
	if shellSafe.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}

// queryEscape escapes as Python's quote_plus but for the safe characters.
func queryEscape(s, safe string) string {
	var out strings.Builder
	for at := 0; at < len(s); at++ {
		c := s[at]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("_.-~"+safe, c) >= 0:
			out.WriteByte(c)
		case c == ' ':
			out.WriteByte('+')
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

func urlSplit(c *invocation) (any, error) {
	u, err := url.Parse(text(c.value))
	if err != nil {
		return nil, fmt.Errorf("urlsplit cannot read %q: %w", text(c.value), err)
	}
	parts := map[string]any{
		"scheme": u.Scheme, "netloc": u.Host, "path": u.Path, "query": u.RawQuery, "fragment": u.Fragment,
		"hostname": nil, "port": nil, "username": nil, "password": nil,
	}
	if u.Hostname() != "" {
		parts["hostname"] = strings.ToLower(u.Hostname())
	}
	if u.Port() != "" {
		port, err := parsePythonInt(u.Port(), 10)
		if err != nil {
			return nil, err
		}
		parts["port"] = port
	}
	if u.User != nil {
		parts["netloc"] = u.User.String() + "@" + u.Host
		parts["username"] = u.User.Username()
		if password, ok := u.User.Password(); ok {
			parts["password"] = password
		}
	}
	query := c.text("query", "")
	if query == "" {
		return ordered.Sorted(parts), nil
	}
	part, ok := parts[query]
	if !ok {
		return nil, fmt.Errorf("urlsplit has no part %q%s", query, didYouMean(query, keys(parts)))
	}
	return part, nil
}

// comment makes a comment of a text, as Ansible's filter of that name.
func comment(c *invocation) (any, error) {
	styles := map[string]map[string]string{
		"plain":  {"decoration": "# "},
		"erlang": {"decoration": "% "},
		"c":      {"decoration": "// "},
		"cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
		"xml":    {"beginning": "<!--", "decoration": " - ", "end": "-->"},
	}
	name := c.text("style", "plain")
	style, ok := styles[name]
	if !ok {
		return nil, fmt.Errorf("comment has no style %q%s", name, didYouMean(name, []string{"plain", "erlang", "c", "cblock", "xml"}))
	}
	value := func(key string) string { return c.text(key, style[key]) }
	decoration := value("decoration")
	prefix, postfix := strings.TrimRight(decoration, " \t"), strings.TrimRight(decoration, " \t")
	if given, ok := c.given("prefix"); ok {
		prefix = text(given)
	}
	if given, ok := c.given("postfix"); ok {
		postfix = text(given)
	}
	before, e1 := c.integer("prefix_count", 1)
	after, e2 := c.integer("postfix_count", 1)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	if before > maximumWidth || after > maximumWidth {
		return nil, errTooLarge
	}
	newline := c.text("newline", "\n")
	beginning, end := value("beginning"), value("end")
	var out strings.Builder
	if beginning != "" {
		out.WriteString(beginning + newline)
	}
	if prefix != "" {
		out.WriteString(strings.TrimRight(strings.Repeat(prefix+newline, max(before, 0)), ""))
	}
	body := decoration + strings.ReplaceAll(text(c.value), newline, newline+decoration)
	body = strings.ReplaceAll(body, newline+decoration+newline, newline+strings.TrimRight(decoration, " \t")+newline)
	out.WriteString(body)
	if postfix != "" {
		out.WriteString(strings.Repeat(newline+postfix, max(after, 0)))
	}
	if end != "" {
		out.WriteString(newline + end)
	}
	return out.String(), nil
}

// fileSize is Jinja2's filesizeformat.
func fileSize(c *invocation) (any, error) {
	binary, err := c.truth("binary", false)
	if err != nil {
		return nil, err
	}
	_, size, _, ok := number(c.value)
	if s, isText := c.value.(string); isText {
		size, ok = pythonFloat(strings.TrimSpace(s))
	}
	if !ok {
		return nil, fmt.Errorf("filesizeformat needs a number, this is %s", describe(c.value))
	}
	base := 1000.0
	prefixes := []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if binary {
		base = 1024
		prefixes = []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	switch {
	case size == 1:
		return "1 Byte", nil
	case size < base:
		return fmt.Sprintf("%d Bytes", int(size)), nil
	}
	unit := base
	for at, prefix := range prefixes {
		unit *= base
		if size < unit || at == len(prefixes)-1 {
			return fmt.Sprintf("%.1f %s", base*size/unit, prefix), nil
		}
	}
	return "", nil
}
