package builtin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/web"
)

type getURLArgs struct {
	webArgs
	files.Attributes
	Dest     string `arg:"dest,required,path" doc:"File to write, or a directory, in which the file has the name that the server gives it or that the URL ends with."`
	Backup   bool   `arg:"backup" default:"false" doc:"Keep a copy of the file before the change."`
	Checksum string `arg:"checksum" doc:"ALGORITHM:DIGITS, or ALGORITHM:URL of a file of checksums. A file that has it is not fetched again, and what was fetched and has another is thrown away."`
	Timeout  int    `arg:"timeout" default:"10" doc:"Seconds to wait for a connection, and for each next part of the answer."`
	TmpDest  string `arg:"tmp_dest,path" doc:"Directory on the host for what is being fetched; $TMPDIR or /tmp by default."`
	User     string `arg:"url_username" alias:"username" doc:"User, for Basic and Digest."`
	Password string `arg:"url_password,secret" alias:"password" doc:"Password."`
}

var getURLModule = tasks.Define(tasks.Module{
	Name: "get_url", Collections: []string{"ansible.builtin"},
	Network: func(values map[string]any, _ tasks.Local, _ bool) string { return tasks.FromURL(values["url"]) },
	Summary: "Fetch a file from a web server to hosts",
	Notes: append(webNotes[:len(webNotes):len(webNotes)],
		"A file that is there is fetched again only if the server says that it is newer, or with force, unless its checksum is the one given. "+
			"Its content is replaced, whole or not at all, only if it differs.",
		"In check mode the server is asked for the head alone, and whatever it has is taken for a change, as in Ansible.",
		"ftp: is fetched by a host's curl. file: names a file of the host.",
		"A link at dest is replaced by the file, as with Ansible.", files.FollowNote),
	Returns: append([]tasks.Return{
		{Name: "dest", Type: "str", Doc: "the file"}, {Name: "url", Type: "str", Doc: "the URL as given"},
		{Name: "checksum_src", Type: "str", Doc: "SHA-1 of what was fetched"},
		{Name: "checksum_dest", Type: "str", Doc: "SHA-1 of the file before"},
		{Name: "md5sum", Type: "str", Doc: "MD5 of the file"}, {Name: "backup_file", Type: "str", Doc: "copy of the file before"},
		{Name: "status_code", Type: "int", Doc: "HTTP status"}, {Name: "elapsed", Type: "int", Doc: "seconds that it took"},
		{Name: "msg", Type: "str", Doc: "what the server said"}, {Name: "response", Type: "str", Doc: "the same, of a request that failed"},
		{Name: "src", Type: "str", Doc: "where it was fetched to first"},
	}, fileReturns...),
	Examples: `
- get_url:
    url: https://example.com/tools.tar.gz
    dest: /opt/tools.tar.gz
    checksum: sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c
    mode: "0644"
- get_url: {url: "https://example.com/app.tar.gz", dest: /opt/, checksum: "sha256:https://example.com/SHA256SUMS"}
- get_url: {url: "http://repo.lan/secret.conf", dest: /etc/secret.conf, url_username: dba, url_password: "{{ repo_password }}", force_basic_auth: true}
`,
}, func(a *getURLArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.webArgs.check("get_url", l, "http", "https", "ftp", "file"); err != nil {
		return nil, err
	}
	if err := a.Check("get_url"); err != nil {
		return nil, err
	}
	g := &getURL{getURLArgs: *a, asking: l.Check(), began: time.Now()}
	if script.TrimSlashes(a.Dest) == "" {
		return nil, &tasks.ArgError{Module: "get_url", Arg: "dest", Problem: "is empty"}
	}
	if a.Checksum != "" {
		algorithm, sum, ok := strings.Cut(a.Checksum, ":")
		g.algorithm = strings.ToLower(algorithm)
		switch {
		case !ok:
			return nil, &tasks.ArgError{Module: "get_url", Arg: "checksum", Problem: "has to be ALGORITHM:DIGITS, such as sha256:9f86d0…"}
		case !sumNames[g.algorithm]:
			return nil, &tasks.ArgError{
				Module: "get_url", Arg: "checksum", Problem: fmt.Sprintf("names %q, and md5, sha1, sha224, sha256, sha384 and sha512 are known",
					algorithm),
			}
		case isURL.MatchString(sum):
			g.sumURL = sum
		default:
			var err error
			if g.sum, err = digits(sum); err != nil {
				return nil, &tasks.ArgError{Module: "get_url", Arg: "checksum", Problem: err.Error()}
			}
		}
	}
	var err error
	if g.headers, err = a.list(); err != nil {
		return nil, &tasks.ArgError{Module: "get_url", Arg: "headers", Problem: err.Error()}
	}
	return tasks.AskApply(g), nil
})

