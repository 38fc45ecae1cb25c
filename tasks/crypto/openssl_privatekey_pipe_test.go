package crypto

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestKeyPipe(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, _ string) {
		args := map[string]any{"type": "ECC", "curve": "secp256r1", "passphrase": "x"}
		l := &taskstest.FakeLocal{}
		p, _ := taskstest.MustChange(t, h, "openssl_privatekey_pipe", args, l)
		key, _ := p.Values["privatekey"].(string)
		if _, _, err := decodeKey([]byte(key), "x"); err != nil || !strings.Contains(strings.Join(l.Secrets, ""), key) {
			t.Fatalf("%v, or it is no secret", err)
		}
		// Check mode makes one too, as nothing is written.
		plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "openssl_privatekey_pipe", args, &taskstest.FakeLocal{Checking: true}))
		if text, _ := plan.Values["privatekey"].(string); err != nil || !plan.Change || text == "" || text == key {
			t.Errorf("in check mode: %v, %v", plan, err)
		}
		have := with(args, "content", key)
		v := taskstest.MustNotChange(t, h, "openssl_privatekey_pipe", have, &taskstest.FakeLocal{}).Values
		if v["privatekey"] != nil || v["type"] != "ECC" || v["curve"] != "secp256r1" || v["size"] != 4096 {
			t.Errorf("%v", v)
		}
		have = with(have, "content", base64.StdEncoding.EncodeToString([]byte(key)), "content_base64", true, "return_current_key", true)
		l = &taskstest.FakeLocal{}
		if v := taskstest.MustNotChange(t, h, "openssl_privatekey_pipe", have, l).Values; v["privatekey"] != key ||
			!strings.Contains(strings.Join(l.Secrets, ""), key) {
			t.Errorf("%v", v)
		}
		p, _ = taskstest.MustChange(t, h, "openssl_privatekey_pipe", with(args, "content", key, "format", "pkcs8", "format_mismatch", "convert"),
			&taskstest.FakeLocal{})
		a, _, _ := decodeKey([]byte(key), "x")
		if b, format, err := decodeKey([]byte(p.Values["privatekey"].(string)), "x"); err != nil || format != "pkcs8" || !a.Equal(b) {
			t.Errorf("converted: %v, %s", err, format)
		}
		taskstest.MustChange(t, h, "openssl_privatekey_pipe", with(args, "content", key, "curve", "secp384r1"), &taskstest.FakeLocal{})
		refused(t, h, "openssl_privatekey_pipe", with(args, "content", key, "passphrase", "y", "regenerate", "fail"), "passphrase")
		refused(t, h, "openssl_privatekey_pipe", with(args, "content", "%", "content_base64", true), "base64")
		refused(t, h, "openssl_privatekey_pipe", map[string]any{"type": "X448"}, "cannot be made")
	})
}
