package lab_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/lab"
)

// Two labs at once share nothing, and when a lab is gone there is nothing left of it.
func TestDownLeavesNothing(t *testing.T) {
	lab.Require(t)
	options := lab.Options{Hosts: []lab.Spec{{Name: "node1", TmpfsPath: "/data", DiskMB: 1}}}
	first, err := lab.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	second := lab.New(t, options)
	if first.Hosts()[0].Address == second.Hosts()[0].Address {
		t.Errorf("two labs use the address %s", first.Hosts()[0].Address)
	}
	if traces(t, first.Name()) == "" {
		t.Error("a lab that is up left no traces: this test looks in the wrong places")
	}
	if err := first.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, first.Name()); left != "" {
		t.Errorf("left over:\n%s", left)
	}
	if err := first.Down(t.Context()); err != nil {
		t.Errorf("removing a lab twice: %v", err)
	}
	sh(t, second.Hosts()[0], "true")
}

func TestKeptLab(t *testing.T) {
	lab.Require(t)
	name := fmt.Sprintf("kept-%d", os.Getpid())
	t.Cleanup(func() {
		if err := lab.Down(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	options := lab.Options{Name: name, Keep: true, Hosts: []lab.Spec{{Name: "node1"}}}
	if _, err := lab.Start(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Start(t.Context(), options); err == nil {
		t.Error("two labs have the same name")
	}
	if err := lab.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, err := lab.List()
	if err != nil || !slices.Contains(names, name) {
		t.Errorf("the labs are %q, error %v; want %s among them", names, err, name)
	}
	opened, err := lab.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Hosts()[0].Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := opened.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, name); left != "" {
		t.Errorf("left over:\n%s", left)
	}
}

// A lab whose process is killed goes by itself.
func TestKilledOwner(t *testing.T) {
	lab.Require(t)
	if name := os.Getenv("LAB_TEST_OWNER"); name != "" {
		if _, err := lab.Start(t.Context(), lab.Options{Name: name, Hosts: []lab.Spec{{Name: "node1"}}}); err != nil {
			t.Fatal(err)
		}
		fmt.Println("LAB IS UP")
		select {}
	}
	name := fmt.Sprintf("killed-%d", os.Getpid())
	owner := exec.Command(os.Args[0], "-test.run=^TestKilledOwner$")
	owner.Env = append(os.Environ(), "LAB_TEST_OWNER="+name)
	output, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	var said []byte
	for buffer := make([]byte, 1024); !bytes.Contains(said, []byte("LAB IS UP")); {
		n, err := output.Read(buffer)
		said = append(said, buffer[:n]...)
		if err != nil {
			t.Fatalf("the owner said %q: %v", said, err)
		}
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	deadline := time.Now().Add(30 * time.Second)
	for left := traces(t, name); left != ""; left = traces(t, name) {
		if time.Now().After(deadline) {
			t.Fatalf("left over:\n%s", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// traces lists what there is of a lab on this machine, by its name.
func traces(t *testing.T, name string) string {
	t.Helper()
	var found []string
	full := "polarbook-lab-" + name
	for _, pattern := range []string{
		"/run/netns/" + full + "*", "/var/lib/polarbook-lab/" + name, "/sys/fs/cgroup/" + full, "/sys/fs/cgroup/*/" + full,
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, paths...)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "polarbook-lab/"+name) || strings.Contains(line, full) {
			found = append(found, line)
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range processes {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte("/var/lib/polarbook-lab/"+name)) {
			found = append(found, string(line))
		}
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Open(name)
	if err == nil {
		prefix := l.Hosts()[0].Address[:strings.LastIndex(l.Hosts()[0].Address, ".")+1]
		for _, link := range links {
			addresses, _ := link.Addrs()
			if len(addresses) > 0 && strings.HasPrefix(addresses[0].String(), prefix) {
				found = append(found, link.Name)
			}
		}
	}
	return strings.Join(found, "\n")
}
