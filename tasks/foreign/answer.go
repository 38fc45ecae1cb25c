package foreign

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/templates/ordered"
)

// answer is what a module left behind.
type answer struct {
	remote.Result
	file string
}

// result reads what the module said: an object of JSON, before and behind which other lines may stand.
func (a *answer) result() (tasks.Result, error) {
	stdout := strings.ToValidUTF8(string(a.Stdout), "\uFFFD")
	text, junk, err := object(stdout)
	var said *ordered.Map
	if err == nil {
		said, err = decode(text)
	}
	if a.StdoutCut != 0 {
		err = fmt.Errorf("it wrote more than %d MB", keepOutput>>20)
	}
	if err != nil {
		return tasks.Result{}, &tasks.Failure{
			Msg:  fmt.Sprintf("%s did not answer as a module does (status %d): %v", a.file, a.Status, err),
			Hint: "a module writes one object of JSON to its standard output, such as {\"changed\": false}; see module_stdout and module_stderr",
			Values: map[string]any{
				"module_stdout": stdout, "module_stderr": strings.ToValidUTF8(string(a.Stderr), "\uFFFD"), "rc": a.Status,
			},
		}
	}
	r := a.read(said)
	if junk != "" {
		r.Warnings = append(r.Warnings, "the module wrote more behind its JSON: "+junk)
	}
	if !failed(said) {
		return r, nil
	}
	f := &tasks.Failure{Msg: r.Msg, Values: r.Values}
	if f.Msg == "" {
		f.Msg = "the module says that it failed, and not why"
		f.Values["msg"] = ""
	}
	return r, f
}

// object is what stands from the first line that begins an object to the last that ends one; junk is what follows.
func object(stdout string) (text, junk string, err error) {
	lines := strings.Split(strings.ReplaceAll(stdout, "\r\n", "\n"), "\n")
	begin := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "{") })
	if begin < 0 && strings.TrimSpace(stdout) == "" {
		return "", "", errors.New("it wrote nothing")
	}
	if begin < 0 {
		return "", "", errors.New("it wrote no JSON")
	}
	for end := len(lines); end > begin; end-- {
		if strings.HasSuffix(strings.TrimSpace(lines[end-1]), "}") {
			return strings.Join(lines[begin:end], "\n"), strings.TrimSpace(strings.Join(lines[end:], "\n")), nil
		}
	}
	return "", "", errors.New("its JSON has no end")
}

func decode(text string) (*ordered.Map, error) {
	value, err := ordered.DecodeJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	said, ok := convert.Numbers(value).(*ordered.Map)
	if !ok {
		return nil, errors.New("it is no object of JSON")
	}
	return said, nil
}

// read takes the answer apart.
func (a *answer) read(said *ordered.Map) tasks.Result {
	r := tasks.Result{Changed: truth(said.Value("changed")), Skipped: truth(said.Value("skipped")), Values: map[string]any{}}
	for name, x := range said.All() {
		switch {
		case strings.HasPrefix(name, "_ansible_") || name == "add_host" || name == "add_group":
			r.Warnings = append(r.Warnings, fmt.Sprintf("%q, which the module returned, is Ansible's own and left out", name))
		case name == "warnings":
			r.Warnings = append(r.Warnings, list(x)...)
		case name == "deprecations" && !truth(x):
		case name == "deprecations":
			r.Values[name] = x
			r.Warnings = append(r.Warnings, deprecations(x)...)
		case name == "ansible_facts":
			facts, kept := trustedFacts(x)
			r.Values[name] = facts
			if len(kept) > 0 {
				r.Warnings = append(r.Warnings, "facts that would change how the host is reached are left out: "+strings.Join(kept, ", "))
			}
		case name == "results":
			if _, isList := x.([]any); !isList {
				name = "ansible_module_results"
			}
			r.Values[name] = x
		case slices.Contains([]string{"changed", "failed", "skipped"}, name):
		default:
			r.Values[name] = x
		}
	}
	if msg, has := said.Get("msg"); has && msg != nil {
		r.Msg = textOf(msg)
	}
	r.Diff = diffs(said.Value("diff"))
	return r
}

