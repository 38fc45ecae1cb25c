package remote

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// KeyMode is whether host keys are verified.
type KeyMode int

const (
	// ModeStrict accepts only keys that known_hosts or the inventory has. Others are UnknownHostKeyErrors, about which
	// somebody may be asked.
	ModeStrict KeyMode = iota
	// ModeOff accepts any key of the host itself (ansible_host_key_checking: false),
	// not of its jump hosts. Passwords then go to whoever answers, unless it shows
	// another key than the one that is known: ssh holds them back then, too.
	ModeOff
	// ModeKnown is ModeStrict without anybody being asked (StrictHostKeyChecking=yes).
	ModeKnown
	// ModeAcceptNew adds the key of a host that has none in known_hosts, and refuses one that has changed
	// (StrictHostKeyChecking=accept-new).
	ModeAcceptNew
)

// HostKeyCheck holds how the keys of a host, and of its jump hosts, are verified.
type HostKeyCheck struct {
	Mode KeyMode
	// Pinned are the keys that the host may have, as "ssh-ed25519 AAAA..." or
	// "SHA256:...". If there are any, known_hosts is not asked about this host;
	// its jump hosts are still looked up in known_hosts.
	Pinned []string
	// Files are the user's known_hosts files. nil: UserKnownHostsFile of
	// ssh_config, else ~/.ssh/known_hosts. Files that do not exist are empty.
	Files []string
	// SystemFiles nil: /etc/ssh/ssh_known_hosts.
	SystemFiles []string
}

// UnknownHostKeyError means that nobody has said yet that this key is the host's.
// Collect these over all hosts, ask once, then Accept them and connect again.
type UnknownHostKeyError struct {
	Host    string // the inventory's name, or that of the jump host
	Address string // host:port, as known_hosts is asked
	Key     ssh.PublicKey
	File    string // the known_hosts file that the key would go to
}

// Fingerprint is the SHA-256 fingerprint as ssh-keygen -l prints it.
func (e *UnknownHostKeyError) Fingerprint() string { return ssh.FingerprintSHA256(e.Key) }

func (e *UnknownHostKeyError) Error() string {
	return fmt.Sprintf("the host key of %s (%s) is unknown: %s %s is not in known_hosts; "+
		"compare it with the host's own (ssh-keygen -lf %s), then accept it or pin it in the inventory",
		e.Host, e.Address, e.Key.Type(), e.Fingerprint(), e.OwnFile())
}

// OwnFile returns the file in which the host itself keeps the key, as OpenSSH names it.
func (e *UnknownHostKeyError) OwnFile() string {
	kind := strings.TrimPrefix(e.Key.Type(), "ssh-")
	if strings.HasPrefix(kind, "ecdsa-") {
		kind = "ecdsa"
	}
	return "/etc/ssh/ssh_host_" + kind + "_key.pub"
}

// ChangedHostKeyError means that the host has shown another key than the one that
// is known: it was installed anew, or somebody is in between.
type ChangedHostKeyError struct {
	Host    string
	Address string
	Key     ssh.PublicKey // the one shown
	Known   []KnownKey    // those that would have been right
	Revoked bool          // the key shown is marked @revoked
}

// KnownKey is a key that known_hosts or the inventory has for a host.
type KnownKey struct {
	Where       string // file:line, or "the inventory"
	Type        string
	Fingerprint string
}

// Fingerprint is that of the key that the host has shown.
func (e *ChangedHostKeyError) Fingerprint() string { return ssh.FingerprintSHA256(e.Key) }

func (e *ChangedHostKeyError) Error() string {
	shown := fmt.Sprintf("%s %s", e.Key.Type(), e.Fingerprint())
	if e.Revoked {
		return fmt.Sprintf("the host key of %s (%s) is revoked in known_hosts: %s", e.Host, e.Address, shown)
	}
	var known []string
	for _, k := range e.Known {
		known = append(known, fmt.Sprintf("%s has %s %s", k.Where, k.Type, k.Fingerprint))
	}
	return fmt.Sprintf("the host key of %s (%s) has changed: it now shows %s, but %s; "+
		"nothing was sent to it. If the host was installed anew, remove the old line and accept the new key; "+
		"if not, somebody may be in between",
		e.Host, e.Address, shown, strings.Join(known, ", "))
}

// Accept adds the keys to the known_hosts files they belong to, each file
// replaced as a whole (temporary name, fsync, rename) with mode 0600.
//
// What is no file of its own, as /dev/null, is left as it is.
func Accept(unknown ...*UnknownHostKeyError) error {
	accepting.Lock()
	defer accepting.Unlock()
	byFile := map[string][]string{}
	for _, u := range unknown {
		line := knownhosts.Line([]string{u.Address}, u.Key)
		if !slices.Contains(byFile[u.File], line) {
			byFile[u.File] = append(byFile[u.File], line)
		}
	}
	for file, lines := range byFile {
		if info, err := os.Stat(file); file == "" || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err := appendLines(file, lines); err != nil {
			return fmt.Errorf("add host keys to %s: %w", file, err)
		}
	}
	return nil
}

