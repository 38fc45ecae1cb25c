package attacks

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// Forty hosts behind one jump host are all reached at once, with sshd's own limits on both. They are one host under forty
// names, so that its sshd also meets more connections than it lets wait for a login.
func TestFortyHostsBehindOneJumpHost(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "attacks", Specs: site.Hosts("jump", "inner")})
	for _, n := range s.Names() {
		// sshd's defaults, with a log that shows them.
		s.On(n, "printf 'MaxStartups 10:30:100\\nMaxSessions 10\\nLogLevel VERBOSE\\n' >/etc/ssh/sshd_config.d/10-limits.conf; "+
			site.SSH("restart"))
		if err := s.Lab.Host(n).Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	inventory := map[string]site.Vars{}
	for i := range 40 {
		inventory[fmt.Sprintf("host%02d", i)] = site.Vars{"ansible_host": s.Lab.Host("inner").Address}
	}
	s.File("ssh_config", fmt.Sprintf("Host *\n User root\n IdentityFile %s\n", s.Lab.KeyFile()))
	s.Inventory("forty.yml", site.Vars{
		"ansible_user": "root", "ansible_ssh_private_key_file": s.Lab.KeyFile(),
		"ansible_ssh_common_args": "-J root@" + s.Lab.Host("jump").Address,
	}, inventory)
	logins := func() int {
		n, err := strconv.Atoi(strings.TrimSpace(s.On("jump", "journalctl --sync; journalctl -o cat -t sshd -t sshd-session | "+
			"grep -c 'Accepted publickey for root from' || :")))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := logins()
	o := s.Start(nil, "ping", "-i", "forty.yml", "-f", "50", "--ssh-config", "ssh_config").Wait()
	if o.Code != 0 {
		t.Fatalf("exit code %d\n%s", o.Code, o.Printed())
	}
	if after := logins(); after != before+1 {
		t.Errorf("%d logins at the jump host, want one", after-before)
	}
}
