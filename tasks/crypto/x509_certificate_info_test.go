package crypto

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/taskstest"
	"github.com/polarbook/polarbook/templates/ordered"
)

func TestCertificateInfo(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		common := requested(t, h, dir)
		l := &taskstest.FakeLocal{}
		in := func(name string) string { return filepath.Join(dir, name) }
		key := told(t, h, "openssl_privatekey_info", map[string]any{"path": in("a.key")})
		certificate := map[string]any{"path": in("a.crt"), "csr_path": in("a.csr"), "privatekey_path": in("a.key"), "provider": "selfsigned",
			"selfsigned_not_before": "20260101000000Z", "selfsigned_not_after": "20260301000000Z"}
		taskstest.MustChange(t, h, "x509_certificate", certificate, l)
		v := told(t, h, "x509_certificate_info", map[string]any{"path": in("a.crt"), "valid_at": map[string]any{
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

		refusals(t, h, "x509_certificate_info", dir)
		refused(t, h, "x509_certificate_info", map[string]any{"path": "/a", "name_encoding": "idna"}, "name_encoding")
		refused(t, h, "x509_certificate_info", map[string]any{"path": "/a", "valid_at": map[string]any{"then": "tomorrow"}}, "has a then that")
		refused(t, h, "x509_certificate_info", map[string]any{"path": "/a", "valid_at": map[string]any{"then": 5}}, "no text")
	})
}

// plainCertificate returns one that says nothing but its key.
func plainCertificate(t *testing.T, h *taskstest.LocalHost, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "plain.crt")
	taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": filepath.Join(dir, "ca.key"), "size": 2048},
		&taskstest.FakeLocal{})
	taskstest.MustChange(t, h, "x509_certificate", map[string]any{"path": path, "privatekey_path": filepath.Join(dir, "ca.key"),
		"provider": "selfsigned", "selfsigned_create_subject_key_identifier": "never_create"}, &taskstest.FakeLocal{})
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
