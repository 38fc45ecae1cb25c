package crypto

import (
	"encoding/pem"
	"math/big"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestCSRInfo(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		common := requested(t, h, dir)
		in := func(name string) string { return filepath.Join(dir, name) }
		v := told(t, h, "openssl_csr_info", map[string]any{"path": in("a.csr")})
		says(t, v, common)
		says(t, v, map[string]any{
			"name_constraints_permitted": []any{"DNS:example.com", "IP:10.0.0.0/8"}, "name_constraints_excluded": []any{"email:.example.org"},
			"name_constraints_critical": false, "signature_valid": true, "authority_key_identifier": nil,
		})
		key := told(t, h, "openssl_privatekey_info", map[string]any{"path": in("a.key")})
		for name, of := range map[string]string{"public_key": "public_key", "public_key_fingerprints": "public_key_fingerprints",
			"public_data": "public_key_data"} {
			if !reflect.DeepEqual(key[name], v[of]) || v[of] == nil {
				t.Errorf("%s is %v for the key, %v for the request", name, key[name], v[of])
			}
		}
		if data := key["public_data"].(map[string]any); data["curve"] != "secp384r1" || data["exponent_size"] != 384 ||
			data["x"].(*big.Int).Sign() < 1 {
			t.Errorf("%v", data)
		}
		if hashes := v["public_key_fingerprints"].(map[string]any); len(hashes) != 14 || strings.Count(hashes["sha256"].(string), ":") != 31 {
			t.Errorf("%v", hashes)
		}
		if out := openssl(t, "pkey -pubout -in "+in("a.key")); out != "none\n" && out != v["public_key"] {
			t.Errorf("%s, not %s", v["public_key"], out)
		}

		refusals(t, h, "openssl_csr_info", dir)
	})
}

func TestCSRInfoOfABadSignature(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": dir + "/k", "type": "ECC", "curve": "secp256r1"},
			&taskstest.FakeLocal{})
		taskstest.MustChange(t, h, "openssl_csr", map[string]any{"path": dir + "/r", "privatekey_path": dir + "/k", "common_name": "a"},
			&taskstest.FakeLocal{})
		block, _ := pem.Decode([]byte(taskstest.Read(t, dir+"/r")))
		block.Bytes[len(block.Bytes)-1] ^= 1
		_, _, err := taskstest.Attempt(t, h, "openssl_csr_info", map[string]any{"content": string(pem.EncodeToMemory(block))},
			&taskstest.FakeLocal{})
		failed, _ := err.(*tasks.Failure)
		if failed == nil || failed.Msg != "CSR signature is invalid!" || failed.Values["signature_valid"] != false ||
			failed.Values["public_key"] == nil {
			t.Errorf("%v", err)
		}
	})
}
