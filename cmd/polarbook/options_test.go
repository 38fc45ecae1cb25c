package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/polarbook/polarbook/tasks/remote"
)

// A key that nobody can be asked about is printed all the same: how else would it get into known_hosts?
func TestUnknownKeysArePrintedWithoutATerminal(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	nowhere, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer nowhere.Close()
	var printed bytes.Buffer
	w := &workplace{t: &terminal{in: nowhere, err: &printed}}
	if err := w.unknownKeys(context.Background(),
		[]*remote.UnknownHostKeyError{{Host: "node1", Address: "10.0.0.1:22", Key: key}}); err == nil {
		t.Error("a key was accepted that nobody was asked about")
	}
	for _, want := range []string{"node1", "10.0.0.1:22", ssh.FingerprintSHA256(key), "/etc/ssh/ssh_host_ed25519_key.pub"} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("printed was %q, without %q", printed.String(), want)
		}
	}
}

func TestAWarningIsPrintedOnce(t *testing.T) {
	var printed bytes.Buffer
	warn := (&terminal{err: &printed}).warnOnce()
	for _, text := range []string{"one", "two", "one"} {
		warn(text)
	}
	if got := printed.String(); got != "warning: one\nwarning: two\n" {
		t.Errorf("printed was %q", got)
	}
}
