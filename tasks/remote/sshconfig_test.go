package remote

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const exampleConfig = `
# The first value found counts.
Host node1 node2
    HostName %h.example.com
    User admin
    Port 2201
    IdentityFile ~/keys/%r@%h-%n
    IdentityFile "${POLARBOOK_TEST_DIR}/with space"
    UserKnownHostsFile ~/known_a /known_b
    ProxyJump bastion,second:2222
    IdentitiesOnly yes
    IdentityAgent none
Host bastion
    HostName 10.0.0.9
    ProxyJump none
Host loud
    IdentityAgent /run/agent-%u
    ProxyCommand nc %h %p
Match host final
    User matched
Host *
    User everybody
    Port 22000
`

func TestResolve(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("POLARBOOK_TEST_DIR", "/keys")
	t.Setenv("SSH_AUTH_SOCK", "/agent")
	file := filepath.Join(t.TempDir(), "config")
	writeFile(t, file, exampleConfig)
	c, err := loadSSHConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		alias, address string
		port           int
		user           string
		want           target
		err            string
	}{
		{alias: "node1", want: target{hostName: "node1.example.com", port: 2201, user: "admin",
			keyFiles: []string{"/home/me/keys/admin@node1.example.com-node1", "/keys/with space"}, explicitKeys: 2, identitiesOnly: true,
			knownHosts: []string{"/home/me/known_a", "/known_b"}, jumps: []string{"bastion", "second:2222"}}},
		{alias: "node2", address: "10.1.1.1", port: 5, user: "zoe", want: target{hostName: "10.1.1.1", port: 5, user: "zoe",
			keyFiles: []string{"/home/me/keys/zoe@10.1.1.1-node2", "/keys/with space"}, explicitKeys: 2, identitiesOnly: true,
			knownHosts: []string{"/home/me/known_a", "/known_b"}, jumps: []string{"bastion", "second:2222"}}},
		{alias: "bastion", want: target{hostName: "10.0.0.9", port: 22000, user: "everybody", agentSocket: "/agent"}},
		{alias: "final", want: target{hostName: "final", port: 22000, user: "matched", agentSocket: "/agent"}},
		{alias: "other", want: target{hostName: "other", port: 22000, user: "everybody", agentSocket: "/agent"}},
		{alias: "loud", err: "ProxyCommand"},
	} {
		tt.want.name = tt.alias
		got, err := c.resolve(tt.alias, tt.address, tt.port, tt.user)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v", tt.alias, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v, error %v", tt.alias, got, tt.want, err)
		}
	}
}

func TestSSHConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"Match exec true\n  User x\n":     "Host blocks",
		"Match final all\n  User x\n":     "Host blocks",
		"Host x\n  Port ssh\n":            `Port "ssh" of host x`,
		"Host x\n  ProxyJump a:b:c@:/@\n": "jump host",
	} {
		file := filepath.Join(t.TempDir(), "config")
		writeFile(t, file, text)
		_, err := Connect(testContext(t), Config{Name: "x", ConfigFile: file, Keys: HostKeyCheck{Mode: ModeOff}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
		var unreachable *UnreachableError
		if errors.As(err, &unreachable) {
			t.Errorf("%q: a mistake in the configuration was called unreachable", text)
		}
	}
	if _, err := Connect(testContext(t), Config{Name: "x", ConfigFile: "/nonexistent"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that was named and is not there: %v", err)
	}
	t.Setenv("HOME", t.TempDir())
	if c, err := loadSSHConfig(""); err != nil || c.config != nil {
		t.Errorf("no ~/.ssh/config: %v", err)
	}
}

func TestParseJump(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"host":                 "|host|0",
		"me@host:22":           "me|host|22",
		"a@b@host":             "a@b|host|0",
		"[::1]:2222":           "|::1|2222",
		"[fe80::1]":            "|fe80::1|0",
		"ssh://me@host:33":     "me|host|33",
		"ssh://host":           "|host|0",
		"host:0":               "error",
		"host:x":               "error",
		"":                     "error",
		"me@":                  "error",
		"ssh://":               "error",
		"2001:db8::1":          "|2001:db8::1|0",
		"me@[2001:db8::1]:443": "me|2001:db8::1|443",
	} {
		user, host, port, err := parseJump(in)
		got := fmt.Sprintf("%s|%s|%d", user, host, port)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// The last of three servers is reached through the other two, each with its own
// port, key and known_hosts.
func TestJumpHosts(t *testing.T) {
	t.Parallel()
	a, b, c := startSSHD(t), startSSHD(t), startSSHD(t)
	var known, config strings.Builder
	for name, s := range map[string]*testServer{"a": a, "b": b, "c": c} {
		text, _ := os.ReadFile(s.knownHosts)
		known.Write(text)
		fmt.Fprintf(&config, "Host %s\n HostName 127.0.0.1\n Port %d\n User %s\n IdentityFile %s\n IdentitiesOnly yes\n",
			name, s.port, s.user, s.key)
	}
	dir := t.TempDir()
	writeFile(t, dir+"/known", known.String())
	writeFile(t, dir+"/config", config.String()+"Host *\n ProxyJump a\n UserKnownHostsFile "+dir+"/known\n")
	for jump, handshakes := range map[string]int64{"": 2, "a,b": 3, "none": 1, "b": 3} {
		h := connect(t, Config{Name: "c", ConfigFile: dir + "/config", ProxyJump: jump, Keys: HostKeyCheck{SystemFiles: []string{}}})
		if r := run(t, openTestShell(t, h, Become{}), "echo ${SSH_CONNECTION##* }"); string(r.Stdout) != fmt.Sprintf("%d\n", c.port) {
			t.Errorf("jump %q led to %q", jump, r.Stdout)
		}
		if got := h.Stats().Handshakes; got != handshakes {
			t.Errorf("jump %q took %d handshakes, want %d", jump, got, handshakes)
		}
		h.Close()
	}

	// The key of a jump host is verified too, and the error names it.
	text, _ := os.ReadFile(c.knownHosts)
	writeFile(t, dir+"/known", string(text))
	_, err := Connect(testContext(t), Config{Name: "c", ConfigFile: dir + "/config", Keys: HostKeyCheck{SystemFiles: []string{}}})
	var unknown *UnknownHostKeyError
	if !errors.As(err, &unknown) || unknown.Host != "jump host a" || !strings.Contains(err.Error(), "c: jump host a: unreachable") {
		t.Errorf("got error %v", err)
	}
	// That the host's own key is not looked at says nothing of the jump host's.
	_, err = Connect(testContext(t), Config{Name: "c", ConfigFile: dir + "/config",
		Keys: HostKeyCheck{Mode: ModeOff, SystemFiles: []string{}}})
	if !errors.As(err, &unknown) || unknown.Host != "jump host a" {
		t.Errorf("got error %v", err)
	}

	// Jump hosts that jump through each other.
	writeFile(t, dir+"/config", "Host a\n HostName 127.0.0.1\n Port 1\n ProxyJump b\nHost b\n HostName 127.0.0.1\n Port 2\n ProxyJump a\n")
	_, err = Connect(testContext(t), Config{Name: "a", ConfigFile: dir + "/config", Keys: HostKeyCheck{Mode: ModeOff}})
	if err == nil || !strings.Contains(err.Error(), "through each other") {
		t.Errorf("got error %v", err)
	}
}
