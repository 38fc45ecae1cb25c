package polardb

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/pki"
)

// keyring notes what is to be masked.
type keyring struct {
	tasks.Local
	mu      sync.Mutex
	secrets []string
}

func (k *keyring) Secret(value string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.secrets = append(k.secrets, value)
}
func (k *keyring) Check() bool { return false }
func (k *keyring) Diff() bool  { return false }

type namedHost struct {
	tasks.Host
	name string
}

func (h namedHost) Name() string { return h.name }

func certify(t *testing.T, args map[string]any, host string) (tasks.Plan, tasks.Result, *keyring, error) {
	t.Helper()
	k := &keyring{}
	action, err := certificateModule.New(args, k)
	if err != nil {
		return tasks.Plan{}, tasks.Result{}, k, err
	}
	found, err := tasks.Find(t.Context(), namedHost{name: host}, action, tasks.Found{})
	if err != nil {
		return tasks.Plan{}, tasks.Result{}, k, err
	}
	plan, err := action.Plan(found)
	if err != nil || !plan.Change {
		return plan, tasks.Result{}, k, err
	}
	r, err := action.(tasks.Applier).Apply(t.Context(), namedHost{name: host}, plan)
	return plan, r, k, err
}

func TestOwnCA(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki", "demo")
	args := func(address string) map[string]any {
		return map[string]any{"own_ca": true, "pki": dir, "address": address, "cluster": "demo"}
	}
	// All hosts at once, as in a run: one CA comes of it.
	var wait sync.WaitGroup
	for _, n := range []string{"node1", "node2", "node3"} {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if _, r, _, err := certify(t, args("10.0.0."+n[4:]), n); err != nil || !r.Changed || r.Values["ready"] != true {
				t.Errorf("%s: %v %v", n, r, err)
			}
		}()
	}
	wait.Wait()
	for name, mode := range map[string]os.FileMode{".": 0o700, "ca.key": 0o600, "node1.key": 0o600, "ca.crt": 0o644, "node3.crt": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".polarbook-*")); len(left) > 0 {
		t.Error(left)
	}
	cas, err := pki.ReadCertificates(filepath.Join(dir, "ca.crt"))
	if err != nil || len(cas) != 1 {
		t.Fatal(cas, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cas[0])
	pair, err := pki.ReadPair(filepath.Join(dir, "node2.crt"), filepath.Join(dir, "node2.key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "node2"}); err != nil {
		t.Error(err)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "10.0.0.2"}); err != nil {
		t.Error(err)
	}
	if pair.Leaf.Subject.CommonName != "10.0.0.2" { // all that libpq 11 compares an address with
		t.Error(pair.Leaf.Subject)
	}

	plan, _, k, err := certify(t, args("10.0.0.1"), "node1")
	if err != nil || plan.Change || len(plan.Warnings) > 0 {
		t.Fatalf("a second time: %+v %v", plan, err)
	}
	key, _ := os.ReadFile(filepath.Join(dir, "node1.key"))
	caKey, _ := os.ReadFile(filepath.Join(dir, "ca.key"))
	for _, text := range [][]byte{key, caKey} {
		if !slices.Contains(k.secrets, strings.TrimSpace(string(text))) || !slices.Contains(k.secrets, strings.Split(string(text), "\n")[1]) {
			t.Error("a key is not masked")
		}
	}
	if plan, r, _, err := certify(t, args("10.0.0.9"), "node1"); err != nil || !r.Changed || !strings.Contains(plan.Msg, "10.0.0.9") {
		t.Errorf("another address: %+v %v", plan, err)
	}
	after, _ := os.ReadFile(filepath.Join(dir, "node1.key"))
	if bytes.Equal(key, after) {
		t.Error("the key is the one before")
	}

	// What is about to end is renewed, or warned of where it is not.
	soon := args("10.0.0.9")
	soon["renew_days"], soon["days"] = 800, 20
	if _, r, _, err := certify(t, soon, "node1"); err == nil {
		t.Errorf("a certificate that would be renewed at once: %+v", r)
	}
	soon["renew_days"] = 10
	if plan, _, _, err := certify(t, soon, "node1"); err != nil || plan.Change || len(plan.Warnings) != 1 ||
		!strings.Contains(plan.Warnings[0], "reconfigure.yml renews it") {
		t.Errorf("20 days before its end: %+v %v", plan, err)
	}
	if plan, _, _, err := certify(t, args("10.0.0.9"), "node1"); err != nil || !plan.Change || !strings.Contains(plan.Msg, "ends on") {
		t.Errorf("renewal: %+v %v", plan, err)
	}

	// Half of a pair, as a killed run may leave it.
	if err := os.WriteFile(filepath.Join(dir, "node2.key"), after, 0o600); err != nil {
		t.Fatal(err)
	}
	if plan, r, _, err := certify(t, args("10.0.0.2"), "node2"); err != nil || !r.Changed {
		t.Errorf("a key that does not fit: %+v %v", plan, err)
	}
	// A CA without its key is not replaced without a word: every member believes the old one.
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := certify(t, args("10.0.0.2"), "node2"); err == nil || !strings.Contains(err.Error(), "its key does not") {
		t.Errorf("no key of the CA: %v", err)
	}
}

func TestGivenCertificate(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		_, _, _, err := certify(t, map[string]any{"own_ca": true, "pki": filepath.Join(dir, name), "address": "10.0.0.1"}, "node1")
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "old.crt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string]map[string]any{
		"":                        {"cert": "a/node1.crt", "key": "a/node1.key", "ca": "a/ca.crt"},
		"private key does not":    {"cert": "a/node1.crt", "key": "b/node1.key", "ca": "a/ca.crt"},
		"does not trust":          {"cert": "a/node1.crt", "key": "a/node1.key", "ca": "b/ca.crt"},
		"no such file":            {"cert": "a/node1.crt", "key": "a/none.key", "ca": "a/ca.crt"},
		"holds no certificate":    {"cert": "a/node1.crt", "key": "a/node1.key", "ca": "old.crt"},
		"all three":               {"cert": "a/node1.crt", "key": "a/node1.key"},
		"exclude each other":      {"own_ca": true, "pki": dir, "address": "x", "cert": "a/node1.crt"},
		"is needed with own_ca: ": {"own_ca": true, "address": "x"},
	} {
		args["beside"] = dir
		plan, _, k, err := certify(t, args, "node1")
		if want == "" {
			if err != nil || plan.Change || plan.Values["ready"] != true || len(k.secrets) == 0 {
				t.Errorf("%v: %+v %v", args, plan, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v instead of %q", args, err, want)
		}
	}
}

func TestCertificateInTime(t *testing.T) {
	from := pki.Authority{Dir: t.TempDir(), Cluster: "x"}
	if _, _, err := from.Begin(time.Now().AddDate(-pki.AuthorityYears, 0, -1)); err != nil {
		t.Fatal(err)
	}
	_, _, _, err := certify(t, map[string]any{"own_ca": true, "pki": from.Dir, "address": "10.0.0.1"}, "node1")
	if err == nil || !strings.Contains(err.Error(), "ended on") {
		t.Errorf("a CA that has ended: %v", err)
	}
}
