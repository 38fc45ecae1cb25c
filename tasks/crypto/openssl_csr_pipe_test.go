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
		// Extensions are in Ansible's order.
		_, r = taskstest.MustChange(t, h, "openssl_csr_pipe", with(args, "subject_key_identifier", "00:11", "authority_key_identifier", "22:33",
			"key_usage", []any{"keyCertSign"}), &taskstest.FakeLocal{})
		request, err := decodeRequest([]byte(r.Values["csr"].(string)))
		if err != nil {
			t.Fatal(err)
		}
		order := ""
		for _, e := range request.Extensions {
			order += e.Id.String() + " "
		}
		if order != "2.5.29.17 2.5.29.15 2.5.29.14 2.5.29.35 " {
			t.Error(order)
		}
		again := taskstest.MustNotChange(t, h, "openssl_csr_pipe", with(args, "content", csr), &taskstest.FakeLocal{})
		if again.Values["csr"] != csr {
			t.Errorf("%v", again.Values)
		}
		taskstest.MustChange(t, h, "openssl_csr_pipe", with(args, "content", csr, "common_name", "y"), &taskstest.FakeLocal{})
	})
}
