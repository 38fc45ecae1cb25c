package crypto

import (
	"encoding/base64"

	"github.com/polarbook/polarbook/tasks"
)

type keyPipeArgs struct {
	keyArgs
	Content string `arg:"content,secret" doc:"The key that there is: it is kept where it is as wanted."`
	Encoded bool   `arg:"content_base64" default:"false" doc:"content is in base64."`
	Current bool   `arg:"return_current_key" default:"false" doc:"Return the key that there is too, where it is kept."`
}

var keyPipeModule = tasks.Define(tasks.Module{
	Name: "openssl_privatekey_pipe", Collections: collection,
	Summary: "Make a private key and return it",
	Notes: []string{
		"The key is made on the control node and written nowhere, so that check mode makes one too. What keeps the task's result has it: set " +
			"no_log.",
		"type, size and curve are returned as they were asked for, as in Ansible: the size of a key of ECC is 4096 where none was given.",
	},
	Returns: []tasks.Return{
		{Name: "privatekey", Type: "str", Doc: "the key, if it is a new one or return_current_key is set"},
		{Name: "type", Type: "str", Doc: "the argument"},
		{Name: "size", Type: "int", Doc: "likewise"}, {Name: "curve", Type: "str", Doc: "likewise, for ECC"},
		{Name: "fingerprint", Type: "dict", Doc: "hashes of the public key, by their names"},
	},
	Examples: `
- openssl_privatekey_pipe: {type: ECC, curve: secp256r1}
  no_log: true
  register: key
`,
}, func(a *keyPipeArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "openssl_privatekey_pipe", Arg: arg, Problem: problem}
	}
	if arg, problem := a.check(); arg != "" {
		return refuse(arg, problem)
	}
	content := []byte(a.Content)
	if a.Encoded {
		var err error
		if content, err = base64.StdEncoding.DecodeString(a.Content); err != nil {
			return refuse("content", "is not base64, which content_base64 says")
		}
		l.Secret(string(content))
	}
	k := &keyMaker{keyArgs: &a.keyArgs, name: "content"}
	return tasks.AskApply(&pipe{
		result: "privatekey", content: content, msg: "make a key", newOnly: !a.Current,
		make: func(text []byte, from []given) (made, error) {
			m, err := k.make(text, from)
			if err == nil {
				l.Secret(string(m.text))
			}
			return m, err
		},
	}), nil
})
