package polardb

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/pki"
)

type caArgs struct {
	Cluster  string   `arg:"cluster" default:"polardb" doc:"the cluster's name; the CA's name holds it"`
	Pki      string   `arg:"pki,required" doc:"the directory on the control node that holds the own CA"`
	State    string   `arg:"state,required" choices:"begun signs alone" doc:"begun: make a new CA, which hosts are to trust beside the one that signs; signs: sign with the new CA; alone: trust only the CA that signs"`
	Believed []string `arg:"believed" doc:"for begun: PEM certificates of the CAs that hosts trust now; they stay, even if pki lost them"`
	Hosts    []string `arg:"hosts" doc:"for alone: the hosts, whose certificates must all be signed by the CA that signs"`
}

var caModule = tasks.Define(tasks.Module{
	Name:    "polardb_ca",
	Summary: "Replace the cluster's own CA by a new one, in three steps",
	Notes: []string{
		"Touches no host. Between the steps the hosts get what pki holds: ca.crt after begun, their new certificates after signs, " +
			"ca.crt again after alone. Throughout, the members go on trusting each other's certificates.",
		"begun makes nothing while an earlier change of the CA is unfinished.",
	},
	Returns: []tasks.Return{
		{Name: "ca", Type: "str", Doc: "the file of the CAs that the hosts are to trust"},
		{Name: "begun", Type: "bool", Doc: "whether there is a new CA that does not sign yet"},
	},
	Examples: `- polardb_ca:
    pki: "{{ inventory_dir }}/pki/demo"
    state: begun
  run_once: true
`,
}, func(a *caArgs, l tasks.Local) (tasks.Action, error) {
	return tasks.AskApply(&caAction{args: a, local: l, of: pki.Authority{Dir: a.Pki, Cluster: a.Cluster}}), nil
})

type caAction struct {
	args  *caArgs
	local tasks.Local
	of    pki.Authority
}

// foundCA holds what there is to do on the control node.
type foundCA struct {
	msg   string // the change to make; empty: none
	begun bool
	held  []*x509.Certificate // of the CAs that the hosts trust now
}

func (c *caAction) Ask(_ context.Context, _ tasks.Host, _ tasks.Found) (foundCA, error) {
	pki.Authorities.Lock()
	defer pki.Authorities.Unlock()
	return c.look()
}

func (c *caAction) look() (foundCA, error) {
	next, err := c.of.Next()
	if err != nil {
		return foundCA{}, err
	}
	f := foundCA{begun: next != nil}
	for _, text := range c.args.Believed {
		held, err := pki.CertificatesIn([]byte(text))
		if err != nil {
			return f, fmt.Errorf("read the CAs that a host trusts: %w", err)
		}
		f.held = pki.WithAll(f.held, held)
	}
	switch c.args.State {
	case "begun":
		former, _, err := c.of.Former()
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist) && pki.There(c.of.CAKey()) && pki.There(c.of.CAFile()):
			return f, err
		case next != nil && len(pki.WithAll(nil, f.held)) == len(f.held) && c.believes(f.held):
		case next == nil && err == nil && len(former) > 0 && !pki.There(c.of.NextKey()): // the new CA signs already
		default:
			f.msg = "make a new CA, to be trusted beside the former one"
		}
	case "signs":
		if next != nil {
			f.msg = "let the new CA sign"
		}
	case "alone":
		former, _, err := c.of.Former()
		if err != nil {
			return f, err
		}
		if len(former) > 0 && next == nil {
			f.msg = "stop trusting the former CA"
		}
	}
	return f, nil
}

// believes reports whether ca.crt holds all of these.
func (c *caAction) believes(held []*x509.Certificate) bool {
	all, err := pki.ReadCertificates(c.of.CAFile())
	return err == nil && len(pki.WithAll(all, held)) == len(all)
}

func (c *caAction) Plan(f foundCA) (tasks.Plan, foundCA, error) {
	values := map[string]any{"ca": c.of.CAFile(), "begun": f.begun}
	if f.msg == "" {
		return tasks.Plan{Msg: "nothing to do", Values: values}, foundCA{}, nil
	}
	return tasks.Plan{Change: true, Event: true, Msg: f.msg, Values: values}, f, nil
}

func (c *caAction) Apply(_ context.Context, _ tasks.Host, p tasks.Plan, f foundCA) (tasks.Result, error) {
	pki.Authorities.Lock()
	defer pki.Authorities.Unlock()
	var err error
	switch c.args.State {
	case "begun":
		err = c.of.Prepare(f.held, time.Now())
		f.begun = true
	case "signs":
		err = os.Rename(c.of.NextKey(), c.of.CAKey())
		f.begun = false
	case "alone":
		err = c.alone()
	}
	if err != nil {
		return tasks.Result{}, fmt.Errorf("change the cluster's own CA in %s: %w", c.of.Dir, err)
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: map[string]any{"ca": c.of.CAFile(), "begun": f.begun}}, nil
}

// alone leaves only the CA that signs in ca.crt, once every host's certificate is signed by it.
func (c *caAction) alone() error {
	signer, _, _, err := c.of.Read()
	if err != nil {
		return err
	}
	for _, host := range c.args.Hosts {
		chain, err := pki.ReadCertificates(c.of.CertFile(host))
		if err != nil {
			return err
		}
		if err := chain[0].CheckSignatureFrom(signer); err != nil {
			return fmt.Errorf("verify that the CA signed the certificate of %s: %w", host, err)
		}
	}
	_, rest, err := c.of.Former()
	if err != nil {
		return err
	}
	return pki.WriteWhole(c.of.CAFile(), []byte(pki.AsText(rest...)), 0o644)
}
