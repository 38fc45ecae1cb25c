package polardb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/pki"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// ownCA returns an own CA in a directory, with certificates of hosts.
func ownCA(t *testing.T, hosts ...string) (pki.Authority, map[string]trust) {
	t.Helper()
	of := pki.Authority{Dir: filepath.Join(t.TempDir(), "pki"), Cluster: "x"}
	all := map[string]trust{}
	for _, h := range hosts {
		_, r, _, err := certify(t, map[string]any{"own_ca": true, "pki": of.Dir, "address": h + ".example.com", "cluster": "x"}, h)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Values["trust"].(map[string]any)
		all[h] = trust{got["cert"].(string), got["ca"].(string)}
	}
	return of, all
}

func TestMembersBelieveEachOther(t *testing.T) {
	_, old := ownCA(t, "a", "b")
	_, other := ownCA(t, "a", "b")
	both := func(host string, from map[string]trust) trust {
		return trust{from[host].Cert, old[host].CA + "\n" + other[host].CA}
	}
	member := func(name string, wanted, held trust) trustMember {
		return trustMember{name: name, wanted: wanted, held: held}
	}
	for name, c := range map[string]struct {
		members []trustMember
		want    string
	}{
		"as they are": {[]trustMember{member("a", old["a"], old["a"]), member("b", old["b"], old["b"])}, ""},
		"none before": {[]trustMember{member("a", old["a"], trust{}), member("b", old["b"], trust{})}, ""},
		"two CAs": {[]trustMember{member("a", old["a"], trust{}), member("b", other["b"], trust{})},
			"does not trust the certificate of"},
		"all at once": {[]trustMember{member("a", other["a"], old["a"]), member("b", other["b"], old["b"])},
			"with the CAs that it has now, the new certificate of"},
		"first both CAs":    {[]trustMember{member("a", both("a", old), old["a"]), member("b", both("b", old), old["b"])}, ""},
		"then certificates": {[]trustMember{member("a", both("a", other), both("a", old)), member("b", both("b", other), both("b", old))}, ""},
		"then the CA":       {[]trustMember{member("a", other["a"], both("a", other)), member("b", other["b"], both("b", other))}, ""},
		"the CA too early": {[]trustMember{member("a", other["a"], both("a", old)), member("b", other["b"], both("b", old))},
			"with its new CAs, the certificate that is in use of"},
		"apart already": {[]trustMember{member("a", other["a"], old["a"]), member("b", other["b"], other["b"])}, ""},
		"a bystander":   {[]trustMember{member("a", other["a"], old["a"]), member("b", old["b"], old["b"])}, "does not trust"},
		"the own CA is lost": {[]trustMember{{name: "a", ownCA: true}, member("b", trust{}, old["b"])},
			"b trusts a CA, but the control node has none"},
	} {
		err := agree(c.members, time.Now())
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// A certificate that has ended is believed by nobody, and may be exchanged for whatever is.
	err := agree([]trustMember{member("a", old["a"], old["a"]), member("b", old["b"], old["b"])}, time.Now().AddDate(20, 0, 0))
	if err == nil {
		t.Error("ended certificates are believed")
	}
}

func TestTrustsArguments(t *testing.T) {
	members := []any{map[string]any{"name": "a", "trust": map[string]any{"own_ca": true, "cert": "", "ca": "",
		"cert_held": "x", "ca_held": "y"}}}
	if _, err := trustModule.New(map[string]any{"held": "/a", "held_ca": "/b", "members": members}, &keyring{}); err != nil {
		t.Fatal(err)
	}
	action, err := newTrust(&trustArgs{Members: members})
	if err != nil {
		t.Fatal(err)
	}
	if got := action.members[0]; got != (trustMember{name: "a", ownCA: true, held: trust{"x", "y"}}) {
		t.Errorf("%+v", got)
	}
	if _, err := trustModule.New(map[string]any{"held": "/a", "held_ca": "/b", "members": []any{"a"}}, &keyring{}); err == nil {
		t.Error("a member that is a word")
	}
}

func TestAnotherCA(t *testing.T) {
	of, old := ownCA(t, "a", "b")
	step := func(state string, change bool, believed ...any) error {
		t.Helper()
		action, err := caModule.New(map[string]any{
			"pki":      of.Dir,
			"cluster":  "x",
			"state":    state,
			"believed": believed,
			"hosts":    []any{"a", "b"},
		}, &keyring{})
		if err != nil {
			t.Fatal(err)
		}
		found, err := tasks.Find(t.Context(), namedHost{name: "a"}, action, tasks.Found{})
		if err != nil {
			return err
		}
		p, err := action.Plan(found)
		if err != nil || p.Change != change {
			t.Errorf("%s: %+v %v", state, p, err)
		}
		if p.Change {
			_, err = action.(tasks.Applier).Apply(t.Context(), namedHost{name: "a"}, p)
		}
		return err
	}
	certificates := func(issued bool) map[string]trust {
		t.Helper()
		all := map[string]trust{}
		for _, h := range []string{"a", "b"} {
			plan, r, _, err := certify(t, map[string]any{"own_ca": true, "pki": of.Dir, "address": h + ".example.com", "cluster": "x"}, h)
			if err != nil || r.Changed != issued {
				t.Fatalf("%s: %+v %v", h, plan, err)
			}
			values := plan.Values
			if issued {
				values = r.Values
			}
			got := values["trust"].(map[string]any)
			all[h] = trust{got["cert"].(string), got["ca"].(string)}
		}
		return all
	}
	believes := func(before, after map[string]trust) {
		t.Helper()
		var members []trustMember
		for _, h := range []string{"a", "b"} {
			members = append(members, trustMember{name: h, ownCA: true, wanted: after[h], held: before[h]})
		}
		if err := agree(members, time.Now()); err != nil {
			t.Error(err)
		}
	}
	do := func(state string, change bool, believed ...any) {
		t.Helper()
		if err := step(state, change, believed...); err != nil {
			t.Error(state, err)
		}
	}
	do("alone", false)
	do("signs", false)
	do("begun", true, old["a"].CA)
	do("begun", false, old["a"].CA)
	do("alone", false)
	begun := certificates(false)
	believes(old, begun)
	do("signs", true)
	do("signs", false)
	do("begun", false, begun["a"].CA) // it has begun, and is to be finished
	if err := step("alone", true); err == nil || !strings.Contains(err.Error(), "verify that the CA signed the certificate of a") {
		t.Errorf("the old CA is taken away under a certificate: %v", err)
	}
	signed := certificates(true)
	believes(begun, signed)
	do("alone", true)
	do("alone", false)
	after := certificates(false)
	believes(signed, after)
	if after["a"].CA == old["a"].CA || strings.Count(after["a"].CA, "BEGIN") != 1 {
		t.Error(after["a"].CA)
	}

	// Killed after the key was written.
	_, secret, _ := pki.NewKey()
	if err := os.WriteFile(of.NextKey(), secret, 0o600); err != nil {
		t.Fatal(err)
	}
	do("signs", false)
	do("begun", true, after["a"].CA)
	do("signs", true)
	certificates(true)
	do("alone", true)

	// The directory is lost, and the hosts say whom they believe.
	lost := certificates(false)
	if err := os.RemoveAll(of.Dir); err != nil {
		t.Fatal(err)
	}
	do("begun", true, lost["a"].CA, lost["b"].CA)
	if _, _, _, err := certify(t, map[string]any{
		"own_ca":  true,
		"pki":     of.Dir,
		"address": "a.example.com",
	}, "a"); err == nil || !strings.Contains(err.Error(), "none signs yet") {
		t.Error(err)
	}
	do("signs", true)
	found := certificates(true)
	believes(lost, map[string]trust{"a": {lost["a"].Cert, found["a"].CA}, "b": {lost["b"].Cert, found["b"].CA}})
	do("alone", true)
}

// TestHeld reads the certificates and not the key that lies beside them; a file that is missing is empty.
func TestHeld(t *testing.T) {
	dir := t.TempDir()
	cert := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
	taskstest.MustWrite(t, dir+"/server.pem", "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n"+cert+"\n")
	taskstest.MustWrite(t, dir+"/ca.crt", "# a comment\n"+cert+"\n"+cert+"\n")
	for files, want := range map[[2]string]trust{
		{"server.pem", "ca.crt"}:  {cert, cert + "\n" + cert},
		{"server.pem", "missing"}: {cert, ""},
		{"missing", "missing"}:    {},
	} {
		out, err := taskstest.Sh(t, heldScript(dir+"/"+files[0], dir+"/"+files[1]))
		if err != nil {
			t.Fatal(err, out)
		}
		if got, err := heldIn([]byte(out)); err != nil || got != want {
			t.Errorf("%s: %q, %v", files, got, err)
		}
	}
}
