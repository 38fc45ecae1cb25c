package crypto

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/pki"
)

// signArgs are what x509_certificate and x509_certificate_pipe have alike.
type signArgs struct {
	CSRPath      string `arg:"csr_path,path" doc:"File on the host with the request. Required for ownca, or csr_content; without one a selfsigned certificate says nothing but its key."`
	CSRContent   string `arg:"csr_content" doc:"The request itself."`
	KeyPath      string `arg:"privatekey_path,path" doc:"File on the host with the certificate's private key. Required for selfsigned, or privatekey_content."`
	KeyContent   string `arg:"privatekey_content,secret" doc:"The private key itself."`
	Passphrase   string `arg:"privatekey_passphrase,secret" doc:"Passphrase of the private key."`
	CAPath       string `arg:"ownca_path,path" doc:"File on the host with the CA's certificate. Required for ownca, or ownca_content."`
	CAContent    string `arg:"ownca_content" doc:"The CA's certificate itself."`
	CAKeyPath    string `arg:"ownca_privatekey_path,path" doc:"File on the host with the CA's private key. Required for ownca, or ownca_privatekey_content."`
	CAKeyContent string `arg:"ownca_privatekey_content,secret" doc:"The CA's private key itself."`
	CAPassphrase string `arg:"ownca_privatekey_passphrase,secret" doc:"Its passphrase."`
	SelfDigest   string `arg:"selfsigned_digest" default:"sha256" choices:"sha256 sha384 sha512" doc:"Hash of the signature; sha1 and md5 are refused, as nobody believes them."`
	SelfVersion  int    `arg:"selfsigned_version" default:"3" doc:"Version, of which there is one here."`
	SelfBefore   string `arg:"selfsigned_not_before" alias:"selfsigned_notBefore" default:"+0s" doc:"From when it is good: from now, +1d2h3m4s and the like, or 20260102030405Z."`
	SelfAfter    string `arg:"selfsigned_not_after" alias:"selfsigned_notAfter" default:"+3650d" doc:"Until when, likewise."`
	SelfSKI      string `arg:"selfsigned_create_subject_key_identifier" default:"create_if_not_provided" choices:"create_if_not_provided always_create never_create" doc:"Whether the key's identifier is put in when the request has none, always, or never."`
	OwnDigest    string `arg:"ownca_digest" default:"sha256" choices:"sha256 sha384 sha512" doc:"Likewise for ownca."`
	OwnVersion   int    `arg:"ownca_version" default:"3" doc:"Likewise for ownca."`
	OwnBefore    string `arg:"ownca_not_before" default:"+0s" doc:"Likewise for ownca."`
	OwnAfter     string `arg:"ownca_not_after" default:"+3650d" doc:"Likewise for ownca."`
	OwnSKI       string `arg:"ownca_create_subject_key_identifier" default:"create_if_not_provided" choices:"create_if_not_provided always_create never_create" doc:"Likewise for ownca."`
	OwnAKI       bool   `arg:"ownca_create_authority_key_identifier" default:"true" doc:"Put the CA's identifier in, whatever the request has; without it the request's is taken over."`
	IgnoreTimes  bool   `arg:"ignore_timestamps" default:"true" doc:"A certificate that is there is kept whatever its times are; otherwise they have to be the wanted ones, and those from now never are."`
	Force        bool   `arg:"force" default:"false" doc:"Make another in any case."`
	Backend      string `arg:"select_crypto_backend" default:"auto" choices:"auto cryptography" doc:"Of no effect: Go's crypto makes the certificates."`
}

type certificateArgs struct {
	files.Attributes
	signArgs
	Path     string `arg:"path,required,path" doc:"File of the certificate."`
	State    string `arg:"state" default:"present" choices:"absent present" doc:"Have it, or remove it."`
	Provider string `arg:"provider" choices:"acme entrust ownca selfsigned" doc:"Who signs: the key itself (selfsigned) or a CA of one's own (ownca). acme and entrust are refused. Required unless absent."`
	Backup   bool   `arg:"backup" default:"false" doc:"Keep a copy of the certificate before."`
	Return   bool   `arg:"return_content" default:"false" doc:"Return the certificate as certificate."`
}

// otherProviders are the arguments of the providers that are not here.
func otherProviders() map[string]string {
	why := map[string]string{}
	for _, name := range strings.Fields("accountkey_path chain challenge_path directory") {
		why["acme_"+name] = "certificates of an ACME service are got with its own client (certbot, acme.sh), as a command with creates"
	}
	for _, name := range strings.Fields("api_client_cert_key_path api_client_cert_path api_key api_specification_path api_user cert_type " +
		"not_after requester_email requester_name requester_phone") {
		why["entrust_"+name] = "the service ended, and community.crypto has it no more"
	}
	return why
}

