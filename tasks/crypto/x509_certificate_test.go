package crypto

import (
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestCertificate(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		in := func(name string) string { return filepath.Join(dir, name) }
		l := &taskstest.FakeLocal{}
		for _, name := range []string{"ca.key", "a.key", "b.key"} {
			taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": in(name), "type": "ECC", "curve": "secp256r1"}, l)
		}
		taskstest.MustChange(t, h, "openssl_csr", map[string]any{"path": in("ca.csr"), "privatekey_path": in("ca.key"), "common_name": "our CA",
			"use_common_name_for_san": false,
			"basic_constraints":       []any{"CA:TRUE"}, "basic_constraints_critical": true, "key_usage": []any{"keyCertSign"}}, l)
		taskstest.MustChange(t, h, "openssl_csr", map[string]any{"path": in("a.csr"), "privatekey_path": in("a.key"),
			"common_name": "a.example.com"}, l)
		ca := map[string]any{"path": in("ca.crt"), "csr_path": in("ca.csr"), "privatekey_path": in("ca.key"), "provider": "selfsigned"}
		twice(t, h, "x509_certificate", ca)
		own := map[string]any{"path": in("a.crt"), "csr_path": in("a.csr"), "provider": "ownca", "ownca_path": in("ca.crt"),
			"ownca_privatekey_path": in("ca.key"),
			"ownca_not_after":       "+1w2d3h4m5s", "ownca_not_before": "-1h"}
		p, _ := twice(t, h, "x509_certificate", own)
		from, _ := time.Parse("20060102150405Z", p.Made["notBefore"].(string))
		until, _ := time.Parse("20060102150405Z", p.Made["notAfter"].(string))
		if got := until.Sub(from); got != (9*24+4)*time.Hour+4*time.Minute+5*time.Second {
			t.Errorf("it is good for %s", got)
		}
		if out := openssl(t, "verify -x509_strict -check_ss_sig -CAfile "+in("ca.crt")+" "+in("a.crt")); out != "none\n" &&
			!strings.Contains(out, ": OK") {
			t.Error(out)
		}
		if _, whole := p.Made["serial_number"].(*big.Int); !whole || p.Made["privatekey"] != nil || p.Made["ca_cert"] != in("ca.crt") {
			t.Errorf("%v", p.Made)
		}
		// The identifier of the CA's key that a request has gives way to the right one.
		asked := map[string]any{"path": in("aki.csr"), "privatekey_path": in("a.key"), "common_name": "a.example.com",
			"authority_key_identifier": "00:11:22"}
		taskstest.MustChange(t, h, "openssl_csr", asked, l)
		taskstest.MustNotChange(t, h, "x509_certificate", with(own, "csr_path", in("aki.csr")), l)
		twice(t, h, "x509_certificate", with(own, "csr_path", in("aki.csr"), "ownca_create_authority_key_identifier", false))
		if out := openssl(t, "x509 -noout -text -in "+in("a.crt")); out != "none\n" && !strings.Contains(out, "00:11:22") {
			t.Error(out)
		}
		twice(t, h, "x509_certificate", own)
		// So does the order of a name's parts count.
		for _, order := range [][]any{{map[string]any{"O": "x"}, map[string]any{"CN": "y"}},
			{map[string]any{"CN": "y"}, map[string]any{"O": "x"}}} {
			taskstest.MustChange(t, h, "openssl_csr", map[string]any{"path": in("aki.csr"), "privatekey_path": in("a.key"),
				"subject_ordered": order}, l)
			twice(t, h, "x509_certificate", with(own, "path", in("ordered.crt"), "csr_path", in("aki.csr")))
		}
		// Another CA, another request and another key are noticed; what a times says only if that is wanted.
		taskstest.MustNotChange(t, h, "x509_certificate", with(own, "ownca_not_after", "+99d"), l)
		fixed := with(own, "ownca_not_before", "20260101000000Z", "ownca_not_after", "20360101000000Z", "ignore_timestamps", false)
		twice(t, h, "x509_certificate", fixed)
		taskstest.MustChange(t, h, "openssl_csr", map[string]any{"path": in("a.csr"), "privatekey_path": in("a.key"),
			"common_name": "b.example.com"}, l)
		twice(t, h, "x509_certificate", own)
		refused(t, h, "x509_certificate", with(own, "ownca_privatekey_path", in("b.key")), "another key")
		refused(t, h, "x509_certificate", with(own, "privatekey_path", in("b.key")), "another key")
		refused(t, h, "x509_certificate", with(own, "ownca_path", in("none")), "does not exist")
		twice(t, h, "x509_certificate", map[string]any{"path": in("b.crt"), "privatekey_path": in("b.key"), "provider": "selfsigned"})
		taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": in("b.key"), "type": "RSA", "size": 2048}, l)
		twice(t, h, "x509_certificate", map[string]any{"path": in("b.crt"), "privatekey_path": in("b.key"), "provider": "selfsigned"})
		taskstest.MustChange(t, h, "x509_certificate", with(ca, "force", true), l)
		taskstest.MustChange(t, h, "x509_certificate", map[string]any{"path": in("a.crt"), "state": "absent"}, l)
		for text, bad := range map[string]map[string]any{
			"Internet": {"provider": "acme"}, "is required: selfsigned": {}, "csr_path": {"provider": "ownca"}, "privatekey_path": {"provider": "selfsigned"},
			"time from now": {"provider": "selfsigned", "privatekey_path": "/x", "selfsigned_not_after": "soon"},
			"is not after":  {"provider": "selfsigned", "privatekey_path": "/x", "selfsigned_not_after": "-1d"},
		} {
			refused(t, h, "x509_certificate", with(bad, "path", in("bad.crt")), text)
		}
	})
}
