package polardb

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/pki"
)

type certificateArgs struct {
	Cluster   string   `arg:"cluster" default:"polardb" doc:"the cluster's name; the CA's name holds it"`
	Address   string   `arg:"address" doc:"the address by which the members know the host, for own_ca"`
	OwnCA     bool     `arg:"own_ca" default:"no" doc:"have the cluster's own CA sign the certificate; the CA is made when there is none"`
	Pki       string   `arg:"pki" doc:"the directory on the control node that holds the own CA"`
	Cert      string   `arg:"cert" doc:"without own_ca: the file of the host's certificate (PEM), followed by those between it and the CA's"`
	Key       string   `arg:"key" doc:"without own_ca: the file of its key"`
	CA        string   `arg:"ca" doc:"without own_ca: the file of the CAs that the members trust"`
	Beside    string   `arg:"beside" doc:"the directory that cert, key and ca are relative to"`
	Names     []string `arg:"names" doc:"further names of the host for clients: the own CA certifies them; a given certificate may be for one"`
	Held      string   `arg:"held" doc:"the file on the host with its present certificate; empty: it is not read"`
	HeldCA    string   `arg:"held_ca" doc:"the file on the host with the CAs that it trusts"`
	Days      int      `arg:"days" default:"730" doc:"days that a certificate of the own CA is valid"`
	RenewDays int      `arg:"renew_days" default:"90" doc:"renew a certificate of the own CA this many days before its end"`
	WarnDays  int      `arg:"warn_days" default:"30" doc:"warn this many days before a certificate ends"`
}

var certificateModule = tasks.Define(tasks.Module{
	Name:    "polardb_certificate",
	Summary: "Prepare a host's TLS certificate on the control node: issue it from the cluster's own CA, or check a given one",
	Notes: []string{
		"Changes no host. The own CA lies in pki on the control node: ca.crt, ca.key, and a certificate and a key for each host; " +
			"the directory has mode 0700 and the keys 0600. Whoever has ca.key can pass for any member: " +
			"protect it as you protect the inventory's passwords.",
		"A certificate of the own CA is for the host's name in the inventory and its address. " +
			"It is issued again when one of them changes, when it is about to end (renew_days), or when it does not fit its key or the CA.",
		"Given files are checked before a host is touched: the key can be read without a passphrase and fits the certificate, " +
			"a chain leads from the certificate to a CA in ca that signed itself, the certificate is valid now, " +
			"and it is for the host's name, its address or one of names. Files that a server would not start with, " +
			"or that its clients would not trust, are refused.",
		"The keys are masked wherever they would show.",
	},
	Returns: []tasks.Return{
		{Name: "cert", Type: "str", Doc: "the certificate's file on the control node"},
		{Name: "key", Type: "str", Doc: "the key's file"},
		{Name: "ca", Type: "str", Doc: "the file of the CAs"},
		{Name: "ready", Type: "bool", Doc: "whether the three files exist; false in check mode when they have yet to be made"},
		{Name: "not_after", Type: "str", Doc: "when the certificate ends"},
		{Name: "days_left", Type: "int", Doc: "days until it ends"},
		{Name: "subject", Type: "str", Doc: "the certificate's subject"},
		{Name: "trust", Type: "dict", Doc: "the certificates alone, for polardb_trust: cert and ca as they are wanted, " +
			"cert_held and ca_held as the host has them"},
	},
	Examples: `- polardb_certificate:
    own_ca: true
    pki: "{{ inventory_dir }}/pki/demo"
    address: "{{ polardb_address }}"
  register: certificate
`,
}, func(a *certificateArgs, l tasks.Local) (tasks.Action, error) {
	given := a.Cert != "" || a.Key != "" || a.CA != ""
	problem := func(arg, text string) error {
		return &tasks.ArgError{Module: "polardb_certificate", Arg: arg, Problem: text}
	}
	switch {
	case a.OwnCA && given:
		return nil, problem("own_ca", "and cert, key, ca exclude each other")
	case a.OwnCA && a.Pki == "":
		return nil, problem("pki", "is needed with own_ca: the directory on the control node for the CA")
	case a.OwnCA && a.Address == "":
		return nil, problem("address", "is needed with own_ca")
	case !a.OwnCA && (a.Cert == "" || a.Key == "" || a.CA == ""):
		return nil, problem("cert", "key and ca are needed, all three, or own_ca")
	}
	return tasks.Ask(&certificateAction{args: a, local: l}), nil
})

type certificateAction struct {
	args  *certificateArgs
	local tasks.Local
}

// foundCertificate holds what the control node has for a host.
type foundCertificate struct {
	cert, key, ca string // the names of the files
	issue         string // why a certificate has to be issued; empty: the one there is good
	leaf          *x509.Certificate
	own           bool
	wanted, held  trust
	authorityEnds time.Time
	now           time.Time
}

