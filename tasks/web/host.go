package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

// said is how a program on the host ended.
type said struct {
	RC   int    `answer:"rc,required"`
	Head []byte `answer:"head"`
	Said []byte `answer:"said"`
}

// curl makes a request with the host's curl. Its configuration goes to it by a pipe, so that no user of the host sees passwords.
func (c *Client) curl(ctx context.Context, r Request, headers []Header, body []byte) (*Response, error) {
	var b strings.Builder
	option := func(name, value string) { fmt.Fprintf(&b, "%s = %s\n", name, curlQuote(value)) }
	b.WriteString("silent\nshow-error\ngloboff\n")
	if c.tools.Curl == "http2" {
		b.WriteString("http1.1\n") // what Ansible speaks; an old curl does not know the option
	}
	option("url", r.URL)
	option("dump-header", "head")
	option("proto", "=http,https,ftp")
	if c.o.Timeout > 0 {
		option("connect-timeout", strconv.Itoa(c.o.Timeout))
		option("speed-time", strconv.Itoa(c.o.Timeout))
		option("speed-limit", "1")
	}
	if r.Method == http.MethodHead {
		b.WriteString("head\n")
		option("output", "/dev/null")
	} else {
		option("request", r.Method)
		option("output", "out")
	}
	typed := slices.ContainsFunc(headers, func(h Header) bool { return strings.EqualFold(h.Name, "content-type") })
	switch {
	case r.File != "":
		option("data-binary", "@"+r.File)
	case body != nil:
		option("data-binary", "@body")
	case r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch:
		option("data-binary", "")
		if !typed {
			option("header", "Content-Type:")
		}
	}
	option("header", "Accept:")
	option("header", "Expect:")
	option("header", "Accept-Encoding: identity")
	for _, h := range headers {
		if h.Value == "" {
			option("header", h.Name+";") // curl's way to write a header without a value
		} else {
			option("header", h.Name+": "+h.Value)
		}
	}
	for _, o := range []struct {
		name, value string
	}{{"cacert", c.o.CA}, {"cert", c.o.Cert}, {"key", c.o.Key}, {"ciphers", c.o.Ciphers}, {"unix-socket", c.o.UnixSocket}} {
		if o.value != "" {
			option(o.name, o.value)
		}
	}
	if !c.o.Verify {
		b.WriteString("insecure\n")
	}
	if !c.o.Proxy {
		option("noproxy", "*")
	}
	var s said
	if err := c.run(ctx, "web_curl", script.Values{"config": b.String(), "body": body != nil}, body, &s); err != nil {
		return nil, err
	}
	answer := parseHead(string(s.Head))
	switch {
	case s.RC == 0 && answer == nil && strings.HasPrefix(r.URL, "ftp:"):
		return &Response{Status: 200, Reason: "OK", Headers: http.Header{}}, nil
	case s.RC != 0 || answer == nil:
		return nil, unanswered(r.URL, "curl", s)
	}
	return answer, nil
}

var curlEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`)

func curlQuote(value string) string { return `"` + curlEscapes.Replace(value) + `"` }

// parseHead reads the last head of those that a server sent, one for each interim answer; nil: there is none.
func parseHead(text string) *Response {
	var answer *Response
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "HTTP/") {
			fields := strings.SplitN(line, " ", 3)
			if len(fields) < 2 {
				continue
			}
			status, err := strconv.Atoi(fields[1])
			if err != nil {
				continue
			}
			answer = &Response{Status: status, Headers: http.Header{}}
			if len(fields) == 3 {
				answer.Reason = strings.TrimSpace(fields[2])
			}
			continue
		}
		if name, value, ok := strings.Cut(line, ":"); ok && answer != nil {
			answer.Headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	return answer
}

// unanswered is the failure of a request that nothing came back from.
func unanswered(address, program string, s said) error {
	text := strings.TrimSpace(string(s.Said))
	if lines := strings.Split(text, "\n"); len(lines) > 0 {
		text = strings.TrimSpace(lines[len(lines)-1])
	}
	if text == "" {
		text = fmt.Sprintf("%s ended with status %d", program, s.RC)
	}
	f := &tasks.Failure{Msg: fmt.Sprintf("Request failed: %s: %s", address, text), Values: map[string]any{"url": address, "status": -1}}
	network := program == "curl" && slices.Contains([]int{5, 6, 7, 28}, s.RC) || program == "wget" && (s.RC == 4 || s.RC == 1)
	if network {
		f.Hint = "is there a way from this host to that address? A host without one takes the file by copy, " +
			"and a request that this machine may make in its place has delegate_to: localhost"
	}
	return f
}

// wget makes a request with the host's wget. What a program that is not GNU's cannot do, or not without showing secrets to every user of
// the host, is refused.
func (c *Client) wget(ctx context.Context, r Request, headers []Header, body []byte) (*Response, error) {
	if c.o.UnixSocket != "" {
		return nil, needsCurl("a request over a unix socket")
	}
	if c.tools.Wget != "gnu" {
		return c.plainWget(ctx, r, headers, body)
	}
	var config strings.Builder
	words := []string{"-q", "-S", "-O", "out", "-t", "1", "--max-redirect=0", "--content-on-error", "--no-netrc", "--no-hsts"}
	switch {
	case r.File != "":
		words = append(words, "--method="+r.Method, "--body-file="+r.File)
	case body != nil:
		words = append(words, "--method="+r.Method, "--body-file=body")
	case r.Method != http.MethodGet:
		words = append(words, "--method="+r.Method)
	}
	if r.File != "" || body != nil {
		if !slices.ContainsFunc(headers, func(h Header) bool { return strings.EqualFold(h.Name, "content-type") }) {
			headers = append(slices.Clone(headers), Header{"Content-Type", "application/x-www-form-urlencoded"})
		}
	}
	for _, h := range headers {
		fmt.Fprintf(&config, "header = %s: %s\n", h.Name, h.Value)
	}
	if c.o.Timeout > 0 {
		words = append(words, "-T", strconv.Itoa(c.o.Timeout))
	}
	for _, o := range []struct {
		name, value string
	}{{"--ca-certificate=", c.o.CA}, {"--certificate=", c.o.Cert}, {"--private-key=", c.o.Key}, {"--ciphers=", c.o.Ciphers}} {
		if o.value != "" {
			words = append(words, o.name+o.value)
		}
	}
	if !c.o.Verify {
		words = append(words, "--no-check-certificate")
	}
	if !c.o.Proxy {
		words = append(words, "--no-proxy")
	}
	return c.ranWget(ctx, r.URL, script.Values{
		"config": config.String(), "gnu": true, "body": body != nil, "": append(words, "--", r.URL),
	}, body)
}

func needsCurl(what string) error {
	return &tasks.Failure{Msg: "the host has no curl, and its wget cannot make " + what, Hint: "install curl on the host"}
}

// plainWget makes a request with a wget that knows little, such as busybox's.
func (c *Client) plainWget(ctx context.Context, r Request, headers []Header, body []byte) (*Response, error) {
	switch {
	case r.Method != http.MethodGet || body != nil || r.File != "":
		return nil, needsCurl("a request other than GET")
	case c.o.CA != "" || c.o.Cert != "" || c.o.Ciphers != "":
		return nil, needsCurl("a request with certificates or ciphers of one's own")
	case c.o.Follow == "none" || c.o.Follow == "no":
		return nil, needsCurl("a request without following redirects")
	}
	words := []string{"-S", "-O", "out"}
	for _, h := range headers {
		if Secret(h.Name) || c.o.User != "" {
			return nil, needsCurl("a request with credentials that no other user of the host would see")
		}
		words = append(words, "--header", h.Name+": "+h.Value)
	}
	if c.o.Timeout > 0 && c.tools.Wget == "timed" {
		words = append(words, "-T", strconv.Itoa(c.o.Timeout))
	}
	if !c.o.Verify {
		words = append(words, "--no-check-certificate")
	}
	if !c.o.Proxy {
		words = append(words, "-Y", "off")
	}
	return c.ranWget(ctx, r.URL, script.Values{"": append(words, r.URL)}, nil)
}

func (c *Client) ranWget(ctx context.Context, address string, values script.Values, body []byte) (*Response, error) {
	var s said
	if err := c.run(ctx, "web_wget", values, body, &s); err != nil {
		return nil, err
	}
	var head strings.Builder
	for line := range strings.Lines(string(s.Said)) {
		if text, ok := strings.CutPrefix(line, "  "); ok {
			head.WriteString(text)
		} else if at := strings.Index(line, "HTTP/1."); at >= 0 && strings.Contains(line, "server returned error") {
			head.WriteString(line[at:])
		}
	}
	answer := parseHead(head.String())
	if answer == nil || s.RC != 0 && answer.Status >= 200 && answer.Status < 300 {
		return nil, unanswered(address, "wget", s)
	}
	return answer, nil
}

// Secret reports whether a header's value is one that is not shown.
func Secret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "auth-key", "access-key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
