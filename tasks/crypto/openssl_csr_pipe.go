package crypto

import (
	"context"
	"errors"

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
		"The private key is read from the host, and the request signed on the control node. Check mode returns none that is new.",
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
	return tasks.AskApply(&requestPipe{a, r, l.Check()}), nil
})

type requestPipe struct {
	*csrPipeArgs
	request *request
	asking  bool
}

func (p *requestPipe) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (given, error) {
	return p.request.source().read(ctx, h)
}

func (p *requestPipe) Plan(from given) (tasks.Plan, []byte, error) {
	key, missing, err := signer(from, "privatekey_path", p.Passphrase)
	if err != nil {
		return tasks.Plan{}, nil, err
	}
	if missing != "" {
		plan, err := tasks.NotYet(p.asking, missing, "make it first")
		return plan, nil, err
	}
	text, err := p.request.text([]byte(p.Content), key, false)
	if err != nil {
		return tasks.Plan{}, nil, err
	}
	plan := tasks.Plan{Values: p.request.values()}
	if string(text) == p.Content {
		plan.Values["csr"] = p.Content
		return plan, nil, nil
	}
	plan.Change, plan.Event, plan.Msg = true, true, "make a request"
	return plan, text, nil
}

func (p *requestPipe) Apply(_ context.Context, _ tasks.Host, _ tasks.Plan, text []byte) (tasks.Result, error) {
	if text == nil {
		return tasks.Result{}, errors.New("there is no request")
	}
	return tasks.Result{Changed: true, Values: map[string]any{"csr": string(text)}}, nil
}
