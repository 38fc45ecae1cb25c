package web

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// login is a user and a password that a server may ask for.
type login struct{ user, password string }

// credentials finds whose name a request is made in. It takes credentials out of the URL, and adds a header where they are sent without
// being asked for. nil: there are none to be asked for.
func (c *Client) credentials(r *Request) (*login, error) {
	at, err := url.Parse(r.URL)
	if err != nil {
		return nil, fmt.Errorf("read the URL: %w", err)
	}
	known := login{c.o.User, c.o.Password}
	if known.user == "" && at.User != nil && at.Scheme != "ftp" {
		known.user = at.User.Username()
		known.password, _ = at.User.Password()
		at.User = nil
		r.URL = at.String()
	}
	switch {
	case known.user != "" && !c.o.Basic:
		return &known, nil
	case known.user != "":
		r.Headers = append([]Header{{"Authorization", known.basic()}}, withoutHeaders(r.Headers, "authorization")...)
	case c.o.Netrc:
		if found := netrcLogin(string(c.tools.Netrc), at.Hostname()); found != nil && found.user != "" && found.password != "" {
			r.Headers = append([]Header{{"Authorization", found.basic()}}, withoutHeaders(r.Headers, "authorization")...)
		}
	}
	return nil, nil
}

func (l *login) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.user+":"+l.password))
}

// answer returns the header with which credentials answer a server's challenges; "": none that is known.
func (l *login) answer(challenges []string, method, address string) string {
	for _, challenge := range challenges {
		if scheme, rest, _ := strings.Cut(challenge, " "); strings.EqualFold(scheme, "digest") {
			if value := l.digest(parameters(rest), method, address); value != "" {
				return value
			}
		}
	}
	for _, challenge := range challenges {
		if scheme, _, _ := strings.Cut(challenge, " "); strings.EqualFold(scheme, "basic") {
			return l.basic()
		}
	}
	return ""
}

var parameter = regexp.MustCompile(`(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))`)

// parameters reads those of a challenge.
func parameters(text string) map[string]string {
	found := map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(text, -1) {
		found[strings.ToLower(m[1])] = m[2] + m[3]
	}
	return found
}

// digest answers a challenge of RFC 7616, with the algorithms and the quality of protection that Python's urllib knows.
func (l *login) digest(p map[string]string, method, address string) string {
	sum := func(text string) string {
		s := md5.Sum([]byte(text))
		return hex.EncodeToString(s[:])
	}
	switch strings.ToUpper(p["algorithm"]) {
	case "", "MD5":
	case "SHA":
		sum = func(text string) string { s := sha1.Sum([]byte(text)); return hex.EncodeToString(s[:]) }
	case "SHA-256":
		sum = func(text string) string { s := sha256.Sum256([]byte(text)); return hex.EncodeToString(s[:]) }
	default:
		return ""
	}
	at, err := url.Parse(address)
	if err != nil {
		return ""
	}
	where := at.RequestURI()
	a1, a2 := sum(l.user+":"+p["realm"]+":"+l.password), sum(method+":"+where)
	value := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s"`, l.user, p["realm"], p["nonce"], where)
	switch qop := p["qop"]; {
	case qop == "":
		value += fmt.Sprintf(`, response="%s"`, sum(a1+":"+p["nonce"]+":"+a2))
	case strings.Contains(","+strings.ReplaceAll(qop, " ", "")+",", ",auth,"):
		cnonce := rand.Text()[:16]
		value += fmt.Sprintf(`, response="%s", qop=auth, nc=00000001, cnonce="%s"`,
			sum(strings.Join([]string{a1, p["nonce"], "00000001", cnonce, "auth", a2}, ":")), cnonce)
	default:
		return ""
	}
	for _, name := range []string{"opaque", "algorithm"} {
		if p[name] != "" {
			value += fmt.Sprintf(`, %s="%s"`, name, p[name])
		}
	}
	return value
}

// netrcLogin finds the credentials for a host in the text of a .netrc; nil: there are none.
func netrcLogin(text, host string) *login {
	var lines []string
	macro := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "macdef"):
			macro = true
		case macro:
			macro = strings.TrimSpace(line) != ""
		case !strings.HasPrefix(strings.TrimSpace(line), "#"):
			lines = append(lines, line)
		}
	}
	words := strings.Fields(strings.Join(lines, "\n"))
	var otherwise, at *login
	for i := 0; i < len(words); i++ {
		value := ""
		if i+1 < len(words) {
			value = strings.Trim(words[i+1], `"`)
		}
		switch words[i] {
		case "machine":
			if at != nil && at != otherwise {
				return at
			}
			at = nil
			if value == host {
				at = &login{}
			}
			i++
		case "default":
			if at != nil {
				return at
			}
			otherwise = &login{}
			at = otherwise
		case "login", "user", "account", "password":
			if at != nil && words[i] == "password" {
				at.password = value
			} else if at != nil && words[i] != "account" {
				at.user = value
			}
			i++
		}
	}
	if at != nil {
		return at
	}
	return otherwise
}
