package crypto

import (
	"github.com/polarbook/polarbook/tasks"
)

type certificatePipeArgs struct {
	signArgs
	Provider string `arg:"provider,required" choices:"entrust ownca selfsigned" doc:"Who signs: the key itself (selfsigned) or a CA of one's own (ownca). entrust is refused."`
	Content  string `arg:"content" doc:"The certificate that there is: it is returned as it is where it is as wanted."`
}

var certificatePipeModule = tasks.Define(tasks.Module{
	Name: "x509_certificate_pipe", Collections: collection,
	Summary: "Make a certificate, signed by its own key or by a CA of one's own, and return it",
	Notes: []string{
		"Keys and requests are read from the host, and the certificate signed on the control node, by whose clock times from now are. Nothing " +
			"is written, so that check mode makes one too, and changed says that it is another than content: without content it is at each run.",
		"A request that is for another key than privatekey_path is refused where Ansible makes another certificate. The arguments entrust_* " +
			"are not there.",
	},
	Returns: []tasks.Return{
		{Name: "certificate", Type: "str", Doc: "the certificate"}, {Name: "privatekey", Type: "str", Doc: "file of the private key"},
		{Name: "csr", Type: "str", Doc: "file of the request"}, {Name: "ca_cert", Type: "str", Doc: "file of the CA, for ownca"},
		{Name: "ca_privatekey", Type: "str", Doc: "file of the CA's key, for ownca"}, {Name: "serial_number", Type: "int", Doc: "its number"},
		{Name: "notBefore", Type: "str", Doc: "from when it is good, such as 20260102030405Z"},
		{Name: "notAfter", Type: "str", Doc: "until when"},
	},
	Examples: `
- x509_certificate_pipe:
    csr_content: "{{ request.csr }}"
    provider: ownca
    ownca_path: /etc/ssl/ca.crt
    ownca_privatekey_path: /etc/ssl/private/ca.key
  register: made
`,
}, func(a *certificatePipeArgs, l tasks.Local) (tasks.Action, error) {
	m, arg, problem := a.read(a.Provider)
	if arg != "" {
		return nil, &tasks.ArgError{Module: "x509_certificate_pipe", Arg: arg, Problem: problem}
	}
	return tasks.AskApply(&pipe{
		result: "certificate", content: []byte(a.Content), asking: l.Check(),
		sources: m.sources(), make: m.make, msg: "make a certificate",
	}), nil
})
