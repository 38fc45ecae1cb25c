package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// Options are how a request is made, whatever it asks for. Paths are the host's.
type Options struct {
	Timeout        int // seconds, of connecting and of each silence
	User, Password string
	Basic          bool // the credentials are sent with the first request, and not only when they are asked for
	Netrc          bool
	Proxy          bool
	Verify         bool // certificates
	CA, Cert, Key  string
	Ciphers        string // OpenSSL's list
	Follow         string // redirects: all, safe, none or urllib2, as Ansible's modules name them
	Unredirected   []string
	Unpack         bool
	UnixSocket     string
	Temporary      string // directory for the body; "": the host's for temporary files
	Agent          string
	Fresh          bool // no cached copy
	ModifiedSince  string
}

// Request is what is asked for.
type Request struct {
	Method, URL string
	Headers     []Header
	Body        io.Reader // nil: none
	// File is a body that is on the host; "": none.
	File string
}

// Header is a line of a request's head.
type Header struct{ Name, Value string }

// Response is an answer whose body is the file Out of the directory Dir on the host.
type Response struct {
	Status  int
	Reason  string // "Not Found"
	Headers http.Header
	URL     string // after redirects
	// Cookies are those that the servers set, in the order of CookiesString.
	Cookies []*http.Cookie
	// Failed: the status is none of 2xx, which Ansible's modules take for an error whatever it is.
	Failed bool
}

// Tools are what a host has to make requests with: the answer of the script web_tools.
type Tools struct {
	Curl    string   `answer:"curl"` // http2: it would speak HTTP/2; yes or ""
	Wget    string   `answer:"wget"` // gnu; timed or other: one that knows less, with -T or without; or ""
	Proxies []string `answer:"proxy"`
	Netrc   []byte   `answer:"netrc"`
}

// Probe returns a script that prints the Tools; netrc: and credentials.
func Probe(netrc bool) string {
	return Scripts.Script("web_tools", script.Values{"netrc": netrc})
}

// Client makes the requests of one task. It must be closed: bodies lie on the host until then.
type Client struct {
	o     Options
	host  tasks.Host
	tools Tools
	here  bool
	dir   string // on the host
	jar   *cookiejar.Jar
	set   []*http.Cookie
}

// NewClient returns a client for a host, with what Probe said of that.
func NewClient(ctx context.Context, h tasks.Host, tools Tools, o Options) (*Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("keep cookies: %w", err)
	}
	c := &Client{o: o, host: h, tools: tools, jar: jar}
	if l, ok := h.(tasks.Here); ok {
		if c.here, err = l.Here(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Close removes what lies on the host.
func (c *Client) Close() {
	if c.dir == "" {
		return
	}
	_, _ = c.host.Shell().Run(context.Background(), remote.Command{Script: "rm -rf -- " + remote.Quote(c.dir)})
	c.dir = ""
}

// Out returns where the body of the last answer lies on the host.
func (c *Client) Out() string { return c.dir + "/out" }

// mostRedirects is how many redirects Python's urllib follows.
const mostRedirects = 10

// Do makes a request, and those that redirects and servers that want credentials lead to. An error is a *tasks.Failure when there was
// no answer.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	credentials, err := c.credentials(&r)
	if err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(r.URL, "file:"); ok {
		return c.file(ctx, r.URL, path)
	}
	body, err := bodyOf(r.Body)
	if err != nil {
		return nil, err
	}
	headers := c.headers(r)
	authorized := false
	for hop := 0; ; hop++ {
		answer, err := c.once(ctx, r, headers, body)
		if err != nil {
			return nil, err
		}
		if answer.Status == http.StatusUnauthorized && !authorized && credentials != nil {
			if value := credentials.answer(answer.Headers.Values("Www-Authenticate"), r.Method, r.URL); value != "" {
				authorized = true
				headers = append(withoutHeaders(headers, "authorization"), Header{"Authorization", value})
				continue
			}
		}
		next, follow := c.redirect(&r, answer)
		if !follow {
			return answer, c.unpack(ctx, answer)
		}
		if hop >= mostRedirects {
			return nil, &tasks.Failure{Msg: fmt.Sprintf("%s redirects more than %d times", r.URL, mostRedirects)}
		}
		if !next.body {
			body, r.File = nil, ""
			headers = withoutHeaders(headers, "content-length", "content-type", "transfer-encoding")
		}
		headers = withoutHeaders(headers, c.o.Unredirected...)
		if elsewhere(r.URL, next.url) {
			headers, credentials = withoutHeaders(headers, "authorization", "cookie"), nil
		}
		if authorized {
			headers, authorized = withoutHeaders(headers, "authorization"), false
		}
		r.URL, r.Method = next.url, next.method
	}
}

func bodyOf(r io.Reader) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	b, err := io.ReadAll(r)
	if b == nil {
		b = []byte{}
	}
	return b, err
}

