package builtin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/web"
	"github.com/polarbook/polarbook/templates/ordered"
	"golang.org/x/text/encoding/ianaindex"
)

type uriArgs struct {
	webArgs
	files.Attributes
	Method        string `arg:"method" default:"GET" doc:"GET, POST, PUT or any other."`
	Body          any    `arg:"body" doc:"What to send: text, or what body_format makes text of."`
	BodyFormat    string `arg:"body_format" default:"raw" choices:"form-urlencoded json raw form-multipart" doc:"How body is written. Sets Content-Type too, unless headers do."`
	Src           string `arg:"src,path" doc:"File to send, looked up in files/ as for copy; on the host with remote_src."`
	RemoteSrc     bool   `arg:"remote_src" default:"false" doc:"src, and the files of a form-multipart body, are on the host."`
	Dest          string `arg:"dest,path" doc:"File on the host to write the answer to, or a directory for it. One that is there is asked for only if the server's is newer."`
	StatusCode    []any  `arg:"status_code" default:"200" doc:"Statuses that are success."`
	ReturnContent bool   `arg:"return_content" default:"false" doc:"Return the answer's body. JSON is returned in json in any case."`
	Follow        string `arg:"follow_redirects" default:"safe" choices:"all no none safe urllib2 yes" doc:"Redirects to follow: all, those of GET and HEAD (safe), none, or those that Python's urllib follows. yes means all, no means none."`
	Creates       string `arg:"creates,path" doc:"File; when it exists, nothing is asked for."`
	Removes       string `arg:"removes,path" doc:"File; when it does not exist, nothing is asked for."`
	Timeout       int    `arg:"timeout" default:"30" doc:"Seconds to wait for a connection, and for each next part of the answer."`
	UnixSocket    string `arg:"unix_socket,path" doc:"Socket on the host to connect to instead of the URL's address."`
	CA            string `arg:"ca_path,path" doc:"File on the host with certificates (PEM) to check the server's with."`
	User          string `arg:"url_username" alias:"user" doc:"User, for Basic and Digest."`
	Password      string `arg:"url_password,secret" alias:"password" doc:"Password."`
}

var uriModule = tasks.Define(tasks.Module{
	Name: "uri", Collections: []string{"ansible.builtin"},
	Network: notAmongHosts,
	Summary: "Ask a web service something",
	Notes: append(webNotes[:len(webNotes):len(webNotes)],
		"All headers of the answer are returned, in lower case and with _ for -. It reports a change only when dest was written.",
		"--check makes no request, and says so."),
	Returns: append([]tasks.Return{
		{Name: "status", Type: "int", Doc: "HTTP status; -1 when there was no answer"}, {Name: "url", Type: "str", Doc: "after redirects"},
		{Name: "redirected", Type: "bool", Doc: "whether there were any"}, {Name: "msg", Type: "str", Doc: "what the server said"},
		{Name: "content", Type: "str", Doc: "the answer's body, with return_content"},
		{Name: "json", Type: "any", Doc: "the body, when that is JSON"},
		{Name: "cookies", Type: "dict", Doc: "cookies that the server set"},
		{Name: "cookies_string", Type: "str", Doc: "the same as a header Cookie has them"},
		{Name: "elapsed", Type: "int", Doc: "seconds that it took"}, {Name: "path", Type: "str", Doc: "what was written, with dest"},
		{Name: "location", Type: "str", Doc: "where a redirect leads that was not followed, and other headers by their names"},
	}, fileReturns...),
	Examples: `
- uri: {url: "http://localhost:8080/health", return_content: true}
  register: health
  until: health.status == 200
  retries: 30
  delay: 2
- uri:
    url: https://grafana.example.com/api/datasources
    method: POST
    url_username: admin
    url_password: "{{ grafana_password }}"
    force_basic_auth: true
    body_format: json
    body: {name: polardb, type: postgres, access: proxy}
    status_code: [200, 409]
- uri: {url: "http://localhost/v1.41/version", unix_socket: /run/docker.sock}
`,
}, func(a *uriArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.webArgs.check("uri", l, "http", "https"); err != nil {
		return nil, err
	}
	if err := a.Check("uri"); err != nil {
		return nil, err
	}
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "uri", Arg: arg, Problem: problem}
	}
	a.Method = strings.ToUpper(a.Method)
	if strings.Trim(a.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || a.Method == "" {
		return refuse("method", "has to be a single word, such as GET or POST")
	}
	if a.Src != "" && a.Body != nil {
		return refuse("src", "and body exclude each other")
	}
	switch a.Follow {
	case "yes":
		a.Follow = "all"
	case "no":
		a.Follow = "none"
	}
	u := &uri{uriArgs: *a, asking: l.Check(), began: time.Now()}
	for _, code := range a.StatusCode {
		n, err := strconv.Atoi(strings.TrimSpace(fmt.Sprint(code)))
		if err != nil {
			return refuse("status_code", fmt.Sprintf("holds %q, which is not a number", fmt.Sprint(code)))
		}
		u.codes = append(u.codes, n)
	}
	var err error
	if u.headers, err = a.list(); err != nil {
		return refuse("headers", err.Error())
	}
	if err := u.write(l); err != nil {
		return nil, err
	}
	return tasks.ProbeApply(u), nil
})

