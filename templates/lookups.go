package templates

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// lookup is one lookup plugin: terms are its positional arguments, and it returns one value or more.
type lookup func(r *run, terms []any, options map[string]any) ([]any, error)

var refusedLookups = map[string]string{
	"password":      "it writes a file; define the password in a variable, or take it from the environment with lookup('env', 'NAME')",
	"pipe":          "it runs a command on this machine",
	"lines":         "it runs a command on this machine",
	"url":           "polarbook opens no connections but those to the hosts",
	"csvfile":       "read the file with lookup('file') and split it",
	"ini":           "read the file with lookup('file')",
	"unvault":       "encrypted files are not supported",
	"config":        "there is no configuration of Ansible here",
	"random_choice": "a run must give the same result when repeated",
}

var lookups map[string]lookup

func init() {
	lookups = map[string]lookup{
		"env": lookupEnv, "file": lookupFile, "template": lookupTemplate, "vars": lookupVars, "varnames": lookupVarNames,
		"first_found": lookupFirstFound, "dict": lookupDict, "items": lookupItems, "list": lookupList,
		"indexed_items": lookupIndexed, "together": lookupTogether, "nested": lookupNested, "cartesian": lookupNested,
		"sequence": lookupSequence, "fileglob": lookupFileGlob, "flattened": lookupFlattened, "subelements": lookupSubelements,
	}
}

func lookupProblem(name string) string {
	base := baseName(name)
	base = strings.TrimPrefix(base, "community.general.")
	if _, ok := lookups[base]; ok {
		return ""
	}
	if why, ok := refusedLookups[base]; ok {
		return fmt.Sprintf("lookup('%s') is not supported: %s", name, why)
	}
	known := []string{}
	for name := range lookups {
		known = append(known, name)
	}
	return fmt.Sprintf("there is no lookup %q%s", name, didYouMean(base, known))
}

// lookupPlugin is lookup(), which joins what it finds with commas, and query(), which gives a list.
func (r *run) lookupPlugin(join bool, positional []any, named map[string]any) (any, error) {
	positional, err := r.session.forceItems(positional, 0)
	if err != nil {
		return nil, err
	}
	if len(positional) == 0 {
		return nil, errors.New("lookup() needs the name of a lookup")
	}
	for _, item := range positional {
		if u, ok := item.(*undefined); ok {
			return nil, u.error()
		}
	}
	options := map[string]any{}
	for key, value := range named {
		if options[key], err = r.session.force(value); err != nil {
			return nil, err
		}
		if u, ok := options[key].(*undefined); ok {
			return nil, u.error()
		}
	}
	name := text(positional[0])
	if problem := lookupProblem(name); problem != "" {
		return nil, errors.New(problem)
	}
	wantList, err := truth(options["wantlist"])
	if err != nil {
		return nil, err
	}
	mode := "strict"
	if value, ok := options["errors"]; ok {
		mode = text(value)
	}
	delete(options, "wantlist")
	delete(options, "errors")
	base := strings.TrimPrefix(baseName(name), "community.general.")
	found, err := lookups[base](r, positional[1:], options)
	if err != nil {
		if mode == "ignore" || mode == "warn" {
			found, err = nil, nil
			if join && !wantList {
				return nil, nil
			}
			return []any{}, nil
		}
		return nil, fmt.Errorf("lookup('%s'): %w", name, err)
	}
	if !join || wantList {
		return append([]any{}, found...), nil
	}
	if len(found) == 1 {
		return found[0], nil
	}
	texts := []string{}
	for _, value := range found {
		s, ok := value.(string)
		if !ok {
			return found, nil
		}
		texts = append(texts, s)
	}
	return strings.Join(texts, ","), nil
}

func onlyOptions(options map[string]any, known ...string) error {
	for _, key := range keys(options) {
		found := false
		for _, name := range known {
			found = found || name == key
		}
		if !found {
			return fmt.Errorf("it has no option %q%s", key, didYouMean(key, known))
		}
	}
	return nil
}

func lookupEnv(r *run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "default"); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		name := strings.TrimSpace(text(term))
		var value any = ""
		if otherwise, ok := options["default"]; ok {
			value = otherwise
		}
		if r.session.engine.options.Env != nil {
			if set, ok := r.session.engine.options.Env(name); ok {
				value = set
			}
		}
		found = append(found, value)
	}
	return found, nil
}

