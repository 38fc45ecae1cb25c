package attacks

import (
	"strconv"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// mostExposure is the highest exposure, of 10, that `systemd-analyze security` may show for the server's unit.
const mostExposure = 5.0

// The server can do little on its host besides serving: whoever takes it over does not become root.
func TestTheServerHasNoRightsThatItDoesNotNeed(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "attacks", Specs: []lab.Spec{{Name: "node1"}}})
	s.Run(0, "new-cluster.yml")
	s.Run(0, "new-cluster.yml").Unchanged("node1")
	said := s.On("node1", "systemd-analyze security --no-pager "+s.Unit()+" 2>/dev/null | tail -n 1")
	_, rest, _ := strings.Cut(said, ": ")
	score, err := strconv.ParseFloat(strings.Fields(rest + " ?")[0], 64)
	if err != nil || score > mostExposure {
		t.Errorf("systemd-analyze says %q, want at most %.1f", said, mostExposure)
	}
	pid := strings.TrimSpace(s.On("node1", "systemctl show -p MainPID --value "+s.Unit()))
	status := s.On("node1", "cat /proc/"+pid+"/status /proc/"+pid+"/limits")
	for _, want := range []string{"CapBnd:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(status, want) {
			t.Errorf("the server's process does not have %q:\n%s", want, status)
		}
	}
	for line := range strings.Lines(status) {
		if name, values, ok := strings.Cut(line, "Max core file size"); ok && name == "" && strings.Fields(values)[0] != "0" {
			t.Errorf("the server may dump core: %s", line)
		}
	}
	// It may write where its data is, but not where root's programs and settings are.
	for _, dir := range []string{"/usr/local", "/etc", "/boot", "/root"} {
		got := s.On("node1", "nsenter -t "+pid+" -m sh -c 'touch "+dir+"/written 2>/dev/null && echo yes || echo no'")
		if strings.TrimSpace(got) != "no" {
			t.Errorf("%s can be written from within the unit", dir)
		}
	}
}