var certificateModule = tasks.Define(tasks.Module{
	Name: "x509_certificate", Collections: collection,
	Aliases: []string{"openssl_certificate"},
	Summary: "Make a certificate, signed by its own key or by a CA of one's own",
	Notes: []string{
		"Keys and requests are read from the host, and the certificate signed on the control node, by whose clock times from now are. One that " +
			"is there, has the key, says what the request says and is signed by the CA is kept, even if it has run out, as in Ansible: see " +
			"ignore_timestamps.",
		"A request that is for another key than privatekey_path is refused where Ansible makes another certificate at each run.",
		"A PolarDB cluster's own certificates are made by polardb_tls.",
		files.FollowNote,
	},
	Without: otherProviders(),
	Returns: []tasks.Return{
		{Name: "filename", Type: "str", Doc: "the file"}, {Name: "privatekey", Type: "str", Doc: "file of the private key"},
		{Name: "csr", Type: "str", Doc: "file of the request"}, {Name: "ca_cert", Type: "str", Doc: "file of the CA, for ownca"},
		{Name: "ca_privatekey", Type: "str", Doc: "file of the CA's key, for ownca"}, {Name: "serial_number", Type: "int", Doc: "its number"},
		{Name: "notBefore", Type: "str", Doc: "from when it is good, such as 20260102030405Z"},
		{Name: "notAfter", Type: "str", Doc: "until when"},
		{Name: "certificate", Type: "str", Doc: "the certificate, with return_content"},
		{Name: "backup_file", Type: "str", Doc: "copy of the one before"},
	},
	Examples: `
- x509_certificate: {path: /etc/ssl/app.crt, csr_path: /etc/ssl/app.csr, privatekey_path: /etc/ssl/private/app.key, provider: selfsigned}
- x509_certificate:
    path: /etc/ssl/app.crt
    csr_path: /etc/ssl/app.csr
    provider: ownca
    ownca_path: /etc/ssl/ca.crt
    ownca_privatekey_path: /etc/ssl/private/ca.key
    ownca_not_after: +365d
`,
}, func(a *certificateArgs, l tasks.Local) (tasks.Action, error) {
	gone := map[string]any{"privatekey": orNone(a.KeyPath), "csr": orNone(a.CSRPath)}
	if a.Return {
		gone["certificate"] = nil
	}
	f := fileArgs{a.Attributes, a.Path, a.State, a.Backup, gone}
	if a.State == "absent" {
		return newFile("x509_certificate", f, l, &certificateFile{certificateArgs: a})
	}
	m, arg, problem := a.read(a.Provider)
	if arg != "" {
		return nil, &tasks.ArgError{Module: "x509_certificate", Arg: arg, Problem: problem}
	}
	return newFile("x509_certificate", f, l, &certificateFile{certificateArgs: a, maker: m, asking: l.Check()})
})

// read checks the arguments. It returns which is wrong and how.
func (a *signArgs) read(provider string) (m *certificateMaker, arg, problem string) {
	m = &certificateMaker{signArgs: a, provider: provider, now: time.Now()}
	own := provider == "ownca"
	switch {
	case provider == "":
		return m, "provider", "is required: selfsigned or ownca"
	case provider == "acme" || provider == "entrust":
		return m, "provider", provider + " is not there: it asks a service on the Internet for certificates; take selfsigned or ownca"
	case a.CSRPath != "" && a.CSRContent != "":
		return m, "csr_content", "and csr_path exclude each other"
	case a.KeyPath != "" && a.KeyContent != "":
		return m, "privatekey_content", "and privatekey_path exclude each other"
	case !own && a.KeyPath == "" && a.KeyContent == "":
		return m, "privatekey_path", "or privatekey_content is required for selfsigned"
	case own && a.CSRPath == "" && a.CSRContent == "":
		return m, "csr_path", "or csr_content is required for ownca"
	case own && (a.CAPath == "") == (a.CAContent == ""):
		return m, "ownca_path", "or ownca_content is required for ownca, and one of them only"
	case own && (a.CAKeyPath == "") == (a.CAKeyContent == ""):
		return m, "ownca_privatekey_path", "or ownca_privatekey_content is required for ownca, and one of them only"
	case a.SelfVersion != 3 || a.OwnVersion != 3:
		return m, "selfsigned_version", "has to be 3, and ownca_version too"
	}
	before, after := "selfsigned_not_before", "selfsigned_not_after"
	if m.begin, m.end, m.digest, m.ski = a.SelfBefore, a.SelfAfter, a.SelfDigest, a.SelfSKI; own {
		m.begin, m.end, m.digest, m.ski = a.OwnBefore, a.OwnAfter, a.OwnDigest, a.OwnSKI
		before, after = "ownca_not_before", "ownca_not_after"
	}
	var err error
	if m.from, err = timeOf(m.begin, m.now); err != nil {
		return m, before, err.Error()
	}
	if m.until, err = timeOf(m.end, m.now); err != nil {
		return m, after, err.Error()
	}
	if !m.until.After(m.from) {
		return m, after, "is not after " + before
	}
	return m, "", ""
}

