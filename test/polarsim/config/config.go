package config

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// FileSetting is one row of pg_file_settings.
type FileSetting struct {
	File    string
	Line    int
	Name    string
	Setting string
	Applied bool
	Error   string
}

// Assigned is a setting's value with where it came from.
type Assigned struct {
	Text   string // normalised: booleans on/off, numbers in the setting's own unit
	Source string // "default", "configuration file", "command line"
	File   string
	Line   int
}

// Files is the outcome of reading the configuration once.
type Files struct {
	Values   map[string]Assigned
	Settings []FileSetting
	Notices  []string // unrecognized polar_ parameters, which are tolerated
}

// Override is a -c name=value.
type Override struct{ Name, Value string }

// Load reads the files of a data directory. A bad line or an unknown name is an error; unknown names that begin
// with polar_ or contain a dot are tolerated.
func Load(pgdata string, overrides []Override) (*Files, error) {
	f := &Files{Values: map[string]Assigned{}}
	main, dma := filepath.Join(pgdata, "postgresql.conf"), filepath.Join(pgdata, "polar_dma.conf")
	for _, o := range overrides {
		switch strings.ToLower(o.Name) {
		case "config_file":
			main = o.Value
		case "polar_dma_file":
			dma = o.Value
		}
	}
	if _, err := os.Stat(main); err != nil {
		return nil, fmt.Errorf("could not access the server configuration file \"%s\": No such file or directory", main)
	}
	problems := f.read(main, 0)
	// What ALTER SYSTEM has set is read last and wins (guc-file.l:207, observed on 11.9).
	for _, name := range []string{dma, filepath.Join(pgdata, "postgresql.auto.conf")} {
		if _, err := os.Stat(name); err == nil {
			problems = append(problems, f.read(name, 0)...)
		}
	}
	if len(problems) > 0 {
		return f, fmt.Errorf("%s", strings.Join(problems, "\n"))
	}
	for _, o := range overrides {
		name := strings.ToLower(o.Name)
		if Lookup(name) == nil && !tolerated(name) {
			return f, fmt.Errorf("unrecognized configuration parameter \"%s\"", o.Name)
		}
		text, err := Normalise(name, o.Value)
		if err != nil {
			return f, err
		}
		f.Values[name] = Assigned{Text: text, Source: "command line"}
	}
	return f, nil
}

func tolerated(name string) bool {
	return strings.HasPrefix(name, "polar_") || strings.HasPrefix(name, "polarsim_") || strings.Contains(name, ".")
}

func (f *Files) read(name string, depth int) (problems []string) {
	b, err := os.ReadFile(name)
	if err != nil {
		return []string{fmt.Sprintf("could not open configuration file \"%s\": No such file or directory", name)}
	}
	if depth > 10 {
		return []string{fmt.Sprintf("could not open configuration file \"%s\": maximum nesting depth exceeded", name)}
	}
	for i, line := range strings.Split(string(b), "\n") {
		key, value, ok, bad := ParseLine(line)
		if bad != "" {
			problems = append(problems, fmt.Sprintf("syntax error in file \"%s\" line %d, near token \"%s\"", name, i+1, bad))
			continue
		}
		if !ok {
			continue
		}
		if strings.HasPrefix(key, "include") {
			problems = append(problems, f.include(key, value, filepath.Dir(name), depth)...)
			continue
		}
		for j := range f.Settings {
			if f.Settings[j].Name == key {
				f.Settings[j].Applied = false
			}
		}
		row := FileSetting{File: name, Line: i + 1, Name: key, Setting: value, Applied: true}
		if Lookup(key) == nil {
			if !tolerated(key) {
				row.Applied, row.Error = false, "unrecognized configuration parameter"
				problems = append(problems, fmt.Sprintf("unrecognized configuration parameter \"%s\" in file \"%s\" line %d", key, name, i+1))
			} else if strings.HasPrefix(key, "polar_") && !strings.Contains(key, ".") {
				f.Notices = append(f.Notices, fmt.Sprintf("unrecognized configuration parameter \"%s\"", key))
			}
			if strings.HasPrefix(key, "polarsim_") {
				f.Values[key] = Assigned{Text: value, Source: "configuration file", File: name, Line: i + 1}
			}
			f.Settings = append(f.Settings, row)
			continue
		}
		text, err := Normalise(key, value)
		if err != nil {
			row.Applied, row.Error = false, "setting could not be applied"
			problems = append(problems, err.Error())
		} else {
			f.Values[key] = Assigned{Text: text, Source: "configuration file", File: name, Line: i + 1}
		}
		f.Settings = append(f.Settings, row)
	}
	return problems
}

