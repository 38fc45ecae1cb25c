package taskstest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Apart runs a test on hosts whose /etc, /home, host name and network are their own, so that it may change accounts and
// settings: namespaces that live as long as the test. Only root can make them.
func Apart(t *testing.T, test func(t *testing.T, h *LocalHost)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can make namespaces")
	}
	if out, err := exec.Command("unshare", "-m", "-u", "-n", "true").CombinedOutput(); err != nil {
		t.Skipf("no namespaces here: %v %s", err, out)
	}
	for _, words := range ShellsFor(t) {
		t.Run(words[0], func(t *testing.T) {
			dir := t.TempDir()
			for _, d := range []string{"home", "skel"} {
				if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			etc := filepath.Join(dir, "etc")
			if err := os.MkdirAll(filepath.Join(etc, "skel"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, content := range map[string]string{
				"passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
				"group":  "root:x:0:\nwheel:x:10:\nnogroup:x:65534:\n",
				"shadow": "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n", "gshadow": "root:*::\nwheel:*::\nnogroup:*::\n",
				"nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
				"login.defs":    "UID_MIN 1000\nGID_MIN 1000\nUSERGROUPS_ENAB yes\nUMASK 027\n",
				"hostname":      "before\n", "hosts": "127.0.0.1 localhost\n", "skel/.profile": "# profile\n",
			} {
				Write(t, filepath.Join(etc, name), content, 0o644)
			}
			// Where the distribution keeps there which awk is meant.
			if _, err := os.Stat("/etc/alternatives"); err == nil {
				if out, err := exec.Command("cp", "-a", "/etc/alternatives", etc).CombinedOutput(); err != nil {
					t.Fatal(err, string(out))
				}
			}
			sleeper := exec.Command("unshare", "-m", "-u", "-n", "--", "sh", "-c",
				`mount --bind "$0/etc" /etc && mount --bind "$0/home" /home && hostname before && echo ready && read -r _`, dir)
			stdin, err := sleeper.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := sleeper.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			sleeper.Stderr = os.Stderr
			if err := sleeper.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				stdin.Close()
				_, _ = io.Copy(io.Discard, out)
				_ = sleeper.Wait()
			})
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
				t.Skipf("no mounts here: %q %v", line, err)
			}
			enter := []string{"nsenter", "-t", strconv.Itoa(sleeper.Process.Pid), "-m", "-u", "-n", "--"}
			test(t, &LocalHost{Words: append(enter, words...), Etc: etc})
		})
	}
}

// EtcFile returns the content of a file of the host's own /etc.
func (h *LocalHost) EtcFile(t *testing.T, name string) string {
	t.Helper()
	return Read(t, filepath.Join(h.Etc, name))
}
