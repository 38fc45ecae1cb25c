package preflight

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/ospackage"
	"github.com/polarbook/polarbook/tasks/polardb"
)

// A library that a given package brings is a WARN that names the package; one that none brings stays a FAIL, and so are packages that
// are for other systems.
func TestGivenPackages(t *testing.T) {
	var r checkRows
	r.libraries([]string{"libreadline.so.8", "libssl.so.3"}, 9, map[string]string{"libreadline.so.8": "libreadline8_8.2_amd64.deb"}, "Debian")
	if len(r) != 2 || r[0].Status != statusWarn || r[0].Found != "libreadline.so.8 not there" ||
		r[0].Fix != "nothing to do: new-cluster.yml installs libreadline8_8.2_amd64.deb" ||
		r[1].Status != statusFail || !strings.Contains(r[1].Fix, "apt-get install libssl3") {
		t.Errorf("%+v", r)
	}
	r = nil
	r.libraries([]string{"libssl.so.3"}, 9, map[string]string{"libssl.so.3": "openssl-libs.rpm"}, "RedHat")
	if len(r) != 1 || r[0].Status != statusWarn {
		t.Errorf("%+v", r)
	}
	r = nil
	c := &checkAction{args: &checkArgs{Src: newEngine.Name}, archive: newEngine, shelf: &ospackage.Shelf{},
		given: []ospackage.Given{{Release: "rocky-8-x86_64", Package: ospackage.Package{Format: ospackage.RPM, Name: "a", Version: "1-1",
			Architecture: "x86_64"}}}}
	c.software(&r, checkHost{Machine: "x86_64", OS: map[string]string{"ID": "debian", "VERSION_ID": "12"}}, polardb.NodeState{})
	found := false
	for _, row := range r {
		found = found || row.Status == statusFail && strings.Contains(row.Found,
			"none of the packages is for debian-12-x86_64: there are some for rocky-8-x86_64")
	}
	if !found {
		t.Errorf("%+v", r)
	}
}
