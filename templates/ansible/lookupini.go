package ansible

import (
	"errors"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/configparser"
	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/pattern"
	"github.com/polarbook/polarbook/templates/suggest"
)

// lookupINI gives values of a file with sections, or of Java's properties.
func lookupINI(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	found := []any{}
	for _, term := range terms {
		key := jinja.Text(term)
		if strings.Contains(key, "=") || strings.Contains(strings.TrimSpace(key), " ") {
			var own map[string]any
			var err error
			if key, own, err = inlineINI(key); err != nil {
				return nil, err
			}
			options = merged(options, own)
		}
		values, err := iniValues(r, key, options)
		if err != nil {
			return nil, err
		}
		found = append(found, values...)
	}
	return found, nil
}

var iniOptions = []string{"file", "section", "type", "re", "encoding", "default", "case_sensitive", "allow_no_value", "allow_none",
	"interpolation"}

// inlineINI takes the options out of a term: its values may have blanks, up to the next option.
func inlineINI(term string) (key string, own map[string]any, err error) {
	own = map[string]any{}
	last := ""
	for _, word := range strings.Fields(term) {
		if name, value, ok := strings.Cut(word, "="); ok {
			if strings.Contains(value, "=") {
				return "", nil, fmt.Errorf("%q has two =", word)
			}
			last = name
			own[name] = value
			continue
		}
		switch {
		case last != "":
			own[last] = own[last].(string) + " " + word
		case key != "":
			key += " " + word
		default:
			key = word
		}
	}
	if key == "" {
		return "", nil, fmt.Errorf("there is no key in %q", term)
	}
	return key, own, nil
}

func iniValues(r *jinja.Run, key string, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, iniOptions...); err != nil {
		return nil, err
	}
	o := given(options)
	caseful, e1 := yes(options, "case_sensitive", false)
	expression, e2 := yes(options, "re", false)
	interpret, e3 := yes(options, "interpolation", true)
	alone, e4 := yes(options, "allow_no_value", false)
	also, e5 := yes(options, "allow_none", false)
	if err := errors.Join(e1, e2, e3, e4, e5); err != nil {
		return nil, err
	}
	name, section := o.Text("file", "ansible.ini"), o.Text("section", "global")
	path, data, err := find(r, name, "files")
	if err != nil {
		return nil, err
	}
	text, err := decoded(string(data), o.Text("encoding", "utf-8"))
	if err != nil {
		return nil, err
	}
	switch kind := o.Text("type", "ini"); kind {
	case "properties":
		section = "java_properties"
		text = "[java_properties]\n" + text
	case "ini":
	default:
		return nil, fmt.Errorf("type is ini or properties, not %q", kind)
	}
	file := &configparser.File{CaseSensitive: caseful, AllowNoValue: alone || also, Interpolate: interpret}
	if err := file.Read(text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !file.Has(section) {
		if !expression && section == configparser.Default {
			return defaultValue(o), nil
		}
		return nil, fmt.Errorf("%s has no section [%s]%s", path, section, suggest.Suffix(section, file.Sections()))
	}
	if expression {
		compiled, err := pattern.Compile(key, pattern.Flags{})
		if err != nil {
			return nil, err
		}
		found := []any{}
		for _, option := range file.Names(section) {
			match, err := compiled.Match(option)
			if err != nil {
				return nil, err
			}
			if match == nil {
				continue
			}
			value, _, err := file.Get(section, option)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			if value == nil {
				found = append(found, nil)
			} else {
				found = append(found, *value)
			}
		}
		return found, nil
	}
	value, has, err := file.Get(section, key)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case !has:
		return defaultValue(o), nil
	case value == nil:
		return nil, nil
	}
	return []any{*value}, nil
}

func defaultValue(o *jinja.Invocation) []any {
	switch v := o.Get("default", "").(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}
