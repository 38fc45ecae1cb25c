package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// fromHere makes a request from the control node, on which the task runs. The body is handed to the task's user's shell as it comes.
func (c *Client) fromHere(ctx context.Context, r Request, headers []Header, body []byte) (*Response, error) {
	if c.o.Ciphers != "" {
		return nil, &tasks.Failure{
			Msg:  "ciphers cannot be chosen for a request of the control node",
			Hint: "leave ciphers out, or make the request from a host that has curl",
		}
	}
	transport, err := c.transport(ctx)
	if err != nil {
		return nil, err
	}
	defer transport.CloseIdleConnections()
	if r.File != "" {
		if body, err = c.host.Shell().ReadFile(ctx, r.File, BodyLimit); err != nil {
			return nil, fmt.Errorf("read what is to be sent: %w", err)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sent io.Reader
	if body != nil {
		sent = strings.NewReader(string(body))
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL, sent)
	if err != nil {
		return nil, &tasks.Failure{Msg: "the request cannot be made", Err: err}
	}
	request.Header.Set("Accept-Encoding", "identity")
	if body != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header["User-Agent"] = nil
	for _, h := range headers {
		if strings.EqualFold(h.Name, "host") {
			request.Host = h.Value
			continue
		}
		request.Header.Set(h.Name, h.Value)
	}
	limit := time.Duration(c.o.Timeout) * time.Second
	silent := time.AfterFunc(limit, func() { cancel(errors.New("nothing came for " + limit.String())) })
	defer silent.Stop()
	if limit <= 0 {
		silent.Stop()
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, &tasks.Failure{
			Msg: "Request failed: " + r.URL + ": " + err.Error(), Values: map[string]any{"url": r.URL, "status": -1},
		}
	}
	defer answer.Body.Close()
	if err := c.keep(ctx, &watched{answer.Body, silent, limit}); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, &tasks.Failure{Msg: "the answer of " + r.URL + " broke off", Err: err}
	}
	_, reason, _ := strings.Cut(answer.Status, " ")
	if answer.ContentLength >= 0 && answer.Header.Get("Content-Length") == "" && r.Method != http.MethodHead {
		answer.Header.Set("Content-Length", fmt.Sprint(answer.ContentLength))
	}
	return &Response{Status: answer.StatusCode, Reason: reason, Headers: answer.Header}, nil
}

// watched puts off the end of a request each time that something comes.
type watched struct {
	io.Reader
	silent *time.Timer
	limit  time.Duration
}

func (w *watched) Read(b []byte) (int, error) {
	if w.limit > 0 {
		w.silent.Reset(w.limit)
	}
	return w.Reader.Read(b)
}

// keep writes a body to the file that it is to be in, by the shell of the task's user.
func (c *Client) keep(ctx context.Context, body io.Reader) error {
	values := script.Values{"dir": c.dir}
	if c.o.Temporary != "" {
		values["tmp"] = script.Path(c.o.Temporary)
	}
	result, err := c.host.Shell().Stream(ctx, remote.Command{Script: Scripts.Script("web_here", values)}, body, nil, nil)
	if err != nil {
		return err
	}
	var at struct {
		Dir string `answer:"dir"`
	}
	if err := script.Decode(result.Stdout, &at); err != nil {
		return err
	}
	if result.Status != 0 {
		return errors.New(strings.TrimSpace(string(result.Stderr)))
	}
	c.dir = at.Dir
	return nil
}

func (c *Client) transport(ctx context.Context) (*http.Transport, error) {
	limit := time.Duration(c.o.Timeout) * time.Second
	dialer := &net.Dialer{Timeout: limit}
	t := &http.Transport{
		DialContext: dialer.DialContext, DisableCompression: true, DisableKeepAlives: true,
		TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: !c.o.Verify},
	}
	if c.o.UnixSocket != "" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", c.o.UnixSocket)
		}
	} else if c.o.Proxy {
		t.Proxy = c.proxy
	}
	read := func(path string) ([]byte, error) { return c.host.Shell().ReadFile(ctx, path, files1M) }
	if c.o.CA != "" {
		text, err := read(c.o.CA)
		if err != nil {
			return nil, fmt.Errorf("read ca_path: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return nil, &tasks.Failure{Msg: c.o.CA + " holds no certificate"}
		}
	}
	if c.o.Cert != "" {
		certificate, err := read(c.o.Cert)
		if err != nil {
			return nil, fmt.Errorf("read client_cert: %w", err)
		}
		key := certificate
		if c.o.Key != "" {
			if key, err = read(c.o.Key); err != nil {
				return nil, fmt.Errorf("read client_key: %w", err)
			}
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, &tasks.Failure{Msg: "client_cert and client_key cannot be used", Err: err}
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// files1M is the largest file of certificates, in bytes, that is read.
const files1M = 1 << 20

// proxy returns the proxy for a request as the task's environment names it.
func (c *Client) proxy(r *http.Request) (*url.URL, error) {
	env := map[string]string{}
	for _, line := range c.tools.Proxies {
		name, value, _ := strings.Cut(line, "=")
		if key := strings.ToLower(name); env[key] == "" || key == name {
			env[key] = value
		}
	}
	host := r.URL.Hostname()
	for _, but := range strings.Split(env["no_proxy"], ",") {
		but = strings.TrimPrefix(strings.TrimSpace(but), ".")
		if but == "*" || but != "" && (host == but || strings.HasSuffix(host, "."+but) || r.URL.Host == but) {
			return nil, nil
		}
	}
	address := env[r.URL.Scheme+"_proxy"]
	if address == "" {
		address = env["all_proxy"]
	}
	if address == "" {
		return nil, nil
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	return url.Parse(address)
}
