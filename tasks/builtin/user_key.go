package builtin

import (
	"bytes"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/sshkey"
)

// keyFile is the file of the private key; without / at its beginning it is below the account's home.
func (a *userAction) keyFile() string {
	if a.KeyFile != "" {
		return a.KeyFile
	}
	return ".ssh/id_" + a.KeyType
}

func (a *userAction) keyValues() script.Values {
	return script.Values{"u": a.Name, "local": a.Local, "file": a.keyFile()}
}

// withKey adds an account's SSH key to its plan.
func (a *userAction) withKey(plan tasks.Plan, found tasks.Found) (tasks.Plan, error) {
	var said struct {
		File   []byte `answer:"key_file"`
		Key    bool   `answer:"key"`
		Public bool   `answer:"public"`
		Text   []byte `answer:"public_key"`
		Host   string `answer:"key_host"`
	}
	if err := found.Decode(&said); err != nil {
		return plan, err
	}
	if len(said.File) > 0 {
		text := strings.TrimSpace(string(said.Text))
		plan.Values["ssh_key_file"], plan.Values["ssh_public_key"], plan.Values["ssh_fingerprint"] = string(said.File), text, ""
		if public, ok := sshkey.ReadPublic(said.Text); ok {
			plan.Values["ssh_fingerprint"] = public.String()
		}
	}
	if (said.Key || said.Public) && !a.Force {
		return plan, nil
	}
	msg := "make an SSH key for " + a.Name
	if plan.Change {
		msg = plan.Msg + ", and " + msg
	} else {
		plan.Script = script.Preamble
	}
	plan.Change, plan.Msg = true, msg
	if a.Force { // it would be made anew each time
		plan.Proof = func(found tasks.Found) (tasks.Plan, error) {
			kept := *a
			kept.Force = false
			return kept.Plan(found)
		}
	}
	if a.asking { // a large key takes a while
		return plan, nil
	}
	comment := "ansible-generated on " + said.Host
	if a.KeyComment != nil {
		comment = *a.KeyComment
	}
	pair, err := sshkey.Make(a.KeyType, a.KeyBits, comment, a.KeyPassphrase)
	if err != nil {
		return plan, err
	}
	values := a.keyValues()
	values["force"] = a.Force
	plan.Stdin = slices.Concat(bytes.TrimRight(pair.Private, "\n"), []byte("\n"+pair.Public+"\n"))
	// What makes the account must not read the key.
	plan.Script = "(\n" + plan.Script + ") </dev/null || exit\n" + scripts.Script("user_key_write", values)
	return plan, nil
}
