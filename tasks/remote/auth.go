package remote

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/ssh"
)

// authenticator offers the ways to log in to one hop, in the order agent, key
// files, password, keyboard-interactive, and remembers what it tried. The SSH
// library calls it only after the host key was verified.
type authenticator struct {
	ctx        context.Context
	t          target
	login      *login
	passphrase func(context.Context, string) ([]byte, error)
	warn       func(text string)
	// human is called around every question to a human or an agent that may ask
	// one, so that the time it takes is not counted as the host's.
	human func() (done func())
	// changed returns why the host's key is not the one that is known, though it was accepted; nil: it is, or none is known.
	changed func() *ChangedHostKeyError

	used  bool // the password was given
	asked bool // and asked for again
	mu    sync.Mutex
	tried []string
	agent io.Closer
}

// login is the password for a hop, "": none, and what came of it.
type login struct {
	password string
	wrong    bool  // it was refused before, by another connection of the run, and is not given again
	right    bool  // it was given, and taken
	refused  error // it was given, and this came of it
}

// methods are the ways to log in, in the order of PreferredAuthentications where there is one. Nothing is left of those that are
// switched off.
func (a *authenticator) methods() []ssh.AuthMethod {
	ways := map[string]ssh.AuthMethod{}
	if !a.t.noKeys {
		ways["publickey"] = ssh.PublicKeysCallback(a.signers)
	}
	if a.login.password != "" && !a.login.wrong {
		if !a.t.noPassword {
			ways["password"] = ssh.PasswordCallback(func() (string, error) {
				if err := a.withheld(); err != nil {
					return "", err
				}
				a.note("password")
				a.used = true
				return a.login.password, nil
			})
		}
		if !a.t.noInteractive {
			ways["keyboard-interactive"] = ssh.KeyboardInteractive(a.answer)
		}
	}
	order := a.t.methods
	if order == nil {
		order = []string{"publickey", "password", "keyboard-interactive"}
	}
	var methods []ssh.AuthMethod
	for _, name := range order {
		if m, ok := ways[name]; ok {
			methods = append(methods, m)
			delete(ways, name)
		}
	}
	return methods
}

// withheld returns why the password is not given to this host; nil: it is.
func (a *authenticator) withheld() error {
	changed := a.changed()
	if changed == nil {
		return nil
	}
	a.note("not the password, though host keys are not verified: %v", changed)
	return errors.New("the password is withheld")
}

func (a *authenticator) note(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tried = append(a.tried, fmt.Sprintf(format, args...))
}

// attempts returns what was tried, for the error.
func (a *authenticator) attempts() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	tried := append([]string(nil), a.tried...)
	if a.login.wrong {
		return append(tried, "not the password again, which this host has refused before in this run")
	}
	if len(tried) == 0 {
		return []string{"nothing: no agent, no key file, no password"}
	}
	return tried
}

func (a *authenticator) close() {
	if a.agent != nil {
		a.agent.Close()
	}
}

// answer gives the password to prompts that hide what is typed, once: a second
// round means that it was wrong.
func (a *authenticator) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	if err := a.withheld(); err != nil {
		return nil, err
	}
	if a.used { // it was refused, and twice the same wrong password may lock the account
		a.asked = true
		return nil, errors.New("the password was refused")
	}
	answers := make([]string, len(questions))
	for i, q := range questions {
		if echos[i] {
			return nil, fmt.Errorf("the server asks %q, which polarbook has no answer to", q)
		}
		answers[i] = a.login.password
	}
	a.used = true
	a.note("keyboard-interactive with the password")
	return answers, nil
}

// signers puts keys that somebody named and that the agent holds first, then the
// agent's others, then key files: a server hangs up after six refused keys.
func (a *authenticator) signers() ([]ssh.Signer, error) {
	var files []ssh.Signer
	named := map[string]bool{}
	for i, file := range a.t.keyFiles {
		s, err := a.keyFile(file)
		if err != nil {
			if i < a.t.explicitKeys || !errors.Is(err, fs.ErrNotExist) {
				a.note("%s: %v", file, err)
			}
			continue
		}
		if i < a.t.explicitKeys {
			named[string(s.PublicKey().Marshal())] = true
		}
		files = append(files, s)
	}
	first, others := a.agentSigners(named)
	var signers []ssh.Signer
	seen := map[string]bool{}
	for _, group := range [][]ssh.Signer{first, others, files} {
		for _, s := range group {
			if key := string(s.PublicKey().Marshal()); !seen[key] {
				seen[key] = true
				signers = append(signers, s)
			}
		}
	}
	for _, s := range signers {
		if k, ok := s.(*fileSigner); ok {
			a.note("key file %s", k.file)
		}
	}
	return signers, nil
}