var relativeTime = regexp.MustCompile(`^([+-])(?:(\d+)[wW])?(?:(\d+)[dD])?(?:(\d+)[hH])?(?:(\d+)[mM])?(?:(\d+)[sS])?$`)

// timeOf reads a time: one from now, or one of ASN.1's.
func timeOf(text string, now time.Time) (time.Time, error) {
	if m := relativeTime.FindStringSubmatch(text); m != nil && len(text) > 1 {
		total := time.Duration(0)
		for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
			if m[i+2] == "" {
				continue
			}
			n, err := strconv.Atoi(m[i+2])
			if err != nil || n > int((200*366*24*time.Hour)/unit) {
				return now, errors.New("is too far away")
			}
			total += time.Duration(n) * unit
		}
		if m[1] == "-" {
			total = -total
		}
		return now.Add(total).UTC().Truncate(time.Second), nil
	}
	for _, layout := range []string{"20060102150405Z", "20060102150405Z0700", "200601021504Z"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return now, errors.New("has to be a time from now, such as +365d or +1d2h, or one such as 20260102030405Z")
}

// certificateFile makes the text of a certificate's file.
type certificateFile struct {
	*certificateArgs
	maker  *certificateMaker
	asking bool
}

func (f *certificateFile) sources() []source { return f.maker.sources() }
func (f *certificateFile) hidden() bool      { return false }

func (f *certificateFile) make(text []byte, from []given) (made, error) {
	out, err := f.maker.make(text, from)
	if err != nil || out.unknown != "" {
		return out, err
	}
	out.values["filename"] = f.Path
	if !bytes.Equal(out.text, text) {
		out.msg = "make the certificate " + f.Path
	}
	if f.Return {
		out.values["certificate"] = written(out.text, text, f.asking)
	}
	return out, nil
}

// certificateMaker makes a certificate's text.
type certificateMaker struct {
	*signArgs
	provider                string
	now, from, until        time.Time
	begin, end, digest, ski string
}

func (m *certificateMaker) sources() []source {
	return []source{{m.CSRPath, m.CSRContent}, {m.KeyPath, m.KeyContent}, {m.CAPath, m.CAContent}, {m.CAKeyPath, m.CAKeyContent}}
}

// parties are who is certified and who signs.
type parties struct {
	public     crypto.PublicKey
	subject    []byte
	extensions []pkix.Extension
	signer     crypto.Signer
	ca         *x509.Certificate // nil: the key signs for itself
}

func (m *certificateMaker) make(text []byte, from []given) (made, error) {
	for i, needed := range []bool{true, m.provider == "selfsigned", m.provider == "ownca", m.provider == "ownca"} {
		if needed && from[i].err != nil {
			return made{unknown: from[i].err.Error(), text: text}, nil
		}
	}
	p, err := m.parties(from)
	if err != nil {
		return made{}, err
	}
	out := made{text: text}
	certificate := m.kept(text, p)
	if certificate == nil {
		if out.text, certificate, err = m.sign(p); err != nil {
			return out, err
		}
	}
	const layout = "20060102150405Z"
	out.values = map[string]any{
		"privatekey": orNone(m.KeyPath), "csr": orNone(m.CSRPath), "serial_number": whole(certificate.SerialNumber),
		"notBefore": certificate.NotBefore.UTC().Format(layout), "notAfter": certificate.NotAfter.UTC().Format(layout),
	}
	if p.ca != nil {
		out.values["ca_cert"], out.values["ca_privatekey"] = orNone(m.CAPath), orNone(m.CAKeyPath)
	}
	return out, nil
}

// whole is a number as a value: an int where it fits.
func whole(n *big.Int) any {
	if n.IsInt64() {
		return int(n.Int64())
	}
	return n
}

