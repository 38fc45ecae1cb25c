package ansible

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/ordered"
)

// output runs a command with sh on this machine, in the directory of the playbook.
func output(r *jinja.Run, command string) (string, error) {
	if !r.Options().Outside {
		return "", errOutside
	}
	values, err := r.Outside("run "+command, func() ([]any, error) {
		cmd, err := shellCommand(command)
		if err != nil {
			return nil, fmt.Errorf("the command %s: %w", command, err)
		}
		cmd.Dir = r.Base()
		var out, problems bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &problems
		if err := cmd.Run(); err != nil {
			said := strings.TrimSpace(problems.String())
			if said != "" {
				said = ": " + said
			}
			return nil, fmt.Errorf("the command %s: %w%s", command, err, said)
		}
		return []any{out.String()}, nil
	})
	if err != nil {
		return "", err
	}
	return jinja.Text(values[0]), nil
}

func lookupPipe(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	found := []any{}
	for _, term := range terms {
		out, err := output(r, jinja.Text(term))
		if err != nil {
			return nil, err
		}
		found = append(found, strings.TrimRight(out, " \t\n\r\v\f"))
	}
	return found, onlyOptions(options)
}

func lookupLines(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	found := []any{}
	for _, term := range terms {
		out, err := output(r, jinja.Text(term))
		if err != nil {
			return nil, err
		}
		found = append(found, linesOf(out)...)
	}
	return found, onlyOptions(options)
}

// linesOf splits text as Python's splitlines does with bytes.
func linesOf(text string) []any {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	if text == "" {
		return nil
	}
	lines := []any{}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		lines = append(lines, line)
	}
	return lines
}

var urlOptions = []string{"validate_certs", "split_lines", "use_proxy", "username", "password", "headers", "force", "timeout", "http_agent",
	"force_basic_auth", "follow_redirects", "unix_socket", "ca_path", "unredirected_headers", "use_netrc"}

// lookupURL asks a server, from this machine.
func lookupURL(r *jinja.Run, terms []any, options map[string]any) ([]any, error) {
	for _, name := range []string{"ciphers", "use_gssapi"} {
		if value, ok := options[name]; ok {
			if set, err := jinja.Truth(value); err != nil || set {
				return nil, errors.Join(err, fmt.Errorf("the option %s is not supported", name))
			}
			delete(options, name)
		}
	}
	if err := onlyOptions(options, urlOptions...); err != nil {
		return nil, err
	}
	if !r.Options().Outside {
		return nil, errOutside
	}
	options = merged(urlDefaults(r), options)
	split, err := yes(options, "split_lines", true)
	if err != nil {
		return nil, err
	}
	client, err := clientOf(options)
	if err != nil {
		return nil, err
	}
	found := []any{}
	for _, term := range terms {
		address := jinja.Text(term)
		values, err := r.Outside("get "+address+" "+jinja.Repr(ordered.Sorted(options)), func() ([]any, error) {
			if path, ok := strings.CutPrefix(address, "file://"); ok {
				data, err := os.ReadFile(path)
				return []any{string(data)}, err
			}
			request, err := requestOf(address, options)
			if err != nil {
				return nil, err
			}
			return ask(client, request)
		})
		if err != nil {
			return nil, err
		}
		if split {
			found = append(found, linesOf(jinja.Text(values[0]))...)
		} else {
			found = append(found, values...)
		}
	}
	return found, nil
}

// urlDefaults are what variables and the environment say of options that are not given.
func urlDefaults(r *jinja.Run) map[string]any {
	names := map[string]string{"http_agent": "agent", "unredirected_headers": "unredir_headers"}
	options := map[string]any{}
	for _, option := range []string{"force", "timeout", "http_agent", "force_basic_auth", "follow_redirects", "unix_socket", "ca_path",
		"unredirected_headers", "use_netrc"} {
		name := option
		if other, ok := names[option]; ok {
			name = other
		}
		if env := r.Options().Env; env != nil {
			if value, ok := env("ANSIBLE_LOOKUP_URL_" + strings.ToUpper(name)); ok {
				options[option] = value
			}
		}
		if value, err := r.Variable("ansible_lookup_url_" + name); err == nil {
			if _, absent := value.(*jinja.Undefined); !absent {
				options[option] = value
			}
		}
	}
	return options
}

