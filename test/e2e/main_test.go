// Package e2e tests polarbook whole: the program as it is shipped, run against real SSH hosts, with a cluster of
// real processes at the end. The engine is the stand-in, or the one in the tarball that POLARDB_TARBALL names.
//
// It must know nothing of polarbook's packages: what it asserts is what a user sees.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/polarsim/prefix"
)

// scratch is what all tests of this process share: the program and the engine.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "polarbook-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// program builds polarbook as it is shipped, once.
var program = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "polarbook")
	build := exec.Command("go", "build", "-trimpath", "-o", file, "github.com/polarbook/polarbook/cmd/polarbook")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building polarbook: %w\n%s", err, output)
	}
	return file, nil
})

// archive is the packed engine that the tests install.
var archive = sync.OnceValues(func() (string, error) {
	if file := os.Getenv("POLARDB_TARBALL"); file != "" {
		return filepath.Abs(file)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(scratch, "polardb-sim-11.9.tar.gz")
	return file, prefix.Pack(ctx, file)
})

// realEngine says that the engine is not the stand-in.
func realEngine() bool { return os.Getenv("POLARDB_TARBALL") != "" }

// runLimit bounds one run of polarbook. The slowest, three bare hosts to a cluster, takes 10 to 15 s with the stand-in
// and a minute and a half with the real engine, on a machine with nothing else to do.
func runLimit() time.Duration {
	if realEngine() {
		return 15 * time.Minute
	}
	return 4 * time.Minute
}

// bookworm are hosts of the lab's default release.
func bookworm(names ...string) []lab.Spec {
	var specs []lab.Spec
	for _, n := range names {
		specs = append(specs, lab.Spec{Name: n})
	}
	return specs
}
