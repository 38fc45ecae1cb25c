package crypto

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
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

func TestInfo(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		in := func(name string) string { return filepath.Join(dir, name) }
		l := &taskstest.FakeLocal{}
		for name, more := range map[string][]any{
			"a.key": {"type", "ECC", "curve", "secp384r1"}, "ca.key": {"type", "RSA", "size", 2048, "passphrase", "open sesame"},
			"x.key": {"type", "X25519"}, "ed.key": {"type", "Ed25519"},
		} {
			taskstest.MustChange(t, h, "openssl_privatekey", with(map[string]any{"path": in(name)}, more...), l)
		}
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
		common := map[string]any{
			"subject": map[string]any{"countryName": "DE", "organizationName": "two, three", "commonName": "ü.example.com"},
			"subject_ordered": []any{
				[]any{"countryName", "DE"}, []any{"organizationName", "one"}, []any{"organizationName", "two, three"}, []any{"commonName", "ü.example.com"}},
			"subject_alt_name": []any{
				"DNS:a.example.com", "IP:10.0.0.1", "IP:fe80::1", "email:a@b.example", "URI:https://x.example/", "RID:1.2.3.4"},
			"subject_alt_name_critical": false,
			"key_usage":                 []any{"Decipher Only", "Digital Signature", "Key Agreement"}, "key_usage_critical": true,
			"extended_key_usage":          []any{"1.3.6.1.4.1.311.10.3.4", "TLS Web Client Authentication", "TLS Web Server Authentication"},
			"extended_key_usage_critical": false, "basic_constraints": []any{"CA:TRUE", "pathlen:0"}, "basic_constraints_critical": true,
			"ocsp_must_staple": true, "ocsp_must_staple_critical": false, "public_key_type": "ECC", "authority_cert_issuer": nil,
		}
		v := told(t, h, "openssl_csr_info", map[string]any{"path": in("a.csr")})
		says(t, v, common)
		says(t, v, map[string]any{
			"name_constraints_permitted": []any{"DNS:example.com", "IP:10.0.0.0/8"}, "name_constraints_excluded": []any{"email:.example.org"},
			"name_constraints_critical": false, "signature_valid": true, "authority_key_identifier": nil,
		})
		key := told(t, h, "openssl_privatekey_info", map[string]any{"path": in("a.key"), "check_consistency": true})
		says(t, key, map[string]any{"can_load_key": true, "can_parse_key": true, "key_is_consistent": true, "type": "ECC"})
		for name, of := range map[string]string{"public_key": "public_key", "public_key_fingerprints": "public_key_fingerprints", "public_data": "public_key_data"} {
			if !reflect.DeepEqual(key[name], v[of]) || v[of] == nil {
				t.Errorf("%s is %v for the key, %v for the request", name, key[name], v[of])
			}
		}
		if data := key["public_data"].(map[string]any); data["curve"] != "secp384r1" || data["exponent_size"] != 384 || data["x"].(*big.Int).Sign() < 1 {
			t.Errorf("%v", data)
		}
		if hashes := v["public_key_fingerprints"].(map[string]any); len(hashes) != 14 || strings.Count(hashes["sha256"].(string), ":") != 31 {
			t.Errorf("%v", hashes)
		}
		if out := openssl(t, "pkey -pubout -in "+in("a.key")); out != "none\n" && out != v["public_key"] {
			t.Errorf("%s, not %s", v["public_key"], out)
		}

		certificate := map[string]any{"path": in("a.crt"), "csr_path": in("a.csr"), "privatekey_path": in("a.key"), "provider": "selfsigned",
			"selfsigned_not_before": "20260101000000Z", "selfsigned_not_after": "20260301000000Z"}
		taskstest.MustChange(t, h, "x509_certificate", certificate, l)
		v = told(t, h, "x509_certificate_info", map[string]any{"path": in("a.crt"), "valid_at": map[string]any{
			"before": "20251231235959Z", "first": "20260101000000Z", "last": "20260301000000Z", "after": "20260301000001Z"}})
		says(t, v, common)
		says(t, v, map[string]any{
			"not_before": "20260101000000Z", "not_after": "20260301000000Z", "expired": true, "version": 3, "signature_algorithm": "ecdsa-with-SHA256",
			"valid_at": map[string]any{"before": false, "first": true, "last": true, "after": false},
			"issuer":   ordered.Plain(v["subject"]), "issuer_ordered": ordered.Plain(v["subject_ordered"]), "ocsp_uri": nil, "issuer_uri": nil,
			"public_key": key["public_key"],
		})
		if out := openssl(t, "x509 -noout -fingerprint -sha256 -in "+in("a.crt")); out != "none\n" {
			_, sum, _ := strings.Cut(strings.TrimSpace(strings.ToLower(out)), "=")
			says(t, v["fingerprints"].(map[string]any), map[string]any{"sha256": sum})
		}
		if out := openssl(t, "x509 -noout -serial -in "+in("a.crt")); out != "none\n" {
			_, digits, _ := strings.Cut(strings.TrimSpace(out), "=")
			if n, _ := new(big.Int).SetString(digits, 16); v["serial_number"].(*big.Int).Cmp(n) != 0 {
				t.Errorf("%v, not %s", v["serial_number"], out)
			}
		}
		// DER, in a file alone, and what is not there.
		block, _ := pem.Decode([]byte(taskstest.Read(t, in("a.crt"))))
		taskstest.Write(t, in("a.der"), string(block.Bytes), 0o644)
		says(t, told(t, h, "x509_certificate_info", map[string]any{"path": in("a.der")}), map[string]any{"fingerprints": v["fingerprints"]})
		plain := told(t, h, "x509_certificate_info", map[string]any{"content": plainCertificate(t, h, dir)})
		says(t, plain, map[string]any{
			"subject": map[string]any{}, "subject_alt_name": nil, "subject_alt_name_critical": false, "key_usage": nil, "basic_constraints": nil,
			"ocsp_must_staple": nil, "expired": false, "public_key_type": "RSA", "valid_at": map[string]any{}, "signature_algorithm": "sha256WithRSAEncryption",
		})
		if data := plain["public_key_data"].(map[string]any); data["size"] != 2048 || data["exponent"] != 65537 {
			t.Errorf("%v", data)
		}

		// Keys.
		secrets := &taskstest.FakeLocal{}
		args := map[string]any{"path": in("ca.key"), "passphrase": "open sesame", "return_private_key_data": true}
		numbers := taskstest.MustNotChange(t, h, "openssl_privatekey_info", args, secrets).Values["private_data"].(map[string]any)
		for _, name := range []string{"p", "q", "exponent"} {
			if n, _ := numbers[name].(*big.Int); n == nil || !strings.Contains(strings.Join(secrets.Secrets, " "), n.String()) {
				t.Errorf("%s is no number, or no secret", name)
			}
		}
		says(t, told(t, h, "openssl_privatekey_info", map[string]any{"path": in("x.key"), "check_consistency": true}),
			map[string]any{"type": "X25519", "key_is_consistent": nil, "private_data": nil, "public_data": map[string]any{}})
		says(t, told(t, h, "openssl_privatekey_info", map[string]any{"content": taskstest.Read(t, in("ed.key"))}), map[string]any{"type": "Ed25519"})
		for path, load := range map[string]bool{in("none.key"): false, dir: false, in("ca.key"): true} {
			_, _, err := taskstest.Attempt(t, h, "openssl_privatekey_info", map[string]any{"path": path}, l)
			failed, _ := err.(*tasks.Failure)
			if failed == nil || failed.Values["can_load_key"] != load || failed.Values["can_parse_key"] != false {
				t.Errorf("%s: %#v", path, err)
			}
		}
	})
}

