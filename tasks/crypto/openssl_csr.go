package crypto

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/templates/ordered"
)

// requestArgs are what openssl_csr and openssl_csr_pipe have alike.
type requestArgs struct {
	KeyPath    string   `arg:"privatekey_path,path" doc:"File on the host with the private key. It, or privatekey_content, is required."`
	KeyContent string   `arg:"privatekey_content,secret" doc:"The private key itself."`
	Passphrase string   `arg:"privatekey_passphrase,secret" doc:"Passphrase of the private key."`
	Digest     string   `arg:"digest" default:"sha256" choices:"sha256 sha384 sha512" doc:"Hash of the signature. Weaker ones that Ansible takes (sha1, md5) are refused: nobody believes them."`
	Version    int      `arg:"version" default:"1" doc:"Version of the request, of which there is one."`
	Subject    any      `arg:"subject" doc:"The name, as a dict of its parts by their short or long names (CN, commonName); a value may be a list."`
	Ordered    []any    `arg:"subject_ordered" doc:"The name as a list of such dicts, whose order is kept. Not together with subject and the arguments for single parts."`
	Country    string   `arg:"country_name" alias:"C countryName" doc:"Part of the name: country, two letters."`
	Province   string   `arg:"state_or_province_name" alias:"ST stateOrProvinceName" doc:"Part of the name: state or province."`
	Locality   string   `arg:"locality_name" alias:"L localityName" doc:"Part of the name: place."`
	Org        string   `arg:"organization_name" alias:"O organizationName" doc:"Part of the name: organisation."`
	Unit       string   `arg:"organizational_unit_name" alias:"OU organizationalUnitName" doc:"Part of the name: unit of it."`
	CommonName string   `arg:"common_name" alias:"CN commonName" doc:"Part of the name: what it is for."`
	Email      string   `arg:"email_address" alias:"E emailAddress" doc:"Part of the name: mail address."`
	SAN        []string `arg:"subject_alt_name" alias:"subjectAltName" doc:"Names and addresses that it is for: DNS:db.example.com, IP:10.0.0.1, email:, URI: and RID:. Others are refused."`
	SANCrit    bool     `arg:"subject_alt_name_critical" alias:"subjectAltName_critical" default:"false" doc:"Who does not understand these is to refuse the certificate."`
	UseCN      bool     `arg:"use_common_name_for_san" alias:"useCommonNameForSAN" default:"true" doc:"Without subject_alt_name, take the (first) common name for it."`
	Usage      []string `arg:"key_usage" alias:"keyUsage" doc:"What the key may be used for: digitalSignature, keyEncipherment, keyCertSign and the like."`
	UsageCrit  bool     `arg:"key_usage_critical" alias:"keyUsage_critical" default:"false" doc:"Likewise critical."`
	Extended   []string `arg:"extended_key_usage" alias:"extKeyUsage extendedKeyUsage" doc:"More of that: serverAuth, clientAuth and the like, or numbers of objects."`
	ExtCrit    bool     `arg:"extended_key_usage_critical" alias:"extKeyUsage_critical extendedKeyUsage_critical" default:"false" doc:"Likewise critical."`
	Basic      []string `arg:"basic_constraints" alias:"basicConstraints" doc:"CA:TRUE or CA:FALSE, and pathlen: with how many CAs may come below."`
	BasicCrit  bool     `arg:"basic_constraints_critical" alias:"basicConstraints_critical" default:"false" doc:"Likewise critical."`
	Staple     bool     `arg:"ocsp_must_staple" alias:"ocspMustStaple" default:"false" doc:"Servers have to bring an answer of OCSP with it."`
	StapleCrit bool     `arg:"ocsp_must_staple_critical" alias:"ocspMustStaple_critical" default:"false" doc:"Likewise critical."`
	MakeSKI    bool     `arg:"create_subject_key_identifier" default:"false" doc:"Put the key's identifier in, the SHA-1 of the public key."`
	SKI        string   `arg:"subject_key_identifier" doc:"Put this identifier in, in hexadecimal digits with colons."`
	AKI        string   `arg:"authority_key_identifier" doc:"Ask for this identifier of the CA's key, likewise. CAs may put their own in, as ownca does (ownca_create_authority_key_identifier)."`
	AKINames   []string `arg:"authority_cert_issuer" doc:"Ask for these names of the CA's certificate, as in subject_alt_name; together with authority_cert_serial_number."`
	AKISerial  any      `arg:"authority_cert_serial_number" doc:"And for this number of it, in decimal digits."`
	Permitted  []string `arg:"name_constraints_permitted" doc:"For a CA: names that it may certify, as in subject_alt_name; an address is a network, IP:10.0.0.0/8."`
	Excluded   []string `arg:"name_constraints_excluded" doc:"For a CA: names that it may not, likewise."`
	LimitCrit  bool     `arg:"name_constraints_critical" default:"false" doc:"Likewise critical."`
	CRL        []any    `arg:"crl_distribution_points" doc:"Places where revoked certificates are listed, each a dict with full_name (URI:http://ca.example.com/a.crl), crl_issuer and reasons, which are lists. relative_name is refused."`
	Backend    string   `arg:"select_crypto_backend" default:"auto" choices:"auto cryptography" doc:"Of no effect: Go's crypto makes the requests."`
}

