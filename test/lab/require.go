package lab

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/golden"
)

// debianPackages are what a machine needs to run labs, by the program or file that shows they are there.
var debianPackages = []struct{ shownBy, name string }{
	{"systemd-nspawn", "systemd-container"},
	{"mmdebstrap", "mmdebstrap"},
	{"ip", "iproute2"},
	{"nsenter", "util-linux"},
	{"zstd", "zstd"},
	{"tar", "tar"},
	{debianKeyring, "debian-archive-keyring"},
}

// Require skips the test, and says why, where no lab can run. Where it should run, under a build service
// (CI=true) on Linux, it fails instead: a test nobody notices is skipped proves nothing.
func Require(t testing.TB) {
	t.Helper()
	missing := Missing()
	switch {
	case golden.Updating():
		t.Skip("golden files are being written, and no lab has any")
	case missing == "":
	case os.Getenv("CI") == "true" && runtime.GOOS == "linux":
		t.Fatalf("lab: %s", missing)
	default:
		t.Skipf("SKIP lab: %s", missing)
	}
}

// Missing returns what this machine lacks to run labs, and what to do about it; "" when nothing.
func Missing() string {
	if runtime.GOOS != "linux" {
		return "needs Linux with systemd-nspawn; this is " + runtime.GOOS
	}
	var packages []string
	for _, p := range debianPackages {
		if strings.HasPrefix(p.shownBy, "/") {
			if _, err := os.Stat(p.shownBy); err != nil {
				packages = append(packages, p.name)
			}
		} else if _, err := exec.LookPath(p.shownBy); err != nil {
			packages = append(packages, p.name)
		}
	}
	var lacks []string
	if os.Geteuid() != 0 {
		lacks = append(lacks, "needs root: run the tests as root")
	}
	if len(packages) > 0 {
		lacks = append(lacks, "needs packages: apt-get install "+strings.Join(packages, " "))
	}
	if _, err := cgroupRoot(); err != nil {
		lacks = append(lacks, err.Error())
	}
	return strings.Join(lacks, "; ")
}

// cgroupRoot returns where the unified cgroup hierarchy is mounted, alone or beside the old ones.
func cgroupRoot() (string, error) {
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(root + "/cgroup.controllers"); err == nil {
			return root, nil
		}
	}
	return "", fmt.Errorf("needs the unified cgroup hierarchy: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified")
}