// plainCertificate returns one that says nothing but its key.
func plainCertificate(t *testing.T, h *taskstest.LocalHost, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "plain.crt")
	taskstest.MustChange(t, h, "x509_certificate", map[string]any{"path": path, "privatekey_path": filepath.Join(dir, "ca.key"),
		"privatekey_passphrase": "open sesame", "provider": "selfsigned", "selfsigned_create_subject_key_identifier": "never_create"}, &taskstest.FakeLocal{})
	return taskstest.Read(t, path)
}

// others.pem was made by OpenSSL, with names that are not made here; others.json is what Ansible's module tells of it.
func TestInfoOfOthers(t *testing.T) {
	c, err := decodeCertificate([]byte(taskstest.Read(t, "testdata/others.pem")), false)
	if err != nil {
		t.Fatal(err)
	}
	decoded := func(text []byte) (all map[string]any) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	text, err := json.Marshal(describeCertificate(c, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), nil))
	if err != nil {
		t.Fatal(err)
	}
	got, want := decoded(text), decoded([]byte(taskstest.Read(t, "testdata/others.json")))
	if says(t, got, want); len(got) != len(want) {
		t.Errorf("it has %d keys, not %d", len(got), len(want))
	}
}

func TestInfoRefused(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		for _, module := range []string{"x509_certificate_info", "openssl_csr_info", "openssl_privatekey_info"} {
			refused(t, h, module, map[string]any{}, "or content is required")
			refused(t, h, module, map[string]any{"path": "/a", "content": "b"}, "exclude each other")
			refused(t, h, module, map[string]any{"path": dir + "/none"}, "does not exist")
			refused(t, h, module, map[string]any{"path": dir}, "is a directory")
			refused(t, h, module, map[string]any{"content": "nothing"}, "cannot be read")
			plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, module, map[string]any{"path": dir + "/none"}, &taskstest.FakeLocal{Checking: true}))
			if err != nil || plan.Unknown == "" {
				t.Errorf("%s in check mode: %+v, %v", module, plan, err)
			}
		}
		refused(t, h, "x509_certificate_info", map[string]any{"path": "/a", "name_encoding": "idna"}, "name_encoding")
		refused(t, h, "x509_certificate_info", map[string]any{"path": "/a", "valid_at": map[string]any{"then": "tomorrow"}}, "has a then that")
		refused(t, h, "x509_certificate_info", map[string]any{"path": "/a", "valid_at": map[string]any{"then": 5}}, "no text")
		taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": dir + "/k", "type": "ECC", "curve": "secp256r1"}, &taskstest.FakeLocal{})
		taskstest.MustChange(t, h, "openssl_csr", map[string]any{"path": dir + "/r", "privatekey_path": dir + "/k", "common_name": "a"}, &taskstest.FakeLocal{})
		block, _ := pem.Decode([]byte(taskstest.Read(t, dir+"/r")))
		block.Bytes[len(block.Bytes)-1] ^= 1
		_, _, err := taskstest.Attempt(t, h, "openssl_csr_info", map[string]any{"content": string(pem.EncodeToMemory(block))}, &taskstest.FakeLocal{})
		failed, _ := err.(*tasks.Failure)
		if failed == nil || failed.Msg != "CSR signature is invalid!" || failed.Values["signature_valid"] != false || failed.Values["public_key"] == nil {
			t.Errorf("%v", err)
		}
	})
}