// headers returns the first request's headers: those of the options, which the request's own win over.
func (c *Client) headers(r Request) []Header {
	var list []Header
	if c.o.Agent != "" {
		list = append(list, Header{"User-Agent", c.o.Agent})
	}
	switch {
	case c.o.Fresh:
		list = append(list, Header{"Cache-Control", "no-cache"})
	case c.o.ModifiedSince != "":
		list = append(list, Header{"If-Modified-Since", c.o.ModifiedSince})
	}
	for _, own := range r.Headers {
		list = append(withoutHeaders(list, own.Name), own)
	}
	return list
}

func withoutHeaders(list []Header, names ...string) []Header {
	return slices.DeleteFunc(slices.Clone(list), func(h Header) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, h.Name) })
	})
}

// next is the request that a redirect leads to.
type next struct {
	url, method string
	body        bool // is sent again
}

// elsewhere reports whether a redirect leads to another host, or from https to http: whoever answers there is not the one that the
// credentials are for.
func elsewhere(from, to string) bool {
	a, err1 := url.Parse(from)
	b, err2 := url.Parse(to)
	return err1 != nil || err2 != nil || !strings.EqualFold(a.Hostname(), b.Hostname()) || a.Scheme == "https" && b.Scheme != "https"
}

// redirect says whether an answer is a redirect that is followed, as the rules of Ansible's modules have it.
func (c *Client) redirect(r *Request, answer *Response) (next, bool) {
	location := answer.Headers.Get("Location")
	if location == "" {
		return next{}, false
	}
	plain := r.Method == http.MethodGet || r.Method == http.MethodHead
	status := answer.Status
	switch status {
	case 301, 302, 303, 307, 308:
	default:
		return next{}, false
	}
	switch c.o.Follow {
	case "none", "no":
		return next{}, false
	case "safe":
		if !plain {
			return next{}, false
		}
	case "urllib2":
		if !plain && (r.Method != http.MethodPost || status > 303) {
			return next{}, false
		}
	}
	at, err := url.Parse(r.URL)
	if err != nil {
		return next{}, false
	}
	to, err := at.Parse(strings.ReplaceAll(location, " ", "%20"))
	if err != nil || to.Scheme != "http" && to.Scheme != "https" && to.Scheme != "ftp" {
		return next{}, false
	}
	n := next{url: to.String(), method: r.Method}
	if c.o.Follow == "urllib2" {
		if r.Method != http.MethodHead {
			n.method = http.MethodGet
		}
		return n, true
	}
	switch {
	case status == 307 || status == 308:
		n.body = true
	case (status == 302 || status == 303) && r.Method != http.MethodHead, status == 301 && r.Method == http.MethodPost:
		n.method = http.MethodGet
	}
	return n, true
}

// once makes one request, and keeps the cookies of its answer.
func (c *Client) once(ctx context.Context, r Request, headers []Header, body []byte) (*Response, error) {
	at, err := url.Parse(r.URL)
	if err != nil || at.Host == "" {
		return nil, &tasks.Failure{Msg: fmt.Sprintf("%q is not a URL: write http://HOST/PATH", r.URL)}
	}
	if cookies := c.jar.Cookies(at); len(cookies) > 0 && !slices.ContainsFunc(headers, func(h Header) bool {
		return strings.EqualFold(h.Name, "cookie")
	}) {
		headers = append(slices.Clone(headers), Header{"Cookie", cookieLine(cookies)})
	}
	for _, h := range headers {
		if strings.ContainsAny(h.Name+h.Value, "\r\n\x00") {
			return nil, &tasks.Failure{Msg: fmt.Sprintf("the header %q holds the end of a line", h.Name)}
		}
	}
	var answer *Response
	switch {
	case c.here:
		answer, err = c.fromHere(ctx, r, headers, body)
	case c.tools.Curl != "":
		answer, err = c.curl(ctx, r, headers, body)
	case c.tools.Wget != "":
		answer, err = c.wget(ctx, r, headers, body)
	default:
		return nil, &tasks.Failure{
			Msg:  "neither curl nor wget is on the host, and one of them has to make the request",
			Hint: "install curl, or have this machine make the request with delegate_to: localhost",
		}
	}
	if err != nil {
		return nil, err
	}
	set := (&http.Response{Header: answer.Headers}).Cookies()
	c.jar.SetCookies(at, set)
	for _, cookie := range set {
		c.set = slices.DeleteFunc(c.set, func(had *http.Cookie) bool { return had.Name == cookie.Name })
		c.set = append(c.set, cookie)
	}
	answer.Cookies, answer.URL = c.set, r.URL
	answer.Failed = answer.Status < 200 || answer.Status > 299
	return answer, nil
}

