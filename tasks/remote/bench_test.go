package remote

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func BenchmarkRun(b *testing.B) {
	s := startSSHD(b).shell(b)
	for name, script := range map[string]string{
		"silent": ":", "builtin": "echo x", "long": strings.Repeat("# 0123456789012345678901234567890123456789\n", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				run(b, s, script)
			}
		})
	}
}

func BenchmarkRunWithBash(b *testing.B) {
	path := shells(b)["bash"]
	server := (&fakeServer{shell: path}).start(b)
	s := openTestShell(b, connect(b, server.config()), Become{})
	for name, script := range map[string]string{
		"builtin": "echo x", "long": strings.Repeat("# 0123456789012345678901234567890123456789\n", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				run(b, s, script)
			}
		})
	}
}

func BenchmarkUpload(b *testing.B) {
	const size = 200 << 20
	source := bytes.NewReader(content(size))
	s := startSSHD(b).shell(b)
	for name, noSFTP := range map[string]bool{"sftp": false, "cat": true} {
		b.Run(name, func(b *testing.B) {
			s.noSFTP = noSFTP
			b.SetBytes(size)
			for b.Loop() {
				if err := s.Upload(testContext(b), Upload{Source: source, Size: size, Path: filepath.Join(b.TempDir(), "f")}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
