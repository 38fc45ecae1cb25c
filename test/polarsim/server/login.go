package server

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/test/polarsim/config"
	"github.com/polarbook/polarbook/test/polarsim/scram"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

func fatal(code, format string, arguments ...any) *sql.Error {
	e := sql.Errorf(code, format, arguments...)
	e.Severity = "FATAL"
	return e
}

func (c *session) login(startup *pgproto3.StartupMessage) *sql.Error {
	c.user, c.database, c.application = startup.Parameters["user"], startup.Parameters["database"], startup.Parameters["application_name"]
	if c.user == "" {
		return fatal("28000", "no PostgreSQL user name specified in startup packet")
	}
	if c.database == "" {
		c.database = c.user
	}
	switch strings.ToLower(startup.Parameters["replication"]) {
	case "true", "on", "yes", "1":
		c.replication = true
	}
	state := c.server.state.Load()
	role := state.Roles[c.user]
	if problem := c.authenticate(role); problem != nil {
		return problem
	}
	if role == nil {
		return fatal("28000", "role \"%s\" does not exist", c.user)
	}
	if !role.Login {
		return fatal("28000", "role \"%s\" is not permitted to log in", c.user)
	}
	for name, value := range startup.Parameters {
		switch name {
		case "user", "database", "replication":
		case "options":
			fields := strings.Fields(value)
			for i, field := range fields {
				if field == "-c" && i+1 < len(fields) {
					if key, v, ok := strings.Cut(fields[i+1], "="); ok {
						c.settings[key] = v
					}
				}
			}
		default:
			c.settings[strings.ToLower(name)] = value
		}
	}
	if c.replication {
		if !role.Replicates && !role.Super {
			return fatal("42501", "must be superuser or replication role to start walsender")
		}
		return nil
	}
	if d := state.Databases[c.database]; d == nil {
		return fatal("3D000", "database \"%s\" does not exist", c.database)
	} else if _, set := c.settings["client_encoding"]; !set {
		c.settings["client_encoding"] = d.Encoding
	}
	if c.database == "template0" {
		return fatal("55000", "database \"template0\" is not currently accepting connections")
	}
	return nil
}

func (c *session) authenticate(role *sql.Role) *sql.Error {
	lines := *c.server.hba.Load()
	from, kind := "[local]", "database \""+c.database+"\""
	if c.address.IsValid() {
		from = c.address.Unmap().String()
	}
	what := "connection"
	if c.replication {
		what, kind = "replication connection", ""
	}
	match := config.Match(lines, config.Login{Address: c.address, Database: c.database, User: c.user, Replication: c.replication,
		TLS: c.secure(), MemberOf: func(name string) bool {
			return role != nil && role.MemberOf[name]
		}})
	where := fmt.Sprintf("host \"%s\", user \"%s\"", from, c.user)
	if kind != "" {
		where += ", " + kind
	}
	if c.address.IsValid() {
		where += map[bool]string{true: ", SSL on", false: ", SSL off"}[c.secure()]
	}
	if match == nil {
		return fatal("28000", "no pg_hba.conf entry for %s%s", map[bool]string{true: "replication connection from "}[c.replication], where)
	}
	switch match.Method {
	case "trust":
		return nil
	case "reject":
		return fatal("28000", "pg_hba.conf rejects %s for %s", what, where)
	case "peer":
		if c.address.IsValid() {
			return fatal("28000", "peer authentication is not supported over TCP/IP")
		}
		if name := peerName(c.conn); name != c.user {
			return fatal("28000", "Peer authentication failed for user \"%s\"", c.user)
		}
		return nil
	case "md5", "scram-sha-256":
		return c.challenge(role, match.Method)
	case "password":
		return c.clear(role)
	}
	return fatal("28000", "polarsim does not know authentication method \"%s\"", match.Method)
}

// challenge is CheckPWChallengeAuth: a role with a SCRAM verifier has to prove by SCRAM even where the line says md5, and
// one with an md5 hash cannot pass where it says scram-sha-256 (engine: auth.c).
func (c *session) challenge(role *sql.Role, method string) *sql.Error {
	stored, kind := "", c.server.settings.text("password_encryption")
	if role != nil && role.Password != "" {
		stored, kind = role.Password, dma.PasswordEncryption(role.Password)
	}
	if method == "md5" && kind == dma.MD5 {
		return c.md5(stored)
	}
	return c.scram(stored)
}

