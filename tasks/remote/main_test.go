package remote

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	_ "github.com/polarbook/polarbook/test/golden" // there are no golden files here, but the flag that writes them is for all packages
)

// ownUmask is the mask that the tests were started with. It cannot be read without setting another for a moment, so it is
// read before tests run beside each other.
var ownUmask int

// TestMain gives the tests a home without keys and no agent, and has many run at once: most of their time they wait for a
// shell, or to see that something does not happen.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		home, err := os.MkdirTemp("", "home")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(home)
		for name, value := range map[string]string{"HOME": home, "SSH_AUTH_SOCK": ""} {
			if err := os.Setenv(name, value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		ownUmask = syscall.Umask(0)
		syscall.Umask(ownUmask)
		if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
			_ = parallel.Value.Set(strconv.Itoa(4 * runtime.GOMAXPROCS(0)))
		}
		return m.Run()
	}())
}
