package ansible

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
	"github.com/polarbook/polarbook/templates/suggest"
)

var tagForm = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>`)

// textFilters concern strings.
func textFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"upper":      ofText(func(s string) (any, error) { return strings.ToUpper(s), nil }),
		"lower":      ofText(func(s string) (any, error) { return strings.ToLower(s), nil }),
		"capitalize": ofText(func(s string) (any, error) { return jinja.Capitalize(s), nil }),
		"title":      ofText(func(s string) (any, error) { return jinjaTitle(s), nil }),
		"trim": {Parameters: "chars", Do: func(c *jinja.Invocation) (any, error) {
			if chars, ok := c.Given("chars"); ok && chars != nil {
				return strings.Trim(jinja.Text(c.Value), jinja.Text(chars)), nil
			}
			return strings.TrimSpace(jinja.Text(c.Value)), nil
		}},
		"replace": {Parameters: "old! new! count", Do: func(c *jinja.Invocation) (any, error) {
			count, err := c.Integer("count", -1)
			if err != nil {
				return nil, err
			}
			return jinja.ReplaceText(jinja.Text(c.Value), c.Text("old", ""), c.Text("new", ""), count)
		}},
		"center": {Parameters: "width", Do: func(c *jinja.Invocation) (any, error) {
			if _, ok := c.Given("width"); !ok {
				c.Bound["width"] = 80
			}
			c.Value = jinja.Text(c.Value)
			return jinja.StringMethods["center"].Do(c)
		}},
		"indent":   {Parameters: "width first blank", Do: indent},
		"truncate": {Parameters: "length killwords end leeway", Do: truncate},
		"wordwrap": {Parameters: "width break_long_words wrapstring break_on_hyphens", Do: wordwrap},
		"wordcount": ofText(func(s string) (any, error) {
			return len(strings.FieldsFunc(s, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })), nil
		}),
		"striptags": ofText(func(s string) (any, error) {
			return strings.Join(strings.Fields(html.UnescapeString(tagForm.ReplaceAllString(s, ""))), " "), nil
		}),
		"escape": ofText(func(s string) (any, error) { return escapeHTML(s), nil }),
		"split": {Parameters: "sep maxsplit", Do: func(c *jinja.Invocation) (any, error) {
			c.Value = jinja.Text(c.Value)
			return jinja.SplitMethod(c, false)
		}},
		"quote":         ofText(func(s string) (any, error) { return shellQuote(s), nil }),
		"regex_replace": {Parameters: "pattern replacement ignorecase multiline count mandatory_count", Do: regexReplace},
		"regex_search":  {Parameters: "pattern! *groups ignorecase multiline", Do: regexSearch},
		"regex_findall": {Parameters: "pattern! multiline ignorecase", Do: regexFindAll},
		"regex_escape":  {Parameters: "re_type", Do: regexEscape},
		"comment":       {Parameters: "style decoration beginning end prefix prefix_count postfix postfix_count newline", Do: comment},
		"urlencode": {Do: func(c *jinja.Invocation) (any, error) {
			switch v := c.Value.(type) {
			case *ordered.Map:
				parts := []string{}
				for key, item := range v.All() {
					parts = append(parts, queryEscape(key, "")+"="+queryEscape(jinja.Text(item), ""))
				}
				return strings.Join(parts, "&"), nil
			case []any:
				parts := []string{}
				for _, item := range v {
					pair, ok := item.(jinja.Tuple)
					if list, isList := item.([]any); isList {
						pair, ok = list, true
					}
					if !ok || len(pair) != 2 {
						return nil, errors.New("urlencode needs a string, a mapping or a list of pairs")
					}
					parts = append(parts, queryEscape(jinja.Text(pair[0]), "")+"="+queryEscape(jinja.Text(pair[1]), ""))
				}
				return strings.Join(parts, "&"), nil
			}
			return strings.ReplaceAll(queryEscape(jinja.Text(c.Value), "/"), "+", "%20"), nil
		}},
		"urldecode":      ofText(func(s string) (any, error) { return url.QueryUnescape(s) }),
		"urlsplit":       {Parameters: "query", Do: urlSplit},
		"human_readable": {Parameters: "isbits unit", Do: humanReadable},
		"human_to_bytes": {Parameters: "default_unit isbits", Do: humanToBytes},
		"filesizeformat": {Parameters: "binary", Do: fileSize},
		"expanduser":     {Do: expandUser},
		"expandvars": {Do: func(*jinja.Invocation) (any, error) {
			return nil, errors.New("expandvars is not supported: use lookup('env', 'NAME')")
		}},
		"commonpath": {Do: commonPath},
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
func indent(c *jinja.Invocation) (any, error) {
	prefix := ""
	if s, ok := c.Bound["width"].(string); ok {
		prefix = s
	} else {
		width, err := c.Integer("width", 4)
		if err != nil {
			return nil, err
		}
		if width > jinja.MaximumWidth {
			return nil, errors.New("the width is too large")
		}
		prefix = strings.Repeat(" ", max(width, 0))
	}
	first, err := c.Truth("first", false)
	if err != nil {
		return nil, err
	}
	blank, err := c.Truth("blank", false)
	if err != nil {
		return nil, err
	}
	s := jinja.Text(c.Value)
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

func truncate(c *jinja.Invocation) (any, error) {
	length, e1 := c.Integer("length", 255)
	leeway, e2 := c.Integer("leeway", 0)
	kill, e3 := c.Truth("killwords", false)
	if err := errors.Join(e1, e2, e3); err != nil {
		return nil, err
	}
	if _, ok := c.Given("leeway"); !ok {
		leeway = 5
	}
	end := c.Text("end", "...")
	runes := []rune(jinja.Text(c.Value))
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
func wordwrap(c *jinja.Invocation) (any, error) {
	width, e1 := c.Integer("width", 79)
	long, e2 := c.Truth("break_long_words", true)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	if width < 1 {
		return nil, errors.New("wordwrap needs a width above zero")
	}
	newline := c.Text("wrapstring", "\n")
	result := []string{}
	for _, line := range strings.Split(jinja.Text(c.Value), "\n") {
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

func urlSplit(c *jinja.Invocation) (any, error) {
	u, err := url.Parse(jinja.Text(c.Value))
	if err != nil {
		return nil, fmt.Errorf("urlsplit cannot read %q: %w", jinja.Text(c.Value), err)
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
	query := c.Text("query", "")
	if query == "" {
		return ordered.Sorted(parts), nil
	}
	part, ok := parts[query]
	if !ok {
		return nil, fmt.Errorf("urlsplit has no part %q%s", query, suggest.Suffix(query, jinja.Keys(parts)))
	}
	return part, nil
}

// comment makes a comment of a text, as Ansible's filter of that name.
func comment(c *jinja.Invocation) (any, error) {
	styles := map[string]map[string]string{
		"plain":  {"decoration": "# "},
		"erlang": {"decoration": "% "},
		"c":      {"decoration": "// "},
		"cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
		"xml":    {"beginning": "<!--", "decoration": " - ", "end": "-->"},
	}
	name := c.Text("style", "plain")
	style, ok := styles[name]
	if !ok {
		return nil, fmt.Errorf("comment has no style %q%s", name, suggest.Suffix(name, []string{"plain", "erlang", "c", "cblock", "xml"}))
	}
	value := func(key string) string { return c.Text(key, style[key]) }
	decoration := value("decoration")
	prefix, postfix := strings.TrimRight(decoration, " \t"), strings.TrimRight(decoration, " \t")
	if given, ok := c.Given("prefix"); ok {
		prefix = jinja.Text(given)
	}
	if given, ok := c.Given("postfix"); ok {
		postfix = jinja.Text(given)
	}
	before, e1 := c.Integer("prefix_count", 1)
	after, e2 := c.Integer("postfix_count", 1)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	if before > jinja.MaximumWidth || after > jinja.MaximumWidth {
		return nil, jinja.ErrTooLarge
	}
	newline := c.Text("newline", "\n")
	beginning, end := value("beginning"), value("end")
	var out strings.Builder
	if beginning != "" {
		out.WriteString(beginning + newline)
	}
	switch prefix {
	case "":
	case newline:
		out.WriteString(strings.Repeat(newline, max(before, 0)))
	default:
		out.WriteString(strings.Repeat(prefix+newline, max(before, 0)))
	}
	body := decoration + strings.ReplaceAll(jinja.Text(c.Value), newline, newline+decoration)
	body = strings.ReplaceAll(body, decoration+newline, strings.TrimRight(decoration, " \t")+newline)
	out.WriteString(body)
	// Other than an empty prefix, an empty postfix is a line too.
	out.WriteString(strings.Repeat(newline+postfix, max(after, 0)))
	if end != "" {
		out.WriteString(newline + end)
	}
	return out.String(), nil
}

// fileSize is Jinja2's filesizeformat.
func fileSize(c *jinja.Invocation) (any, error) {
	binary, err := c.Truth("binary", false)
	if err != nil {
		return nil, err
	}
	_, size, _, ok := jinja.Number(c.Value)
	if s, isText := c.Value.(string); isText {
		size, ok = pythonFloat(strings.TrimSpace(s))
	}
	if !ok {
		return nil, fmt.Errorf("filesizeformat needs a number, this is %s", jinja.Describe(c.Value))
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
		return jinja.Repr(jinja.Truncated(size)) + " Bytes", nil
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

var htmlEscapes = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", `"`, "&#34;")

func escapeHTML(s string) string { return htmlEscapes.Replace(s) }