func (a *authenticator) agentSigners(named map[string]bool) (first, others []ssh.Signer) {
	if a.t.agentSocket == "" {
		return nil, nil
	}
	keys, conn, err := openAgent(a.ctx, a.t.agentSocket)
	if err != nil {
		a.note("agent: %v", err)
		return nil, nil
	}
	a.agent = conn
	signers, err := keys.Signers()
	if err != nil {
		a.note("agent: %v", err)
		return nil, nil
	}
	for _, s := range signers {
		switch {
		case named[string(s.PublicKey().Marshal())]:
			first = append(first, a.agentSigner(s))
		case !a.t.identitiesOnly:
			others = append(others, a.agentSigner(s))
		}
	}
	a.note("agent with %d of its %d keys", len(first)+len(others), len(signers))
	return first, others
}

// agentSigner stops the clock while the agent works: it may ask for a touch.
func (a *authenticator) agentSigner(s ssh.Signer) ssh.Signer {
	as, ok := s.(ssh.AlgorithmSigner)
	if !ok {
		return s
	}
	return &slowSigner{AlgorithmSigner: as, human: a.human}
}

type slowSigner struct {
	ssh.AlgorithmSigner
	human func() func()
}

func (s *slowSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	defer s.human()()
	return s.AlgorithmSigner.Sign(rand, data)
}

func (s *slowSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	defer s.human()()
	return s.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

// keyFile reads a private key. An encrypted one whose public half is known is
// decrypted only when the server has said that it would do.
func (a *authenticator) keyFile(file string) (ssh.Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	// As ssh has it: a key that others may read is theirs as well. One of another owner is his affair.
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 && ownedByUs(info) {
		err := fmt.Errorf("not used, other accounts of this machine may read it (mode %04o): run chmod 600 %s",
			info.Mode().Perm(), Quote(file))
		if a.warn != nil {
			a.warn(fmt.Sprintf("the private key %s is %v", file, err))
		}
		return nil, err
	}
	s := &fileSigner{a: a, file: file, text: text}
	signer, err := ssh.ParsePrivateKey(text)
	if err == nil {
		s.public, s.signer = signer.PublicKey(), signer
		return s, nil
	}
	var missing *ssh.PassphraseMissingError
	if !errors.As(err, &missing) {
		return nil, err
	}
	if a.passphrase == nil {
		return nil, errors.New("skipped, it is encrypted and there is nobody to ask for its passphrase; an agent can hold it")
	}
	s.public = missing.PublicKey
	if s.public == nil {
		if pub, perr := os.ReadFile(file + ".pub"); perr == nil {
			s.public, _, _, _, _ = ssh.ParseAuthorizedKey(pub)
		}
	}
	if s.public == nil { // an old PEM key without its .pub: it has to be opened
		if err := s.open(); err != nil {
			return nil, err
		}
		s.public = s.signer.PublicKey()
	}
	return s, nil
}

// fileSigner signs with the key of a file.
type fileSigner struct {
	a      *authenticator
	file   string
	text   []byte
	public ssh.PublicKey
	signer ssh.Signer // nil until decrypted
}

func (s *fileSigner) PublicKey() ssh.PublicKey { return s.public }

func (s *fileSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

func (s *fileSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if s.signer == nil {
		if err := s.open(); err != nil {
			return nil, err
		}
	}
	if as, ok := s.signer.(ssh.AlgorithmSigner); ok && algorithm != "" {
		return as.SignWithAlgorithm(rand, data, algorithm)
	}
	return s.signer.Sign(rand, data)
}

func (s *fileSigner) open() error {
	defer s.a.human()()
	passphrase, err := s.a.passphrase(s.a.ctx, s.file)
	if err != nil {
		return fmt.Errorf("ask for the passphrase of %s: %w", s.file, err)
	}
	signer, err := ssh.ParsePrivateKeyWithPassphrase(s.text, passphrase)
	if err != nil {
		if errors.Is(err, x509.IncorrectPasswordError) {
			return fmt.Errorf("the passphrase of %s is wrong", filepath.Base(s.file))
		}
		return fmt.Errorf("decrypt %s: %w", s.file, err)
	}
	if s.public != nil && !bytes.Equal(signer.PublicKey().Marshal(), s.public.Marshal()) {
		return fmt.Errorf("%s.pub is not the public half of %s", s.file, s.file)
	}
	s.signer = signer
	return nil
}
