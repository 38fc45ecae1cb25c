package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/polarbook/polarbook/templates/ordered"
)

// maxProgramOutput bounds what an inventory program may print: more is something else, run by mistake.
const maxProgramOutput = 64 << 20

// errNotAProgram means that a file that may be run cannot be: it is an inventory with too many rights.
var errNotAProgram = errors.New("not a program")

// readProgram runs an inventory program with --list and takes what it prints: groups by name, each with hosts, vars and children,
// and _meta.hostvars with the variables of each host. Without _meta it is run once more with --host for each host, as
// Ansible does. An exit status other than 0 is an error with what the program had to say.
func (s source) readProgram() error {
	out, err := s.runProgram("--list")
	if err != nil {
		return err
	}
	listed, err := s.programAnswer(out, "--list")
	if err != nil {
		return err
	}
	at := Position{File: s.path}
	var order []string
	known := map[string]bool{}
	var hostvars *ordered.Map
	for name, value := range listed.All() {
		if name == "_meta" {
			meta, _ := value.(*ordered.Map)
			if vars, ok := meta.Get("hostvars"); ok {
				if hostvars, ok = vars.(*ordered.Map); !ok {
					return errorAt(at, "the inventory program printed a _meta.hostvars that is no mapping but a %s", kindName(vars))
				}
			}
			continue
		}
		hosts, err := s.programGroup(name, value)
		if err != nil {
			return err
		}
		for _, h := range hosts {
			if !known[h] {
				known[h] = true
				order = append(order, h)
			}
		}
	}
	for _, name := range order {
		vars, _ := hostvars.Value(name).(*ordered.Map)
		if hostvars == nil {
			out, err := s.runProgram("--host", name)
			if err != nil {
				return err
			}
			if len(bytes.TrimSpace(out)) == 0 {
				continue
			}
			if vars, err = s.programAnswer(out, "--host "+name); err != nil {
				return err
			}
		}
		h := s.inventory.byName[name]
		for variable, value := range vars.All() {
			h.vars.set(variable, value, at)
		}
	}
	return nil
}

// programGroup takes one group of what a program printed, and returns the names of its hosts. A list are its hosts; a mapping
// without hosts, vars and children is one host of the group's name with these variables.
func (s source) programGroup(name string, value any) ([]string, error) {
	at := Position{File: s.path}
	bad := func(key, wanted string, value any) error {
		return errorAt(at, "the inventory program printed %s of the group %q that is no %s but a %s", key, name, wanted, kindName(value))
	}
	g := s.inventory.ensureGroup(name, at)
	data, ok := value.(*ordered.Map)
	switch {
	case !ok:
		data = ordered.Of("hosts", value)
	case !data.Has("hosts") && !data.Has("vars") && !data.Has("children"):
		data = ordered.Of("hosts", []any{name}, "vars", data)
	}
	var names []string
	if listed, ok := data.Get("hosts"); ok {
		list, ok := listed.([]any)
		if !ok {
			return nil, bad("hosts", "list", listed)
		}
		for _, item := range list {
			host, ok := item.(string)
			if !ok {
				return nil, bad("a host", "text", item)
			}
			g.addHost(s.inventory.ensureHost(host, at, s.absolute, s.directory))
			names = append(names, host)
		}
	}
	if given, ok := data.Get("vars"); ok {
		vars, ok := given.(*ordered.Map)
		if !ok {
			return nil, bad("vars", "mapping", given)
		}
		for variable, value := range vars.All() {
			if err := setGroupVariable(g, variable, value, at); err != nil {
				return nil, err
			}
		}
	}
	children, _ := data.Value("children").([]any)
	for _, item := range children {
		child, ok := item.(string)
		if !ok {
			return nil, bad("a child", "text", item)
		}
		if err := s.inventory.addChild(g, s.inventory.ensureGroup(child, at)); err != nil {
			return nil, errorAt(at, "%v", err)
		}
	}
	return names, nil
}

// runProgram returns what the program prints, and its own words when it fails.
func (s source) runProgram(args ...string) ([]byte, error) {
	var out, said limited
	cmd := exec.Command(s.absolute, args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	at := Position{File: s.path}
	words := ""
	if text := strings.TrimSpace(said.text.String()); text != "" {
		words = ":\n" + strings.ToValidUTF8(text, "?")
	}
	var exit *exec.ExitError
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return nil, errNotAProgram
	case errors.As(err, &exit):
		return nil, errorAt(at, "the inventory program failed with %s when it was run with %s%s",
			exit.ProcessState, strings.Join(args, " "), words)
	case err != nil:
		return nil, errorAt(at, "run the inventory program: %v", err)
	case out.cut || !utf8.Valid(out.text.Bytes()):
		return nil, errorAt(at, "the inventory program printed what is no JSON: more than %d MiB, or no UTF-8 text%s",
			maxProgramOutput>>20, words)
	}
	return out.text.Bytes(), nil
}

// programAnswer reads JSON that has to be a mapping.
func (s source) programAnswer(out []byte, args string) (*ordered.Map, error) {
	at := Position{File: s.path}
	value, err := ordered.DecodeJSON(out)
	if err != nil {
		return nil, errorAt(at, "the inventory program printed what is no JSON when it was run with %s: %v", args, err)
	}
	answer, ok := numbers(value).(*ordered.Map)
	if !ok {
		return nil, errorAt(at, "the inventory program printed a %s and no mapping when it was run with %s", kindName(value), args)
	}
	return answer, nil
}

// numbers turns the numbers of JSON, which come as they are written, into those of variables.
func numbers(value any) any {
	switch x := value.(type) {
	case json.Number:
		if n, err := strconv.Atoi(x.String()); err == nil {
			return n
		}
		if n, ok := new(big.Int).SetString(x.String(), 10); ok {
			return n
		}
		if f, err := x.Float64(); err == nil {
			return f
		}
		return x.String()
	case []any:
		for i := range x {
			x[i] = numbers(x[i])
		}
	case *ordered.Map:
		for key, item := range x.All() {
			x.Set(key, numbers(item))
		}
	}
	return value
}

// limited keeps the beginning of what is written.
type limited struct {
	text bytes.Buffer
	cut  bool
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), maxProgramOutput-l.text.Len())
	l.cut = l.cut || n < len(b)
	_, _ = l.text.Write(b[:n]) // never fails, says its documentation
	return len(b), nil
}

// describeProgram says what to do with a file that begins like a program and that may not be run.
func describeProgram(path string) error {
	if runtime.GOOS == "windows" {
		return errorAt(Position{path, 1, 1}, "this is an inventory program, and Windows has no POSIX shell to run it: "+
			"run polarbook in WSL or on another machine, or keep what it prints in a file of JSON")
	}
	return errorAt(Position{path, 1, 1}, "this is an inventory program that may not be run: chmod +x %s", path)
}
