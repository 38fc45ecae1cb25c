package ansible

import (
	"fmt"
	"regexp"
	"strings"
)

// iniFile is a file as Python's configparser reads it: values may go on in indented lines, names have no case unless asked, and the
// section DEFAULT holds for all.
type iniFile struct {
	sections  []string
	options   map[string]*iniSection
	caseful   bool
	noValues  bool // names may stand without a value
	interpret bool // %(name)s is another value
}

type iniSection struct {
	names  []string
	values map[string]*string // nil: without a value
}

var (
	iniHeader = regexp.MustCompile(`^\[(.+)\]`)
	iniOption = regexp.MustCompile(`^(.*?)\s*([=:])\s*(.*)$`)
	iniMark   = regexp.MustCompile(`%\(([^)]+)\)s`)
)

func (f *iniFile) name(s string) string {
	if f.caseful {
		return s
	}
	return strings.ToLower(s)
}

func (f *iniFile) section(name string) *iniSection {
	if f.options == nil {
		f.options = map[string]*iniSection{}
	}
	s, ok := f.options[name]
	if !ok {
		s = &iniSection{values: map[string]*string{}}
		f.options[name] = s
		if name != "DEFAULT" {
			f.sections = append(f.sections, name)
		}
	}
	return s
}

// read reads a file. What stands twice is an error.
func (f *iniFile) read(text string) error {
	var at *iniSection
	var current string
	var lines []string
	indent := 0
	finish := func() {
		if current != "" && at != nil && at.values[current] != nil {
			joined := strings.TrimRight(strings.Join(lines, "\n"), " \t\n\r\f\v")
			at.values[current] = &joined
		}
		current, lines = "", nil
	}
	for number, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed != "" && (trimmed[0] == '#' || trimmed[0] == ';') {
			continue
		}
		if trimmed == "" {
			if current != "" && at.values[current] != nil {
				lines = append(lines, "")
			}
			continue
		}
		depth := len(line) - len(strings.TrimLeft(line, " \t\f\v\r"))
		if current != "" && depth > indent {
			if at.values[current] == nil {
				return fmt.Errorf("line %d goes on with a name that has no value", number+1)
			}
			lines = append(lines, trimmed)
			continue
		}
		finish()
		indent = depth
		if header := iniHeader.FindStringSubmatch(trimmed); header != nil {
			if _, twice := f.options[header[1]]; twice && header[1] != "DEFAULT" {
				return fmt.Errorf("line %d: the section [%s] is there twice", number+1, header[1])
			}
			at = f.section(header[1])
			continue
		}
		if at == nil {
			return fmt.Errorf("line %d stands before any section: %s", number+1, trimmed)
		}
		name, value := trimmed, (*string)(nil)
		if option := iniOption.FindStringSubmatch(trimmed); option != nil {
			name, value = option[1], &option[3]
		} else if !f.noValues {
			return fmt.Errorf("line %d has no = or :, and is no section: %s", number+1, trimmed)
		}
		if name = f.name(strings.TrimRight(name, " \t")); name == "" {
			return fmt.Errorf("line %d has no name before its value: %s", number+1, trimmed)
		}
		if _, twice := at.values[name]; twice {
			return fmt.Errorf("line %d: %s is there twice in its section", number+1, name)
		}
		at.names = append(at.names, name)
		at.values[name] = value
		current = name
		if value != nil {
			lines = []string{*value}
		}
	}
	finish()
	return nil
}

// get returns a value: has is false where the section has none of the name, and value is nil where the name stands alone.
func (f *iniFile) get(section, name string) (value *string, has bool, err error) {
	name = f.name(name)
	raw, has := f.raw(section, name)
	if !has || raw == nil || !f.interpret {
		return raw, has, nil
	}
	text, err := f.interpolated(section, name, *raw, 1)
	return &text, true, err
}

func (f *iniFile) raw(section, name string) (*string, bool) {
	for _, s := range []string{section, "DEFAULT"} {
		if own, ok := f.options[s]; ok {
			if value, ok := own.values[name]; ok {
				return value, true
			}
		}
	}
	return nil, false
}

// interpolated puts other values in the place of %(name)s, and % in that of %%.
func (f *iniFile) interpolated(section, name, text string, depth int) (string, error) {
	if depth > 10 {
		return "", fmt.Errorf("%s of [%s] is made of values that are made of values, more than ten deep", name, section)
	}
	var out strings.Builder
	for {
		at := strings.IndexByte(text, '%')
		if at < 0 {
			out.WriteString(text)
			return out.String(), nil
		}
		out.WriteString(text[:at])
		text = text[at:]
		if strings.HasPrefix(text, "%%") {
			out.WriteByte('%')
			text = text[2:]
			continue
		}
		mark := iniMark.FindStringSubmatchIndex(text)
		if mark == nil || mark[0] != 0 {
			return "", fmt.Errorf("%s of [%s]: a %% is followed by %% or by (NAME)s; interpolation=false takes it as it is", name, section)
		}
		wanted := f.name(text[mark[2]:mark[3]])
		value, ok := f.raw(section, wanted)
		if !ok || value == nil {
			return "", fmt.Errorf("%s of [%s] is made of %s, which is not there", name, section, wanted)
		}
		inner, err := f.interpolated(section, wanted, *value, depth+1)
		if err != nil {
			return "", err
		}
		out.WriteString(inner)
		text = text[mark[1]:]
	}
}

// names are those of a section, its own after those that DEFAULT has.
func (f *iniFile) names(section string) []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range []string{"DEFAULT", section} {
		if own, ok := f.options[s]; ok {
			for _, name := range own.names {
				if !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
	}
	return names
}