var (
	sumNames = map[string]bool{"md5": true, "sha1": true, "sha224": true, "sha256": true, "sha384": true, "sha512": true}
	isURL    = regexp.MustCompile(`^(?i:https?|ftp|file):`)
	notDigit = regexp.MustCompile(`[^0-9A-Za-z_]+`)
	hexOnly  = regexp.MustCompile(`^[0-9a-f]+$`)
)

// digits reads a checksum as Ansible does: what is neither letter nor digit is passed over.
func digits(sum string) (string, error) {
	sum = strings.ToLower(notDigit.ReplaceAllString(sum, ""))
	if !hexOnly.MatchString(sum) {
		return "", fmt.Errorf("is not one: %q has other than hexadecimal digits", sum)
	}
	return sum, nil
}

type getURL struct {
	getURLArgs
	headers                []web.Header
	algorithm, sum, sumURL string
	asking                 bool
	began                  time.Time
}

// Probe looks at dest and at what there is to make requests with.
func (g *getURL) Probe() string {
	return web.Probe(g.UseNetrc && g.User == "") + scripts.Script("get_url", script.Values{
		"p": script.Path(script.TrimSlashes(g.Dest)), "algorithm": g.algorithm,
	})
}

// gettable is what there is before anything is fetched.
type gettable struct {
	web.Tools
	Dest     script.File
	Modified string // dest's time, as a header has it
	SHA1     string
	MD5      string
	Sum      string // by the algorithm of checksum
	Parent   bool
	want     string        // the checksum that is wanted
	head     *web.Response // in check mode, what the server said
}

// Ask fetches the file of checksums, and in check mode asks the server for the head of the file.
func (g *getURL) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (found gettable, err error) {
	defer func() { err = g.told(err) }()
	if err := probed.Decode(&found.Tools); err != nil {
		return found, err
	}
	var dest struct {
		Dest   script.File `answer:"dest,required"`
		SHA1   string      `answer:"have_sha1"`
		MD5    string      `answer:"have_md5"`
		Sum    string      `answer:"have_sum"`
		Parent bool        `answer:"parent"`
	}
	if err := probed.Decode(&dest); err != nil {
		return found, err
	}
	found.Dest, found.SHA1, found.MD5, found.Sum, found.Parent, found.want = dest.Dest, dest.SHA1, dest.MD5, dest.Sum, dest.Parent, g.sum
	if found.Dest.Kind == "file" {
		found.Modified = time.Unix(found.Dest.MTime, 0).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	}
	if g.sumURL != "" {
		if found.want, err = g.fetchSum(ctx, h, found.Tools); err != nil {
			return found, err
		}
	}
	if g.asking && !g.kept(found) {
		c, err := g.client(ctx, h, found)
		if err != nil {
			return found, err
		}
		defer c.Close()
		if found.head, err = c.Do(ctx, web.Request{Method: "HEAD", URL: g.URL, Headers: g.headers}); err != nil {
			return found, err
		}
	}
	return found, nil
}

// client returns a client whose requests are for a newer file, unless the one that is there has to go whatever it is.
func (g *getURL) client(ctx context.Context, h tasks.Host, found gettable) (*web.Client, error) {
	o := g.options(g.User, g.Password, g.Timeout)
	o.Temporary = g.TmpDest
	if found.Dest.Kind == "file" && !g.Force {
		if o.ModifiedSince = found.Modified; found.want != "" && found.Sum != found.want {
			o.ModifiedSince, o.Fresh = "", true
		}
	}
	return web.NewClient(ctx, h, found.Tools, o)
}

// kept: the file that is there is the wanted one, whatever the server has.
func (g *getURL) kept(found gettable) bool {
	return found.Dest.Kind == "file" && !g.Force && found.want != "" && found.Sum == found.want
}

// fetchSum fetches a file of checksums and finds that of the file in it.
func (g *getURL) fetchSum(ctx context.Context, h tasks.Host, tools web.Tools) (string, error) {
	o := g.options(g.User, g.Password, g.Timeout)
	o.Temporary = g.TmpDest
	c, err := web.NewClient(ctx, h, tools, o)
	if err != nil {
		return "", err
	}
	defer c.Close()
	answer, err := c.Do(ctx, web.Request{Method: "GET", URL: g.sumURL, Headers: g.headers})
	if err != nil {
		return "", err
	}
	if answer.Status != 200 && answer.Status != 0 {
		return "", g.refused(answer, g.sumURL)
	}
	text, err := c.Body(ctx)
	if err != nil {
		return "", err
	}
	name := fileOfURL(g.URL)
	sum, ok := sumOf(string(text), name)
	if !ok {
		return "", &tasks.Failure{Msg: fmt.Sprintf("Unable to find a checksum for file '%s' in '%s'", name, g.sumURL)}
	}
	if sum, err = digits(sum); err != nil {
		return "", &tasks.Failure{Msg: fmt.Sprintf("the checksum in %s %v", g.sumURL, err)}
	}
	return sum, nil
}