func (m *certificateMaker) parties(from []given) (*parties, error) {
	p := &parties{}
	var key crypto.Signer
	var err error
	if m.KeyPath != "" || m.KeyContent != "" {
		if key, _, err = signer(from[1], "privatekey_path", m.Passphrase); err != nil {
			return nil, err
		}
	}
	if key != nil {
		p.public, p.signer = key.Public(), key
	}
	p.subject, err = rawName(nil)
	if err != nil {
		return nil, err
	}
	if len(from[0].text) > 0 {
		csr, err := decodeRequest(from[0].text)
		if err == nil {
			err = csr.CheckSignature()
		}
		if err != nil {
			return nil, &tasks.Failure{Msg: "csr_path: " + err.Error()}
		}
		if key != nil && !samePublic(csr.PublicKey, key.Public()) {
			return nil, &tasks.Failure{Msg: "the request is for another key than privatekey_path"}
		}
		p.public, p.subject, p.extensions = csr.PublicKey, csr.RawSubject, csr.Extensions
	}
	if m.provider != "ownca" {
		return p, nil
	}
	all, err := pki.CertificatesIn(from[2].text)
	if err == nil && len(all) == 0 {
		err = errors.New("it holds no certificate in PEM")
	}
	if err != nil {
		return nil, &tasks.Failure{Msg: "ownca_path: " + err.Error()}
	}
	p.ca = all[0]
	if p.signer, _, err = signer(from[3], "ownca_privatekey_path", m.CAPassphrase); err != nil {
		return nil, err
	}
	if !samePublic(p.ca.PublicKey, p.signer.Public()) {
		return nil, &tasks.Failure{Msg: "ownca_path is the certificate of another key than ownca_privatekey_path"}
	}
	return p, nil
}

// kept returns the certificate that is there if it is as wanted.
func (m *certificateMaker) kept(text []byte, p *parties) *x509.Certificate {
	all, err := pki.CertificatesIn(text)
	if err != nil || len(all) == 0 || m.Force {
		return nil
	}
	c := all[0]
	extensions, err := m.extensions(p)
	if err != nil || !samePublic(c.PublicKey, p.public) || !sameName(readName(c.RawSubject), readName(p.subject), true) ||
		!sameExtensions(c.Extensions, extensions) {
		return nil
	}
	by := c
	if p.ca != nil {
		by = p.ca
	}
	if !bytes.Equal(c.RawIssuer, by.RawSubject) || by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
		return nil
	}
	if !m.IgnoreTimes && (!c.NotBefore.Equal(m.from) || !c.NotAfter.Equal(m.until)) {
		return nil
	}
	return c
}

// extensions are those of the request, and the identifiers of the keys.
func (m *certificateMaker) extensions(p *parties) ([]pkix.Extension, error) {
	var all []pkix.Extension
	hasSKI := false
	for _, e := range p.extensions {
		if e.Id.Equal(oidSKI) && m.ski == "always_create" || e.Id.Equal(oidAKI) && p.ca != nil && m.OwnAKI {
			continue
		}
		hasSKI = hasSKI || e.Id.Equal(oidSKI)
		all = append(all, e)
	}
	if !hasSKI && m.ski != "never_create" {
		id, err := keyID(p.public)
		if err != nil {
			return nil, err
		}
		all = append(all, pkix.Extension{Id: oidSKI, Value: append([]byte{4, byte(len(id))}, id...)})
	}
	if p.ca == nil || !m.OwnAKI {
		return all, nil
	}
	id := p.ca.SubjectKeyId
	if len(id) == 0 {
		var err error
		if id, err = keyID(p.ca.PublicKey); err != nil {
			return nil, err
		}
	}
	value, err := authorityID(id, nil, nil)
	return append(all, pkix.Extension{Id: oidAKI, Value: value}), err
}

func (m *certificateMaker) sign(p *parties) ([]byte, *x509.Certificate, error) {
	extensions, err := m.extensions(p)
	if err != nil {
		return nil, nil, err
	}
	const serialBits = 159 // positive, and 20 bytes at most (RFC 5280)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), RawSubject: p.subject, NotBefore: m.from, NotAfter: m.until,
		SignatureAlgorithm: algorithm(p.signer, m.digest), ExtraExtensions: extensions,
	}
	parent := template
	if p.ca != nil {
		// Only the name counts: what else the CA's certificate has would be added by itself.
		parent = &x509.Certificate{RawSubject: p.ca.RawSubject, PublicKey: p.ca.PublicKey}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, p.public, p.signer)
	if err != nil {
		return nil, nil, fmt.Errorf("sign the certificate: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), c, err
}
