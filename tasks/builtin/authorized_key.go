package builtin

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type authorizedKeyArgs struct {
	User       string `arg:"user,required" doc:"Account that the keys open."`
	Key        string `arg:"key,required" doc:"Public keys, one per line, as in a .pub file."`
	State      string `arg:"state" default:"present" choices:"absent present" doc:"Accept the keys, or remove them."`
	Path       string `arg:"path,path" doc:"The file; ~/.ssh/authorized_keys of the user by default."`
	KeyOptions string `arg:"key_options" doc:"Options to write before the key, such as from=\"10.0.0.0/24\"."`
	Comment    string `arg:"comment" doc:"Comment to use instead of the key's own."`
	Exclusive  bool   `arg:"exclusive" default:"false" doc:"Remove all other keys."`
	ManageDir  bool   `arg:"manage_dir" default:"true" doc:"Create the file's directory, with the owner and permissions that sshd wants."`
}

var authorizedKeyModule = tasks.Define(tasks.Module{
	Name: "authorized_key", Collections: []string{"ansible.posix"},
	Summary: "Manage the SSH keys that open an account",
	Notes:   []string{"Keys are compared by their type and body; comments and options are brought up to date.", files.FollowNote},
	Returns: []tasks.Return{{Name: "keyfile", Type: "str", Doc: "the file"}, {Name: "msg", Type: "str", Doc: "what was done"}},
	Examples: `
- authorized_key: {user: dba, key: "{{ lookup('file', 'keys/dba.pub') }}"}
`,
}, func(a *authorizedKeyArgs, l tasks.Local) (tasks.Action, error) {
	if err := accountName("authorized_key", "user", a.User); err != nil {
		return nil, err
	}
	k := &authorizedKey{authorizedKeyArgs: *a, asking: l.Check()}
	for _, line := range strings.Split(a.Key, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, ok := parseKey(line)
		if !ok {
			return nil, &tasks.ArgError{
				Module:  "authorized_key",
				Arg:     "key",
				Problem: fmt.Sprintf("holds a line that is not a public key: %s", shortened(line)),
			}
		}
		if a.KeyOptions != "" {
			key.options = a.KeyOptions
		}
		if a.Comment != "" {
			key.comment = a.Comment
		}
		k.keys = append(k.keys, key)
	}
	if len(k.keys) == 0 && !a.Exclusive {
		return nil, &tasks.ArgError{Module: "authorized_key", Arg: "key", Problem: "holds no key"}
	}
	file := a.Path
	if file == "" {
		file = "~" + a.User + "/.ssh/authorized_keys"
	}
	e, err := files.NewEdit("authorized_key", files.EditArgs{
		Path:       file,
		Attributes: files.Attributes{Owner: a.User, Mode: "0600"},
	}, a.State == "present", l)
	if err != nil {
		return nil, err
	}
	e.Rewrite = k.rewrite
	e.Missing = func() tasks.Plan { return tasks.Plan{Msg: "file not present", Values: map[string]any{}} }
	k.file = e
	return k, nil
})

type publicKey struct{ options, kind, body, comment string }

func (k publicKey) line() string {
	parts := []string{k.kind, k.body}
	if k.options != "" {
		parts = append([]string{k.options}, parts...)
	}
	if k.comment != "" {
		parts = append(parts, k.comment)
	}
	return strings.Join(parts, " ")
}

// parseKey reads a line of authorized_keys: options, which may hold blanks in quotes, type, body and comment.
func parseKey(line string) (publicKey, bool) {
	var k publicKey
	fields := strings.Fields(line)
	if len(fields) >= 2 && !keyType(fields[0]) {
		quoted := false
		end := strings.IndexFunc(line, func(r rune) bool {
			if r == '"' {
				quoted = !quoted
			}
			return !quoted && (r == ' ' || r == '\t')
		})
		if end < 0 {
			return k, false
		}
		k.options, line = line[:end], strings.TrimSpace(line[end:])
		fields = strings.Fields(line)
	}
	if len(fields) < 2 || !keyType(fields[0]) {
		return k, false
	}
	k.kind, k.body = fields[0], fields[1]
	_, rest, _ := strings.Cut(line, k.body)
	k.comment = strings.TrimSpace(rest)
	_, err := base64.StdEncoding.DecodeString(k.body)
	return k, err == nil
}

func keyType(s string) bool {
	return strings.HasPrefix(s, "ssh-") || strings.HasPrefix(s, "ecdsa-sha2-") || strings.HasPrefix(s, "sk-")
}

type authorizedKey struct {
	authorizedKeyArgs
	keys   []publicKey
	file   *files.Edit
	asking bool
}

func (k *authorizedKey) Probe() string {
	return "if id -u -- " + remote.Quote(k.User) + " >/dev/null 2>&1; then echo account yes; fi\n" + k.file.Probe()
}

func (k *authorizedKey) rewrite(text string, _ bool) (string, string, map[string]any, error) {
	var out []string
	done := map[string]bool{}
	wanted := map[string]publicKey{}
	for _, key := range k.keys {
		wanted[key.kind+" "+key.body] = key
	}
	for _, line := range files.KeepLines(text) {
		have, ok := parseKey(strings.TrimSpace(line))
		key, ours := wanted[have.kind+" "+have.body]
		switch {
		case !ok:
			out = append(out, line)
		case k.State == "absent" && ours, ours && done[key.body], !ours && k.Exclusive && k.State == "present":
		case !ours || k.State == "absent":
			out = append(out, line)
		default:
			done[key.body] = true
			if have == key {
				out = append(out, line)
			} else {
				out = append(out, key.line()+"\n")
			}
		}
	}
	if k.State == "present" {
		for _, key := range k.keys {
			if !done[key.body] {
				if n := len(out); n > 0 && !strings.HasSuffix(out[n-1], "\n") {
					out[n-1] += "\n"
				}
				out = append(out, key.line()+"\n")
				done[key.body] = true
			}
		}
	}
	after := strings.Join(slices.Clip(out), "")
	if after == text {
		return text, "", nil, nil
	}
	return after, "change the keys of " + k.User, nil, nil
}

func (k *authorizedKey) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Account bool   `answer:"account"`
		Parent  string `answer:"parent"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if !said.Account {
		if k.State == "absent" {
			return tasks.Plan{Msg: "there is no account " + k.User}, nil
		}
		return tasks.NotYet(k.asking, "there is no account "+k.User, "create it with the user module first")
	}
	plan, err := k.file.Plan(found)
	if err != nil || plan.Values == nil {
		return plan, err
	}
	plan.Values["keyfile"] = k.file.Path
	if plan.Change && plan.Values["state"] == "absent" {
		// With nothing behind the colon the group is the one that the account logs in with.
		user := remote.Quote(k.User)
		plan.Script += "\nhold \"$b\"\nchown " + user + ": $held || exit 1\n"
		if k.ManageDir && said.Parent == "no" {
			plan.Script = scripts.Script("ssh_directory", script.Values{"p": script.Path(k.file.Path), "user": k.User}) + plan.Script
		}
	}
	return plan, nil
}
