package crypto

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
	"github.com/polarbook/polarbook/templates/ordered"
)

// told returns what a module tells, without changing anything, in check mode as well.
func told(t *testing.T, h *taskstest.LocalHost, module string, args map[string]any) map[string]any {
	t.Helper()
	v := taskstest.MustNotChange(t, h, module, args, &taskstest.FakeLocal{}).Values
	plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, module, args, &taskstest.FakeLocal{Checking: true}))
	if err != nil || !reflect.DeepEqual(plan.Values, v) {
		t.Errorf("%s: in check mode %v, %v", module, plan.Values, err)
	}
	return v
}

// says compares values by their keys.
func says(t *testing.T, got map[string]any, want map[string]any) {
	t.Helper()
	for key, value := range want {
		if have := ordered.Plain(got[key]); !reflect.DeepEqual(have, value) {
			t.Errorf("%s is %#v, not %#v", key, have, value)
		}
	}
}

// refusals are those of each of the modules.
func refusals(t *testing.T, h *taskstest.LocalHost, module, dir string) {
	t.Helper()
	refused(t, h, module, map[string]any{}, "or content is required")
	refused(t, h, module, map[string]any{"path": "/a", "content": "b"}, "exclude each other")
	refused(t, h, module, map[string]any{"path": dir + "/none"}, "does not exist")
	refused(t, h, module, map[string]any{"path": dir}, "is a directory")
	refused(t, h, module, map[string]any{"content": "nothing"}, "cannot be read")
	plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, module, map[string]any{"path": dir + "/none"},
		&taskstest.FakeLocal{Checking: true}))
	if err != nil || plan.Unknown == "" {
		t.Errorf("%s in check mode: %+v, %v", module, plan, err)
	}
}

// requested makes a key and a request that says all that there is to say, and returns what is told of both request and certificate.
func requested(t *testing.T, h *taskstest.LocalHost, dir string) map[string]any {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	l := &taskstest.FakeLocal{}
	taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": in("a.key"), "type": "ECC", "curve": "secp384r1"}, l)
	request := map[string]any{
		"path": in("a.csr"), "privatekey_path": in("a.key"), "subject_ordered": []any{
			map[string]any{"C": "DE"}, map[string]any{"O": []any{"one", "two, three"}}, map[string]any{"CN": "ü.example.com"}},
		"subject_alt_name": []any{"DNS:a.example.com", "IP:10.0.0.1", "IP:fe80::1", "email:a@b.example", "URI:https://x.example/", "RID:1.2.3.4"},
		"key_usage":        []any{"keyAgreement", "digitalSignature", "decipherOnly"}, "key_usage_critical": true,
		"extended_key_usage": []any{"serverAuth", "1.3.6.1.4.1.311.10.3.4", "clientAuth"}, "ocsp_must_staple": true,
		"basic_constraints": []any{"CA:TRUE", "pathlen:0"}, "basic_constraints_critical": true, "create_subject_key_identifier": true,
		"name_constraints_permitted": []any{"DNS:example.com", "IP:10.0.0.0/8"}, "name_constraints_excluded": []any{"email:.example.org"},
	}
	taskstest.MustChange(t, h, "openssl_csr", request, l)
	return map[string]any{
		"subject": map[string]any{"countryName": "DE", "organizationName": "two, three", "commonName": "ü.example.com"},
		"subject_ordered": []any{
			[]any{"countryName", "DE"}, []any{"organizationName", "one"}, []any{"organizationName", "two, three"},
			[]any{"commonName", "ü.example.com"}},
		"subject_alt_name": []any{
			"DNS:a.example.com", "IP:10.0.0.1", "IP:fe80::1", "email:a@b.example", "URI:https://x.example/", "RID:1.2.3.4"},
		"subject_alt_name_critical": false,
		"key_usage":                 []any{"Decipher Only", "Digital Signature", "Key Agreement"}, "key_usage_critical": true,
		"extended_key_usage":          []any{"Microsoft Encrypted File System", "TLS Web Client Authentication", "TLS Web Server Authentication"},
		"extended_key_usage_critical": false, "basic_constraints": []any{"CA:TRUE", "pathlen:0"}, "basic_constraints_critical": true,
		"ocsp_must_staple": true, "ocsp_must_staple_critical": false, "public_key_type": "ECC", "authority_cert_issuer": nil,
	}
}
