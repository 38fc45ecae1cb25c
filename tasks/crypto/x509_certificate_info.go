package crypto

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
)

type certificateInfoArgs struct {
	infoArgs
	ValidAt map[string]any `arg:"valid_at" doc:"Times by names: from now, such as +3w, or 20260102030405Z. valid_at of the result says whether it is good then."`
}

var certificateInfoModule = tasks.Define(tasks.Module{
	Name: "x509_certificate_info", Collections: collection,
	Aliases: []string{"openssl_certificate_info"},
	Summary: "Tell what is in a certificate",
	Notes: []string{
		"The certificate, in PEM or DER, is read from the host and understood on the control node, by whose clock it has expired or not. " +
			"Of several in a file it is the first. Keys on curves that Go does not have (secp256k1, brainpool) are refused.",
	},
	Returns: append([]tasks.Return{
		{Name: "not_before", Type: "str", Doc: "from when it is good, such as 20260102030405Z"},
		{Name: "not_after", Type: "str", Doc: "until when"},
		{Name: "expired", Type: "bool", Doc: "whether that is past"},
		{Name: "valid_at", Type: "dict", Doc: "whether it is good at the times asked for"},
		{Name: "issuer", Type: "dict", Doc: "who signed it"}, {Name: "issuer_ordered", Type: "list", Doc: "the same in pairs"},
		{Name: "serial_number", Type: "int", Doc: "its number"}, {Name: "version", Type: "int", Doc: "1 or 3"},
		{Name: "signature_algorithm", Type: "str", Doc: "such as sha256WithRSAEncryption"},
		{Name: "fingerprints", Type: "dict", Doc: "hashes of the certificate by their names"},
		{Name: "ocsp_uri", Type: "str", Doc: "where its state is asked"}, {Name: "issuer_uri", Type: "str", Doc: "where the CA's certificate is"},
	}, infoReturns...),
	Examples: `
- x509_certificate_info: {path: /etc/ssl/app.crt, valid_at: {next_month: +30d}}
  register: certificate
- assert: {that: certificate.valid_at.next_month}
`,
}, func(a *certificateInfoArgs, l tasks.Local) (tasks.Action, error) {
	now := time.Now()
	at := map[string]time.Time{}
	for name, value := range a.ValidAt {
		text, ok := value.(string)
		if !ok {
			return nil, &tasks.ArgError{Module: "x509_certificate_info", Arg: "valid_at", Problem: fmt.Sprintf("has a %s that is no text", name)}
		}
		var err error
		if at[name], err = timeOf(text, now); err != nil {
			return nil, &tasks.ArgError{Module: "x509_certificate_info", Arg: "valid_at", Problem: fmt.Sprintf("has a %s that %v", name, err)}
		}
	}
	if err := a.check("x509_certificate_info"); err != nil {
		return nil, err
	}
	return newInfo("x509_certificate_info", &info{
		source: source{a.Path, a.Content}, what: "a certificate", asking: l.Check(),
		tell: func(text []byte) (map[string]any, error) {
			c, err := decodeCertificate(text, a.Path != "")
			if err != nil {
				return nil, &tasks.Failure{Msg: "the certificate cannot be read: " + err.Error()}
			}
			return describeCertificate(c, now, at), nil
		},
	})
})

// decodeCertificate reads the first certificate in PEM, or, where a file may be of that, in DER.
func decodeCertificate(text []byte, orDER bool) (*x509.Certificate, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "CERTIFICATE") {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	if !orDER {
		return nil, fmt.Errorf("it holds no certificate in PEM")
	}
	return x509.ParseCertificate(text)
}

func describeCertificate(c *x509.Certificate, now time.Time, at map[string]time.Time) map[string]any {
	all := extensions(c.Extensions)
	v := all.describe()
	v["subject"], v["subject_ordered"] = describeName(c.RawSubject)
	v["issuer"], v["issuer_ordered"] = describeName(c.RawIssuer)
	v["public_key_type"], v["public_key_data"], v["public_key"] = describeKey(c.PublicKey, c.RawSubjectPublicKeyInfo)
	v["public_key_fingerprints"], v["fingerprints"] = digests(c.RawSubjectPublicKeyInfo), digests(c.Raw)
	const layout = "20060102150405Z"
	v["not_before"], v["not_after"] = c.NotBefore.UTC().Format(layout), c.NotAfter.UTC().Format(layout)
	v["expired"] = c.NotAfter.Before(now)
	valid := map[string]any{}
	for name, t := range at {
		valid[name] = !t.Before(c.NotBefore) && !t.After(c.NotAfter)
	}
	v["valid_at"] = valid
	v["serial_number"] = whole(c.SerialNumber)
	v["ocsp_uri"], v["issuer_uri"] = all.access(accessOCSP), all.access(accessIssuer)
	if v["version"] = "unknown"; c.Version == 1 || c.Version == 3 {
		v["version"] = c.Version
	}
	var signed struct {
		Certificate asn1.RawValue
		Algorithm   pkix.AlgorithmIdentifier
		Signature   asn1.BitString
	}
	v["signature_algorithm"] = nil
	if _, err := asn1.Unmarshal(c.Raw, &signed); err == nil {
		v["signature_algorithm"] = objectName(signed.Algorithm.Algorithm, false)
	}
	return v
}
