package crypto

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestDHParam(t *testing.T) {
	taskstest.Large(t)
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		path := dir + "/dh.pem"
		for _, backend := range []string{"cryptography", "auto"} {
			args := map[string]any{"path": path, "size": 512, "select_crypto_backend": backend, "return_content": true}
			twice(t, h, "openssl_dhparam", with(args, "force", false))
			before := taskstest.Read(t, path)
			if v := taskstest.MustNotChange(t, h, "openssl_dhparam", args, &taskstest.FakeLocal{}).Values; v["dhparams"] != before ||
				v["size"] != 512 || v["filename"] != path {
				t.Errorf("%v", v)
			}
			// A program that is not ours reads them, and finds nothing wrong with the prime.
			if out := openssl(t, "dhparam -in "+path+" -check -noout -text 2>&1"); out != "none\n" &&
				(!strings.Contains(out, "512 bit") || !strings.Contains(out, "appear to be ok") || strings.Contains(out, "WARNING")) {
				t.Errorf("%s: %s", backend, out)
			}
			p, _ := taskstest.MustChange(t, h, "openssl_dhparam", with(args, "force", true, "backup", true), &taskstest.FakeLocal{})
			if taskstest.Read(t, path) == before || taskstest.Read(t, p.Made["backup_file"].(string)) != before {
				t.Errorf("%s: force made no others", backend)
			}
			twice(t, h, "openssl_dhparam", with(args, "size", 520, "mode", "0600"))
			twice(t, h, "openssl_dhparam", map[string]any{"path": path, "state": "absent"})
		}
		taskstest.Write(t, path, "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n", 0o644)
		twice(t, h, "openssl_dhparam", map[string]any{"path": path, "size": 512})
		refused(t, h, "openssl_dhparam", map[string]any{"path": path, "size": 256}, "from 512")
		refused(t, h, "openssl_dhparam", map[string]any{"path": dir + "/no/dh.pem", "size": 512}, "does not exist")
	})
}

func TestSafePrime(t *testing.T) {
	for _, bits := range []int{64, 200, 301} {
		p, err := safePrime(t.Context(), rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		half := new(big.Int).Rsh(p, 1)
		if p.BitLen() != bits || !p.ProbablyPrime(30) || !half.ProbablyPrime(30) ||
			new(big.Int).Exp(big.NewInt(2), half, p).Cmp(big.NewInt(1)) != 0 {
			t.Errorf("%d bits: %s", bits, p)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := safePrime(ctx, rand.Reader, 8192); !errors.Is(err, context.Canceled) {
		t.Errorf("it goes on: %v", err)
	}
}