// accepting keeps those apart who add keys to the same file at once.
var accepting sync.Mutex

func appendLines(file string, lines []string) error {
	// A known_hosts that is a link into somebody's dot-files stays one.
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	for _, l := range lines {
		text = append(append(text, l...), '\n')
	}
	t, err := os.CreateTemp(filepath.Dir(file), ".known_hosts-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(t.Name()) // fails when it has been renamed, as it should
	_, err = t.Write(text)
	err = errors.Join(err, t.Sync(), t.Close())
	if err != nil {
		return err
	}
	return os.Rename(t.Name(), file)
}

// keyVerifier verifies the keys of one hop and keeps its verdict, because the
// SSH library turns the errors of a callback into text.
type keyVerifier struct {
	check   HostKeyCheck
	t       target
	files   []string // those that exist
	save    string   // where accepted keys go
	db      *knownhosts.HostKeyDB
	copies  map[string]string // a file that the library read instead of one of files
	verdict error
	// changed is what a key that was accepted unverified would have been refused for; nil: nothing speaks against it.
	changed *ChangedHostKeyError
}

func newKeyVerifier(check HostKeyCheck, t target, home string, warn func(string)) (*keyVerifier, error) {
	v := &keyVerifier{check: check, t: t}
	for _, p := range check.Pinned {
		if _, _, err := parsePin(p); err != nil {
			return nil, err
		}
	}
	user := check.Files
	if len(user) == 0 || t.namedKnownHosts {
		user = t.knownHosts
	}
	if len(user) == 0 && home != "" {
		user = []string{filepath.Join(home, ".ssh", "known_hosts"), filepath.Join(home, ".ssh", "known_hosts2")}
	}
	system := check.SystemFiles
	if len(t.globalKnownHosts) > 0 {
		system = t.globalKnownHosts
	}
	if system == nil {
		system = systemKnownHosts()
	}
	if len(user) > 0 {
		v.save = user[0]
	}
	for _, f := range slices.Concat(user, system) {
		if _, err := os.Stat(f); err == nil {
			v.files = append(v.files, f)
		}
	}
	var err error
	if v.db, v.copies, err = readKnownHosts(v.files, warn); err != nil && check.Mode != ModeOff {
		return nil, fmt.Errorf("read known_hosts: %w", err)
	}
	return v, nil
}

// readKnownHosts reads the files as OpenSSH does: a line that cannot be read is left out, with a warning, and counts for
// nothing. The library stops at the first; it is then given copies without such lines, whose names map to the files'.
func readKnownHosts(files []string, warn func(string)) (db *knownhosts.HostKeyDB, copies map[string]string, err error) {
	files = slices.Clone(files)
	copies = map[string]string{}
	defer func() {
		for name := range copies {
			os.Remove(name)
		}
	}()
	for {
		db, err := knownhosts.NewDB(files...)
		if err == nil {
			return db, copies, nil
		}
		name, line, problem := badLine(err)
		i := slices.Index(files, name)
		if i < 0 {
			return nil, nil, err
		}
		original := name
		if of, copied := copies[name]; copied {
			original = of
		}
		if files[i], err = withoutLine(name, line); err != nil {
			return nil, nil, err
		}
		copies[files[i]] = original
		if warn != nil {
			warn(fmt.Sprintf("%s:%d cannot be read and is left out: %s", original, line, problem))
		}
	}
}

// withoutLine copies a file to a temporary one with that line, counted from 1, empty. The line must not be empty already.
func withoutLine(name string, line int) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) || lines[line-1] == "" {
		return "", fmt.Errorf("%s: there is no line %d to leave out", name, line)
	}
	lines[line-1] = ""
	t, err := os.CreateTemp("", "known_hosts-*")
	if err != nil {
		return "", err
	}
	_, err = t.WriteString(strings.Join(lines, "\n"))
	return t.Name(), errors.Join(err, t.Close())
}