type uri struct {
	uriArgs
	headers []web.Header
	codes   []int
	body    []byte  // nil: none
	parts   []*part // of form-multipart: files of the host's are read when it is reached
	asking  bool
	began   time.Time
}

func (u *uri) typed(kind string) {
	if !slices.ContainsFunc(u.headers, func(h web.Header) bool { return strings.EqualFold(h.Name, "content-type") }) {
		u.headers = append(u.headers, web.Header{Name: "Content-Type", Value: kind})
	}
}

// write makes the body of what the arguments say.
func (u *uri) write(l tasks.Local) error {
	refuse := func(arg, problem string) error { return &tasks.ArgError{Module: "uri", Arg: arg, Problem: problem} }
	if u.Src != "" && !u.RemoteSrc {
		fsys, file, err := l.Find("files", u.Src)
		if err != nil {
			return fmt.Errorf("uri: src: %w", err)
		}
		if u.body, err = fs.ReadFile(l.Decrypted(fsys), file); err != nil {
			return fmt.Errorf("uri: src: %w", err)
		}
	}
	text, isText := u.Body.(string)
	switch u.BodyFormat {
	case "json":
		u.typed("application/json")
		if u.Src != "" {
			return nil
		}
		if isText {
			u.body = []byte(text)
			return nil
		}
		made, err := convert.JSON(u.Body)
		if err != nil {
			return refuse("body", "cannot be written as JSON: "+err.Error())
		}
		u.body = []byte(made)
	case "form-urlencoded":
		u.typed("application/x-www-form-urlencoded")
		if u.Src != "" || u.Body == nil {
			return nil
		}
		if !isText {
			var err error
			if text, err = formText(u.Body); err != nil {
				return refuse("body", err.Error())
			}
		}
		u.body = []byte(text)
	case "form-multipart":
		fields, ok := ordered.Plain(u.Body).(map[string]any)
		if !ok {
			return refuse("body", "has to be a dict of fields for form-multipart")
		}
		var err error
		if u.parts, err = partsOf(fields, u.RemoteSrc, l); err != nil {
			return refuse("body", err.Error())
		}
	default:
		switch u.Body.(type) {
		case nil:
			return nil
		case *ordered.Map, map[string]any, []any:
			return refuse("body", "is a dict or list: set body_format to json, form-urlencoded or form-multipart")
		}
		text, err := pythonText(u.Body)
		if err != nil {
			return refuse("body", err.Error())
		}
		u.body = []byte(text)
	}
	return nil
}

// formText writes fields as forms are sent, a list of values as one field each.
func formText(body any) (string, error) {
	var pairs []string
	add := func(key string, value any) error {
		values, ok := value.([]any)
		if !ok {
			values = []any{value}
		}
		for _, v := range values {
			if v == nil {
				continue
			}
			text, err := pythonText(v)
			if err != nil {
				return fmt.Errorf("holds the field %s, which %w", key, err)
			}
			pairs = append(pairs, url.QueryEscape(key)+"="+url.QueryEscape(text))
		}
		return nil
	}
	switch b := body.(type) {
	case map[string]any:
		return formText(ordered.Sorted(b))
	case *ordered.Map:
		for key, value := range b.All() {
			name, err := pythonText(key)
			if err == nil {
				err = add(name, value)
			}
			if err != nil {
				return "", err
			}
		}
	case []any:
		for _, item := range b {
			pair, ok := item.([]any)
			if !ok || len(pair) != 2 {
				return "", fmt.Errorf("is a list, and its items have to be pairs of a name and a value")
			}
			name, err := pythonText(pair[0])
			if err == nil {
				err = add(name, pair[1])
			}
			if err != nil {
				return "", err
			}
		}
	default:
		return "", fmt.Errorf("has to be a dict, a list of pairs, or text")
	}
	return strings.Join(pairs, "&"), nil
}