// find returns the path and content of a file named in a template. within is the directory that
// Ansible adds for its kind: files or templates.
func (r *run) find(name, within string) (string, []byte, error) {
	o := r.session.engine.options
	if o.Read == nil {
		return "", nil, errors.New("files cannot be read here")
	}
	candidates := []string{}
	switch {
	case filepath.IsAbs(name):
		candidates = append(candidates, name)
	default:
		for _, directory := range o.Directories {
			candidates = append(candidates, filepath.Join(directory, within, name), filepath.Join(directory, name))
		}
	}
	for _, path := range candidates {
		data, err := o.Read(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		return path, data, err
	}
	return "", nil, fmt.Errorf("the file %s does not exist; looked for %s: %w", name, strings.Join(candidates, ", "), os.ErrNotExist)
}

func lookupFile(r *run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "lstrip", "rstrip"); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		_, data, err := r.find(text(term), "files")
		if err != nil {
			return nil, err
		}
		content := string(data)
		if strip, ok := options["rstrip"]; !ok || equal(strip, true) {
			content = strings.TrimRight(content, " \t\n\r\v\f")
		}
		if strip, ok := options["lstrip"]; ok && equal(strip, true) {
			content = strings.TrimLeft(content, " \t\n\r\v\f")
		}
		found = append(found, content)
	}
	return found, nil
}

func lookupTemplate(r *run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "template_vars"); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		body, path, ok, err := r.session.engine.include(r.session.where, text(term))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("the template %s does not exist", text(term))
		}
		inner := &run{r.session, newFrame(nil), &strings.Builder{}}
		if extra, ok := options["template_vars"].(map[string]any); ok {
			inner.frame.values = extra
		}
		if err := inner.included(path, body, func(inner *run) error { return inner.all(body.program) }); err != nil {
			return nil, err
		}
		found = append(found, inner.out.String())
	}
	return found, nil
}

func lookupVars(r *run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "default"); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		value, err := r.variable(text(term))
		if err != nil {
			return nil, err
		}
		if u, ok := value.(*undefined); ok {
			otherwise, given := options["default"]
			if !given {
				return nil, u.error()
			}
			value = otherwise
		}
		if value, err = r.session.force(value); err != nil {
			return nil, err
		}
		found = append(found, value)
	}
	return found, nil
}

func lookupVarNames(r *run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		expression, err := compileRegex(&invocation{name: "varnames", bound: map[string]any{"pattern": term}}, text(term))
		if err != nil {
			return nil, err
		}
		for _, name := range r.session.names() {
			if expression.MatchString(name) {
				found = append(found, name)
			}
		}
	}
	return found, nil
}

func lookupFirstFound(r *run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "files", "paths", "skip"); err != nil {
		return nil, err
	}
	skip, err := truth(options["skip"])
	if err != nil {
		return nil, err
	}
	candidates := []string{}
	add := func(files, paths any) {
		for _, file := range wordsOf(files) {
			prefixes := wordsOf(paths)
			if len(prefixes) == 0 {
				candidates = append(candidates, file)
			}
			for _, prefix := range prefixes {
				candidates = append(candidates, filepath.Join(prefix, file))
			}
		}
	}
	add(options["files"], options["paths"])
	for _, term := range flatten(terms, -1, true) {
		if m, ok := term.(map[string]any); ok {
			add(m["files"], m["paths"])
			if yes, err := truth(m["skip"]); err == nil && yes {
				skip = true
			}
			continue
		}
		add([]any{term}, options["paths"])
	}
	for _, candidate := range candidates {
		for _, within := range []string{"files", "templates", "vars", "tasks"} {
			if path, _, err := r.find(candidate, within); err == nil {
				return []any{path}, nil
			}
		}
	}
	if skip {
		return []any{}, nil
	}
	return nil, fmt.Errorf("none of the files exists: %s", strings.Join(candidates, ", "))
}

// wordsOf returns a list of names, or what a string lists with commas, semicolons or colons.
func wordsOf(value any) []string {
	switch v := value.(type) {
	case string:
		return strings.FieldsFunc(v, func(c rune) bool { return c == ',' || c == ';' || c == ':' })
	case []any:
		list := []string{}
		for _, item := range v {
			list = append(list, text(item))
		}
		return list
	}
	return nil
}

func lookupDict(_ *run, terms []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options); err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		m, ok := term.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("it needs a mapping, this is %s", describe(term))
		}
		for _, key := range keys(m) {
			found = append(found, map[string]any{"key": key, "value": m[key]})
		}
	}
	return found, nil
}

func lookupItems(_ *run, terms []any, options map[string]any) ([]any, error) {
	return flatten(terms, 1, false), onlyOptions(options)
}

func lookupList(_ *run, terms []any, options map[string]any) ([]any, error) {
	return terms, onlyOptions(options)
}

func lookupFlattened(_ *run, terms []any, options map[string]any) ([]any, error) {
	return flatten(terms, -1, true), onlyOptions(options)
}

func lookupIndexed(_ *run, terms []any, options map[string]any) ([]any, error) {
	found := []any{}
	for at, item := range flatten(terms, 1, false) {
		found = append(found, tuple{at, item})
	}
	return found, onlyOptions(options)
}

func lookupTogether(_ *run, terms []any, options map[string]any) ([]any, error) {
	lists, err := listsOf(terms)
	if err != nil {
		return nil, err
	}
	longest := 0
	for _, list := range lists {
		longest = max(longest, len(list))
	}
	found := []any{}
	for at := range longest {
		row := []any{}
		for _, list := range lists {
			if at < len(list) {
				row = append(row, list[at])
			} else {
				row = append(row, nil)
			}
		}
		found = append(found, row)
	}
	return found, onlyOptions(options)
}

