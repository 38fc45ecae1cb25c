package lab_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/polarbook/polarbook/test/lab"
	"github.com/polarbook/polarbook/test/site"
)

func TestThreeHosts(t *testing.T) {
	lab.Require(t)
	before := machineSettings(t)
	started := time.Now()
	l := lab.New(t, lab.Options{Hosts: []lab.Spec{
		{Name: "node1"},
		{Name: "node2", TmpfsPath: "/data", DiskMB: 8},
		{Name: "node3"},
	}})
	t.Logf("three hosts were up after %s", time.Since(started).Round(10*time.Millisecond))

	t.Run("accounts", func(t *testing.T) { accounts(t, l) })
	t.Run("neighbours", func(t *testing.T) { neighbours(t, l) })
	t.Run("systemd", func(t *testing.T) { systemd(t, l.Host("node1")) })
	t.Run("no python", func(t *testing.T) {
		if got := sh(t, l.Host("node1"), "command -v python3 || echo none"); got != "none" {
			t.Errorf("there is a python3 at %s", got)
		}
	})
	t.Run("processes", func(t *testing.T) { processes(t, l.Host("node1"), l.Host("node2")) })
	t.Run("kernel settings", func(t *testing.T) { kernelSettings(t, l) })
	t.Run("full disk", func(t *testing.T) { fullDisk(t, l.Host("node2")) })
	t.Run("plug", func(t *testing.T) { plug(t, l.Host("node1"), l.Host("node3")) })
	t.Run("mount", func(t *testing.T) { mounted(t, l.Host("node1"), l.Host("node3")) })
	t.Run("a script that was stopped", func(t *testing.T) { stopped(t, l.Host("node1")) })
	t.Run("kill and boot", func(t *testing.T) { killAndBoot(t, l.Host("node2")) })
	t.Run("reboot", func(t *testing.T) { reboot(t, l.Host("node3")) })
	t.Run("power off", func(t *testing.T) { powerOff(t, l.Host("node3")) })
	t.Run("delay", func(t *testing.T) { delay(t, l) })
	t.Run("the machine's own settings", func(t *testing.T) {
		after := machineSettings(t)
		for file, value := range before {
			if after[file] != value {
				t.Errorf("%s was %q and is %q now", file, value, after[file])
			}
		}
	})
}

func accounts(t *testing.T, l *lab.Lab) {
	key := ssh.PublicKeys(clientKey(t, l))
	tests := []struct {
		user     string
		method   ssh.AuthMethod
		command  string
		stdin    string
		want     string
		mustFail bool
		slow     bool // PAM takes two seconds over a wrong password: once is enough
	}{
		{user: "root", method: key, command: "id -un", want: "root"},
		{user: "admin", method: key, command: "sudo -n id -un", want: "root"},
		{user: "dba", method: key, command: "id -un", want: "dba"},
		{user: "dba", method: ssh.Password(l.Password()), command: "id -un", want: "dba"},
		{user: "dba", method: key, command: "sudo -n id -un", mustFail: true},
		{user: "dba", method: key, command: "sudo -S -p '' id -un", stdin: l.Password() + "\n", want: "root"},
		{user: "dba", method: key, command: "sudo -k -S -p '' id -un", stdin: "wrong\n", mustFail: true, slow: true},
	}
	for i, host := range l.Hosts() {
		for _, test := range tests {
			if test.slow && i > 0 {
				continue
			}
			client, err := connect(t, l, host, test.user, test.method)
			if err != nil {
				t.Errorf("%s@%s: %v", test.user, host.Name, err)
				continue
			}
			session, err := client.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			session.Stdin = strings.NewReader(test.stdin)
			output, err := session.Output(test.command)
			_ = client.Close()
			if got := strings.TrimSpace(string(output)); got != test.want || (err != nil) != test.mustFail {
				t.Errorf("%s@%s: %s: %q, error %v; want %q", test.user, host.Name, test.command, got, err, test.want)
			}
		}
	}
	if _, err := connect(t, l, l.Hosts()[0], "admin", ssh.Password(l.Password())); err == nil {
		t.Error("admin may log in with dba's password")
	}
}

