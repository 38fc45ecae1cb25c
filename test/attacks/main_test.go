package attacks

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }

// bring builds one of the tests' programs and copies it to a host.
func bring(s *site.Site, host, name string) {
	s.T.Helper()
	file := filepath.Join(s.T.TempDir(), name)
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "github.com/polarbook/polarbook/test/attacks/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		s.T.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		s.T.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(program); err != nil {
		s.T.Fatal(err)
	}
	if err := z.Close(); err != nil {
		s.T.Fatal(err)
	}
	s.On(host, "base64 -d <<'END' | gzip -d >/usr/local/bin/"+name+"\n"+base64.StdEncoding.EncodeToString(packed.Bytes())+
		"\nEND\nchmod 755 /usr/local/bin/"+name)
}
