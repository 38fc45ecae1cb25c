package builtin

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type authorizedKeyArgs struct {
	User          string  `arg:"user,required" doc:"Account that the keys open."`
	Key           string  `arg:"key,required" doc:"Public keys, one per line, as in a .pub file, or file:///PATH of such a file on the host."`
	State         string  `arg:"state" default:"present" choices:"absent present" doc:"Accept the keys, or remove them."`
	Path          string  `arg:"path,path" doc:"The file; ~/.ssh/authorized_keys of the user by default."`
	KeyOptions    *string `arg:"key_options" doc:"Options to write before the key, such as from=\"10.0.0.0/24\"."`
	Comment       *string `arg:"comment" doc:"Comment to use instead of the key's own."`
	Exclusive     bool    `arg:"exclusive" default:"false" doc:"Remove all other keys, and every other line."`
	ManageDir     bool    `arg:"manage_dir" default:"true" doc:"Create the file's directory, with the owner and permissions that sshd wants."`
	Follow        bool    `arg:"follow" default:"false" doc:"Where the file is a link, change what it leads to; otherwise the link is replaced."`
	ValidateCerts bool    `arg:"validate_certs" default:"true" doc:"Unused: no keys are fetched from an address."`
}

var authorizedKeyModule = tasks.Define(tasks.Module{
	Name: "authorized_key", Collections: []string{"ansible.posix"},
	Summary: "Manage the SSH keys that open an account",
	Notes: []string{
		"Keys are told apart by their body; type, comment and options are brought up to date. A change writes all of the file anew, " +
			"in Ansible's form, and gives it and its directory to the user. Nothing is done to them without one.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "keyfile", Type: "str", Doc: "the file"},
		{Name: "msg", Type: "str", Doc: "what was done"},
		{Name: "user", Type: "str", Doc: "as asked for, as are key, path, state, key_options, comment, exclusive, manage_dir and follow"},
	},
	Examples: `
- authorized_key: {user: dba, key: "{{ lookup('file', 'keys/dba.pub') }}"}
`,
}, func(a *authorizedKeyArgs, l tasks.Local) (tasks.Action, error) {
	if err := accountName("authorized_key", "user", a.User); err != nil {
		return nil, err
	}
	k := &authorizedKey{authorizedKeyArgs: *a, asking: l.Check()}
	switch {
	case strings.HasPrefix(a.Key, "http"):
		return nil, &tasks.ArgError{Module: "authorized_key", Arg: "key", Problem: "is an address, and none is fetched from one: " +
			"fetch the keys with a task of their own, and give them here"}
	case strings.HasPrefix(a.Key, "file"):
		address, err := url.Parse(a.Key)
		if err != nil || address.Path == "" {
			return nil, &tasks.ArgError{Module: "authorized_key", Arg: "key", Problem: "must be file:///PATH, not " + a.Key}
		}
		k.source = address.Path
	default:
		var err error
		if k.keys, err = k.wanted(a.Key); err != nil {
			return nil, err
		}
	}
	file := a.Path
	if file == "" {
		file = "~" + a.User + "/.ssh/authorized_keys"
	}
	e, err := files.NewEdit("authorized_key", files.EditArgs{Path: file}, a.State == "present", l)
	if err != nil {
		return nil, err
	}
	e.Replace = !a.Follow
	e.Missing = func() tasks.Plan { return tasks.Plan{Msg: "file not present", Values: map[string]any{}} }
	k.file = e
	return k, nil
})

type authorizedKey struct {
	authorizedKeyArgs
	keys   []*keyLine
	source string // the file of the host that has the keys
	file   *files.Edit
	asking bool
}

// wanted reads the argument key, or the file that it names.
func (k *authorizedKey) wanted(text string) ([]*keyLine, error) {
	var keys []*keyLine
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line[0] == '#' {
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
		if k.KeyOptions != nil {
			key.options = parseKeyOptions(*k.KeyOptions)
		}
		if k.Comment != nil {
			key.comment = *k.Comment
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (k *authorizedKey) Probe() string {
	return scripts.Script("authorized_key", script.Values{
		"user": k.User, "p": script.Path(k.file.Path), "source": script.Path(k.source),
	}) + k.file.Probe()
}

// rewrite adds or removes the keys. A key that differs in its options, type or comment is taken out, and added behind all others.
func (k *authorizedKey) rewrite(keys []*keyLine, text string) string {
	lines := readKeys(text)
	count, changed := len(lines.order), false
	kept := map[string]bool{}
	for i, key := range keys {
		have := lines.by[key.id]
		switch {
		case k.State == "absent" && have != nil:
			lines.drop(key.id)
			changed = true
		case k.State == "present" && (have == nil || !have.same(key)):
			lines.drop(key.id)
			added := *key
			added.rank = count + i
			lines.put(&added)
			changed = true
		}
		kept[key.id] = true
	}
	if k.State == "present" && k.Exclusive {
		for _, line := range append([]*keyLine{}, lines.order...) {
			if !kept[line.id] {
				lines.drop(line.id)
				changed = true
			}
		}
	}
	if !changed {
		return text
	}
	return lines.String()
}

func (k *authorizedKey) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Account bool   `answer:"account"`
		File    []byte `answer:"keyfile"` // its path
		Parent  string `answer:"parent"`
		Above   bool   `answer:"above"`
		Source  string `answer:"source"` // what the file that has the keys is, unless it can be read
		Keys    []byte `answer:"keys"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if !said.Account {
		return tasks.NotYet(k.asking, "there is no account "+k.User, "create it with the user module first")
	}
	keys := k.keys
	if k.source != "" {
		if said.Source != "" {
			return tasks.NotYet(k.asking, fmt.Sprintf("the keys cannot be read from %s: it is %s", k.source, files.DescribeKind(said.Source)),
				"the file is looked for on the host")
		}
		var err error
		if keys, err = k.wanted(string(said.Keys)); err != nil {
			return tasks.Plan{}, err
		}
	}
	edit := *k.file
	edit.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
		after := k.rewrite(keys, text)
		if after == text {
			return text, "", nil, nil
		}
		return after, "change the keys of " + k.User, nil, nil
	}
	plan, err := edit.Plan(found)
	if err == nil && plan.Change {
		// Who may write the file matters when there is something to write: a file that is as wanted is left.
		edit.Attributes = files.Attributes{Owner: k.User, Mode: "0600"}
		plan, err = edit.Plan(found)
	}
	if err != nil {
		return plan, err
	}
	made := map[string]any{
		"keyfile": string(said.File), "user": k.User, "key": k.Key, "exclusive": k.Exclusive, "manage_dir": k.ManageDir,
		"follow": k.Follow, "validate_certs": k.ValidateCerts, "path": nil, "key_options": nil, "comment": nil,
	}
	// With a path Ansible tells what is there, as the module file does, and so does the edit.
	if made["state"] = k.State; k.Path != "" {
		made["path"] = k.Path
		delete(made, "state")
	}
	if k.KeyOptions != nil {
		made["key_options"] = *k.KeyOptions
	}
	if k.Comment != nil {
		made["comment"] = *k.Comment
	}
	plan.Made = made
	if !plan.Change {
		return plan, nil
	}
	if k.ManageDir && said.Parent == "no" && !said.Above {
		return tasks.NotYet(k.asking, "the directory for the keys' directory of "+k.User+" is not there", "create the home directory first")
	}
	values := script.Values{"p": script.Path(k.file.Path), "user": k.User, "manage": k.ManageDir}
	plan.Script = scripts.Script("ssh_directory", values) + plan.Script + scripts.Script("ssh_group", script.Values{"user": k.User})
	return plan, nil
}