var requestReturns = []tasks.Return{
	{Name: "privatekey", Type: "str", Doc: "file of the private key; none with privatekey_content"},
	{Name: "subject", Type: "list", Doc: "the name, as pairs, under the spellings that were given"},
	{Name: "subjectAltName", Type: "list", Doc: "names and addresses"}, {Name: "keyUsage", Type: "list", Doc: "uses of the key"},
	{Name: "extendedKeyUsage", Type: "list", Doc: "more uses"}, {Name: "basicConstraints", Type: "list", Doc: "whether it is for a CA"},
	{Name: "ocspMustStaple", Type: "bool", Doc: "as asked for"}, {Name: "ocsp_must_staple", Type: "bool", Doc: "the same"},
	{Name: "name_constraints_permitted", Type: "list", Doc: "as asked for"},
	{Name: "name_constraints_excluded", Type: "list", Doc: "as asked for"},
}

// request is what a request is to say.
type request struct {
	*requestArgs
	parts      []namePart
	extensions []pkix.Extension // all but the key's identifier
	ski        []byte
}

// read checks the arguments. It returns which is wrong and how.
func (a *requestArgs) read() (r *request, arg, problem string) {
	if a.KeyPath == "" && a.KeyContent == "" {
		return nil, "privatekey_path", "or privatekey_content is required"
	}
	return a.request()
}

// request is read, for which no key is needed.
func (a *requestArgs) request() (r *request, arg, problem string) {
	r = &request{requestArgs: a}
	switch {
	case a.KeyPath != "" && a.KeyContent != "":
		return r, "privatekey_content", "and privatekey_path exclude each other"
	case a.Version != 1:
		return r, "version", "has to be 1: there is no other"
	case (a.AKINames == nil) != (a.AKISerial == nil):
		return r, "authority_cert_issuer", "and authority_cert_serial_number need each other"
	case a.MakeSKI && a.SKI != "":
		return r, "subject_key_identifier", "and create_subject_key_identifier exclude each other"
	}
	if a.SKI != "" {
		if r.ski = identifier(a.SKI); r.ski == nil {
			return r, "subject_key_identifier", notHex
		}
	}
	if arg, err := r.name(); err != nil {
		return r, arg, err.Error()
	}
	names := a.SAN
	if len(names) == 0 && a.UseCN {
		for _, p := range r.parts {
			if p.oid.Equal(subjectNames["CN"]) {
				names = []string{"DNS:" + p.value}
				break
			}
		}
	}
	for _, e := range []struct {
		arg   string
		list  []string
		oid   []int
		crit  bool
		write func([]string) ([]byte, error)
	}{
		{"subject_alt_name", names, oidSAN, a.SANCrit, alternatives}, {"key_usage", a.Usage, oidKeyUsage, a.UsageCrit, keyUsage},
		{"extended_key_usage", a.Extended, oidExtKeyUsage, a.ExtCrit, extendedKeyUsage},
		{"basic_constraints", a.Basic, oidBasic, a.BasicCrit, basic},
	} {
		if len(e.list) == 0 {
			continue
		}
		value, err := e.write(e.list)
		if err != nil {
			return r, e.arg, err.Error()
		}
		r.extensions = append(r.extensions, pkix.Extension{Id: e.oid, Critical: e.crit, Value: value})
	}
	if a.Staple {
		r.extensions = append(r.extensions, pkix.Extension{Id: oidMustStaple, Critical: a.StapleCrit, Value: []byte{0x30, 3, 2, 1, 5}})
	}
	if arg, problem = r.more(); arg != "" {
		return r, arg, problem
	}
	if r.SAN = names; names == nil {
		r.SAN = []string{}
	}
	return r, "", ""
}

