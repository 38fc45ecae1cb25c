package tool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Program is one command: its arguments after the name, and its exit code.
type Program func(arguments []string) int

// Programs are the names an install prefix has in bin/.
var Programs = map[string]Program{
	"initdb": initdb, "pg_ctl": pgCtl, "postgres": postgres, "postmaster": postgres, "psql": psql, "pg_isready": isReady,
	"pg_basebackup":    func(a []string) int { return baseBackup("pg_basebackup", a) },
	"polar_basebackup": func(a []string) int { return baseBackup("polar_basebackup", a) },
	"pg_controldata":   controlData, "polar_tools": polarTools, "polar-initdb.sh": polarInitdb,
}

func versionText(program string) string {
	return program + " (PostgreSQL) 11.9 (polarsim stand-in)"
}

// askedVersion prints the version when that is all that was asked for.
func askedVersion(program string, arguments []string) bool {
	for _, a := range arguments {
		if a == "--version" || a == "-V" {
			fmt.Println(versionText(program))
			return true
		}
	}
	return false
}

func isRoot() bool { return os.Geteuid() == 0 }

func complain(format string, arguments ...any) int {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	return 1
}

// sibling returns the path of another program of the same prefix.
func sibling(name string) string {
	self := os.Args[0]
	if !strings.Contains(self, "/") {
		for _, directory := range filepath.SplitList(os.Getenv("PATH")) {
			if candidate := filepath.Join(directory, self); executable(candidate) {
				self = candidate
				break
			}
		}
	}
	if absolute, err := filepath.Abs(self); err == nil {
		self = absolute
	}
	return filepath.Join(filepath.Dir(self), name)
}

func executable(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}

// options is a small getopt: short options may be joined to their values, long ones take = or the next word.
type options struct {
	program string
	valued  map[string]string // every spelling to the option's own name, of those that take a value
	flags   map[string]string
	values  map[string][]string
	rest    []string
}

func newOptions(program string) *options {
	return &options{program: program, valued: map[string]string{}, flags: map[string]string{}, values: map[string][]string{}}
}

func (o *options) takes(name string, spellings ...string) {
	for _, s := range append(spellings, name) {
		o.valued[s] = name
	}
}

func (o *options) flag(name string, spellings ...string) {
	for _, s := range append(spellings, name) {
		o.flags[s] = name
	}
}

func (o *options) parse(arguments []string) error {
	for i := 0; i < len(arguments); i++ {
		a := arguments[i]
		switch {
		case a == "--":
			o.rest = append(o.rest, arguments[i+1:]...)
			return nil
		case strings.HasPrefix(a, "--"):
			name, value, joined := strings.Cut(a[2:], "=")
			if flag, ok := o.flags[name]; ok && !joined {
				o.values[flag] = append(o.values[flag], "")
				continue
			}
			option, ok := o.valued[name]
			if !ok {
				return fmt.Errorf("%s: unrecognized option '%s'", o.program, a)
			}
			if !joined {
				if i++; i >= len(arguments) {
					return fmt.Errorf("%s: option '%s' requires an argument", o.program, a)
				}
				value = arguments[i]
			}
			o.values[option] = append(o.values[option], value)
		case len(a) > 1 && a[0] == '-':
			for j := 1; j < len(a); j++ {
				letter := a[j : j+1]
				if flag, ok := o.flags[letter]; ok {
					o.values[flag] = append(o.values[flag], "")
					continue
				}
				option, ok := o.valued[letter]
				if !ok {
					return fmt.Errorf("%s: invalid option -- '%s'", o.program, letter)
				}
				value := a[j+1:]
				if value == "" {
					if i++; i >= len(arguments) {
						return fmt.Errorf("%s: option requires an argument -- '%s'", o.program, letter)
					}
					value = arguments[i]
				}
				o.values[option] = append(o.values[option], value)
				break
			}
		default:
			o.rest = append(o.rest, a)
		}
	}
	return nil
}

func (o *options) has(name string) bool { return len(o.values[name]) > 0 }

func (o *options) get(name, fallback string) string {
	if v := o.values[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return fallback
}

func environment(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}