func cookieLine(cookies []*http.Cookie) string {
	pairs := make([]string, len(cookies))
	for i, cookie := range cookies {
		pairs[i] = cookie.Name + "=" + cookie.Value
	}
	return strings.Join(pairs, "; ")
}

// CookiesString returns the value of a header with which the cookies are sent back.
func (r *Response) CookiesString() string { return cookieLine(r.Cookies) }

// file fetches a file: URL, which names a file of the host.
func (c *Client) file(ctx context.Context, whole, path string) (*Response, error) {
	path = "/" + strings.TrimLeft(strings.TrimPrefix(path, "//localhost"), "/")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	err := c.run(ctx, "web_file", script.Values{"p": script.Path(path)}, nil, &struct{}{})
	return &Response{URL: whole, Headers: http.Header{}}, err
}

// unpack unpacks a body that came packed without having been asked for.
func (c *Client) unpack(ctx context.Context, answer *Response) error {
	if !c.o.Unpack || !strings.EqualFold(answer.Headers.Get("Content-Encoding"), "gzip") {
		return nil
	}
	return c.run(ctx, "web_unpack", nil, nil, &struct{}{})
}

// run runs a script of a request, and notes where its files are.
func (c *Client) run(ctx context.Context, name string, values script.Values, body []byte, into any) error {
	all := script.Values{"dir": c.dir}
	if c.o.Temporary != "" {
		all["tmp"] = script.Path(c.o.Temporary)
	}
	var words []string
	for key, value := range values {
		if list, ok := value.([]string); ok {
			words = list
			continue
		}
		all[key] = value
	}
	command := remote.Command{Script: Scripts.Script(name, all, words...)}
	var result remote.Result
	var err error
	if len(body) > 64<<10 {
		result, err = c.host.Shell().Stream(ctx, command, strings.NewReader(string(body)), nil, nil)
	} else {
		command.Stdin = body
		result, err = c.host.Shell().Run(ctx, command)
	}
	if err != nil {
		return err
	}
	var at struct {
		Dir string `answer:"dir"`
	}
	if err := script.Decode(result.Stdout, &at); err != nil {
		return err
	}
	if at.Dir != "" {
		c.dir = at.Dir
	}
	if result.Status != 0 {
		return &tasks.Failure{Msg: strings.TrimSpace(string(result.Stderr))}
	}
	return script.Decode(result.Stdout, into)
}

// Sums are of a body.
type Sums struct {
	Size                         int64
	SHA1, SHA256, MD5, Algorithm string
}

// Sums returns the size of the last answer's body and what it comes to. algorithm is one more that is asked for; "": none.
func (c *Client) Sums(ctx context.Context, algorithm string) (Sums, error) {
	var said struct {
		Size   int64  `answer:"size,required"`
		SHA1   string `answer:"sha1"`
		SHA256 string `answer:"sha256"`
		MD5    string `answer:"md5"`
		SHA224 string `answer:"sha224"`
		SHA384 string `answer:"sha384"`
		SHA512 string `answer:"sha512"`
	}
	if err := c.run(ctx, "web_sums", script.Values{"algorithm": algorithm}, nil, &said); err != nil {
		return Sums{}, err
	}
	s := Sums{Size: said.Size, SHA1: said.SHA1, SHA256: said.SHA256, MD5: said.MD5}
	s.Algorithm = map[string]string{
		"sha1": said.SHA1, "sha224": said.SHA224, "sha256": said.SHA256, "sha384": said.SHA384, "sha512": said.SHA512, "md5": said.MD5,
	}[algorithm]
	return s, nil
}

// BodyLimit is the largest body, in bytes, that is brought to the control node.
const BodyLimit = 8 << 20

// Body returns the body of the last answer.
func (c *Client) Body(ctx context.Context) ([]byte, error) {
	var said struct {
		Size int64  `answer:"size,required"`
		Body []byte `answer:"body"`
	}
	if err := c.run(ctx, "web_body", script.Values{"limit": BodyLimit}, nil, &said); err != nil {
		return nil, err
	}
	if said.Size > BodyLimit {
		return nil, &tasks.Failure{
			Msg:  fmt.Sprintf("the answer has %d bytes, and up to %d are brought here", said.Size, BodyLimit),
			Hint: "give dest, and leave return_content out",
		}
	}
	return said.Body, nil
}
