package crypto

import (
	"github.com/polarbook/polarbook/tasks"
)

type csrInfoArgs struct{ infoArgs }

var csrInfoModule = tasks.Define(tasks.Module{
	Name: "openssl_csr_info", Collections: collection,
	Summary: "Tell what is in a request for a certificate",
	Notes: []string{
		"The request is read from the host and understood on the control node. One whose signature is not its key's " +
			"is a failure, with all that it says. Keys on curves that Go does not have (secp256k1, brainpool) are refused.",
	},
	Returns: append([]tasks.Return{
		{Name: "signature_valid", Type: "bool", Doc: "whether the key signed it"},
		{Name: "name_constraints_permitted", Type: "list", Doc: "names to which a CA is to be limited; none without any"},
		{Name: "name_constraints_excluded", Type: "list", Doc: "names that it is to be kept from"},
		{Name: "name_constraints_critical", Type: "bool", Doc: "whether that is critical"},
	}, infoReturns...),
	Examples: `
- openssl_csr_info: {path: /etc/ssl/app.csr}
  register: request
- debug: {msg: "{{ request.subject.commonName }} with {{ request.subject_alt_name }}"}
`,
}, func(a *csrInfoArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.check("openssl_csr_info"); err != nil {
		return nil, err
	}
	return newInfo("openssl_csr_info", &info{
		source: source{a.Path, a.Content}, what: "a certificate request", asking: l.Check(),
		tell: func(text []byte) (map[string]any, error) {
			csr, err := decodeRequest(text)
			if err != nil {
				return nil, &tasks.Failure{Msg: "the request cannot be read: " + err.Error()}
			}
			all := extensions(csr.Extensions)
			v := all.describe()
			v["subject"], v["subject_ordered"] = describeName(csr.RawSubject)
			v["public_key_type"], v["public_key_data"], v["public_key"] = describeKey(csr.PublicKey, csr.RawSubjectPublicKeyInfo)
			v["public_key_fingerprints"] = digests(csr.RawSubjectPublicKeyInfo)
			v["name_constraints_permitted"], v["name_constraints_excluded"], v["name_constraints_critical"] = all.limits()
			v["signature_valid"] = csr.CheckSignature() == nil
			if v["signature_valid"] == false {
				return nil, &tasks.Failure{Msg: "CSR signature is invalid!", Values: v}
			}
			return v, nil
		},
	})
})
