package remote

import (
	"bytes"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
)

func content(size int) []byte {
	b := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(b)
	return b
}

func TestUpload(t *testing.T) {
	s := startSSHD(t).shell(t)
	for _, size := range []int{0, 1, smallUpload, smallUpload + 1, 20 << 20} {
		path := filepath.Join(t.TempDir(), "it's a file")
		want := content(size)
		before := s.host.Stats().RoundTrips
		var last int64
		err := s.Upload(testContext(t), Upload{Source: bytes.NewReader(want), Size: int64(size), Path: path, Mode: 0o640,
			Progress: func(done, total int64) { last = done }})
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if trips := s.host.Stats().RoundTrips - before; size <= smallUpload && trips != 1 {
			t.Errorf("%d bytes took %d round trips, want 1", size, trips)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: %d arrived, error %v", size, len(got), err)
		}
		info, _ := os.Stat(path)
		if info.Mode() != 0o640 {
			t.Errorf("%d bytes: mode %v", size, info.Mode())
		}
		if last != int64(size) {
			t.Errorf("%d bytes: progress ended at %d", size, last)
		}
		if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
			t.Errorf("%d bytes: left behind %v", size, names)
		}
	}
}