var bsdSum = regexp.MustCompile(`^[\w-]+ ?\((.+)\) ?= ?(\S+)$`)

// sumOf finds a file's checksum in what sha256sum and its like print, or BSD's; a single word is the sum of any file.
func sumOf(text, name string) (string, bool) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) == 1 && len(strings.Fields(lines[0])) == 1 {
		return lines[0], true
	}
	for _, line := range lines {
		line = strings.TrimRight(line, "\r")
		if m := bsdSum.FindStringSubmatch(line); m != nil && m[1] == name {
			return m[2], true
		}
		sum, file, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		if strings.HasPrefix(file, " ") || strings.HasPrefix(file, "*") {
			file = file[1:]
		}
		if strings.TrimLeft(file, "./") == name {
			return sum, true
		}
	}
	return "", false
}

// fileOfURL returns the name that a URL's path ends with.
func fileOfURL(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return "index.html"
	}
	if name := ownName.FindString(at.EscapedPath()); name != "" {
		return name
	}
	return "index.html"
}

func (g *getURL) refused(answer *web.Response, address string) error {
	return &tasks.Failure{Msg: "Request failed: " + webMessage(answer), Values: map[string]any{
		"status_code": answer.Status, "response": webMessage(answer), "url": address, "dest": g.Dest,
	}}
}

// told adds to a failure what it is about.
func (g *getURL) told(err error) error {
	var failure *tasks.Failure
	if errors.As(err, &failure) {
		values := map[string]any{"url": g.URL, "dest": g.Dest}
		maps.Copy(values, failure.Values)
		failure.Values = values
	}
	return err
}

func (g *getURL) Plan(found gettable) (plan tasks.Plan, _ gettable, err error) {
	defer func() { err = g.told(err) }()
	have := found.Dest
	dest := script.TrimSlashes(g.Dest)
	values := map[string]any{"url": g.URL, "dest": g.Dest, "elapsed": 0, "checksum_src": nil, "checksum_dest": nil}
	switch {
	case have.Kind == "other":
		return tasks.Plan{}, found, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and a file is wanted there", dest, files.DescribeKind(have.Kind))}
	case !have.Exists() && (!found.Parent || strings.HasSuffix(g.Dest, "/")):
		missing := path.Dir(dest)
		if strings.HasSuffix(g.Dest, "/") {
			missing = dest
		}
		plan, err := tasks.NotYet(g.asking, fmt.Sprintf("Destination %s does not exist", missing),
			"create it with the file module first (state: directory)")
		return plan, found, err
	case g.kept(found):
		maps.Copy(values, files.FileValues(have))
		changes := g.Differences(have)
		if len(changes) == 0 {
			return tasks.Plan{Msg: "file already exists", Values: values}, found, nil
		}
		return tasks.Plan{
			Change: true, Msg: "file already exists but file attributes changed", Values: values,
			Diff: []tasks.Diff{files.AttributeDiff(dest, changes)}, Script: g.Adjusting(dest, have, true),
		}, found, nil
	case found.head != nil && found.head.Status == 304:
		values["status_code"] = 304
		maps.Copy(values, files.FileValues(have))
		return tasks.Plan{Msg: webMessage(found.head), Values: values}, found, nil
	case found.head != nil && found.head.Status != 200 && found.head.Status != 0:
		return tasks.Plan{}, found, g.refused(found.head, g.URL)
	}
	if have.Kind == "file" {
		values["checksum_dest"] = found.SHA1
		maps.Copy(values, files.FileValues(have))
	}
	return tasks.Plan{Change: true, Event: true, Msg: "fetch " + g.URL, Values: values}, found, nil
}

