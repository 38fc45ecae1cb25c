package scram

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
)

// Mechanism is the one that there is.
const Mechanism = "SCRAM-SHA-256"

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range a {
		out[i] = a[i] ^ b[i]
	}
	return out
}

func nonce() string {
	var b [18]byte
	_, _ = rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// attributes takes a message such as "r=…,s=…,i=…" apart.
func attributes(message string) map[byte]string {
	out := map[byte]string{}
	for _, field := range strings.Split(message, ",") {
		if len(field) > 1 && field[1] == '=' {
			out[field[0]] = field[2:]
		}
	}
	return out
}

// Server is the server's side of one exchange.
type Server struct {
	salt, stored, server []byte
	iterations           int
	doomed               bool // no verifier: go through the motions, as the engine does, and fail at the end
	nonce, first, bare   string
}

// NewServer begins an exchange against what pg_authid holds.
func NewServer(verifier string) *Server {
	s := &Server{doomed: true, iterations: 4096, salt: make([]byte, 16)}
	_, _ = rand.Read(s.salt)
	count, rest, ok := strings.Cut(strings.TrimPrefix(verifier, Mechanism+"$"), ":")
	salt, keys, okKeys := strings.Cut(rest, "$")
	stored, server, okServer := strings.Cut(keys, ":")
	if !strings.HasPrefix(verifier, Mechanism+"$") || !ok || !okKeys || !okServer {
		return s
	}
	decode := base64.StdEncoding.DecodeString
	var errs [4]error
	s.iterations, errs[0] = strconv.Atoi(count)
	s.salt, errs[1] = decode(salt)
	s.stored, errs[2] = decode(stored)
	s.server, errs[3] = decode(server)
	s.doomed = errors.Join(errs[:]...) != nil
	return s
}

// First answers the client's first message.
func (s *Server) First(message []byte) ([]byte, error) {
	flag, bare, ok := strings.Cut(string(message), ",,")
	client := attributes(bare)['r']
	if !ok || flag != "n" && flag != "y" || client == "" {
		return nil, errors.New("malformed SCRAM message")
	}
	s.bare, s.nonce = bare, client+nonce()
	s.first = fmt.Sprintf("r=%s,s=%s,i=%d", s.nonce, base64.StdEncoding.EncodeToString(s.salt), s.iterations)
	return []byte(s.first), nil
}

// Final checks the client's proof and gives the server's; false: the password is wrong.
func (s *Server) Final(message []byte) ([]byte, bool) {
	without, encoded, ok := strings.Cut(string(message), ",p=")
	proof, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(proof) != sha256.Size || s.doomed || attributes(without)['r'] != s.nonce {
		return nil, false
	}
	text := s.bare + "," + s.first + "," + without
	key := sha256.Sum256(xor(proof, keyed(s.stored, text)))
	if !bytes.Equal(key[:], s.stored) {
		return nil, false
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(keyed(s.server, text))), true
}

// Client is the client's side of one exchange.
type Client struct {
	password, bare string
	server         []byte
}

// NewClient begins an exchange with a password.
func NewClient(password string) *Client {
	return &Client{password: dma.SASLprep(password), bare: "n=,r=" + nonce()}
}

// First returns the client's first message.
func (c *Client) First() []byte { return []byte("n,," + c.bare) }

// Final answers the server's first message.
func (c *Client) Final(message []byte) ([]byte, error) {
	a := attributes(string(message))
	iterations, err := strconv.Atoi(a['i'])
	salt, errSalt := base64.StdEncoding.DecodeString(a['s'])
	if err != nil || errSalt != nil || !strings.HasPrefix(a['r'], strings.TrimPrefix(c.bare, "n=,r=")) {
		return nil, errors.New("malformed SCRAM message")
	}
	salted, err := pbkdf2.Key(sha256.New, c.password, salt, iterations, sha256.Size)
	if err != nil {
		return nil, err
	}
	client := keyed(salted, "Client Key")
	stored := sha256.Sum256(client)
	without := "c=biws,r=" + a['r']
	text := c.bare + "," + string(message) + "," + without
	c.server = keyed(keyed(salted, "Server Key"), text)
	return []byte(without + ",p=" + base64.StdEncoding.EncodeToString(xor(client, keyed(stored[:], text)))), nil
}

// Check looks at the server's proof.
func (c *Client) Check(message []byte) error {
	proof, err := base64.StdEncoding.DecodeString(attributes(string(message))['v'])
	if err != nil || !hmac.Equal(proof, c.server) {
		return errors.New("incorrect server signature")
	}
	return nil
}