// preferredKeys is OpenSSH's order. A host's Ed25519 key is thus the one that is shown and remembered, by both.
var preferredKeys = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// algorithms are the lists of key algorithms to ask the host for, one handshake after the other until a key is the right
// one. Those come first for which a key is known: a server shows one key only, and any other order would make it show one
// of a type that known_hosts does not have, so that a good host looked changed. A pinned fingerprint does not say of which
// type its key is: then the types are asked for one by one. nil: the library's order.
func (v *keyVerifier) algorithms() [][]string {
	if v.check.Mode == ModeOff {
		return [][]string{v.t.hostKeys}
	}
	var known []string
	anyType := false
	if len(v.check.Pinned) > 0 {
		for _, p := range v.check.Pinned {
			if key, _, _ := parsePin(p); key != nil {
				known = append(known, algorithmsOf(key.Type())...)
			} else {
				anyType = true
			}
		}
	} else {
		known = v.db.HostKeyAlgorithms(v.lookupName(v.t.address()))
	}
	supported := ssh.SupportedAlgorithms().HostKeys
	known = slices.DeleteFunc(known, func(a string) bool { return !slices.Contains(supported, a) })
	for _, a := range slices.Concat(preferredKeys, supported) {
		if !slices.Contains(known, a) && slices.Contains(supported, a) {
			known = append(known, a)
		}
	}
	if wanted := v.t.hostKeys; wanted != nil { // what was asked for by name, those first of which a key is known
		known = slices.DeleteFunc(known, func(a string) bool { return !slices.Contains(wanted, a) })
		for _, a := range wanted {
			if !slices.Contains(known, a) {
				known = append(known, a)
			}
		}
		return [][]string{known}
	}
	lists := [][]string{known}
	if anyType {
		lists = append(lists, preferredKeys[:1], preferredKeys[1:4], preferredKeys[4:])
	}
	return lists
}

// another reports whether the host may have a right key that it has not shown yet.
func (v *keyVerifier) another(err error) bool {
	var changed *ChangedHostKeyError
	return errors.As(v.verdict, &changed) && !changed.Revoked || v.verdict == nil && noCommonKey(err)
}

func algorithmsOf(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

func (v *keyVerifier) verify(address string, remote net.Addr, key ssh.PublicKey) error {
	if v.check.Mode == ModeOff {
		if v.db != nil {
			errors.As(v.judge(address, remote, key), &v.changed)
		}
		return nil
	}
	v.verdict = v.judge(address, remote, key)
	return v.verdict
}

func (v *keyVerifier) judge(address string, remote net.Addr, key ssh.PublicKey) error {
	if len(v.check.Pinned) > 0 {
		return v.judgePinned(address, key)
	}
	address = v.lookupName(address)
	err := v.db.HostKeyCallback()(address, remote, key)
	if err == nil {
		return nil
	}
	var revoked *xknownhosts.RevokedError
	if errors.As(err, &revoked) {
		return &ChangedHostKeyError{Host: v.t.name, Address: address, Key: key, Revoked: true}
	}
	var keyError *xknownhosts.KeyError
	if !errors.As(err, &keyError) {
		return fmt.Errorf("verify the host key of %s: %w", address, err)
	}
	if len(keyError.Want) == 0 {
		unknown := &UnknownHostKeyError{Host: v.t.name, Address: address, Key: key, File: v.save}
		switch v.check.Mode {
		case ModeKnown:
			return fmt.Errorf("StrictHostKeyChecking is yes, so that nobody is asked: %s", unknown.Error())
		case ModeAcceptNew:
			return Accept(unknown)
		}
		return unknown
	}
	changed := &ChangedHostKeyError{Host: v.t.name, Address: address, Key: key}
	for _, k := range keyError.Want {
		changed.Known = append(changed.Known, KnownKey{
			Where:       fmt.Sprintf("%s:%d", cmp.Or(v.copies[k.Filename], k.Filename), k.Line),
			Type:        k.Key.Type(),
			Fingerprint: ssh.FingerprintSHA256(k.Key),
		})
	}
	return changed
}

// lookupName is what known_hosts is asked for: the host's address, or the name that HostKeyAlias gives it.
func (v *keyVerifier) lookupName(address string) string {
	if v.t.keyAlias != "" {
		return net.JoinHostPort(v.t.keyAlias, "22") // known_hosts has it without a port
	}
	return address
}

func (v *keyVerifier) judgePinned(address string, key ssh.PublicKey) error {
	changed := &ChangedHostKeyError{Host: v.t.name, Address: address, Key: key}
	for _, p := range v.check.Pinned {
		want, fingerprint, err := parsePin(p)
		if err != nil {
			return err
		}
		if fingerprint == ssh.FingerprintSHA256(key) {
			return nil
		}
		known := KnownKey{Where: "the inventory", Type: "a key", Fingerprint: fingerprint}
		if want != nil {
			known.Type = want.Type()
		}
		changed.Known = append(changed.Known, known)
	}
	return changed
}

// parsePin reads a pinned key; key is nil when only its fingerprint is given.
func parsePin(pin string) (key ssh.PublicKey, fingerprint string, err error) {
	pin = strings.TrimSpace(pin)
	if strings.HasPrefix(pin, "SHA256:") {
		return nil, strings.TrimRight(pin, "="), nil
	}
	key, _, _, _, err = ssh.ParseAuthorizedKey([]byte(pin))
	if err != nil {
		return nil, "", fmt.Errorf("pinned host key %q is neither \"TYPE BASE64\" nor \"SHA256:...\"", pin)
	}
	return key, ssh.FingerprintSHA256(key), nil
}