// Probe looks at creates, removes and dest, and at what there is to make requests with.
func (u *uri) Probe() string {
	text := u.conditions().probe() + web.Probe(u.UseNetrc && u.User == "")
	if u.Dest != "" {
		text += scripts.Script("get_url", script.Values{"p": script.Path(script.TrimSlashes(u.Dest))})
	}
	return text
}

func (u *uri) conditions() conditions {
	return conditions{Creates: u.Creates, Removes: u.Removes, exact: true, quoted: true}
}

// uriFound is what there is before anything is asked for.
type uriFound struct {
	web.Tools
	dest script.File
}

func (u *uri) Plan(found tasks.Found) (tasks.Plan, uriFound, error) {
	var met conditionsFound
	var at uriFound
	if err := found.Decode(&met); err != nil {
		return tasks.Plan{}, at, err
	}
	if why := u.conditions().skip(met); why != "" {
		return tasks.Plan{Msg: why, Values: map[string]any{"stdout": why}}, at, nil
	}
	if u.asking {
		const why = "no request is made in check mode"
		return tasks.Plan{Unknown: why, Msg: why, Values: map[string]any{"skipped": true}}, at, nil
	}
	if err := found.Decode(&at.Tools); err != nil {
		return tasks.Plan{}, at, err
	}
	var dest struct {
		Dest script.File `answer:"dest"`
	}
	if err := found.Decode(&dest); err != nil {
		return tasks.Plan{}, at, err
	}
	at.dest = dest.Dest
	return tasks.Plan{Change: true, Event: true, Msg: u.Method + " " + u.URL}, at, nil
}

// Apply makes the request.
func (u *uri) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, found uriFound) (tasks.Result, error) {
	o := u.options(u.User, u.Password, u.Timeout)
	o.Follow, o.UnixSocket, o.CA = u.Follow, u.UnixSocket, u.CA
	if found.dest.Kind == "file" && !u.Force {
		o.ModifiedSince = time.Unix(found.dest.MTime, 0).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	}
	c, err := web.NewClient(ctx, h, found.Tools, o)
	if err != nil {
		return tasks.Result{}, err
	}
	defer c.Close()
	r := web.Request{Method: u.Method, URL: u.URL, Headers: u.headers}
	if u.RemoteSrc && u.Src != "" {
		r.File = u.Src
	}
	body := u.body
	if u.parts != nil {
		kind, text, err := multipartText(ctx, h, u.parts)
		if err != nil {
			return tasks.Result{}, err
		}
		body = text
		r.Headers = append(slices.DeleteFunc(slices.Clone(r.Headers), func(h web.Header) bool {
			return strings.EqualFold(h.Name, "content-type")
		}), web.Header{Name: "Content-Type", Value: kind})
	}
	if body != nil {
		r.Body = bytes.NewReader(body)
	}
	began := time.Now()
	answer, err := c.Do(ctx, r)
	var none *tasks.Failure
	if errors.As(err, &none) && none.Values["status"] == -1 {
		maps.Copy(none.Values, map[string]any{"msg": none.Msg, "redirected": false, "elapsed": int(time.Since(began).Seconds())})
		if slices.Contains(u.codes, -1) {
			return tasks.Result{Msg: none.Msg, Values: none.Values}, nil
		}
	}
	if err != nil {
		return tasks.Result{}, err
	}
	return u.result(ctx, h, c, answer, int(time.Since(began).Seconds()))
}

