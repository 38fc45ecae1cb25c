package crypto

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// TestCertificatePipe signs as playbooks for a whole cluster do: requests and certificates go through variables.
func TestCertificatePipe(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		in := func(name string) string { return filepath.Join(dir, name) }
		l := &taskstest.FakeLocal{}
		for _, name := range []string{"ca.key", "a.key"} {
			taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": in(name), "type": "ECC", "curve": "secp256r1"}, l)
		}
		p, _ := taskstest.MustChange(t, h, "openssl_csr_pipe", map[string]any{"privatekey_path": in("ca.key"), "common_name": "our CA",
			"use_common_name_for_san": false,
			"basic_constraints":       []any{"CA:TRUE"}, "basic_constraints_critical": true, "key_usage": []any{"keyCertSign"}, "key_usage_critical": true}, l)
		self := map[string]any{"csr_content": p.Values["csr"], "privatekey_path": in("ca.key"), "provider": "selfsigned",
			"selfsigned_not_before": "-1d"}
		p, _ = taskstest.MustChange(t, h, "x509_certificate_pipe", self, l)
		ca, _ := p.Values["certificate"].(string)
		if p.Values["privatekey"] != in("ca.key") || p.Values["csr"] != nil {
			t.Errorf("%v", p.Values)
		}
		taskstest.MustNotChange(t, h, "x509_certificate_pipe", with(self, "content", ca), l)
		p, _ = taskstest.MustChange(t, h, "openssl_csr_pipe", map[string]any{"privatekey_path": in("a.key"), "common_name": "a.example.com"}, l)
		own := map[string]any{"csr_content": p.Values["csr"], "provider": "ownca", "ownca_content": ca, "ownca_privatekey_path": in("ca.key"),
			"ownca_not_after": "+10d"}
		p, _ = taskstest.MustChange(t, h, "x509_certificate_pipe", own, l)
		certificate, _ := p.Values["certificate"].(string)
		taskstest.Write(t, in("ca.crt"), ca, 0o644)
		taskstest.Write(t, in("a.crt"), certificate, 0o644)
		if out := openssl(t, "verify -x509_strict -check_ss_sig -CAfile "+in("ca.crt")+" "+in("a.crt")); out != "none\n" &&
			!strings.Contains(out, ": OK") {
			t.Error(out)
		}
		if v := taskstest.MustNotChange(t, h, "x509_certificate_pipe", with(own, "content", certificate),
			l).Values; v["certificate"] != certificate {
			t.Errorf("%v", v)
		}
		taskstest.MustChange(t, h, "x509_certificate_pipe", with(own, "content", certificate, "force", true), l)
		taskstest.MustChange(t, h, "x509_certificate_pipe", with(self, "content", certificate), l)
		plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "x509_certificate_pipe", own, &taskstest.FakeLocal{Checking: true}))
		if text, _ := plan.Values["certificate"].(string); err != nil || !plan.Change || text == "" {
			t.Errorf("in check mode: %v, %v", plan, err)
		}
		refused(t, h, "x509_certificate_pipe", with(own, "provider", "entrust"), "Internet")
		refused(t, h, "x509_certificate_pipe", with(own, "ownca_privatekey_path", in("a.key")), "another key")
		refused(t, h, "x509_certificate_pipe", with(own, "ownca_privatekey_path", in("none")), "does not exist")
		refused(t, h, "x509_certificate_pipe", map[string]any{"provider": "ownca", "csr_content": "x"}, "ownca_path")
	})
}