func (c *certificateAction) Probe() string {
	if c.args.Held == "" {
		return ""
	}
	return heldScript(c.args.Held, c.args.HeldCA)
}

func (c *certificateAction) Ask(_ context.Context, h tasks.Host, probed tasks.Found) (foundCertificate, error) {
	var found foundCertificate
	var err error
	if c.args.OwnCA {
		pki.Authorities.Lock()
		defer pki.Authorities.Unlock()
		found, err = c.own(h.Name(), time.Now())
		found.own = true
	} else {
		found, err = c.given(h.Name(), time.Now())
	}
	if err == nil && c.args.Held != "" {
		if probed.Status != 0 {
			return found, &tasks.Failure{Msg: "the certificate that the host holds cannot be read: " + strings.TrimSpace(string(probed.Stderr))}
		}
		found.held, err = heldIn(probed.Stdout)
	}
	return found, err
}

// given checks the files that the arguments name.
func (c *certificateAction) given(host string, now time.Time) (foundCertificate, error) {
	a := c.args
	var files [3]string
	for i, name := range []string{a.Cert, a.Key, a.CA} {
		if rest, home := strings.CutPrefix(name, "~/"); home {
			if dir, err := os.UserHomeDir(); err == nil {
				name = filepath.Join(dir, rest)
			}
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(a.Beside, name)
		}
		files[i] = name
	}
	f := foundCertificate{cert: files[0], key: files[1], ca: files[2], now: now}
	pair, err := pki.ReadPair(f.cert, f.key)
	if err != nil {
		return f, fmt.Errorf("read the host's certificate and key: %w", err)
	}
	if err := c.hide(f.key); err != nil {
		return f, err
	}
	cas, err := pki.ReadCertificates(f.ca)
	if err != nil {
		return f, fmt.Errorf("read the CAs' certificates: %w", err)
	}
	chain, err := pki.ReadCertificates(f.cert)
	if err != nil {
		return f, fmt.Errorf("read the host's certificate: %w", err)
	}
	if err := pki.Believed(chain, cas, now); err != nil {
		failure := &tasks.Failure{Msg: fmt.Sprintf("a member that trusts %s does not trust %s", f.ca, f.cert), Err: err}
		if errors.As(err, &x509.UnknownAuthorityError{}) {
			failure.Hint = "append the certificates between it and its CA to the same file, and put the CA into " + f.ca
		}
		return f, failure
	}
	if err := pki.Weak(chain); err != nil {
		return f, fmt.Errorf("check %s: %w", f.cert, err)
	}
	if names := append([]string{host, a.Address}, a.Names...); a.Address != "" && !pki.IsFor(pair.Leaf, names) {
		return f, &tasks.Failure{
			Msg:  fmt.Sprintf("%s is for %s, but the host is %s with the address %s", f.cert, pki.WhoseNames(pair.Leaf), host, a.Address),
			Hint: "if clients know the host by another name, list it under names in polardb_tls"}
	}
	f.leaf, f.wanted = pair.Leaf, trust{Cert: pki.AsText(chain...), CA: pki.AsText(cas...)}
	return f, nil
}

// own checks the certificate that the cluster's own CA has signed for a host, if there is one.
func (c *certificateAction) own(host string, now time.Time) (foundCertificate, error) {
	from := pki.Authority{Dir: c.args.Pki, Cluster: c.args.Cluster}
	f := foundCertificate{cert: from.CertFile(host), key: from.KeyFile(host), ca: from.CAFile(), now: now}
	if err := from.Takes(host); err != nil {
		return f, err
	}
	ca, _, all, err := from.Read()
	if errors.Is(err, fs.ErrNotExist) {
		f.issue = "there is no CA yet"
		return f, from.Missing()
	}
	if err != nil {
		return f, fmt.Errorf("read the cluster's own CA: %w", err)
	}
	f.authorityEnds = ca.NotAfter
	if now.After(ca.NotAfter) {
		return f, &tasks.Failure{Msg: fmt.Sprintf("the cluster's own CA ended on %s", ca.NotAfter.Format(time.DateOnly)),
			Hint: "replace it: polarbook run new-ca.yml"}
	}
	if err := c.hide(from.CAKey()); err != nil {
		return f, err
	}
	// Until there is a certificate, the CA stands for what it will sign.
	f.wanted = trust{Cert: pki.AsText(ca), CA: pki.AsText(all...)}
	pair, err := pki.ReadPair(f.cert, f.key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.issue = host + " has no certificate yet"
		return f, nil
	case err != nil:
		f.issue = err.Error()
		return f, nil
	}
	if err := c.hide(f.key); err != nil {
		return f, err
	}
	f.leaf = pair.Leaf
	names, addresses := c.names(host)
	renew := now.AddDate(0, 0, c.args.RenewDays)
	switch {
	case pair.Leaf.CheckSignatureFrom(ca) != nil:
		f.issue = "another CA signed its certificate"
	case !pki.Certifies(pair.Leaf, names, addresses):
		f.issue = "its certificate is not for " + strings.Join(append([]string{host, c.args.Address}, c.args.Names...), ", ")
	case renew.After(pair.Leaf.NotAfter) && pair.Leaf.NotAfter.Before(ca.NotAfter): // no certificate outlives the CA
		f.issue = "its certificate ends on " + pair.Leaf.NotAfter.Format(time.DateOnly)
	default:
		f.wanted.Cert = pki.AsText(pair.Leaf)
	}
	return f, nil
}

