package attacks

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

// hostileLogin sets up for logins what a site's profile, start-up files and sshd may set up: functions in place of programs,
// a time limit for reading, another locale, and options that change what a shell or a program does.
const hostileLogin = `
cat >/etc/profile.d/zz.sh <<'E'
export TMOUT=2 CDPATH=/:/var GREP_OPTIONS='-v --color=always' GREP_COLOR=1 POSIXLY_CORRECT=1 LC_ALL=zh_CN.GB18030
export PROMPT_COMMAND='echo prompt' TAR_OPTIONS=--verbose BASH_ENV=/etc/profile.d/startup ENV=/etc/profile.d/startup BLOCK_SIZE=1 FUNCNEST=2
shopt -s expand_aliases nocasematch
alias cat='echo an alias' sudo='sudo '
for f in cat cd cp chmod chown command declare grep head id kill mkdir mv printf pwd read rm sed sh sha256sum sleep stat sync tar test tr true wc; do
eval "$f() { echo a function of the site; return 7; }; export -f $f"
done
set -a
E
echo 'echo a start-up file was read; alias cat=false' >/etc/profile.d/startup
for home in /root /home/dba; do
echo '. /etc/profile.d/zz.sh' >>$home/.bashrc
printf '%s\n' TMOUT=2 GREP_OPTIONS=-v IFS=/a BASHOPTS=nocasematch:nullglob SHELLOPTS=errexit:nounset:noglob BASHPID=1 \
'BASH_FUNC_sed%%=() { echo a function; }' >$home/.ssh/environment
done
printf '%s\n' 'PermitUserEnvironment yes' \
'SetEnv LC_ALL=tr_TR.UTF-8 LANGUAGE=de TMOUT=2 CDPATH=/ BASH_ENV=/etc/profile.d/startup "BASH_FUNC_stat%%=() { echo a function; }"' \
>/etc/ssh/sshd_config.d/00-environment.conf
printf '%s\n' 'Defaults env_keep += "TMOUT CDPATH GREP_OPTIONS POSIXLY_CORRECT LC_ALL BASH_FUNC_*"' 'Defaults:dba setenv' >/etc/sudoers.d/environment
`

func TestWhatALoginExports(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "login", User: "dba", Specs: []lab.Spec{lab.Spec{Name: "node1"}.Of("rhel")}})
	s.Variant("root.yml", site.Vars{"ansible_user": "root"}, nil)
	s.Variant("kept.yml", site.Vars{"ansible_become_flags": "-E"}, nil)
	s.File("files/large", strings.Repeat("0123456789abcdef", 1<<16))
	s.File("files/small", "small\n")
	s.File("login.yml", `
- name: A bit of everything
  hosts: all
  become: true
  tasks:
    - shell: sleep 3; cd usr 2>/dev/null || cd /usr; pwd; printf 'a\nb\n' | grep a; type sed | sed s,/usr,,; echo ${LC_ALL-none} ${TMOUT-none} $LANG
      register: said
      changed_when: false
    - assert:
        that: said.stdout_lines == ['/usr', 'a', 'sed is /bin/sed', 'none none C.UTF-8']
        fail_msg: "said {{ said.stdout }}"
    - file: {path: /srv/login, state: directory}
    - copy: {src: files/large, dest: /srv/login/large}
    - copy: {src: files/small, dest: /srv/login/small}
    - command: tar -C /srv/login -cf /srv/login.tar large
      args: {creates: /srv/login.tar}
    - unarchive: {src: /srv/login.tar, dest: /srv, remote_src: true}
    - lineinfile: {path: /srv/login/lines, create: true, line: "多一行"}
    - command: sort /srv/login/lines
      register: lines
      changed_when: false
    - assert: {that: "'多一行' in lines.stdout"}
    - user: {name: loginuser, system: true}
    - wait_for: {path: /srv/login/large}
`)
	run := func(inventory string) []string {
		s.T.Helper()
		s.On("node1", "rm -rf /srv/login /srv/login.tar /srv/large; userdel loginuser 2>/dev/null || true")
		changes := s.Run(0, "login.yml", "-i", inventory).Changes()
		s.Run(0, "login.yml", "-i", inventory).Unchanged("node1")
		return changes
	}
	before := run("inventory.yml")
	s.On("node1", hostileLogin+site.SSH("reload"))
	for name, inventory := range map[string]string{
		"through sudo": "inventory.yml", "through sudo that keeps it": "kept.yml", "as root": "root.yml",
	} {
		s.Case(t, name, func(t *testing.T) {
			if after := run(inventory); strings.Join(after, "\n") != strings.Join(before, "\n") {
				t.Errorf("changed %q, and without what a login exports %q", after, before)
			}
		})
	}
}
