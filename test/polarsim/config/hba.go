package config

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// HBALine is one line of pg_hba.conf.
type HBALine struct {
	Number    int
	Type      string // local, host, hostssl, hostnossl
	Databases []string
	Users     []string
	Address   string // as written; empty for local
	Mask      string
	Method    string
	Options   []string
	Error     string
	prefix    netip.Prefix
	any       bool
	literal   map[string]bool // of Databases and Users, what stands in quotes: no keyword
}

var methods = map[string]bool{"trust": true, "reject": true, "md5": true, "password": true, "scram-sha-256": true, "peer": true,
	"ident": true, "cert": true, "gss": true, "sspi": true, "ldap": true, "radius": true, "pam": true}

// LoadHBA reads pg_hba.conf. Lines that make no sense carry their error.
func LoadHBA(name string) ([]HBALine, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("could not open configuration file \"%s\": No such file or directory", name)
	}
	var out []HBALine
	for i, line := range strings.Split(string(b), "\n") {
		if fields, literal := hbaFields(line); len(fields) > 0 {
			h := parseHBA(i+1, fields)
			h.literal = literal
			out = append(out, h)
		}
	}
	return out, nil
}

// hbaFields takes a line apart as the engine does: fields end at blanks, hold tokens with commas between, and in double
// quotes stands anything, a quote as two (engine: hba.c, next_token).
func hbaFields(line string) (fields [][]string, literal map[string]bool) {
	literal = map[string]bool{}
	blank := func(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
	var field []string
	for i := 0; ; {
		for i < len(line) && (blank(line[i]) || line[i] == ',') {
			i++
		}
		if i == len(line) || line[i] == '#' {
			break
		}
		var token strings.Builder
		quoted, was, initial := false, false, line[i] == '"'
		for ; i < len(line) && (quoted || !blank(line[i]) && line[i] != ',' && line[i] != '#'); i++ {
			c := line[i]
			if c != '"' || was {
				token.WriteByte(c)
			}
			was = quoted && c == '"' && !was
			if c == '"' {
				quoted = !quoted
			}
		}
		if field = append(field, token.String()); initial {
			literal[token.String()] = true
		}
		if i == len(line) || line[i] != ',' {
			fields, field = append(fields, field), nil
		}
	}
	if field != nil {
		fields = append(fields, field)
	}
	return fields, literal
}

func parseHBA(number int, fields [][]string) HBALine {
	h := HBALine{Number: number, Type: fields[0][0]}
	switch h.Type {
	case "local", "host", "hostssl", "hostnossl":
	default:
		h.Error = fmt.Sprintf("invalid connection type \"%s\"", h.Type)
		return h
	}
	if len(fields) < 2 {
		h.Error = "end-of-line before database specification"
		return h
	}
	if len(fields) < 3 {
		h.Error = "end-of-line before role specification"
		return h
	}
	h.Databases, h.Users = fields[1], fields[2]
	var rest []string
	for _, field := range fields[3:] {
		rest = append(rest, strings.Join(field, ","))
	}
	if h.Type != "local" {
		if len(rest) == 0 {
			h.Error = "end-of-line before IP address specification"
			return h
		}
		h.Address, rest = rest[0], rest[1:]
		rest = h.address(rest)
		if h.Error != "" {
			return h
		}
	}
	if len(rest) == 0 {
		h.Error = "end-of-line before authentication method"
		return h
	}
	h.Method, h.Options = rest[0], rest[1:]
	if !methods[h.Method] {
		h.Error = fmt.Sprintf("invalid authentication method \"%s\"", h.Method)
	}
	return h
}

func (h *HBALine) address(rest []string) []string {
	switch h.Address {
	case "all":
		h.any = true
		return rest
	case "samehost", "samenet":
		h.any = true
		return rest
	}
	if p, err := netip.ParsePrefix(h.Address); err == nil {
		h.prefix = p.Masked()
		return rest
	}
	a, err := netip.ParseAddr(h.Address)
	if err != nil {
		if host, _, masked := strings.Cut(h.Address, "/"); masked {
			h.Error = fmt.Sprintf("specifying both host name and CIDR mask is invalid: \"%s\"", h.Address)
			if _, err := netip.ParseAddr(host); err == nil {
				h.Error = fmt.Sprintf("invalid CIDR mask in address \"%s\"", h.Address)
			}
		}
		return rest // a host name: the stand-in does not resolve
	}
	if len(rest) == 0 {
		h.Error = "end-of-line before netmask specification"
		return rest
	}
	mask, err := netip.ParseAddr(rest[0])
	if err != nil {
		h.Error = fmt.Sprintf("invalid IP mask \"%s\"", rest[0])
		return rest
	}
	bits := 0
	for _, b := range mask.AsSlice() {
		for ; b&0x80 != 0; b <<= 1 {
			bits++
		}
	}
	h.Mask = rest[0]
	h.prefix = netip.PrefixFrom(a, bits).Masked()
	return rest[1:]
}

// Login is what a connection is matched by. Address is invalid for a Unix socket.
type Login struct {
	Address     netip.Addr
	Database    string
	User        string
	Replication bool
	TLS         bool
	MemberOf    func(role string) bool
}

// Match finds the first line that fits, nil when none does.
func Match(lines []HBALine, l Login) *HBALine {
	for i := range lines {
		h := &lines[i]
		if h.Error != "" || !h.fits(l) {
			continue
		}
		return h
	}
	return nil
}

func (h *HBALine) fits(l Login) bool {
	if !l.Address.IsValid() {
		if h.Type != "local" {
			return false
		}
	} else if h.Type == "local" || h.Type == "hostssl" && !l.TLS || h.Type == "hostnossl" && l.TLS ||
		!h.any && !h.prefix.Contains(l.Address.Unmap()) {
		return false
	}
	database := false
	for _, name := range h.Databases {
		switch {
		case h.literal[name]:
			database = database || !l.Replication && name == l.Database
		case name == "replication":
			database = database || l.Replication
		case l.Replication:
		case name == "all", name == l.Database, name == "sameuser" && l.User == l.Database:
			database = true
		}
	}
	if !database {
		return false
	}
	for _, name := range h.Users {
		if name == l.User {
			return true
		}
		if h.literal[name] {
			continue
		}
		if name == "all" || strings.HasPrefix(name, "+") && l.MemberOf != nil && l.MemberOf(name[1:]) {
			return true
		}
	}
	return false
}
