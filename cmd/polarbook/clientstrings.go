package main

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// endpoint is what a client has to know of a cluster.
type endpoint struct {
	Hosts    []hostPort // the members that hold data
	Database string
	User     string // "": the client says who it is
	SSLMode  string // libpq's word; "": the cluster has no TLS
	RootCert string
}

type hostPort struct {
	Host string
	Port int
}

// clientStrings are an endpoint as clients take it. None holds a password.
type clientStrings struct {
	URI      string `json:"libpq_uri"`
	Keywords string `json:"libpq"`
	Older    string `json:"libpq_before_14,omitempty"`
	JDBC     string `json:"jdbc"`
	Pgx      string `json:"pgx"`
	Psycopg  string `json:"psycopg"`
	Npgsql   string `json:"npgsql"`
}

// purpose is what a session is for, in the words of each client.
type purpose struct {
	libpq, older, jdbc, npgsql string
}

var (
	// forWriting reaches the member that takes writes.
	forWriting = purpose{libpq: "read-write", jdbc: "primary", npgsql: "read-write"}
	// forReading reaches another than the leader while there is one.
	forReading = purpose{libpq: "prefer-standby", older: "any", jdbc: "preferSecondary", npgsql: "prefer-standby"}
	// forAny takes whom a proxy leads to.
	forAny = purpose{libpq: "any", jdbc: "any", npgsql: "any"}
)

// connectSeconds bounds the wait for one host: without it a host that is gone without a word holds a client up for minutes.
const connectSeconds = "3"

func (e endpoint) strings(p purpose) clientStrings {
	uri := e.uri(p.libpq)
	s := clientStrings{
		URI: uri, Keywords: e.keywords(p.libpq), JDBC: e.jdbc(p.jdbc), Npgsql: e.npgsql(p.npgsql),
		Pgx:     "pgx.Connect(ctx, " + strconv.Quote(uri) + ")",
		Psycopg: "psycopg.connect(" + strconv.Quote(uri) + ")",
	}
	if p.older != "" {
		s.Older = e.uri(p.older)
	}
	return s
}

func (e endpoint) addresses() []string {
	var all []string
	for _, h := range e.Hosts {
		all = append(all, net.JoinHostPort(h.Host, strconv.Itoa(h.Port)))
	}
	return all
}

// uri has the form of libpq's manual, 34.1.1.2; pgx and psycopg take the same.
func (e endpoint) uri(attrs string) string {
	text := "postgresql://"
	if e.User != "" {
		text += escaped(e.User) + "@"
	}
	text += strings.Join(e.addresses(), ",") + "/" + escaped(e.Database)
	return text + "?" + e.query([][2]string{
		{"target_session_attrs", attrs}, {"connect_timeout", connectSeconds}, {"sslmode", e.SSLMode}, {"sslrootcert", e.RootCert},
	})
}

// jdbc has the form of pgJDBC's manual.
func (e endpoint) jdbc(kind string) string {
	balance := ""
	if kind != forWriting.jdbc {
		balance = "true"
	}
	return "jdbc:postgresql://" + strings.Join(e.addresses(), ",") + "/" + escaped(e.Database) + "?" + e.query([][2]string{
		{"user", e.User}, {"targetServerType", kind}, {"loadBalanceHosts", balance}, {"connectTimeout", connectSeconds},
		{"sslmode", e.SSLMode}, {"sslrootcert", e.RootCert},
	})
}

// query joins the parameters that have a value.
func (e endpoint) query(pairs [][2]string) string {
	var all []string
	for _, p := range pairs {
		if p[1] != "" {
			all = append(all, p[0]+"="+escaped(p[1]))
		}
	}
	return strings.Join(all, "&")
}

// escaped writes a text as it stands in any part of a URI.
func escaped(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

func (e endpoint) keywords(attrs string) string {
	var hosts, ports []string
	for _, h := range e.Hosts {
		hosts, ports = append(hosts, h.Host), append(ports, strconv.Itoa(h.Port))
	}
	var all []string
	for _, p := range [][2]string{
		{"host", strings.Join(hosts, ",")}, {"port", strings.Join(ports, ",")}, {"dbname", e.Database}, {"user", e.User},
		{"target_session_attrs", attrs}, {"connect_timeout", connectSeconds}, {"sslmode", e.SSLMode}, {"sslrootcert", e.RootCert},
	} {
		if p[1] != "" {
			all = append(all, p[0]+"="+conninfoValue(p[1]))
		}
	}
	return strings.Join(all, " ")
}

// conninfoValue quotes a value where libpq wants it quoted.
func conninfoValue(text string) string {
	if text != "" && !strings.ContainsAny(text, " \t\n\r\f\v'\\") {
		return text
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// npgsql has the form of .NET's connection strings.
func (e endpoint) npgsql(attrs string) string {
	mode := map[string]string{"verify-full": "VerifyFull", "verify-ca": "VerifyCA", "require": "Require"}[e.SSLMode]
	balance := ""
	if attrs != forWriting.npgsql {
		balance = "true"
	}
	var all []string
	for _, p := range [][2]string{
		{"Host", strings.Join(e.addresses(), ",")}, {"Database", e.Database}, {"Username", e.User}, {"Target Session Attributes", attrs},
		{"Load Balance Hosts", balance}, {"Timeout", connectSeconds}, {"SSL Mode", mode}, {"Root Certificate", e.RootCert},
	} {
		if p[1] != "" {
			all = append(all, p[0]+"="+netValue(p[1]))
		}
	}
	return strings.Join(all, ";")
}

// netValue quotes a value that would end or change a .NET connection string.
func netValue(text string) string {
	if !strings.ContainsAny(text, `;'"=`) && strings.TrimSpace(text) == text {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}