func (c *session) refused() *sql.Error {
	return fatal("28P01", "password authentication failed for user \"%s\"", c.user)
}

// asks sends a request and receives what the client answers to it.
func (c *session) asks(m pgproto3.BackendMessage, kind uint32) (pgproto3.FrontendMessage, *sql.Error) {
	c.backend.Send(m)
	if err := c.backend.Flush(); err != nil {
		return nil, fatal("08006", "could not send to client: %v", err)
	}
	if err := c.backend.SetAuthType(kind); err != nil {
		return nil, fatal("XX000", "%v", err)
	}
	answer, err := c.backend.Receive()
	if err != nil {
		return nil, fatal("08006", "connection ended during authentication")
	}
	return answer, nil
}

func (c *session) md5(stored string) *sql.Error {
	var salt [4]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return fatal("XX000", "could not generate random MD5 salt")
	}
	m, problem := c.asks(&pgproto3.AuthenticationMD5Password{Salt: salt}, pgproto3.AuthTypeMD5Password)
	if problem != nil {
		return problem
	}
	answer, ok := m.(*pgproto3.PasswordMessage)
	if ok && strings.HasPrefix(stored, "md5") {
		sum := md5.Sum(append([]byte(stored[3:]), salt[:]...))
		if answer.Password == "md5"+hex.EncodeToString(sum[:]) {
			return nil
		}
	}
	return c.refused()
}

func (c *session) scram(stored string) *sql.Error {
	exchange := scram.NewServer(stored)
	m, problem := c.asks(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{scram.Mechanism}}, pgproto3.AuthTypeSASL)
	if problem != nil {
		return problem
	}
	first, ok := m.(*pgproto3.SASLInitialResponse)
	if !ok || first.AuthMechanism != scram.Mechanism {
		return fatal("08P01", "client selected an invalid SASL authentication mechanism")
	}
	said, err := exchange.First(first.Data)
	if err != nil {
		return fatal("08P01", "%v", err)
	}
	m, problem = c.asks(&pgproto3.AuthenticationSASLContinue{Data: said}, pgproto3.AuthTypeSASLContinue)
	if problem != nil {
		return problem
	}
	final, ok := m.(*pgproto3.SASLResponse)
	if !ok {
		return fatal("08P01", "malformed SCRAM message")
	}
	proof, fits := exchange.Final(final.Data)
	if !fits {
		return c.refused()
	}
	c.backend.Send(&pgproto3.AuthenticationSASLFinal{Data: proof})
	return nil
}

// clear is the method password.
func (c *session) clear(role *sql.Role) *sql.Error {
	m, problem := c.asks(&pgproto3.AuthenticationCleartextPassword{}, pgproto3.AuthTypeCleartextPassword)
	if problem != nil {
		return problem
	}
	if answer, ok := m.(*pgproto3.PasswordMessage); ok && role != nil && dma.PasswordFits(role.Password, c.user, answer.Password) {
		return nil
	}
	return c.refused()
}

func (c *session) greet() {
	super := "off"
	if role := c.server.state.Load().Roles[c.user]; role != nil && role.Super {
		super = "on"
	}
	encoding := c.settings["client_encoding"]
	if encoding == "" {
		encoding = "UTF8"
	}
	c.backend.Send(&pgproto3.AuthenticationOk{})
	for _, pair := range [][2]string{
		{"application_name", c.application}, {"client_encoding", strings.ToUpper(strings.ReplaceAll(encoding, "-", ""))},
		{"DateStyle", "ISO, MDY"}, {"integer_datetimes", "on"},
		{"IntervalStyle", "postgres"}, {"is_superuser", super}, {"server_encoding", c.server.encoding(c.database)}, {"server_version", "11.9"},
		{"session_authorization", c.user}, {"standard_conforming_strings", "on"}, {"TimeZone", "GMT"},
	} {
		c.backend.Send(&pgproto3.ParameterStatus{Name: pair[0], Value: pair[1]})
	}
	c.backend.Send(&pgproto3.BackendKeyData{ProcessID: uint32(c.pid), SecretKey: binary.BigEndian.AppendUint32(nil, c.secret)})
	c.ready()
}

func (s *Server) encoding(database string) string {
	if d := s.state.Load().Databases[database]; d != nil {
		return d.Encoding
	}
	return "UTF8"
}
