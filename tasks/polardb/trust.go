package polardb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/pki"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type trustArgs struct {
	Members []any    `arg:"members,required" doc:"each of the run's hosts: name, and the trust of its polardb_certificate"`
	Others  []string `arg:"others" doc:"the cluster's hosts that take no part in the run; their certificates are read and stay as they are"`
	Held    string   `arg:"held,required" doc:"the file on a host with its present certificate"`
	HeldCA  string   `arg:"held_ca,required" doc:"the file on a host with the CAs that it trusts at present"`
}

var trustModule = tasks.Define(tasks.Module{
	Name:    "polardb_trust",
	Summary: "Check that members trust each other's certificates at every moment of a change, while only some have new ones",
	Notes: []string{
		"Changes nothing. Refuses a certificate that another member does not trust, now or while it still has its old CAs, " +
			"and a file of CAs without the CA of a certificate still in use: meanwhile a member that loses its connection would be locked out.",
		"Does not refuse a change between members that do not trust each other now. " +
			"Refuses an own CA that is not on the control node although members trust one: polarbook would make another.",
	},
	Examples: `- polardb_trust:
    held: /etc/polardb-demo/server.pem
    held_ca: /etc/polardb-demo/ca.crt
    members:
      - {name: node1, trust: "{{ hostvars.node1.polardb_certificate.trust }}"}
  run_once: true
`,
}, func(a *trustArgs, _ tasks.Local) (tasks.Action, error) {
	t, err := newTrust(a)
	return tasks.Ask(t), err
})

func newTrust(a *trustArgs) (*trustAction, error) {
	t := &trustAction{args: a}
	for _, item := range a.Members {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, &tasks.ArgError{
				Module:  "polardb_trust",
				Arg:     "members",
				Problem: "must be a list of dicts, not of " + convert.Describe(item),
			}
		}
		member := trustMember{name: fmt.Sprint(m["name"])}
		given, ok := m["trust"].(map[string]any)
		if !ok {
			return nil, &tasks.ArgError{
				Module:  "polardb_trust",
				Arg:     "members",
				Problem: member.name + " has no trust of polardb_certificate's",
			}
		}
		member.ownCA = given["own_ca"] == true
		text := func(key string) string { s, _ := given[key].(string); return s }
		member.wanted, member.held = trust{text("cert"), text("ca")}, trust{text("cert_held"), text("ca_held")}
		t.members = append(t.members, member)
	}
	return t, nil
}

// trust holds a host's certificate and the CAs that it trusts, as PEM; either may be empty.
type trust struct{ Cert, CA string }

type trustMember struct {
	name         string
	ownCA        bool
	wanted, held trust
}

type trustAction struct {
	args    *trustArgs
	members []trustMember
}

// heldScript returns the script that prints the certificates in a host's file, without the key, and the CAs that it trusts.
func heldScript(file, ca string) string {
	return scripts.Script("polardb_held", script.Values{"HELD": file, "HELD_CA": ca})
}

// heldIn reads the answer of heldScript.
func heldIn(answer []byte) (trust, error) {
	var held struct {
		Cert []byte `answer:"cert"`
		CA   []byte `answer:"ca"`
	}
	err := script.Decode(answer, &held)
	return trust{strings.TrimSpace(string(held.Cert)), strings.TrimSpace(string(held.CA))}, err
}

// Ask reads the certificates of the hosts that take no part in the run. It returns a warning for each that cannot be reached.
func (t *trustAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) ([]string, error) {
	members := slices.Clone(t.members)
	var silent []string
	for _, name := range t.args.Others {
		held, err := t.heldBy(ctx, h, name)
		if err != nil {
			silent = append(silent, fmt.Sprintf("cannot read whom %s trusts: %v", name, err))
			continue
		}
		members = append(members, trustMember{name: name, wanted: held, held: held})
	}
	return silent, agree(members, time.Now())
}

func (t *trustAction) heldBy(ctx context.Context, h tasks.Host, name string) (trust, error) {
	peer, err := h.Peer(ctx, name)
	if err != nil {
		return trust{}, err
	}
	root, err := peer.As(ctx, "")
	if err != nil {
		return trust{}, err
	}
	answer, err := root.Run(ctx, remote.Command{Script: heldScript(t.args.Held, t.args.HeldCA)})
	switch {
	case err != nil:
		return trust{}, err
	case answer.Status != 0:
		return trust{}, errors.New(strings.TrimSpace(string(answer.Stderr)))
	}
	return heldIn(answer.Stdout)
}

func (t *trustAction) Plan(silent []string) (tasks.Plan, error) {
	return tasks.Plan{Warnings: silent, Msg: "the members trust each other's certificates"}, nil
}

// agree returns an error that names a member which would not trust another.
func agree(members []trustMember, now time.Time) error {
	for _, m := range members {
		if !m.ownCA || m.wanted.CA != "" {
			continue
		}
		for _, other := range members {
			if other.held.CA != "" {
				return &tasks.Failure{
					Msg: other.name + " trusts a CA, but the control node has none for the cluster:" +
						" another one, which no member trusts, would lock them out",
					Hint: "bring the directory polardb_pki back from where the CA was made; if it is lost for good, " +
						"polarbook run new-ca.yml goes over to another CA",
				}
			}
		}
	}
	for _, follower := range members {
		for _, leader := range members {
			if follower.name == leader.name {
				continue
			}
			apart := func(cert, ca, what string) error {
				if err := trusts(cert, ca, now); err != nil {
					return &tasks.Failure{
						Msg: fmt.Sprintf("%s does not trust %s of %s: a member that loses its connection during the change would be locked out",
							follower.name, what, leader.name),
						Err: err,
						Hint: "go over to another CA in three runs of reconfigure.yml: with both CAs in the file ca, " +
							"then with the new certificates, then with the new CA alone; with own_ca: new-ca.yml",
					}
				}
				return nil
			}
			if err := apart(leader.wanted.Cert, follower.wanted.CA, "the certificate"); err != nil {
				return err
			}
			if leader.held.Cert == "" || follower.held.CA == "" || trusts(leader.held.Cert, follower.held.CA, now) != nil {
				continue
			}
			if err := apart(leader.wanted.Cert, follower.held.CA, "with the CAs that it has now, the new certificate"); err != nil {
				return err
			}
			if err := apart(leader.held.Cert, follower.wanted.CA, "with its new CAs, the certificate that is in use"); err != nil {
				return err
			}
		}
	}
	return nil
}

// trusts returns an error when a host with these CAs does not trust a chain, both as PEM; nil when either is empty.
func trusts(cert, ca string, now time.Time) error {
	if cert == "" || ca == "" {
		return nil
	}
	chain, err := pki.CertificatesIn([]byte(cert))
	if err != nil {
		return err
	}
	cas, err := pki.CertificatesIn([]byte(ca))
	if err != nil || len(chain) == 0 || len(cas) == 0 {
		return err
	}
	return pki.Believed(chain, cas, now)
}