func neighbours(t *testing.T, l *lab.Lab) {
	for _, from := range l.Hosts() {
		for _, to := range l.Hosts() {
			sh(t, from, "ping -c 1 -W 5 "+to.Address)
			sh(t, from, "bash -c 'exec 3<>/dev/tcp/"+to.Address+"/22'")
		}
	}
}

func systemd(t *testing.T, h *lab.Host) {
	deadline := time.Now().Add(time.Minute)
	for {
		// Its exit status says the same. Its --wait knows no limit.
		state := sh(t, h, "systemctl is-system-running || true")
		if state == "running" {
			break
		}
		if state == "degraded" || time.Now().After(deadline) {
			t.Fatalf("systemd on %s is %s: %s", h.Name, state, sh(t, h, "systemctl --failed"))
		}
		time.Sleep(20 * time.Millisecond)
	}
	sh(t, h, "hostnamectl set-hostname renamed")
	if got := sh(t, h, "hostname; cat /etc/hostname"); got != "renamed\nrenamed" {
		t.Errorf("after hostnamectl the hostname is %q", got)
	}
	sh(t, h, "timedatectl set-timezone Asia/Shanghai")
	if got := sh(t, h, "date +%Z"); got != "CST" {
		t.Errorf("after timedatectl the time zone is %s", got)
	}
	sh(t, h, "printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/etc/systemd/system/nap.service; "+
		"systemctl daemon-reload; systemctl start nap")
	if got := sh(t, h, "systemctl is-active nap"); got != "active" {
		t.Errorf("a new service is %s", got)
	}
}

func kernelSettings(t *testing.T, l *lab.Lab) {
	h, other := l.Hosts()[0], l.Hosts()[1]
	for _, setting := range []string{
		"vm.swappiness", "vm.nr_hugepages", "vm.overcommit_memory", "fs.file-max", "fs.aio-max-nr",
		"net.core.rmem_max", "net.core.somaxconn", "kernel.panic", "kernel.pid_max",
		// These are real, and the host's own.
		"kernel.shmmax", "net.ipv4.tcp_keepalive_time",
	} {
		sh(t, h, "sysctl -w "+setting+"=7")
		if got := sh(t, h, "sysctl -n "+setting); got != "7" {
			t.Errorf("%s was set to 7 and reads %s", setting, got)
		}
		if got := sh(t, other, "sysctl -n "+setting); got == "7" {
			t.Errorf("%s is 7 on another host too", setting)
		}
	}
	if _, err := h.Exec(t.Context(), "echo 1 >/proc/sys/vm/no_such_setting"); err == nil {
		t.Error("a setting the kernel does not have can be written")
	}
	sh(t, h, "echo never >/sys/kernel/mm/transparent_hugepage/enabled")
	if got := sh(t, h, "cat /sys/kernel/mm/transparent_hugepage/enabled"); got != "never" {
		t.Errorf("transparent huge pages are %q", got)
	}
}

func fullDisk(t *testing.T, h *lab.Host) {
	_, err := h.Exec(t.Context(), "dd if=/dev/zero of=/data/filler bs=1M count=20")
	if err == nil || !strings.Contains(err.Error(), "No space left") {
		t.Errorf("writing 20 MB to 8: %v", err)
	}
	sh(t, h, "echo elsewhere >/root/still-room; rm /data/filler; echo kept >/data/mark")
}

