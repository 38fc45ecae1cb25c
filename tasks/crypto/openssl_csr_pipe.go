package crypto

import (
	"github.com/polarbook/polarbook/tasks"
)

type csrPipeArgs struct {
	requestArgs
	Content string `arg:"content" doc:"The request that there is: it is returned as it is where it says the same."`
}

var csrPipeModule = tasks.Define(tasks.Module{
	Name: "openssl_csr_pipe", Collections: collection,
	Summary: "Make a request for a certificate and return it",
	Notes: []string{
		"The private key is read from the host, and the request signed on the control node. Nothing is written, so that check mode makes one " +
			"too.",
	},
	Returns: append([]tasks.Return{{Name: "csr", Type: "str", Doc: "the request"}}, requestReturns...),
	Examples: `
- openssl_csr_pipe: {privatekey_path: /etc/ssl/private/app.key, common_name: db.example.com}
  register: request
`,
}, func(a *csrPipeArgs, l tasks.Local) (tasks.Action, error) {
	r, arg, problem := a.read()
	if arg != "" {
		return nil, &tasks.ArgError{Module: "openssl_csr_pipe", Arg: arg, Problem: problem}
	}
	return tasks.AskApply(&pipe{
		result: "csr", content: []byte(a.Content), asking: l.Check(), sources: []source{r.source()}, msg: "make a request",
		make: func(text []byte, from []given) (made, error) {
			key, missing, err := signer(from[0], "privatekey_path", a.Passphrase)
			if err != nil || missing != "" {
				return made{unknown: missing}, err
			}
			text, err = r.text(text, key, false)
			return made{text: text, values: r.values()}, err
		},
	}), nil
})
