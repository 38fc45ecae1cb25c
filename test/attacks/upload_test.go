package attacks

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// mallory owns a directory that root copies large files into. He replaces whatever appears there with a link to one of
// root's files, and a parent directory with a link to one of root's. Nothing of root's is written or becomes his.
func TestLargeCopiesIntoAnothersDirectory(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "upload", Specs: []lab.Spec{site.Hosts("node1")[0]}})
	s.File("files/large", strings.Repeat("0123456789abcdef", 1<<17))
	s.File("copy.yml", `
- name: Copy
  hosts: all
  gather_facts: false
  tasks:
    - copy: {src: files/large, dest: "{{ dest }}", owner: mallory}
`)
	s.On("node1", `useradd -m mallory
install -d -o mallory /srv/m /srv/m/race
echo 'of root' >/etc/precious; chmod 600 /etc/precious
install -d -m 700 /root/private
cat >/usr/local/bin/racer <<'E'
#!/bin/sh
cd /srv/m/race || exit
while :; do
for f in .[!.]* *; do
[ -f "$f" ] && [ ! -L "$f" ] && ln -s /etc/precious x$$ 2>/dev/null && mv -f x$$ "$f" 2>/dev/null
done
done
E
chmod 755 /usr/local/bin/racer`)
	want := func(t *testing.T) {
		t.Helper()
		got := s.On("node1", "cat /etc/precious; stat -c '%U %a' /etc/precious; ls -A /root/private")
		if got != "of root\nroot 600\n" && got != "of root\nroot 600" {
			t.Errorf("root's own is now %q", got)
		}
	}
	s.Case(t, "a link in the place of what is sent", func(t *testing.T) {
		s.On("node1", "systemd-run --quiet --collect --unit racer -p User=mallory /usr/local/bin/racer")
		defer s.On("node1", "systemctl stop racer")
		for range 6 {
			s.Start(nil, "run", "copy.yml", "-e", "dest=/srv/m/race/large").Wait() // it may fail
			want(t)
		}
	})
	s.Case(t, "a link in the place of the directory", func(t *testing.T) {
		s.On("node1", "runuser -u mallory -- ln -s /root/private /srv/m/parent")
		s.Run(2, "copy.yml", "-e", "dest=/srv/m/parent/large").Says("not followed")
		want(t)
	})
	s.Case(t, "left in peace it works, and nothing lies about", func(t *testing.T) {
		s.On("node1", "rm -rf /srv/m/race; install -d -o mallory /srv/m/race")
		s.Run(0, "copy.yml", "-e", "dest=/srv/m/race/large").Changed()
		s.Run(0, "copy.yml", "-e", "dest=/srv/m/race/large").Unchanged("node1")
		got := s.On("node1", "stat -c '%U %n' /srv/m/race/* /srv/m/race/.[!.]* /var/lib/polarbook/stage/* 2>/dev/null || true")
		if strings.TrimSpace(got) != "mallory /srv/m/race/large" {
			t.Errorf("there is %q", got)
		}
	})
}