func plug(t *testing.T, h, other *lab.Host) {
	if err := h.Unplug(); err != nil {
		t.Fatal(err)
	}
	if reached, err := net.DialTimeout("tcp", h.Address+":22", 500*time.Millisecond); err == nil {
		_ = reached.Close()
		t.Error("an unplugged host answers this machine")
	}
	if _, err := h.Exec(t.Context(), "ping -c 1 -W 1 "+other.Address); err == nil {
		t.Error("an unplugged host reaches its neighbour")
	}
	// Somebody looks for its hardware address in vain meanwhile, for the three seconds that the kernel gives that.
	if out, err := exec.Command("ip", "neigh", "flush", "to", h.Address).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	looking := make(chan struct{})
	go func() {
		defer close(looking)
		if reached, err := net.DialTimeout("tcp", h.Address+":22", 5*time.Second); err == nil {
			_ = reached.Close()
		}
	}()
	time.Sleep(2500 * time.Millisecond)
	if err := h.Plug(); err != nil {
		t.Fatal(err)
	}
	reached, err := net.DialTimeout("tcp", h.Address+":22", 20*time.Second)
	if err != nil {
		t.Fatalf("a host that is plugged in again: %v", err)
	}
	_ = reached.Close()
	<-looking
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	sh(t, h, "ping -c 1 -W 5 "+other.Address)
}

func killAndBoot(t *testing.T, h *lab.Host) {
	bootID := sh(t, h, "echo kept >/root/mark; sysctl -qw vm.swappiness=3 net.ipv4.ip_forward=1; cat /proc/sys/kernel/random/boot_id")
	if err := h.Boot(t.Context()); err == nil {
		t.Error("a running host was booted")
	}
	if err := h.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.Running() {
		t.Error("a killed host is running")
	}
	if _, err := h.Exec(t.Context(), "true"); err == nil {
		t.Error("a killed host runs scripts")
	}
	if err := h.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sh(t, h, "cat /root/mark /data/mark; sysctl -n net.ipv4.ip_forward"); got != "kept\nkept\n0" {
		t.Errorf("after a boot the marks and net.ipv4.ip_forward are %q", got)
	}
	if got := sh(t, h, "sysctl -n vm.swappiness"); got == "3" {
		t.Error("a setting that is only in the kernel outlived a boot")
	}
	if got := sh(t, h, "cat /proc/sys/kernel/random/boot_id"); got == bootID {
		t.Error("the boot ID is still " + got)
	}
}

func processes(t *testing.T, h, other *lab.Host) {
	// Not by Exec, whose scripts are not in the host's cgroup.
	sh(t, h, "systemd-run --quiet --service-type=exec sleep 7777")
	sleeps := func(h *lab.Host) (found int) {
		list, err := h.Processes()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			if p.Name == "sleep" && slices.Equal(p.Args[1:], []string{"7777"}) && p.PID > 0 && p.Parent > 0 {
				found++
			}
		}
		return found
	}
	if here, there := sleeps(h), sleeps(other); here != 1 || there != 0 {
		t.Errorf("sleep is seen %d times where it runs and %d times elsewhere", here, there)
	}
	sh(t, h, "pkill -x sleep")
}

// mounted has one host see a directory of another, which both write.
func mounted(t *testing.T, server, client *lab.Host) {
	sh(t, server, "install -d -o daemon /srv/shared && echo there >/srv/shared/file")
	sh(t, client, "mkdir /mnt/shared")
	if err := client.Mount("/mnt/shared", server, "/srv/shared"); err != nil {
		t.Fatal(err)
	}
	if got := sh(t, client, "cat /mnt/shared/file; stat -c %U /mnt/shared; echo back >/mnt/shared/answer"); got != "there\ndaemon" {
		t.Errorf("%s sees %q", client.Name, got)
	}
	if got := sh(t, server, "cat /srv/shared/answer; ls /mnt"); got != "back" {
		t.Errorf("%s sees %q", server.Name, got)
	}
	sh(t, client, "umount /mnt/shared && rmdir /mnt/shared")
	if err := client.Mount("/mnt/shared", server, "/srv/shared"); err == nil {
		t.Error("mounted at a place that is not there")
	}
}