const notHex = "has to be bytes in hexadecimal digits, with colons between them"

// identifier reads a key's identifier. nil: it is none.
func identifier(text string) []byte {
	id, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(id) == 0 {
		return nil
	}
	return id
}

// more adds the extensions that are about CAs.
func (r *request) more() (arg, problem string) {
	add := func(oid []int, critical bool, value []byte, err error) string {
		if err != nil {
			return err.Error()
		}
		r.extensions = append(r.extensions, pkix.Extension{Id: oid, Critical: critical, Value: value})
		return ""
	}
	if len(r.Permitted)+len(r.Excluded) > 0 {
		value, err := nameConstraints(r.Permitted, r.Excluded)
		if problem = add(oidConstraints, r.LimitCrit, value, err); problem != "" {
			return "name_constraints_permitted", "or name_constraints_excluded " + problem
		}
	}
	if r.AKI != "" || r.AKINames != nil {
		id := identifier(r.AKI)
		if r.AKI != "" && id == nil {
			return "authority_key_identifier", notHex
		}
		var serial *big.Int
		if r.AKISerial != nil {
			text, err := convert.Text(r.AKISerial)
			number, ok := new(big.Int).SetString(text, 10)
			if serial = number; err != nil || !ok {
				return "authority_cert_serial_number", "has to be a whole number in decimal digits"
			}
		}
		value, err := authorityID(id, r.AKINames, serial)
		if problem = add(oidAKI, false, value, err); problem != "" {
			return "authority_cert_issuer", problem
		}
	}
	if len(r.CRL) > 0 {
		value, err := crlPoints(r.CRL)
		if problem = add(oidCRLPoints, false, value, err); problem != "" {
			return "crl_distribution_points", problem
		}
	}
	return "", ""
}

// name puts the parts of the subject together: those of arguments of their own first, as in Ansible.
func (r *request) name() (arg string, err error) {
	for _, part := range []struct{ key, value string }{
		{"C", r.Country}, {"ST", r.Province}, {"L", r.Locality}, {"O", r.Org}, {"OU", r.Unit}, {"CN", r.CommonName}, {"emailAddress", r.Email},
	} {
		if part.value != "" {
			r.parts = append(r.parts, namePart{subjectNames[part.key], part.value, part.key})
		}
	}
	if r.Ordered != nil {
		if len(r.parts) > 0 || r.Subject != nil {
			return "subject_ordered", errors.New("and other arguments for the name exclude each other")
		}
		for _, item := range r.Ordered {
			if err := r.part(item); err != nil {
				return "subject_ordered", err
			}
		}
	}
	if r.Subject != nil {
		if err := r.part(r.Subject); err != nil {
			return "subject", err
		}
	}
	for _, p := range r.parts {
		if p.oid.Equal(subjectNames["C"]) && len(p.value) != 2 {
			return "country_name", errors.New("has to be two letters")
		}
	}
	return "", nil
}