func clientOf(options map[string]any) (*http.Client, error) {
	o := given(options)
	verify, e1 := yes(options, "validate_certs", true)
	proxy, e2 := yes(options, "use_proxy", true)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	seconds := 10.0
	if value, ok := options["timeout"]; ok {
		var isNumber bool
		if _, seconds, _, isNumber = jinja.Number(value); !isNumber {
			if seconds, isNumber = pythonFloat(jinja.Text(value)); !isNumber {
				return nil, fmt.Errorf("timeout is seconds, not %s", jinja.Repr(value))
			}
		}
	}
	limit := time.Duration(seconds * float64(time.Second))
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: !verify}, ResponseHeaderTimeout: limit, TLSHandshakeTimeout: limit,
	}
	if proxy {
		transport.Proxy = http.ProxyFromEnvironment
	}
	dialer := &net.Dialer{Timeout: limit}
	transport.DialContext = dialer.DialContext
	if socket := o.Text("unix_socket", ""); socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	if path := o.Text("ca_path", ""); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the certificates of ca_path: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s has no certificates", path)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	client := &http.Client{Transport: transport}
	switch follow := strings.ToLower(o.Text("follow_redirects", "urllib2")); follow {
	case "all", "yes", "true", "safe", "urllib2": // a lookup only reads, and so follows the same with each
		dropped, err := headerNames(options)
		if err != nil {
			return nil, err
		}
		client.CheckRedirect = func(request *http.Request, via []*http.Request) error {
			for _, name := range dropped {
				request.Header.Del(name)
			}
			if len(via) >= 10 {
				return errors.New("it was sent on ten times")
			}
			return nil
		}
	case "none", "no", "false":
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	default:
		return nil, fmt.Errorf("follow_redirects is all, safe, none or urllib2, not %q", follow)
	}
	return client, nil
}

func headerNames(options map[string]any) ([]string, error) {
	switch v := options["unredirected_headers"].(type) {
	case nil:
		return nil, nil
	case string:
		return strings.FieldsFunc(v, func(c rune) bool { return c == ',' || c == ' ' }), nil
	case []any:
		names := []string{}
		for _, name := range v {
			names = append(names, jinja.Text(name))
		}
		return names, nil
	}
	return nil, errors.New("unredirected_headers is a list of names")
}

func requestOf(address string, options map[string]any) (*http.Request, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, fmt.Errorf("%s is asked for by http, https or file alone", address)
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	o := given(options)
	request.Header.Set("User-Agent", o.Text("http_agent", "ansible-httpget"))
	request.Header.Set("Accept-Encoding", "identity")
	if force, err := yes(options, "force", false); err != nil {
		return nil, err
	} else if force {
		request.Header.Set("Cache-Control", "no-cache")
	}
	user, password := o.Text("username", ""), o.Text("password", "")
	if user == "" && parsed.User != nil {
		user = parsed.User.Username()
		password, _ = parsed.User.Password()
	}
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	request.URL.User = nil
	switch headers := options["headers"].(type) {
	case nil:
	case *ordered.Map:
		for name, value := range headers.All() {
			request.Header.Set(name, jinja.Text(value))
		}
	default:
		return nil, fmt.Errorf("headers is a mapping, not %s", jinja.Describe(headers))
	}
	return request, nil
}

// ask gives what the server answers. Anything but success is an error.
func ask(client *http.Client, request *http.Request) ([]any, error) {
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return nil, fmt.Errorf("%s answered %s", request.URL, answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, jinja.MaximumText+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", request.URL, err)
	}
	if len(body) > jinja.MaximumText {
		return nil, jinja.ErrTooLarge
	}
	return []any{string(body)}, nil
}