// result tells of an answer what Ansible's module does, and writes dest.
func (u *uri) result(ctx context.Context, h tasks.Host, c *web.Client, answer *web.Response, elapsed int) (tasks.Result, error) {
	values := map[string]any{}
	for name, list := range answer.Headers {
		values[strings.ToLower(strings.ReplaceAll(name, "-", "_"))] = strings.Join(list, ", ")
	}
	values["url"], values["redirected"] = answer.URL, answer.URL != u.bare()
	if answer.Failed {
		// As Python's urllib has it, such an answer is an error, and comes with less.
		values["url"], values["redirected"] = u.URL, false
	} else {
		cookies := map[string]any{}
		for _, cookie := range answer.Cookies {
			cookies[cookie.Name] = cookie.Value
		}
		values["cookies"], values["cookies_string"] = cookies, answer.CookiesString()
	}
	values["status"], values["elapsed"], values["msg"] = answer.Status, elapsed, webMessage(answer)
	if to, ok := values["location"].(string); ok {
		if at, err := url.Parse(u.URL); err == nil {
			if whole, err := at.Parse(to); err == nil {
				values["location"] = whole.String()
			}
		}
	}
	success := slices.Contains(u.codes, answer.Status)
	json := saysJSON(answer)
	result := tasks.Result{Msg: webMessage(answer), Values: values}
	if json || u.ReturnContent || !success || answer.Failed {
		content, err := c.Body(ctx)
		if err != nil {
			return result, err
		}
		text := contentText(answer, content)
		if decoded, err := ordered.DecodeJSON([]byte(text)); json && err == nil {
			values["json"] = decoded
		}
		switch {
		case u.ReturnContent:
			values["content"] = text
		case answer.Failed && success && !json:
			values["body"] = text
		}
	}
	if u.Dest != "" {
		dest := script.TrimSlashes(u.Dest)
		about := map[string]any{}
		if success && answer.Status != 304 {
			sums, err := c.Sums(ctx, "")
			if err != nil {
				return result, err
			}
			var at script.File
			if at, err = u.lookAt(ctx, h); err != nil {
				return result, err
			}
			if at.Kind == "directory" {
				name := sentName(answer)
				if name == "" {
					name = lastOf(answer.URL)
				}
				dest = strings.TrimSuffix(dest, "/") + "/" + name
			}
			if _, _, err = placeFetched(ctx, h, c, sums, dest, u.Attributes, false, u.began, about); err != nil {
				return result, err
			}
			result.Changed = true // as Ansible says it, whatever was there before
		} else if at, err := u.lookAt(ctx, h); err != nil {
			return result, err
		} else if at.Exists() {
			about = files.FileValues(at)
		}
		values["path"] = dest
		for _, r := range fileReturns {
			if value, known := about[r.Name]; known {
				values[r.Name] = value
			}
		}
	}
	if !success {
		codes := make([]string, len(u.codes))
		for i, code := range u.codes {
			codes[i] = strconv.Itoa(code)
		}
		msg := fmt.Sprintf("Status code was %d and not [%s]: %s", answer.Status, strings.Join(codes, ", "), webMessage(answer))
		values["msg"] = msg
		return tasks.Result{}, &tasks.Failure{Msg: msg, Values: values}
	}
	return result, nil
}

// bare is the URL without the credentials in it, which the answer's has not either.
func (u *uri) bare() string {
	at, err := url.Parse(u.URL)
	if err != nil || at.User == nil {
		return u.URL
	}
	at.User = nil
	return at.String()
}

func (u *uri) lookAt(ctx context.Context, h tasks.Host) (script.File, error) {
	return lookAt(ctx, h, u.Dest)
}

// lastOf returns what a URL's path ends with.
func lastOf(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return "index.html"
	}
	if name := ownName.FindString(strings.TrimRight(at.Path, "/")); name != "" {
		return name
	}
	return "index.html"
}

var contentType = regexp.MustCompile(`^\s*([^/;,\s]+)/([^;,\s]+)`)

// saysJSON reports whether an answer says of itself that it is JSON, as Ansible reads that.
func saysJSON(r *web.Response) bool {
	m := contentType.FindStringSubmatch(r.Headers.Get("Content-Type"))
	if m == nil {
		return false
	}
	kind := strings.ToLower(m[2])
	if _, suffix, ok := strings.Cut(kind, "+"); ok {
		kind = suffix
	}
	return kind == "json" || kind == "javascript"
}

var charset = regexp.MustCompile(`(?i);\s*charset\s*=\s*"?([^";,\s]+)`)

// contentText reads a body in the encoding that the answer names.
func contentText(r *web.Response, content []byte) string {
	if m := charset.FindStringSubmatch(r.Headers.Get("Content-Type")); m != nil && !strings.EqualFold(m[1], "utf-8") {
		if known, err := ianaindex.MIME.Encoding(m[1]); err == nil && known != nil {
			if text, err := known.NewDecoder().Bytes(content); err == nil {
				return string(text)
			}
		}
	}
	return strings.ToValidUTF8(string(content), "�")
}