// failed reports whether the module says so: by failed, or where it says nothing of that, by rc.
func failed(said *ordered.Map) bool {
	if x, has := said.Get("failed"); has {
		return truth(x)
	}
	rc, has := said.Get("rc")
	return has && rc != 0 && rc != "0"
}

// truth is what Python takes for true.
func truth(x any) bool {
	switch x := x.(type) {
	case nil:
		return false
	case bool:
		return x
	case int:
		return x != 0
	case float64:
		return x != 0
	case string:
		return x != ""
	case []any:
		return len(x) > 0
	case *ordered.Map:
		return x.Len() > 0
	}
	return true
}

func list(x any) []string {
	switch x := x.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, item := range x {
			all = append(all, textOf(item))
		}
		return all
	}
	return []string{textOf(x)}
}

func deprecations(x any) []string {
	items, _ := x.([]any)
	var all []string
	for _, item := range items {
		if d, isDict := item.(*ordered.Map); isDict {
			item = d.Value("msg")
		}
		all = append(all, "deprecated: "+textOf(item))
	}
	return all
}

// diffs are what the module says of before and after.
func diffs(x any) []tasks.Diff {
	items, isList := x.([]any)
	if !isList {
		items = []any{x}
	}
	var all []tasks.Diff
	for _, item := range items {
		d, isDict := item.(*ordered.Map)
		if !isDict {
			continue
		}
		side := func(name string) string {
			switch v := d.Value(name).(type) {
			case nil:
				return ""
			case string:
				return v
			default:
				text, err := convert.JSON(v)
				if err != nil {
					return textOf(v)
				}
				return text + "\n"
			}
		}
		one := tasks.Diff{
			Before: side("before"), After: side("after"), BeforeHeader: side("before_header"), AfterHeader: side("after_header"),
		}
		if d.Has("prepared") {
			one.After += side("prepared")
		}
		all = append(all, one)
	}
	return all
}

// connectionFacts are the variables that say how hosts are reached and as whom: Ansible takes none of them from a module.
var connectionFacts = []string{
	"ansible_host", "ansible_port", "ansible_user", "ansible_password", "ansible_connection", "ansible_private_key_file", "ansible_timeout",
	"ansible_become", "ansible_shell_type", "ansible_shell_executable", "ansible_executable", "ansible_pipelining",
	"ansible_module_compression",
	"ansible_network_os", "ansible_check_mode", "ansible_diff_mode", "ansible_no_log", "ansible_verbosity", "ansible_rsync_path",
	"ansible_playbook_python", "ansible_facts", "add_host", "add_group",
}

// trustedFacts are a module's facts without those; kept are the names of what was left out.
func trustedFacts(x any) (facts any, kept []string) {
	dict, isDict := x.(*ordered.Map)
	if !isDict {
		return ordered.New(0), nil
	}
	out := ordered.New(dict.Len())
	for name, value := range dict.All() {
		switch {
		case strings.HasPrefix(name, "discovered_interpreter_"), strings.HasPrefix(name, "ansible_discovered_interpreter_"),
			strings.HasPrefix(name, "_ansible_"):
		case strings.HasPrefix(name, "ansible_ssh_host_key_"):
			out.Set(name, value)
		case steersConnection(name):
			kept = append(kept, name)
		default:
			out.Set(name, value)
		}
	}
	return out, kept
}

func steersConnection(name string) bool {
	if slices.Contains(connectionFacts, name) || strings.HasPrefix(name, "ansible_become_") ||
		strings.HasPrefix(name, "ansible_") && strings.HasSuffix(name, "_interpreter") {
		return true
	}
	return !strings.HasSuffix(name, "_bridge") && !strings.HasSuffix(name, "_gwbridge") &&
		slices.ContainsFunc([]string{"ssh", "local", "paramiko", "paramiko_ssh", "psrp", "winrm"}, func(by string) bool {
			return strings.HasPrefix(name, "ansible_"+by+"_")
		})
}
