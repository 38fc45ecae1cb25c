package site

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/golden"
	"github.com/polarbook/polarbook/test/polarsim/prefix"
)

// scratch is what all tests of this process share: the program and the packed engines.
var scratch string

// Main is a test package's TestMain: it runs the tests, and removes at the end what they share. While golden files are
// being written it runs none, for these packages have no such files and take long.
func Main(m *testing.M) {
	flag.Parse()
	if golden.Updating() {
		fmt.Println("no golden files here")
		os.Exit(0)
	}
	var err error
	if scratch, err = os.MkdirTemp("", "polarbook-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// Program returns the file of polarbook as it is shipped. POLARBOOK names one that is built already.
func Program(t testing.TB) string { return shared(t, program) }

// Archive returns the packed engine that the tests install.
func Archive(t testing.TB) string {
	if RealEngine() {
		file, err := filepath.Abs(os.Getenv("POLARDB_TARBALL"))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	return StandIn(t)
}

// StandIn returns the packed stand-in, for what cannot be tested with a real engine. POLARSIM names one that is packed already.
func StandIn(t testing.TB) string { return shared(t, standIn) }

// RealEngine reports whether the engine is not the stand-in.
func RealEngine() bool { return os.Getenv("POLARDB_TARBALL") != "" }

// Releases are two packed engines that differ in name and content, as two releases do.
func Releases(t testing.TB) [2]string {
	t.Helper()
	first := Archive(t)
	releases.Do(func() {
		Repack(t, first, filepath.Join(scratch, "polardb-next-11.9.1.tar.gz"), `echo 11.9.1 >"$d/share/RELEASE"`)
	})
	return [2]string{first, filepath.Join(scratch, "polardb-next-11.9.1.tar.gz")}
}

var releases sync.Once

// Repack makes another packed engine of one, with a change made by a shell to its prefix $d: the archive's one folder, or
// all of it.
func Repack(t testing.TB, from, to, change string) {
	t.Helper()
	script := `set -e; mkdir "$2.d"; tar -xzf "$1" -C "$2.d"; for d in "$2.d"/* "$2.d"; do [ ! -d "$d/bin" ] || break; done; ` +
		change + `; tar -czf "$2" -C "$2.d" .; rm -rf "$2.d"`
	if out, err := exec.Command("sh", "-c", script, "sh", from, to).CombinedOutput(); err != nil {
		t.Fatalf("pack %s: %v\n%s", to, err, out)
	}
}

func shared(t testing.TB, make func() (string, error)) string {
	t.Helper()
	if scratch == "" {
		t.Fatal("this package has no TestMain that calls site.Main")
	}
	file, err := make()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

var program = sync.OnceValues(func() (string, error) {
	if file := os.Getenv("POLARBOOK"); file != "" {
		return filepath.Abs(file)
	}
	file := filepath.Join(scratch, "polarbook")
	build := exec.Command("go", "build", "-trimpath", "-o", file, "github.com/polarbook/polarbook/cmd/polarbook")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building polarbook: %w\n%s", err, output)
	}
	return file, nil
})

var standIn = sync.OnceValues(func() (string, error) {
	if file := os.Getenv("POLARSIM"); file != "" {
		return filepath.Abs(file)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(scratch, "polardb-sim-11.9.tar.gz")
	return file, prefix.Pack(ctx, file)
})
