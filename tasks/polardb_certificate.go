package tasks

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
	"strings"
	"time"
)

type certificateArgs struct {
	Cluster   string `arg:"cluster" default:"polardb" doc:"the cluster's name; the CA's name holds it"`
	Address   string `arg:"address" doc:"the address by which the members know the host, for own_ca"`
	OwnCA     bool   `arg:"own_ca" default:"no" doc:"have the certificate from the cluster's own CA, which is made when there is none"`
	Pki       string `arg:"pki" doc:"the directory on the control node that holds the own CA"`
	Cert      string `arg:"cert" doc:"without own_ca: the host's certificate (PEM), and those between it and the CA's after it"`
	Key       string `arg:"key" doc:"its key"`
	CA        string `arg:"ca" doc:"the certificates of the CAs that the members believe"`
	Beside    string `arg:"beside" doc:"the directory that cert, key and ca are relative to"`
	Days      int    `arg:"days" default:"730" doc:"for how long the own CA signs"`
	RenewDays int    `arg:"renew_days" default:"90" doc:"so many days before its end a certificate of the own CA is renewed"`
	WarnDays  int    `arg:"warn_days" default:"30" doc:"so many days before its end a certificate is warned of"`
}

var polardbCertificateModule = Define(Module{
	Name:    "polardb_certificate",
	Summary: "Have a host's TLS certificate ready on the control node: issue it from the cluster's own CA, or look at a given one",
	Notes: []string{
		"Touches no host. The own CA lies in pki on the control node: ca.crt, ca.key, and a certificate and a key for each host; the directory has mode 0700 and the keys 0600. Whoever has ca.key can pass for any member: keep it as you keep the inventory's passwords.",
		"A certificate of the own CA is for the host's name in the inventory and its address, and is issued anew when one of them changes, when it is about to end (renew_days), or when it does not fit its key or the CA.",
		"Of given files it is seen to that the key fits the certificate, and that ca signed it and it has not ended: what a server would not start with is refused before a host is touched.",
		"The keys are masked wherever they would show.",
	},
	Returns: []Return{
		{"cert", "str", "the certificate's file on the control node"}, {"key", "str", "the key's"}, {"ca", "str", "the file of the CAs"},
		{"ready", "bool", "whether the three files are there; not in check mode, when they are yet to be made"},
		{"not_after", "str", "when the certificate ends"}, {"days_left", "int", "in how many days"}, {"subject", "str", "whom it is for"},
	},
	Examples: `- polardb_certificate:
    own_ca: true
    pki: "{{ inventory_dir }}/pki/demo"
    address: "{{ polardb_address }}"
  register: certificate
`,
}, func(a *certificateArgs, l Local) (Action, error) {
	given := a.Cert != "" || a.Key != "" || a.CA != ""
	problem := func(arg, text string) error {
		return &ArgError{Module: "polardb_certificate", Arg: arg, Problem: text}
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
	return &certificateAction{args: a, local: l}, nil
})

type certificateAction struct {
	args  *certificateArgs
	local Local
}

// foundCertificate is what lies on the control node. issue says why a certificate has to be made; empty: it is good.
type foundCertificate struct {
	cert, key, ca string
	issue         string
	leaf          *x509.Certificate
	authorityEnds time.Time
	now           time.Time
}

func (c *certificateAction) Probe() string { return "" }

func (c *certificateAction) Ask(_ context.Context, h Host, f Found) (Found, error) {
	var err error
	if c.args.OwnCA {
		authorities.Lock()
		defer authorities.Unlock()
		f.Value, err = c.own(h.Name(), time.Now())
	} else {
		f.Value, err = c.given(time.Now())
	}
	return f, err
}

func (c *certificateAction) given(now time.Time) (foundCertificate, error) {
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
	pair, err := readPair(f.cert, f.key)
	if err != nil {
		return f, fmt.Errorf("the host's certificate: %w", err)
	}
	if err := c.hide(f.key); err != nil {
		return f, err
	}
	roots, err := readCAs(f.ca)
	if err != nil {
		return f, fmt.Errorf("the CAs' certificates: %w", err)
	}
	if err := signed(pair, roots, now); err != nil {
		return f, fmt.Errorf("%s is not what a member believes that trusts %s: %w", f.cert, f.ca, err)
	}
	f.leaf = pair.Leaf
	return f, nil
}

func (c *certificateAction) own(host string, now time.Time) (foundCertificate, error) {
	from := authority{dir: c.args.Pki, cluster: c.args.Cluster}
	f := foundCertificate{cert: from.certFile(host), key: from.keyFile(host), ca: from.caFile(), now: now}
	if strings.ContainsAny(host, `/\`) || host == "ca" {
		return f, &Failure{Msg: fmt.Sprintf("a host named %q cannot have a file of that name in %s", host, from.dir)}
	}
	ca, _, err := from.read()
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(from.caFile()); err == nil {
			return f, &Failure{Msg: from.caFile() + " is there and its key is not", Hint: "bring " + from.caKey() + " back; to begin with a new CA, which no member believes yet, move the directory away"}
		}
		f.issue = "there is no CA yet"
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("the cluster's own CA: %w", err)
	}
	f.authorityEnds = ca.NotAfter
	if now.After(ca.NotAfter) {
		return f, &Failure{Msg: fmt.Sprintf("the cluster's own CA ended on %s", ca.NotAfter.Format(time.DateOnly)), Hint: "move " + from.dir + " away to begin with a new one"}
	}
	if err := c.hide(from.caKey()); err != nil {
		return f, err
	}
	pair, err := readPair(f.cert, f.key)
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
	switch {
	case pair.Leaf.CheckSignatureFrom(ca) != nil:
		f.issue = "its certificate is another CA's"
	case !certifies(pair.Leaf, names, addresses):
		f.issue = fmt.Sprintf("its certificate is not for %s and %s", host, c.args.Address)
	case now.AddDate(0, 0, c.args.RenewDays).After(pair.Leaf.NotAfter):
		f.issue = "its certificate ends on " + pair.Leaf.NotAfter.Format(time.DateOnly)
	}
	return f, nil
}

// names are those that a host's certificate is for: its name in the inventory and its address.
func (c *certificateAction) names(host string) (names []string, addresses []net.IP) {
	for _, name := range []string{host, c.args.Address} {
		if ip := net.ParseIP(name); ip != nil {
			if len(addresses) == 0 || !addresses[0].Equal(ip) {
				addresses = append(addresses, ip)
			}
		} else if len(names) == 0 || names[0] != name {
			names = append(names, name)
		}
	}
	return names, addresses
}

// hide has a key masked, as a whole and line by line.
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
	values := map[string]any{"cert": f.cert, "key": f.key, "ca": f.ca, "ready": f.leaf != nil, "not_after": "", "days_left": 0, "subject": ""}
	if f.leaf != nil {
		values["not_after"], values["days_left"] = f.leaf.NotAfter.UTC().Format(time.RFC3339), int(f.leaf.NotAfter.Sub(f.now).Hours()/24)
		values["subject"] = f.leaf.Subject.String()
	}
	return values
}

// warnings are about what ends soon.
func (c *certificateAction) warnings(f foundCertificate) []string {
	var out []string
	limit := f.now.AddDate(0, 0, c.args.WarnDays)
	if f.leaf != nil && limit.After(f.leaf.NotAfter) {
		next := "put another in its place and run reconfigure.yml"
		if c.args.OwnCA {
			next = "reconfigure.yml renews it"
		}
		out = append(out, fmt.Sprintf("the certificate %s ends on %s: %s", f.cert, f.leaf.NotAfter.Format(time.DateOnly), next))
	}
	if !f.authorityEnds.IsZero() && f.now.AddDate(1, 0, 0).After(f.authorityEnds) {
		out = append(out, fmt.Sprintf("the cluster's own CA ends on %s: make a new one before", f.authorityEnds.Format(time.DateOnly)))
	}
	return out
}

func (c *certificateAction) Plan(found Found) (Plan, error) {
	f, ok := found.Value.(foundCertificate)
	if !ok {
		return Plan{}, errors.New("the certificate was not looked at")
	}
	if f.issue == "" {
		return Plan{Msg: "the certificate is good until " + f.leaf.NotAfter.Format(time.DateOnly), Values: f.values(), Warnings: c.warnings(f)}, nil
	}
	return Plan{Change: true, Event: true, Msg: "issue a certificate: " + f.issue, Values: f.values(), Data: f, Warnings: c.warnings(f)}, nil
}

func (c *certificateAction) Apply(_ context.Context, h Host, p Plan) (Result, error) {
	authorities.Lock()
	defer authorities.Unlock()
	from := authority{dir: c.args.Pki, cluster: c.args.Cluster}
	now := time.Now()
	ca, key, err := from.begin(now)
	if err != nil {
		return Result{}, fmt.Errorf("the cluster's own CA in %s: %w", from.dir, err)
	}
	end := now.AddDate(0, 0, c.args.Days)
	if end.After(ca.NotAfter) {
		end = ca.NotAfter
	}
	certificate := &x509.Certificate{
		Subject: pkix.Name{CommonName: c.args.Address}, NotBefore: now.Add(-clockSlack), NotAfter: end,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	certificate.DNSNames, certificate.IPAddresses = c.names(h.Name())
	if err := issue(certificate, ca, key, from.certFile(h.Name()), from.keyFile(h.Name())); err != nil {
		return Result{}, fmt.Errorf("issue the certificate of %s: %w", h.Name(), err)
	}
	f, err := c.own(h.Name(), now)
	if err == nil && f.issue != "" {
		err = errors.New(f.issue)
	}
	if err != nil {
		return Result{}, fmt.Errorf("the certificate that was issued: %w", err)
	}
	return Result{Changed: true, Msg: p.Msg, Values: f.values(), Warnings: c.warnings(f)}, nil
}
