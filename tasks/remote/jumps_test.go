package remote

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// behindJump is ssh_config for many names of one host behind a jump host, itself behind another when outer is given.
func behindJump(t *testing.T, target, jump, outer *testServer) (file string) {
	t.Helper()
	dir := t.TempDir()
	var known, config strings.Builder
	for name, s := range map[string]*testServer{"inner": target, "jump": jump, "outer": outer} {
		if s == nil {
			continue
		}
		text, err := os.ReadFile(s.knownHosts)
		if err != nil {
			t.Fatal(err)
		}
		known.Write(text)
		hosts := name
		if name == "inner" {
			hosts = "inner*"
		}
		fmt.Fprintf(&config, "Host %s\n HostName 127.0.0.1\n Port %d\n User %s\n IdentityFile %s\n IdentitiesOnly yes\n",
			hosts, s.port, s.user, s.key)
	}
	config.WriteString("Host inner*\n ProxyJump jump\n")
	if outer != nil {
		config.WriteString("Host jump\n ProxyJump outer\n")
	}
	writeFile(t, dir+"/known", known.String())
	writeFile(t, dir+"/config", config.String()+"Host *\n UserKnownHostsFile "+dir+"/known\n")
	return dir + "/config"
}

// Forty hosts behind a jump host are reached through one connection to it, however it is reached itself. It lasts as long
// as any of them, and is made anew when it was lost.
func TestJumpConnectionsAreShared(t *testing.T) {
	t.Parallel()
	for _, deep := range []bool{false, true} {
		t.Run(fmt.Sprintf("behind another: %t", deep), func(t *testing.T) {
			target, jump := startSSHD(t), startSSHD(t)
			var outer *testServer
			want := int64(1)
			if deep {
				outer, want = startSSHD(t), 2
			}
			config := behindJump(t, target, jump, outer)
			jumps := NewJumps()
			const many = 8 // the sshd of the target lets ten in at once
			hosts := make([]*Host, many)
			var all sync.WaitGroup
			for i := range hosts {
				all.Go(func() {
					h, err := Connect(testContext(t), Config{Name: fmt.Sprintf("inner%d", i), ConfigFile: config, Jumps: jumps,
						Keys: HostKeyCheck{SystemFiles: []string{}}})
					if err != nil {
						t.Error(err)
						return
					}
					hosts[i] = h
				})
			}
			all.Wait()
			if t.Failed() {
				t.FailNow()
			}
			var handshakes int64
			for _, h := range hosts {
				handshakes += h.Stats().Handshakes
			}
			if handshakes != many+want {
				t.Errorf("%d hosts took %d handshakes, want %d", many, handshakes, many+want)
			}
			// Whoever made the connection leaves first. The others keep it.
			for i, h := range hosts {
				if h.Stats().Handshakes > 1 {
					h.Close()
					hosts[i] = nil
				}
			}
			for _, h := range hosts {
				if h != nil {
					run(t, openTestShell(t, h, Become{}), "true")
				}
			}
			jumps.mu.Lock()
			for _, k := range jumps.open {
				k.client.Close() // the connection is lost
			}
			jumps.mu.Unlock()
			for _, h := range hosts {
				if h != nil {
					<-h.Done()
				}
			}
			h := connect(t, Config{Name: "inner", ConfigFile: config, Jumps: jumps, Keys: HostKeyCheck{SystemFiles: []string{}}})
			run(t, openTestShell(t, h, Become{}), "true")
			h.Close()
			jumps.mu.Lock()
			defer jumps.mu.Unlock()
			if len(jumps.open) != 0 {
				t.Errorf("%d connections are left when all hosts are", len(jumps.open))
			}
		})
	}
}

// Who asks between the end of a shared connection and the news of it gets another, whichever of the chain it is.
func TestAJumpConnectionThatIsLostUnnoticed(t *testing.T) {
	t.Parallel()
	target, jump, outer := startSSHD(t), startSSHD(t), startSSHD(t)
	config := behindJump(t, target, jump, outer)
	for _, name := range []string{"jump", "outer"} {
		jumps := NewJumps()
		to := Config{Name: "inner", ConfigFile: config, Jumps: jumps, Retries: 3, Keys: HostKeyCheck{SystemFiles: []string{}}}
		first := connect(t, to)
		jumps.mu.Lock()
		was := maps.Clone(jumps.open)
		jumps.mu.Unlock()
		port := fmt.Sprint(map[string]*testServer{"jump": jump, "outer": outer}[name].port)
		for way, k := range was {
			if strings.Contains(way, port) {
				k.client.Close()
			}
		}
		<-first.Done()
		for way, k := range was {
			_ = k.client.Wait()
			for jumps.has(way) {
				time.Sleep(time.Millisecond)
			}
		}
		jumps.mu.Lock()
		maps.Copy(jumps.open, was) // as if nobody had heard of it
		jumps.mu.Unlock()
		h, err := Connect(testContext(t), to)
		if err != nil {
			t.Errorf("the connection to %s was lost: %v", name, err)
			continue
		}
		run(t, openTestShell(t, h, Become{}), "true")
		h.Close()
	}
}

func (j *Jumps) has(way string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.open[way] != nil
}

// A jump host that cannot be reached keeps all away that are behind it, each under its own name.
func TestAJumpHostThatFailsIsNamedByEach(t *testing.T) {
	t.Parallel()
	target, jump := startSSHD(t), startSSHD(t)
	config := behindJump(t, target, jump, nil)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, config, strings.Replace(string(text), fmt.Sprintf("Port %d", jump.port), fmt.Sprintf("Port %d", freePort(t)), 1))
	jumps := NewJumps()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			name := fmt.Sprintf("inner%d", i)
			_, err := Connect(testContext(t), Config{Name: name, ConfigFile: config, Jumps: jumps, Keys: HostKeyCheck{SystemFiles: []string{}}})
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || unreachable.Host != name || unreachable.Jump != "jump host jump" {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
}
