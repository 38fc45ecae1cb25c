// Package configparser reads text as Python's configparser does, which ini files of Ansible's world are read by: repositories of yum,
// local facts, files for lookups. It knows nothing of the project.
package configparser

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Default is the section whose values hold for all others.
const Default = "DEFAULT"

// File is a text that was read: values may go on in indented lines, and names are in lower case. Its zero value is ready to read.
type File struct {
	CaseSensitive bool // names stay as they are
	AllowNoValue  bool // names may stand without a value
	Interpolate   bool // %(name)s is another value, and %% is %

	names    []string // of sections, in their order, without Default
	sections map[string]*section
}

type section struct {
	names  []string
	values map[string]*string // nil: without a value
}

var (
	iniHeader = regexp.MustCompile(`^\[(.+)\]`)
	iniOption = regexp.MustCompile(`^(.*?)\s*([=:])\s*(.*)$`)
	iniMark   = regexp.MustCompile(`%\(([^)]+)\)s`)
)

func (f *File) name(s string) string {
	if f.CaseSensitive {
		return s
	}
	return strings.ToLower(s)
}

func (f *File) section(name string) *section {
	if f.sections == nil {
		f.sections = map[string]*section{}
	}
	s, ok := f.sections[name]
	if !ok {
		s = &section{values: map[string]*string{}}
		f.sections[name] = s
		if name != Default {
			f.names = append(f.names, name)
		}
	}
	return s
}

// Read reads a text. A section or a name that stands twice is an error, as is what is neither; it tells the line.
func (f *File) Read(text string) error {
	var at *section
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
			if _, twice := f.sections[header[1]]; twice && header[1] != Default {
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
		} else if !f.AllowNoValue {
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

// Get returns a value, which Default may have for the section: has is false where the section has none of the name, and value is nil where
// the name stands alone.
func (f *File) Get(section, name string) (value *string, has bool, err error) {
	name = f.name(name)
	raw, has := f.raw(section, name)
	if !has || raw == nil || !f.Interpolate {
		return raw, has, nil
	}
	text, err := f.interpolated(section, name, *raw, 1)
	return &text, true, err
}

func (f *File) raw(section, name string) (*string, bool) {
	for _, s := range []string{section, Default} {
		if own, ok := f.sections[s]; ok {
			if value, ok := own.values[name]; ok {
				return value, true
			}
		}
	}
	return nil, false
}

// interpolated puts other values in the place of %(name)s, and % in that of %%.
func (f *File) interpolated(section, name, text string, depth int) (string, error) {
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

// Sections are the names of the sections but Default, in their order.
func (f *File) Sections() []string { return f.names }

// Has reports whether there is a section.
func (f *File) Has(section string) bool { return f.sections[section] != nil }

// Own are the names that a section itself sets, in their order.
func (f *File) Own(section string) []string {
	if s := f.sections[section]; s != nil {
		return s.names
	}
	return nil
}

// Names are those that a section has: Default's, then its own.
func (f *File) Names(section string) []string {
	names := slices.Clone(f.Own(Default))
	for _, name := range f.Own(section) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
