package postgresql

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/polardb"
)

// onLeader works on the leader of a PolarDB cluster.
func (l *Login) onLeader(ctx context.Context, h tasks.Host, database string, list []question) ([]answer, error) {
	cluster := polardb.ClusterArgs{Nodes: l.Nodes, LoginUser: l.user(), LoginPassword: l.LoginPassword, LoginDB: "postgres"}
	conn, err := cluster.Lead(ctx, h, cmp.Or(database, "postgres"))
	if err != nil {
		return nil, &unreached{err}
	}
	return ask(ctx, conn, list)
}

// overSocket goes through the SSH connection to a socket of the host's.
func (l *Login) overSocket(ctx context.Context, h tasks.Host, database string, list []question) ([]answer, error) {
	login := l.direct(h, database)
	login.Socket = cmp.Or(l.LoginSocket, "/var/run/postgresql")
	conn, err := connect(ctx, login)
	if err != nil {
		return nil, &unreached{err}
	}
	return ask(ctx, conn, list)
}

func (l *Login) direct(h tasks.Host, database string) dma.Login {
	return dma.Login{
		Address: dma.Address{Host: l.LoginHost, Port: l.LoginPort}, User: l.user(), Password: l.LoginPassword,
		Database: cmp.Or(database, l.user()),
		Session:  l.param("application_name"), Options: l.param("options"), Dial: h.Dial, Timeout: l.limit(),
	}
}

// connect logs in by the proof that the server asks for, as long as that gives no password away.
func connect(ctx context.Context, login dma.Login) (*pgx.Conn, error) {
	conn, err := dma.Connect(ctx, login)
	var asked *dma.ProofError
	if errors.As(err, &asked) && (asked.Asked == dma.MD5 || asked.Asked == dma.Nothing) {
		login.Accept = asked.Asked
		conn, err = dma.Connect(ctx, login)
	}
	if errors.As(err, &asked) && asked.Asked == "password" {
		return nil, &tasks.Failure{Msg: "the server asks for the password in clear, which polarbook never sends",
			Hint: "give the role scram-sha-256 in pg_hba.conf"}
	}
	return conn, err
}

// overTCP goes through the SSH connection to an address as the host sees it.
func (l *Login) overTCP(ctx context.Context, h tasks.Host, database string, list []question) ([]answer, error) {
	secure, err := l.secure(ctx, h)
	if err != nil {
		return nil, err
	}
	login := l.direct(h, database)
	plain, encrypted := login, login
	encrypted.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := h.Dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return encrypt(ctx, conn, secure)
	}
	ways := []dma.Login{encrypted}
	switch l.SSLMode {
	case "disable":
		ways = []dma.Login{plain}
	case "allow":
		ways = []dma.Login{plain, encrypted}
	case "prefer":
		ways = []dma.Login{encrypted, plain}
	}
	var conn *pgx.Conn
	for i, way := range ways {
		if conn, err = connect(ctx, way); err == nil {
			return ask(ctx, conn, list)
		}
		// Another way is tried, as libpq does, where the server has no TLS, or lets nobody in this way (pg_hba.conf).
		if !errors.Is(err, errNoTLS) && dma.Code(err) != "28000" || i == len(ways)-1 {
			break
		}
	}
	return nil, &unreached{err}
}

// secure returns how the server's certificate is checked, as libpq does it for each mode.
func (l *Login) secure(ctx context.Context, h tasks.Host) (*tls.Config, error) {
	c := &tls.Config{ServerName: l.LoginHost, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	const limit = 1 << 20
	if l.Cert != "" {
		cert, err := h.Shell().ReadFile(ctx, l.Cert, limit)
		if err != nil {
			return nil, fmt.Errorf("ssl_cert: %w", err)
		}
		key, err := h.Shell().ReadFile(ctx, l.Key, limit)
		if err != nil {
			return nil, fmt.Errorf("ssl_key: %w", err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("ssl_cert and ssl_key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	verify := l.SSLMode == "verify-ca" || l.SSLMode == "verify-full"
	if !verify && (l.SSLMode != "require" || l.CA == "") {
		return c, nil
	}
	if l.CA == "" {
		return nil, &tasks.Failure{Msg: "ssl_mode " + l.SSLMode + " needs ca_cert: the CAs that are believed"}
	}
	text, err := h.Shell().ReadFile(ctx, l.CA, limit)
	if errors.Is(err, fs.ErrNotExist) && !verify {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ca_cert: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, &tasks.Failure{Msg: l.CA + " holds no certificate"}
	}
	c.VerifyConnection = func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		if l.SSLMode == "verify-full" {
			options.DNSName = l.LoginHost
		}
		for _, between := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(between)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
	return c, nil
}

var errNoTLS = errors.New("the server has no TLS")

// encrypt asks a server for TLS, before anything else is said to it.
func encrypt(ctx context.Context, conn net.Conn, c *tls.Config) (net.Conn, error) {
	const sslRequest = 80877103
	request := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), sslRequest)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	said := []byte{0}
	_, err := conn.Write(request)
	if err == nil {
		_, err = io.ReadFull(conn, said)
	}
	if err == nil && said[0] != 'S' {
		err = errNoTLS
	}
	encrypted := tls.Client(conn, c)
	if err == nil {
		err = encrypted.HandshakeContext(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return encrypted, nil
}

// ask sends statements over a connection and closes that.
func ask(ctx context.Context, conn *pgx.Conn, list []question) ([]answer, error) {
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var answers []answer
	for _, q := range list {
		a := answer{typed: true}
		results := conn.PgConn().Exec(ctx, q.sql)
		for results.NextResult() { // of a text with several statements the last counts
			r := results.ResultReader()
			a = answer{typed: true, any: len(r.FieldDescriptions()) > 0}
			for _, f := range r.FieldDescriptions() {
				a.names = append(a.names, f.Name)
				a.types = append(a.types, typeNames[f.DataTypeOID])
			}
			for r.NextRow() {
				a.rows = append(a.rows, texts(r.Values()))
			}
			tag, err := r.Close()
			if err != nil {
				break // Close says the same
			}
			a.tag = tag.String()
		}
		if err := results.Close(); err != nil {
			return answers, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func texts(row [][]byte) []*string {
	out := make([]*string, len(row))
	for i, v := range row {
		if v != nil {
			text := string(slices.Clone(v))
			out[i] = &text
		}
	}
	return out
}

// typeNames are the types whose values are no texts, by their numbers (pg_type.dat).
var typeNames = map[uint32]string{
	16: "boolean", 20: "bigint", 21: "smallint", 23: "integer", 26: "oid", 28: "xid", 700: "real", 701: "double precision", 1700: "numeric",
	114: "json", 3802: "jsonb", 1082: "date", 1114: "timestamp without time zone", 1184: "timestamp with time zone", 1186: "interval",
	1000: "boolean[]", 1005: "smallint[]", 1007: "integer[]", 1016: "bigint[]", 1028: "oid[]", 1021: "real[]", 1022: "double precision[]",
	1231: "numeric[]", 1009: "text[]", 1015: "character varying[]", 1014: "character[]", 1003: "name[]", 1002: "\"char\"[]",
}
