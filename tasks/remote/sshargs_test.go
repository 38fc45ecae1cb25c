package remote

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSSHArguments(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", ""},
		{"-o Port=22", "port=22"},
		{"-oPort=22 -p23", "port=22 port=23"},
		{`-o "Port 22" -o 'User  =  x' -o User"="y`, "port=22 user=x user=y"},
		{"-Cqvv4A -ttn", "compression=yes loglevel=quiet loglevel=debug loglevel=debug addressfamily=inet forwardagent=yes"},
		{"-i key -l me -J a,b:2 -F file", "identityfile=key user=me proxyjump=a,b:2 -F=file"},
		{`-o UserKnownHostsFile="/a /b"`, "userknownhostsfile=/a,/b"},
		{`-o 'UserKnownHostsFile="/a b" /c'`, "userknownhostsfile=/a b,/c"},
		{"-o ControlMaster=auto -o ControlPersist=60s -o ControlPath=/tmp/%%h", "controlmaster=auto controlpersist=60s controlpath=/tmp/%%h"},
		{"-o ChallengeResponseAuthentication=no", "kbdinteractiveauthentication=no"},
		{`-o ProxyCommand="ssh -W %h:%p -q -i key me@bastion -p 2222"`, "proxycommand=ssh -W %h:%p -q -i key me@bastion -p 2222"},
		{"-o ServerAliveInterval=1m -o ConnectTimeout=5", "serveraliveinterval=1m connecttimeout=5"},
		{"-o gssapiauthentication=NO", "gssapiauthentication=NO"},
		{"-o Ciphers=aes256-ctr,unheard-of -o HostKeyAlgorithms=+ssh-rsa", "ciphers=aes256-ctr,unheard-of hostkeyalgorithms=+ssh-rsa"},
	} {
		o, err := ParseSSHArgs(c.args)
		var got []string
		for _, v := range o.values {
			got = append(got, v.key+"="+strings.Join(v.args, ","))
		}
		if o.file != "" {
			got = append(got, "-F="+o.file)
		}
		if all := strings.Join(got, " "); err != nil || all != c.want {
			t.Errorf("%s:\n got %q, error %v\nwant %q", c.args, all, err, c.want)
		}
	}
}

// What would change something and is not here is refused by its name; so is what ssh itself would refuse.
func TestRefusedSSHArguments(t *testing.T) {
	for args, want := range map[string]string{
		"-o Nonsense=1":                          "ssh has no option Nonsense",
		"-o Port":                                "write -o KEY=VALUE",
		"-o Port=0":                              `"0" is not a port`,
		"-o 'Port=1 2'":                          "more than one value",
		"-o":                                     "-o wants an argument",
		"-L 1:h:2":                               "-L is not implemented",
		"-o LocalForward=1":                      "LocalForward of ssh is not implemented",
		"-o SendEnv=LANG":                        "use environment: in the playbook",
		"-o StrictHostKeyChecking=perhaps":       "not one of yes",
		"-o IdentitiesOnly=maybe":                "not one of yes, no",
		"-o GSSAPIAuthentication=yes":            "is not implemented by polarbook",
		"-o ProxyCommand='nc %h %p'":             "which runs none",
		"-o ProxyCommand='ssh bastion'":          "which runs none",
		"-o ProxyCommand='ssh -W %h:23 bastion'": "which runs none",
		"-o ProxyCommand='ssh -L 1 -W %h:%p a'":  "-L is not implemented",
		"-o ProxyJump=a:99999":                   "is not [user@]host[:port]",
		"-o Ciphers=des":                         "polarbook has none of des",
		"-o ConnectTimeout=soon":                 "not a number of seconds",
		"user@host":                              `"user@host" is not an option`,
		"-o User='x":                             "never ends",
		"-Z":                                     "ssh has no option -Z",
	} {
		if _, err := ParseSSHArgs(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", args, err, want)
		}
	}
}

