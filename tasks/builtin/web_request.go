package builtin

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/web"
)

// webArgs are the arguments of the modules that make requests.
type webArgs struct {
	URL                string         `arg:"url,required" doc:"What to ask for: http://[USER[:PASSWORD]@]HOST[:PORT]/PATH, or https."`
	Force              bool           `arg:"force" alias:"thirsty" default:"false" doc:"Ask for no cached copy, and for the file also when it has not changed since."`
	Agent              string         `arg:"http_agent" default:"ansible-httpget" doc:"How the request calls itself (User-Agent)."`
	UseProxy           bool           `arg:"use_proxy" default:"true" doc:"Use the proxy that the environment names (http_proxy, https_proxy)."`
	ValidateCerts      bool           `arg:"validate_certs" default:"true" doc:"Refuse a server whose certificate is not to be trusted."`
	ForceBasicAuth     bool           `arg:"force_basic_auth" default:"false" doc:"Send the credentials with the first request, and not only after the server asked for them."`
	ClientCert         string         `arg:"client_cert,path" doc:"File on the host with a certificate (PEM) that the server wants of the client."`
	ClientKey          string         `arg:"client_key,path" doc:"File on the host with its key, when that is not in client_cert."`
	UseGSSAPI          bool           `arg:"use_gssapi" default:"false" doc:"Refused when true: there is no Kerberos here."`
	UseNetrc           bool           `arg:"use_netrc" default:"true" doc:"Without url_username, use the credentials of ~/.netrc."`
	Headers            map[string]any `arg:"headers" doc:"Headers of the request. The values of those with credentials are masked."`
	UnredirectedHeader []string       `arg:"unredirected_headers" doc:"Headers that are not sent where a redirect leads."`
	Decompress         bool           `arg:"decompress" default:"true" doc:"Unpack an answer that the server packed with gzip."`
	Ciphers            []string       `arg:"ciphers" doc:"OpenSSL's names of the ciphers to use. Refused with connection: local."`
}

var webNotes = []string{
	"The host's curl makes the request, or its wget where there is none; without either, or without a way to the site, the error says so. " +
		"Of busybox's wget only GET without credentials is asked, for its arguments can be seen by every user of the host. " +
		"On this machine itself (connection: local, delegate_to: localhost) polarbook makes the request.",
	"Redirects, Basic and Digest credentials and cookies are handled as Ansible does. Where a redirect leads to another host, or from https " +
		"to http, neither credentials nor cookies go along, even those that Ansible sends (force_basic_auth, headers).",
}

var fileReturns = []tasks.Return{
	{Name: "owner", Type: "str", Doc: "the file's user"}, {Name: "group", Type: "str", Doc: "its group"},
	{Name: "uid", Type: "int", Doc: "user's number"}, {Name: "gid", Type: "int", Doc: "group's number"},
	{Name: "mode", Type: "str", Doc: "permissions in octal"}, {Name: "state", Type: "str", Doc: "file"},
	{Name: "size", Type: "int", Doc: "bytes"},
}

// check refuses what cannot be asked for, and has secrets masked.
func (a *webArgs) check(module string, l tasks.Local, schemes ...string) error {
	refuse := func(arg, problem string) error { return &tasks.ArgError{Module: module, Arg: arg, Problem: problem} }
	at, err := url.Parse(a.URL)
	switch {
	case err != nil:
		return refuse("url", "is not a URL: "+strings.TrimPrefix(err.Error(), "parse "))
	case !slices.Contains(schemes, strings.ToLower(at.Scheme)):
		return refuse("url", fmt.Sprintf("is %q, and has to begin with %s", a.URL, strings.Join(schemes, ":, ")+":"))
	case a.UseGSSAPI:
		return refuse("use_gssapi", "is true, and polarbook has no Kerberos: use url_username and url_password")
	}
	if password, ok := at.User.Password(); ok && password != "" {
		l.Secret(password)
	}
	for name, value := range a.Headers {
		text, err := convert.Text(value)
		if err == nil && text != "" && web.Secret(name) {
			l.Secret(text)
			// "Bearer x": x alone is a secret as well.
			if _, word, ok := strings.Cut(text, " "); ok && len(word) > 5 {
				l.Secret(word)
			}
		}
	}
	return nil
}

// list returns the headers in an order that is the same each time.
func (a *webArgs) list() ([]web.Header, error) {
	var list []web.Header
	for name, value := range a.Headers {
		text, err := pythonText(value)
		if err != nil {
			return nil, fmt.Errorf("headers: %s %w", name, err)
		}
		list = append(list, web.Header{Name: name, Value: text})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

// pythonText is a value as Python's str writes it.
func pythonText(value any) (string, error) {
	switch v := value.(type) {
	case bool:
		if v {
			return "True", nil
		}
		return "False", nil
	case nil:
		return "None", nil
	}
	return convert.Text(value)
}

func (a *webArgs) options(user, password string, timeout int) web.Options {
	return web.Options{
		Timeout: timeout, User: user, Password: password, Basic: a.ForceBasicAuth, Netrc: a.UseNetrc, Proxy: a.UseProxy,
		Verify: a.ValidateCerts, Cert: a.ClientCert, Key: a.ClientKey, Ciphers: strings.Join(a.Ciphers, ":"), Follow: "urllib2",
		Unredirected: a.UnredirectedHeader, Unpack: a.Decompress, Agent: a.Agent, Fresh: a.Force,
	}
}

// webMessage is what Ansible says of an answer.
// cutShort is the failure of a file that came with another size than its server had announced.
func cutShort(r *web.Response, sums web.Sums) error {
	size := r.Headers.Get("Content-Length")
	if size == "" || r.Headers.Get("Content-Encoding") != "" || size == fmt.Sprint(sums.Size) {
		return nil
	}
	return &tasks.Failure{Msg: fmt.Sprintf("the server announced %s bytes, and %d came: run again", size, sums.Size)}
}

func webMessage(r *web.Response) string {
	if r.Failed && r.Status != 0 {
		return fmt.Sprintf("HTTP Error %d: %s", r.Status, r.Reason)
	}
	size := r.Headers.Get("Content-Length")
	if size == "" {
		size = "unknown"
	}
	return "OK (" + size + " bytes)"
}

var (
	namedFile = regexp.MustCompile(`(?i)filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))`)
	ownName   = regexp.MustCompile(`[^/]*$`)
)

// sentName returns the name that an answer gives its content; "": none.
func sentName(r *web.Response) string {
	disposition := r.Headers.Get("Content-Disposition")
	if m := namedFile.FindStringSubmatch(disposition); m != nil {
		return ownName.FindString(m[1] + m[2])
	}
	return ""
}
