// Package badinput tests what polarbook makes of mistakes: of the playbook, the inventory, the command line and the
// hosts. Every mistake must end in its own exit code and one clear error, with nothing changed on any host.
//
// It must know nothing of polarbook's packages: what it asserts is what a user sees.
package badinput

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/polarsim/prefix"
)

// scratch is what all tests of this process share: the program and the engine.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "polarbook-badinput-"); err != nil {
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

// archive is the packed stand-in for the engine.
var archive = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(scratch, "polardb-sim-11.9.tar.gz")
	return file, prefix.Pack(ctx, file)
})
