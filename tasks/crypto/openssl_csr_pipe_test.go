package crypto

import (
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestCSRPipe(t *testing.T) {
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		key := dir + "/a.key"
		args := map[string]any{"privatekey_path": key, "common_name": "x"}
		refused(t, h, "openssl_csr_pipe", args, "does not exist")
		taskstest.MustChange(t, h, "openssl_privatekey", map[string]any{"path": key, "type": "Ed25519"}, &taskstest.FakeLocal{})
		_, r := taskstest.MustChange(t, h, "openssl_csr_pipe", args, &taskstest.FakeLocal{})
		csr, _ := r.Values["csr"].(string)
		if _, err := decodeRequest([]byte(csr)); err != nil {
			t.Fatal(err)
		}
		again := taskstest.MustNotChange(t, h, "openssl_csr_pipe", with(args, "content", csr), &taskstest.FakeLocal{})
		if again.Values["csr"] != csr {
			t.Errorf("%v", again.Values)
		}
		taskstest.MustChange(t, h, "openssl_csr_pipe", with(args, "content", csr, "common_name", "y"), &taskstest.FakeLocal{})
	})
}