func (r *request) part(item any) error {
	dict, ok := ordered.From(item).(*ordered.Map)
	if !ok {
		return errors.New("has to be made of dicts")
	}
	parts, err := partsOf(dict)
	r.parts = append(r.parts, parts...)
	return err
}

func (r *request) source() source { return source{r.KeyPath, r.KeyContent} }

// signer reads the private key.
func signer(key given, what, passphrase string) (crypto.Signer, string, error) {
	if key.err != nil {
		return nil, key.err.Error(), nil
	}
	private, _, err := decodeKey(key.text, passphrase)
	if err != nil {
		return nil, "", &tasks.Failure{Msg: what + ": " + err.Error()}
	}
	s, ok := private.(crypto.Signer)
	if !ok {
		return nil, "", &tasks.Failure{Msg: what + ": a key of X25519 signs nothing"}
	}
	return s, "", nil
}

// algorithm is how a key signs with a hash.
func algorithm(key crypto.Signer, digest string) x509.SignatureAlgorithm {
	switch key.Public().(type) {
	case *rsa.PublicKey:
		return map[string]x509.SignatureAlgorithm{"sha256": x509.SHA256WithRSA, "sha384": x509.SHA384WithRSA,
			"sha512": x509.SHA512WithRSA}[digest]
	case *ecdsa.PublicKey:
		return map[string]x509.SignatureAlgorithm{"sha256": x509.ECDSAWithSHA256, "sha384": x509.ECDSAWithSHA384,
			"sha512": x509.ECDSAWithSHA512}[digest]
	case ed25519.PublicKey:
		return x509.PureEd25519
	}
	return 0
}

// wanted are the extensions for a key.
func (r *request) wanted(key crypto.Signer) ([]pkix.Extension, error) {
	id := r.ski
	if r.MakeSKI {
		var err error
		if id, err = keyID(key.Public()); err != nil {
			return nil, err
		}
	}
	if id == nil {
		return r.extensions, nil
	}
	value := append([]byte{4, byte(len(id))}, id...)
	// It is where Ansible has it, so that the requests of both are the same.
	at := slices.IndexFunc(r.extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidAKI) || e.Id.Equal(oidCRLPoints) })
	if at < 0 {
		at = len(r.extensions)
	}
	return slices.Insert(slices.Clone(r.extensions), at, pkix.Extension{Id: oidSKI, Value: value}), nil
}

// text returns the request: the one that is there where it is as wanted.
func (r *request) text(have []byte, key crypto.Signer, force bool) ([]byte, error) {
	extensions, err := r.wanted(key)
	if err != nil {
		return nil, err
	}
	if csr, err := decodeRequest(have); err == nil && !force && csr.CheckSignature() == nil && samePublic(csr.PublicKey, key.Public()) &&
		sameName(readName(csr.RawSubject), r.parts, len(r.Ordered) > 0) && sameExtensions(known(csr.Extensions), extensions) {
		return have, nil
	}
	name, err := rawName(r.parts)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{RawSubject: name, SignatureAlgorithm: algorithm(key, r.Digest), ExtraExtensions: extensions}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), err
}

// known are the extensions that can be asked for here: of others that a request has nothing is said.
func known(all []pkix.Extension) []pkix.Extension {
	return slices.DeleteFunc(slices.Clone(all), func(e pkix.Extension) bool {
		return !slices.ContainsFunc([]asn1.ObjectIdentifier{
			oidSAN, oidKeyUsage, oidExtKeyUsage, oidBasic, oidSKI, oidAKI, oidConstraints, oidCRLPoints, oidMustStaple,
		}, e.Id.Equal)
	})
}

func samePublic(a, b any) bool {
	x, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && x.Equal(b)
}

func decodeRequest(text []byte) (*x509.CertificateRequest, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE REQUEST" || block.Type == "NEW CERTIFICATE REQUEST" {
			return x509.ParseCertificateRequest(block.Bytes)
		}
	}
	return nil, errors.New("it holds no certificate request in PEM")
}