// names returns what a host's certificate has to be for: its name in the inventory, its address and the argument names, split
// into names and IP addresses.
func (c *certificateAction) names(host string) (names []string, addresses []net.IP) {
	for _, name := range append([]string{host, c.args.Address}, c.args.Names...) {
		if ip := net.ParseIP(name); ip != nil {
			if !slices.ContainsFunc(addresses, ip.Equal) {
				addresses = append(addresses, ip)
			}
		} else if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, addresses
}

// hide masks a key in all output, as a whole and line by line.
func (c *certificateAction) hide(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c.local.Secret(strings.TrimSpace(string(text)))
	for _, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") {
			c.local.Secret(line)
		}
	}
	return nil
}

func (f foundCertificate) values() map[string]any {
	values := map[string]any{
		"cert": f.cert, "key": f.key, "ca": f.ca, "ready": f.leaf != nil, "not_after": "", "days_left": 0, "subject": "",
		"trust": map[string]any{"own_ca": f.own, "cert": f.wanted.Cert, "ca": f.wanted.CA, "cert_held": f.held.Cert, "ca_held": f.held.CA},
	}
	if f.leaf != nil {
		values["not_after"] = f.leaf.NotAfter.UTC().Format(time.RFC3339)
		values["days_left"] = int(f.leaf.NotAfter.Sub(f.now).Hours() / 24)
		values["subject"] = f.leaf.Subject.String()
	}
	return values
}

// warnings returns a warning for the certificate, and one for the CA, if it ends soon.
func (c *certificateAction) warnings(f foundCertificate) []string {
	var out []string
	limit := f.now.AddDate(0, 0, c.args.WarnDays)
	if f.leaf != nil && limit.After(f.leaf.NotAfter) {
		next := "replace it and run reconfigure.yml"
		if c.args.OwnCA {
			next = "reconfigure.yml renews it"
		}
		out = append(out, fmt.Sprintf("the certificate %s ends on %s: %s", f.cert, f.leaf.NotAfter.Format(time.DateOnly), next))
	}
	if !f.authorityEnds.IsZero() && f.now.AddDate(1, 0, 0).After(f.authorityEnds) {
		end := f.authorityEnds.Format(time.DateOnly)
		out = append(out, fmt.Sprintf("the cluster's own CA ends on %s: replace it before then with new-ca.yml", end))
	}
	return out
}

func (c *certificateAction) Plan(f foundCertificate) (tasks.Plan, error) {
	if f.issue == "" {
		msg := "the certificate is good until " + f.leaf.NotAfter.Format(time.DateOnly)
		return tasks.Plan{Msg: msg, Values: f.values(), Warnings: c.warnings(f)}, nil
	}
	return tasks.Plan{Change: true, Event: true, Msg: "issue a certificate: " + f.issue, Values: f.values(), Warnings: c.warnings(f)}, nil
}

func (c *certificateAction) Apply(_ context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	pki.Authorities.Lock()
	defer pki.Authorities.Unlock()
	from := pki.Authority{Dir: c.args.Pki, Cluster: c.args.Cluster}
	now := time.Now()
	ca, key, err := from.Begin(now)
	if err != nil {
		return tasks.Result{}, fmt.Errorf("open the cluster's own CA in %s: %w", from.Dir, err)
	}
	end := now.AddDate(0, 0, c.args.Days)
	if end.After(ca.NotAfter) {
		end = ca.NotAfter
	}
	certificate := &x509.Certificate{
		Subject: pkix.Name{CommonName: c.args.Address}, NotBefore: now.Add(-pki.ClockSlack), NotAfter: end,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	certificate.DNSNames, certificate.IPAddresses = c.names(h.Name())
	if err := pki.Issue(certificate, ca, key, from.CertFile(h.Name()), from.KeyFile(h.Name())); err != nil {
		return tasks.Result{}, fmt.Errorf("issue the certificate of %s: %w", h.Name(), err)
	}
	f, err := c.own(h.Name(), now)
	if err == nil && f.issue != "" {
		err = errors.New(f.issue)
	}
	if err != nil {
		return tasks.Result{}, fmt.Errorf("check the certificate that was issued: %w", err)
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: f.values(), Warnings: c.warnings(f)}, nil
}