func TestProxyCommands(t *testing.T) {
	for command, want := range map[string]string{
		"ssh -W %h:%p bastion":                                 "bastion []",
		"/usr/bin/ssh -q -p 23 -W [%h]:%p me@bastion":          "me@bastion [{loglevel [quiet]} {port [23]}]",
		"exec ssh -W %h:%p -o User=u bastion -p 2 2>/dev/null": "bastion [{user [u]} {port [2]}]",
		"ssh bastion nc -w 5 %h %p":                            "bastion []",
		"ssh -A bastion exec /bin/netcat %h %p":                "bastion [{forwardagent [yes]}]",
	} {
		p, err := parseProxyCommand(command)
		if got := fmt.Sprint(p.jump, " ", p.options.values); err != nil || got != want {
			t.Errorf("%s: %s, error %v, want %s", command, got, err, want)
		}
	}
}

// TestSSHArgumentsWin: the arguments that come first win over what was set, that over those that come last, and all over the file.
func TestSSHArgumentsWin(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("SSH_AUTH_SOCK", "/agent")
	file := t.TempDir() + "/config"
	writeFile(t, file, "Host *\n User file\n Port 1\n IdentityFile /file\n StrictHostKeyChecking yes\n ServerAliveCountMax 9\n ProxyJump j\n"+
		"Host h\n HostName fromfile\n")
	args := func(text string) SSHOptions {
		o, err := ParseSSHArgs(text)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	for _, c := range []struct {
		name   string
		config Config
		want   target
	}{
		{"the file", Config{}, target{hostName: "fromfile", user: "file", port: 1, keyFiles: []string{"/file"},
			explicitKeys: 1, agentSocket: "/agent",
			jumps: []string{"j"}, sshWay: sshWay{keyMode: ModeKnown, aliveCount: 9}}},
		{"over the file", Config{User: "set", SSHExtraArgs: args("-l last -p 3 -i /last -o StrictHostKeyChecking=accept-new -o ProxyJump=none")},
			target{hostName: "fromfile", user: "set", port: 3, keyFiles: []string{"/last", "/file"}, explicitKeys: 2, agentSocket: "/agent",
				sshWay: sshWay{keyMode: ModeAcceptNew, aliveCount: 9}}},
		{"over all", Config{Address: "address", User: "set", Port: 2, KeyFiles: []string{"/set"}, Keys: HostKeyCheck{Mode: ModeOff},
			SSHArgs: args("-l first -i ~/first -o StrictHostKeyChecking=ask -o HostName=x-%h -o UserKnownHostsFile=/dev/null " +
				"-o PreferredAuthentications=password"),
			SSHExtraArgs: args("-o ProxyCommand='ssh -W %h:%p -i /b bastion' -o UserKnownHostsFile=/other -o ServerAliveInterval=7")},
			target{hostName: "x-address", user: "first", port: 2, keyFiles: []string{"/home/me/first", "/set", "/file"},
				explicitKeys: 3, agentSocket: "/agent",
				knownHosts: []string{"/dev/null"}, jumps: []string{"bastion"},
				jumpOptions: &SSHOptions{values: []sshValue{{"identityfile", []string{"/b"}}}},
				sshWay:      sshWay{namedKnownHosts: true, aliveCount: 9, aliveInterval: 7 * time.Second, methods: []string{"password"}}}},
	} {
		sc, err := loadSSHConfig(file)
		if err != nil {
			t.Fatal(err)
		}
		own, err := sc.with(SSHOptions{values: c.config.options().values})
		if err != nil {
			t.Fatal(err)
		}
		c.want.name = "h"
		got, err := own.resolve("h", c.config.Address, 0, "")
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v, error %v", c.name, got, c.want, err)
		}
	}
}

// FuzzSSHArgs: whatever stands in arguments, reading them ends, without a panic, in options or in an error.
func FuzzSSHArgs(f *testing.F) {
	for _, seed := range []string{
		"", "-o Port=22 -i x", `-o ProxyCommand="ssh -W %h:%p -q b"`, "-oUser='x y'", "-Cqv -J a,b", "-o Ciphers=+a*",
		`-o "UserKnownHostsFile \"a b\" c # d"`, "-o ConnectTimeout=1m2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseSSHArgs(text)
		if err != nil {
			return
		}
		for _, v := range o.values {
			if v.key == "" || len(v.args) == 0 {
				t.Errorf("%q gave an option without a name or value: %+v", text, o.values)
			}
		}
		sc := &sshConfig{home: "/home/x", local: "x", options: o}
		if _, err := sc.resolve("h", "", 0, ""); err != nil {
			t.Errorf("%q was accepted, and then: %v", text, err)
		}
	})
}