// Apply fetches the file and puts it in its place, if it is another than the one that is there.
func (g *getURL) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, found gettable) (_ tasks.Result, err error) {
	defer func() { err = g.told(err) }()
	if p.Script != "" {
		if _, err := files.RunPlan(ctx, h.Shell(), p); err != nil {
			return tasks.Result{Changed: true}, err
		}
		after, err := lookAtFetched(ctx, h, script.TrimSlashes(g.Dest))
		return tasks.Result{Changed: true, Values: files.FileValues(after.Dest)}, err
	}
	c, err := g.client(ctx, h, found)
	if err != nil {
		return tasks.Result{}, err
	}
	defer c.Close()
	began := time.Now()
	answer, err := c.Do(ctx, web.Request{Method: "GET", URL: g.URL, Headers: g.headers})
	if err != nil {
		return tasks.Result{}, err
	}
	values := map[string]any{"elapsed": int(time.Since(began).Seconds()), "msg": webMessage(answer)}
	if values["status_code"] = nil; answer.Status != 0 { // a file of the host has none
		values["status_code"] = answer.Status
	}
	if found.Dest.Kind == "file" {
		values["checksum_dest"] = found.SHA1
		maps.Copy(values, files.FileValues(found.Dest))
	}
	switch {
	case answer.Status == 304:
		return tasks.Result{Msg: webMessage(answer), Values: values}, nil
	case answer.Status != 200 && answer.Status != 0:
		return tasks.Result{}, g.refused(answer, g.URL)
	}
	sums, err := c.Sums(ctx, g.algorithm)
	if err != nil {
		return tasks.Result{}, err
	}
	if err := cutShort(answer, sums); err != nil {
		return tasks.Result{}, err
	}
	if found.want != "" && sums.Algorithm != found.want {
		delete(values, "msg") // what the server said is not why it failed
		values["url"], values["dest"], values["checksum_src"] = g.URL, g.Dest, sums.SHA1
		return tasks.Result{}, &tasks.Failure{
			Msg:  fmt.Sprintf("The checksum for %s did not match %s; it was %s.", g.URL, found.want, sums.Algorithm),
			Hint: "nothing was changed: is the checksum that of this file, or is the file another than it was?", Values: values,
		}
	}
	dest, have := script.TrimSlashes(g.Dest), found.Dest
	if have.Kind == "directory" {
		name := sentName(answer)
		if name == "" {
			name = fileOfURL(answer.URL)
		}
		dest = strings.TrimSuffix(dest, "/") + "/" + name
	}
	values["dest"], values["src"], values["checksum_src"], values["md5sum"] = dest, c.Out(), sums.SHA1, sums.MD5
	changed, err := g.putThere(ctx, h, c, sums, dest, values)
	return tasks.Result{Changed: changed, Msg: webMessage(answer), Values: values}, err
}

// putThere moves what was fetched to dest, unless the same is there, and gives it its attributes.
func (g *getURL) putThere(
	ctx context.Context, h tasks.Host, c *web.Client, sums web.Sums, dest string, values map[string]any,
) (bool, error) {
	changed, backup, err := placeFetched(ctx, h, c, sums, dest, g.Attributes, g.Backup, g.began, values)
	if backup != "" {
		values["backup_file"] = backup
	}
	return changed, err
}

// fetchedFile is what is where a fetched file is to be.
type fetchedFile struct {
	Dest script.File `answer:"dest,required"`
	SHA1 string      `answer:"have_sha1"`
}

func lookAtFetched(ctx context.Context, h tasks.Host, dest string) (at fetchedFile, err error) {
	r, err := h.Shell().Run(ctx, remote.Command{
		Script: scripts.Script("get_url", script.Values{"p": script.Path(dest), "algorithm": ""}),
	})
	if err != nil {
		return at, err
	}
	return at, tasks.Found{Result: r}.Decode(&at)
}

// placeFetched moves the body of an answer to dest, unless the same is there, gives that its attributes, and adds to values what is
// there then. It returns whether something changed, and where a copy of the file before is.
func placeFetched(
	ctx context.Context, h tasks.Host, c *web.Client, sums web.Sums, dest string, attributes files.Attributes, backup bool, began time.Time,
	values map[string]any,
) (changed bool, kept string, err error) {
	before, err := lookAtFetched(ctx, h, dest)
	if err != nil {
		return false, "", err
	}
	if before.Dest.Exists() && before.Dest.Kind != "file" {
		return false, "", &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and a file is wanted there", dest, files.DescribeKind(before.Dest.Kind))}
	}
	if before.SHA1 != "" {
		values["checksum_dest"] = before.SHA1
	}
	plan := tasks.Plan{}
	switch {
	case before.SHA1 != sums.SHA1 || before.SHA1 == "":
		p := files.Placing{
			Word: script.Path(dest), Attributes: attributes, Have: before.Dest, Sum: sums.SHA256, From: script.Path(c.Out()),
		}
		if backup && before.Dest.Exists() {
			kept = files.BackupName(dest, began)
			p.Backup = kept
		}
		if plan.Script, err = p.Script(); err != nil {
			return false, "", err
		}
	case len(attributes.Differences(before.Dest)) > 0:
		plan.Script = attributes.Adjusting(dest, before.Dest, true)
	default:
		maps.Copy(values, files.FileValues(before.Dest))
		return false, "", nil
	}
	if _, err := files.RunPlan(ctx, h.Shell(), plan); err != nil {
		return false, "", err
	}
	after, err := lookAtFetched(ctx, h, dest)
	if err != nil {
		return true, kept, err
	}
	if after.SHA1 != sums.SHA1 {
		return true, kept, &tasks.Failure{Msg: "the change reported success but did not take effect: " + dest + " has another content"}
	}
	maps.Copy(values, files.FileValues(after.Dest))
	return true, kept, nil
}
