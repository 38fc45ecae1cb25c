package pki

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func authority(t *testing.T) Authority {
	return Authority{Dir: filepath.Join(t.TempDir(), "pki"), Cluster: "demo"}
}

func TestBeginMakesACAOnce(t *testing.T) {
	now := time.Now()
	ca := authority(t)
	if _, _, _, err := ca.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory has a CA: %v", err)
	}
	if err := ca.Missing(); err != nil {
		t.Errorf("an empty directory misses something: %v", err)
	}
	signer, key, err := ca.Begin(now)
	if err != nil {
		t.Fatal(err)
	}
	if signer.Subject.CommonName != "polarbook CA of demo" || !signer.IsCA || !signer.MaxPathLenZero {
		t.Errorf("made %+v", signer.Subject)
	}
	if wants := now.AddDate(AuthorityYears, 0, 0); signer.NotAfter.Sub(wants).Abs() > time.Minute || now.Sub(signer.NotBefore) < ClockSlack {
		t.Errorf("valid from %s to %s", signer.NotBefore, signer.NotAfter)
	}
	for name, mode := range map[string]fs.FileMode{ca.Dir: 0o700, ca.CAKey(): 0o600, ca.CAFile(): 0o644} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, want %o (%v)", name, info.Mode(), mode, err)
		}
	}
	again, sameKey, err := ca.Begin(now.Add(time.Hour))
	if err != nil || !again.Equal(signer) || !sameKey.Equal(key) {
		t.Errorf("a second Begin made another CA: %v", err)
	}
}

// A run may be killed between any two files; the next one says what is missing, or makes it.
func TestWhatAKilledRunLeft(t *testing.T) {
	ca := authority(t)
	if _, _, err := ca.Begin(time.Now()); err != nil {
		t.Fatal(err)
	}
	os.Remove(ca.CAFile())
	if _, _, err := ca.Begin(time.Now()); err != nil {
		t.Errorf("a key without its certificate is in the way: %v", err)
	}
	os.Remove(ca.CAKey())
	if err := ca.Missing(); err == nil || !strings.Contains(err.Error(), "its key does not") {
		t.Errorf("a CA without its key: %v", err)
	}
	if _, _, _, err := ca.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a CA without its key is read: %v", err)
	}
	if _, key, err := NewKey(); err != nil || os.WriteFile(ca.CAKey(), key, 0o600) != nil {
		t.Fatal(err)
	}
	if _, _, _, err := ca.Read(); err == nil || !strings.Contains(err.Error(), "no CA in it fits the key") {
		t.Errorf("another key fits: %v", err)
	}
	if os.WriteFile(ca.CAKey(), []byte("-----BEGIN PRIVATE KEY-----\n"), 0o600) != nil {
		t.Fatal("cannot write")
	}
	if _, _, _, err := ca.Read(); err == nil || !strings.Contains(err.Error(), "is not a key that polarbook made") {
		t.Errorf("half a key: %v", err)
	}
}

func TestAnotherCATakesOver(t *testing.T) {
	now := time.Now()
	ca := authority(t)
	first, _, err := ca.Begin(now)
	if err != nil {
		t.Fatal(err)
	}
	if next, err := ca.Next(); next != nil || err != nil {
		t.Errorf("a CA is to take over that nobody prepared: %v, %v", next, err)
	}
	held, _, err := authority(t).Begin(now)
	if err != nil {
		t.Fatal(err)
	}
	other := []*x509.Certificate{held}
	if err := ca.Prepare(other, now); err != nil {
		t.Fatal(err)
	}
	next, err := ca.Next()
	if err != nil || next == nil || next.Equal(first) {
		t.Fatalf("prepared %v, %v", next, err)
	}
	if err := ca.Prepare(other, now); err != nil {
		t.Fatal(err)
	}
	signer, _, all, err := ca.Read()
	if err != nil || !signer.Equal(first) || len(all) != 3 {
		t.Errorf("a second Prepare does not go on with the first: %d CAs, %v", len(all), err)
	}
	if again, _ := ca.Next(); again == nil || !again.Equal(next) {
		t.Error("a second Prepare made another CA")
	}
	if err := os.Rename(ca.NextKey(), ca.CAKey()); err != nil {
		t.Fatal(err)
	}
	former, rest, err := ca.Former()
	if err != nil || len(former) != 2 || len(rest) != 1 || !rest[0].Equal(next) {
		t.Errorf("former %d, rest %d, %v", len(former), len(rest), err)
	}
}

func TestACABegunAndNotSigningIsMissed(t *testing.T) {
	ca := authority(t)
	if err := ca.Prepare(nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := ca.Missing(); err == nil || !strings.Contains(err.Error(), "none signs yet") {
		t.Error(err)
	}
}

func TestNamesThatWouldBeTheCAsFiles(t *testing.T) {
	ca := Authority{Dir: "/pki"}
	for name, takes := range map[string]bool{
		"node1": true, "ca1": true, "a.b": true, "ca": false, "ca-next": false, "../x": false, `a\b`: false,
	} {
		if err := ca.Takes(name); (err == nil) != takes {
			t.Errorf("%s: %v", name, err)
		}
	}
}