// orNone is a path that Ansible returns as none where there is none.
func orNone(path string) any {
	if path == "" {
		return nil
	}
	return path
}

func (r *request) values() map[string]any {
	list := func(texts []string) any {
		if len(texts) == 0 {
			return nil
		}
		all := make([]any, len(texts))
		for i, t := range texts {
			all[i] = t
		}
		return all
	}
	v := map[string]any{
		"privatekey": orNone(r.KeyPath), "subject": shownName(r.parts), "subjectAltName": list(r.SAN), "keyUsage": list(r.Usage),
		"extendedKeyUsage": list(r.Extended), "basicConstraints": list(r.Basic), "ocsp_must_staple": r.Staple, "ocspMustStaple": r.Staple,
		"name_constraints_permitted": []any{}, "name_constraints_excluded": []any{},
	}
	if len(r.Permitted) > 0 {
		v["name_constraints_permitted"] = list(r.Permitted)
	}
	if len(r.Excluded) > 0 {
		v["name_constraints_excluded"] = list(r.Excluded)
	}
	return v
}

type csrArgs struct {
	files.Attributes
	requestArgs
	Path   string `arg:"path,required,path" doc:"File of the request."`
	State  string `arg:"state" default:"present" choices:"absent present" doc:"Have it, or remove it."`
	Force  bool   `arg:"force" default:"false" doc:"Make another in any case."`
	Backup bool   `arg:"backup" default:"false" doc:"Keep a copy of the request before."`
	Return bool   `arg:"return_content" default:"false" doc:"Return the request as csr."`
}

var csrModule = tasks.Define(tasks.Module{
	Name: "openssl_csr", Collections: collection,
	Summary: "Make a request for a certificate",
	Notes: []string{
		"The private key is read from the host, and the request signed on the control node. One that is there and says the same is kept.",
		files.FollowNote,
	},
	Returns: append([]tasks.Return{
		{Name: "filename", Type: "str", Doc: "the file"}, {Name: "csr", Type: "str", Doc: "the request, with return_content"},
		{Name: "backup_file", Type: "str", Doc: "copy of the request before"},
	}, requestReturns...),
	Examples: `
- openssl_csr:
    path: /etc/ssl/app.csr
    privatekey_path: /etc/ssl/private/app.key
    common_name: db.example.com
    subject_alt_name: ["DNS:db.example.com", "IP:10.0.0.1"]
    extended_key_usage: [serverAuth]
`,
}, func(a *csrArgs, l tasks.Local) (tasks.Action, error) {
	read := a.read
	if a.State == "absent" {
		read = a.request
	}
	r, arg, problem := read()
	if arg != "" {
		return nil, &tasks.ArgError{Module: "openssl_csr", Arg: arg, Problem: problem}
	}
	gone := r.values()
	if a.Return {
		gone["csr"] = nil
	}
	return newFile("openssl_csr", fileArgs{a.Attributes, a.Path, a.State, a.Backup, gone}, l,
		&requestMaker{csrArgs: a, request: r, asking: l.Check()})
})

// requestMaker makes the text of a request's file.
type requestMaker struct {
	*csrArgs
	request *request
	asking  bool
}

func (m *requestMaker) sources() []source { return []source{m.request.source()} }
func (m *requestMaker) hidden() bool      { return false }

func (m *requestMaker) make(text []byte, from []given) (made, error) {
	key, missing, err := signer(from[0], "privatekey_path", m.Passphrase)
	if err != nil || missing != "" {
		return made{unknown: missing, text: text}, err
	}
	out := made{values: m.request.values()}
	if out.text, err = m.request.text(text, key, m.Force); err != nil {
		return out, err
	}
	if !bytes.Equal(out.text, text) {
		out.msg = "make the request " + m.Path
	}
	out.values["filename"] = m.Path
	if m.Return {
		out.values["csr"] = written(out.text, text, m.asking)
	}
	return out, nil
}