// stopped does to a script what a host that shuts down does to all its processes before it ends them.
func stopped(t *testing.T, h *lab.Host) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if got, err := h.Exec(ctx, "(sleep 0.3; kill -CONT $$) & kill -STOP $$; echo goes on"); err != nil || got != "goes on\n" {
		t.Errorf("a script that was stopped and continued wrote %q: %v", got, err)
	}
}

func reboot(t *testing.T, h *lab.Host) {
	bootID := sh(t, h, "echo kept >/root/mark; cat /proc/sys/kernel/random/boot_id")
	sh(t, h, "systemctl reboot")
	deadline := time.Now().Add(time.Minute)
	for {
		got, err := h.Exec(t.Context(), "cat /proc/sys/kernel/random/boot_id")
		if err == nil && strings.TrimSpace(got) != bootID {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the host does not come back: %v; its console:\n%s", err, h.Console())
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sh(t, h, "cat /root/mark"); got != "kept" {
		t.Errorf("after a reboot the mark is %q", got)
	}
}

func powerOff(t *testing.T, h *lab.Host) {
	sh(t, h, "systemctl poweroff")
	deadline := time.Now().Add(time.Minute)
	for h.Running() {
		if time.Now().After(deadline) {
			t.Fatalf("the host does not power off; its console:\n%s", h.Console())
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := h.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func delay(t *testing.T, l *lab.Lab) {
	const rtt = 100 * time.Millisecond
	if err := l.Delay(rtt); err != nil {
		t.Fatal(err)
	}
	h := l.Hosts()[0]
	client, err := connect(t, l, h, "root", ssh.PublicKeys(clientKey(t, l)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	started := time.Now()
	if _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took < rtt {
		t.Errorf("a round trip of at least %s took %s", rtt, took)
	}
}

func TestOtherReleases(t *testing.T) {
	site.Long(t)
	l := lab.New(t, lab.Options{Hosts: []lab.Spec{
		{Name: "old", Release: "bullseye"},
		{Name: "new", Release: "trixie"},
	}})
	for host, version := range map[string]string{"old": "11", "new": "13"} {
		h := l.Host(host)
		if got := sh(t, h, ". /etc/os-release; echo $VERSION_ID"); got != version {
			t.Errorf("%s is Debian %s, want %s", host, got, version)
		}
		systemd(t, h)
		sh(t, h, "sysctl -w vm.swappiness=1 net.ipv4.ip_forward=1")
	}
	accounts(t, l)
	reboot(t, l.Host("old"))
	reboot(t, l.Host("new"))
}

// machineSettings returns the kernel settings of this machine that hosts have copies of. Counters and the one
// that a lab raises are left out.
func machineSettings(t *testing.T) map[string]string {
	t.Helper()
	settings := map[string]string{}
	for _, root := range []string{
		"/proc/sys/vm", "/proc/sys/fs", "/proc/sys/net/core", "/proc/sys/kernel", "/sys/kernel/mm/transparent_hugepage",
	} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			for _, changing := range []string{
				"-nr", "_nr", "-state", "/random", "/quota", "/ns_last_pid", "/pty", "/keys", "max_user_instances",
				"/binfmt_misc", "hung_task_warnings",
			} {
				if strings.Contains(path, changing) {
					return nil
				}
			}
			if text, err := os.ReadFile(path); err == nil {
				settings[path] = string(text)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return settings
}

func sh(t *testing.T, h *lab.Host, script string) string {
	t.Helper()
	output, err := h.Exec(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(output)
}

func clientKey(t *testing.T, l *lab.Lab) ssh.Signer {
	t.Helper()
	text, err := os.ReadFile(l.KeyFile())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func connect(t *testing.T, l *lab.Lab, h *lab.Host, user string, method ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	known, err := knownhosts.New(l.KnownHosts())
	if err != nil {
		t.Fatal(err)
	}
	return ssh.Dial("tcp", h.ProxyAddress(), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{method}, HostKeyCallback: known, Timeout: 30 * time.Second,
	})
}