func listsOf(terms []any) ([][]any, error) {
	lists := [][]any{}
	for _, term := range terms {
		list, ok := term.([]any)
		if !ok {
			if t, isTuple := term.(tuple); isTuple {
				list = t
			} else {
				list = []any{term}
			}
		}
		lists = append(lists, list)
	}
	if len(lists) == 0 {
		return nil, errors.New("it needs at least one list")
	}
	return lists, nil
}

func lookupNested(_ *run, terms []any, options map[string]any) ([]any, error) {
	lists, err := listsOf(terms)
	if err != nil {
		return nil, err
	}
	rows, err := productOf(lists)
	found := make([]any, len(rows))
	for at, row := range rows {
		found[at] = row
	}
	return found, errors.Join(err, onlyOptions(options))
}

func productOf(lists [][]any) ([][]any, error) {
	rows := [][]any{{}}
	for _, list := range lists {
		if len(list)*len(rows) > maximumItems {
			return nil, fmt.Errorf("the product has more than %d rows", maximumItems)
		}
		next := make([][]any, 0, len(list)*len(rows))
		for _, row := range rows {
			for _, item := range list {
				next = append(next, append(row[:len(row):len(row)], item))
			}
		}
		rows = next
	}
	return rows, nil
}

func lookupSubelements(r *run, terms []any, options map[string]any) ([]any, error) {
	if len(terms) < 2 {
		return nil, errors.New("it needs a list and the name of the list in each element")
	}
	skip := false
	if len(terms) > 2 {
		if m, ok := terms[2].(map[string]any); ok {
			skip, _ = truth(m["skip_missing"])
		}
	}
	return subelements(terms[0], terms[1], skip)
}

// lookupSequence gives texts: start=1 end=5 stride=2 format=node%02d, or the short 1-5/2:node%02d.
func lookupSequence(_ *run, terms []any, options map[string]any) ([]any, error) {
	if len(terms) > 0 {
		for _, part := range strings.Fields(text(terms[0])) {
			if key, value, ok := strings.Cut(part, "="); ok {
				options[key] = value
				continue
			}
			part, format, ok := strings.Cut(part, ":")
			if ok {
				options["format"] = format
			}
			part, stride, ok := strings.Cut(part, "/")
			if ok {
				options["stride"] = stride
			}
			options["end"] = part
			if start, end, ok := strings.Cut(part, "-"); ok {
				options["start"], options["end"] = start, end
			}
		}
	}
	if err := onlyOptions(options, "start", "end", "count", "stride", "format"); err != nil {
		return nil, err
	}
	number := func(name string, otherwise int) (int, error) {
		value, ok := options[name]
		if !ok {
			return otherwise, nil
		}
		parsed, err := strconv.ParseInt(text(value), 0, 32)
		if err != nil {
			return 0, fmt.Errorf("%s must be an integer, not %s", name, repr(value))
		}
		return int(parsed), nil
	}
	start, e1 := number("start", 1)
	end, e2 := number("end", 0)
	count, e3 := number("count", 0)
	stride, e4 := number("stride", 1)
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return nil, err
	}
	_, hasEnd := options["end"]
	_, hasCount := options["count"]
	switch {
	case hasEnd == hasCount:
		return nil, errors.New("it needs either end or count")
	case hasCount && count == 0:
		return []any{}, nil
	case hasCount:
		end = start + (count-1)*stride
	}
	if stride == 0 || stride > 0 && end < start || stride < 0 && end > start {
		if stride > 0 && end < start {
			return nil, errors.New("to count backwards make stride negative")
		}
		return nil, errors.New("the stride leads away from the end")
	}
	format := "%d"
	if value, ok := options["format"]; ok {
		format = text(value)
	}
	found := []any{}
	for at := start; stride > 0 && at <= end || stride < 0 && at >= end; at += stride {
		item, err := formatPercent(format, at)
		if err != nil {
			return nil, err
		}
		if found = append(found, item); len(found) > maximumItems {
			return nil, fmt.Errorf("it gives more than %d items", maximumItems)
		}
	}
	return found, nil
}

func lookupFileGlob(r *run, terms []any, options map[string]any) ([]any, error) {
	o := r.session.engine.options
	if o.Read == nil {
		return nil, errors.New("files cannot be read here")
	}
	found := []any{}
	for _, term := range terms {
		pattern := text(term)
		patterns := []string{pattern}
		if !filepath.IsAbs(pattern) {
			patterns = nil
			for _, directory := range o.Directories {
				patterns = append(patterns, filepath.Join(directory, "files", pattern), filepath.Join(directory, pattern))
			}
		}
		for _, pattern := range patterns {
			paths, err := filepath.Glob(pattern)
			if err != nil {
				return nil, err
			}
			sort.Strings(paths)
			for _, path := range paths {
				if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
					found = append(found, path)
				}
			}
			if len(paths) > 0 {
				break
			}
		}
	}
	return found, onlyOptions(options)
}
