package crypto

import (
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestKeyInfo(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		in := func(name string) string { return filepath.Join(dir, name) }
		l := &taskstest.FakeLocal{}
		for name, more := range map[string][]any{
			"a.key": {"type", "ECC", "curve", "secp384r1"}, "ca.key": {"type", "RSA", "size", 2048, "passphrase", "open sesame"},
			"x.key": {"type", "X25519"}, "ed.key": {"type", "Ed25519"},
		} {
			taskstest.MustChange(t, h, "openssl_privatekey", with(map[string]any{"path": in(name)}, more...), l)
		}
		key := told(t, h, "openssl_privatekey_info", map[string]any{"path": in("a.key"), "check_consistency": true})
		says(t, key, map[string]any{"can_load_key": true, "can_parse_key": true, "key_is_consistent": true, "type": "ECC"})
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
		says(t, told(t, h, "openssl_privatekey_info", map[string]any{"content": taskstest.Read(t, in("ed.key"))}),
			map[string]any{"type": "Ed25519"})
		for path, load := range map[string]bool{in("none.key"): false, dir: false, in("ca.key"): true} {
			_, _, err := taskstest.Attempt(t, h, "openssl_privatekey_info", map[string]any{"path": path}, l)
			failed, _ := err.(*tasks.Failure)
			if failed == nil || failed.Values["can_load_key"] != load || failed.Values["can_parse_key"] != false {
				t.Errorf("%s: %#v", path, err)
			}
		}
		refusals(t, h, "openssl_privatekey_info", dir)
	})
}