func (f *Files) include(key, value, directory string, depth int) []string {
	path := value
	if !filepath.IsAbs(path) {
		path = filepath.Join(directory, path)
	}
	switch key {
	case "include_if_exists":
		if _, err := os.Stat(path); err != nil {
			return nil
		}
	case "include_dir":
		names, err := filepath.Glob(filepath.Join(path, "*.conf"))
		if err != nil {
			return []string{err.Error()}
		}
		sort.Strings(names)
		var problems []string
		for _, name := range names {
			problems = append(problems, f.read(name, depth+1)...)
		}
		return problems
	}
	return f.read(path, depth+1)
}

// ParseLine reads one line: name [=] value [# comment]. ok is false for an empty line; bad is the token that
// made it a syntax error.
func ParseLine(line string) (name, value string, ok bool, bad string) {
	rest := strings.TrimSpace(line)
	if rest == "" || rest[0] == '#' {
		return "", "", false, ""
	}
	end := strings.IndexFunc(rest, func(r rune) bool {
		return r != '_' && r != '.' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	if end < 0 {
		return "", "", false, rest
	}
	if end == 0 {
		return "", "", false, rest[:1]
	}
	name = strings.ToLower(rest[:end])
	rest = strings.TrimSpace(rest[end:])
	rest = strings.TrimSpace(strings.TrimPrefix(rest, "="))
	if rest == "" || rest[0] == '#' {
		return "", "", false, name
	}
	if rest[0] == '\'' {
		var b strings.Builder
		for i := 1; i < len(rest); i++ {
			switch {
			case rest[i] == '\\' && i+1 < len(rest):
				i++
				i = unescape(&b, rest, i)
			case rest[i] == '\'' && i+1 < len(rest) && rest[i+1] == '\'':
				i++
				b.WriteByte('\'')
			case rest[i] == '\'':
				if tail := strings.TrimSpace(rest[i+1:]); tail != "" && tail[0] != '#' {
					return "", "", false, tail
				}
				return name, b.String(), true, ""
			default:
				b.WriteByte(rest[i])
			}
		}
		return "", "", false, rest
	}
	at := strings.IndexAny(rest, " \t\r#")
	if at < 0 {
		return name, rest, true, ""
	}
	if tail := strings.TrimSpace(rest[at:]); tail != "" && tail[0] != '#' {
		return "", "", false, strings.Fields(tail)[0]
	}
	return name, rest[:at], true, ""
}

// unescape writes what a backslash and the character at i stand for, and returns where it ends (engine: guc-file.l,
// DeescapeQuotedString).
func unescape(b *strings.Builder, s string, i int) int {
	switch c := s[i]; {
	case strings.IndexByte("bfnrt", c) >= 0:
		b.WriteByte("\b\f\n\r\t"[strings.IndexByte("bfnrt", c)])
	case c >= '0' && c <= '7':
		octal := 0
		for n := 0; n < 3 && i < len(s) && s[i] >= '0' && s[i] <= '7'; n++ {
			octal = octal<<3 + int(s[i]-'0')
			i++
		}
		b.WriteByte(byte(octal))
		return i - 1
	default:
		b.WriteByte(c)
	}
	return i
}
