package builtin

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/templates/configparser"
)

type yumRepositoryArgs struct {
	files.Attributes
	Name        string   `arg:"name,required" doc:"Repository, the name of its section."`
	Description string   `arg:"description" doc:"What it is called; required unless state is absent."`
	State       string   `arg:"state" default:"present" choices:"absent present" doc:"Write the section, or remove it; a file without sections is removed."`
	File        string   `arg:"file" doc:"File in reposdir, without .repo; name when not given."`
	ReposDir    string   `arg:"reposdir,path" default:"/etc/yum.repos.d" doc:"Directory of the file, which has to be there."`
	BaseURL     []string `arg:"baseurl" doc:"URLs of the repository."`
	MirrorList  string   `arg:"mirrorlist" doc:"URL of a list of mirrors."`
	MetaLink    string   `arg:"metalink" doc:"URL of a metalink."`
	Enabled     *bool    `arg:"enabled" doc:"Whether it is used."`
	GPGCheck    *bool    `arg:"gpgcheck" doc:"Check signatures of packages."`
	RepoGPG     *bool    `arg:"repo_gpgcheck" doc:"Check the signature of the metadata."`
	GPGKey      []string `arg:"gpgkey" doc:"URLs of keys."`
	GPGCAKey    string   `arg:"gpgcakey" doc:"URL of the key that signs keys."`
	Exclude     []string `arg:"exclude" alias:"excludepkgs" doc:"Packages not to take from it."`
	Include     string   `arg:"include" doc:"File to include."`
	IncludePkgs []string `arg:"includepkgs" doc:"Packages to take from it."`
	Priority    string   `arg:"priority" doc:"Lower is preferred."`
	Cost        string   `arg:"cost" doc:"Relative cost of access."`
	Hotfixes    *bool    `arg:"module_hotfixes" doc:"Packages of it are used whatever modules are enabled."`
	CountMe     *bool    `arg:"countme" doc:"Let the host be counted."`
	SkipMissing *bool    `arg:"skip_if_unavailable" doc:"Go on without it."`
	SSLVerify   *bool    `arg:"sslverify" alias:"validate_certs" doc:"Check its certificate."`
	SSLCACert   string   `arg:"sslcacert" alias:"ca_cert" doc:"CA certificates on the host."`
	SSLCert     string   `arg:"sslclientcert" alias:"client_cert" doc:"The host's certificate."`
	SSLKey      string   `arg:"sslclientkey" alias:"client_key" doc:"Its key, a file on the host."`
	Username    string   `arg:"username" doc:"Account of the repository."`
	Password    string   `arg:"password,secret" doc:"Its password."`
	Proxy       string   `arg:"proxy" doc:"URL of a proxy; _none_ for none."`
	ProxyUser   string   `arg:"proxy_username" doc:"Account of the proxy."`
	ProxyPass   string   `arg:"proxy_password,secret" doc:"Its password."`
	Expire      string   `arg:"metadata_expire" doc:"How long metadata is good."`
	ExpireWhen  string   `arg:"metadata_expire_filter" choices:"never read-only:past read-only:present read-only:future" doc:"Of no effect with dnf."`
	MirrorsFor  string   `arg:"mirrorlist_expire" doc:"Of no effect with dnf."`
	Bandwidth   string   `arg:"bandwidth" doc:"Bytes a second that there are."`
	Throttle    string   `arg:"throttle" doc:"Share of bandwidth to use."`
	Timeout     string   `arg:"timeout" doc:"Seconds to wait for a connection."`
	Retries     string   `arg:"retries" doc:"How often a file is tried."`
	IPResolve   string   `arg:"ip_resolve" choices:"4 6 IPv4 IPv6 whatever" doc:"Which addresses to use."`
	Failover    string   `arg:"failovermethod" choices:"roundrobin priority" doc:"How the next URL is chosen."`
	HTTPCaching string   `arg:"http_caching" choices:"all packages none" doc:"Of no effect with dnf."`
	KeepAlive   *bool    `arg:"keepalive" doc:"Of no effect with dnf."`
	KeepCache   string   `arg:"keepcache" choices:"0 1" doc:"Of no effect in a repository."`
	DeltaShare  string   `arg:"deltarpm_percentage" doc:"When a delta is worth it."`
	DeltaMeta   string   `arg:"deltarpm_metadata_percentage" doc:"Of no effect with dnf."`
	Groups      *bool    `arg:"enablegroups" doc:"Use its groups of packages."`
	Protect     *bool    `arg:"protect" doc:"Of no effect with dnf."`
	S3          *bool    `arg:"s3_enabled" doc:"It is in Amazon S3."`
	CheckPerms  *bool    `arg:"ssl_check_cert_permissions" doc:"Of no effect with dnf."`
	RepoIDVars  string   `arg:"ui_repoid_vars" doc:"Of no effect with dnf."`
	Async       *bool    `arg:"async" doc:"Of no effect with dnf."`
}

var yumRepositoryModule = tasks.Define(tasks.Module{
	Name: "yum_repository", Collections: []string{"ansible.builtin"},
	Summary: "Manage a repository of yum and dnf in a file of /etc/yum.repos.d",
	Notes: []string{"The section is written anew, and with a change the whole file: comments in it are lost, as with Ansible. " +
		"The repository is not asked."},
	Returns: []tasks.Return{{Name: "repo", Type: "str", Doc: "the repository"}, {Name: "state", Type: "str", Doc: "as asked for"}},
	Examples: `
- yum_repository:
    name: internal
    description: Our packages
    baseurl: https://mirror.example.com/el$releasever/
    gpgcheck: false
`,
}, func(a *yumRepositoryArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "yum_repository", Arg: arg, Problem: problem}
	}
	if a.File == "" {
		a.File = a.Name
	}
	switch {
	case a.Name == "" || strings.ContainsAny(a.Name, "]\n"):
		return refuse("name", fmt.Sprintf("cannot be %q", a.Name))
	case strings.Contains(a.File, "/"):
		return refuse("file", "is a name in reposdir, without a slash")
	case a.State == "present" && len(a.BaseURL) == 0 && a.MirrorList == "" && a.MetaLink == "":
		return refuse("baseurl", "is required, or mirrorlist or metalink")
	case a.State == "present" && a.Description == "":
		return refuse("description", "is required")
	}
	e, err := files.NewEdit("yum_repository", files.EditArgs{Attributes: a.Attributes, Path: path.Join(a.ReposDir, a.File+".repo")}, true, l)
	if err != nil {
		return nil, err
	}
	e.InDirectory = true
	e.Emptied = func(after string) bool { return after == "" }
	r := &yumRepository{a, e}
	e.Rewrite = r.rewrite
	return r, nil
})

type yumRepository struct {
	args *yumRepositoryArgs
	file *files.Edit
}

func (r *yumRepository) Probe() string { return r.file.Probe() }

func (r *yumRepository) Plan(found tasks.Found) (tasks.Plan, error) {
	result := map[string]any{"repo": r.args.Name, "state": r.args.State}
	var said files.Read
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if r.args.State == "absent" && !said.File.Exists() {
		return tasks.Plan{Values: result}, nil
	}
	plan, err := r.file.Plan(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	maps.Copy(plan.Values, result)
	maps.Copy(result, plan.Made)
	plan.Made = result // the file is looked at again after a change, and has a state of its own
	return plan, nil
}

// option is a line of a section; the value may have several lines.
type option struct{ key, value string }

type section struct {
	name    string
	options []option
}

// rewrite puts the section last; a file that says the same in other words stays as it is.
func (r *yumRepository) rewrite(text string, _ bool) (string, string, map[string]any, error) {
	sections, err := readSections(text)
	if err != nil {
		return "", "", nil, &tasks.Failure{Msg: fmt.Sprintf("%s cannot be read: %v", r.file.Path, err)}
	}
	mine := func(s section) bool { return s.name == r.args.Name }
	after := slices.DeleteFunc(slices.Clone(sections), mine)
	msg := "remove " + r.args.Name
	if r.args.State == "present" {
		msg = "write the repository " + r.args.Name
		after = append(after, section{r.args.Name, r.options()})
	}
	if sameSections(sections, after) {
		return text, "", nil, nil
	}
	var b strings.Builder
	for _, s := range after {
		fmt.Fprintf(&b, "[%s]\n", s.name)
		for _, o := range s.options {
			fmt.Fprintf(&b, "%s = %s\n", o.key, strings.ReplaceAll(o.value, "\n", "\n\t"))
		}
		b.WriteByte('\n')
	}
	return b.String(), msg, nil, nil
}

// options are those of the arguments, in their order in the file.
func (r *yumRepository) options() []option {
	a := r.args
	var list []option
	text := func(key, value string) {
		if value != "" {
			list = append(list, option{key, value})
		}
	}
	flag := func(key string, value *bool) {
		if value != nil {
			text(key, map[bool]string{true: "1", false: "0"}[*value])
		}
	}
	text("bandwidth", a.Bandwidth)
	text("baseurl", strings.Join(a.BaseURL, "\n"))
	text("cost", a.Cost)
	text("deltarpm_metadata_percentage", a.DeltaMeta)
	text("deltarpm_percentage", a.DeltaShare)
	text("exclude", strings.Join(a.Exclude, " "))
	text("failovermethod", a.Failover)
	text("gpgcakey", a.GPGCAKey)
	text("gpgkey", strings.Join(a.GPGKey, "\n"))
	text("http_caching", a.HTTPCaching)
	text("include", a.Include)
	text("includepkgs", strings.Join(a.IncludePkgs, " "))
	text("ip_resolve", a.IPResolve)
	text("keepcache", a.KeepCache)
	text("metadata_expire", a.Expire)
	text("metadata_expire_filter", a.ExpireWhen)
	text("metalink", a.MetaLink)
	text("mirrorlist", a.MirrorList)
	text("mirrorlist_expire", a.MirrorsFor)
	text("name", a.Description)
	text("password", a.Password)
	text("priority", a.Priority)
	text("proxy", a.Proxy)
	text("proxy_password", a.ProxyPass)
	text("proxy_username", a.ProxyUser)
	text("retries", a.Retries)
	text("sslcacert", a.SSLCACert)
	text("sslclientcert", a.SSLCert)
	text("sslclientkey", a.SSLKey)
	text("throttle", a.Throttle)
	text("timeout", a.Timeout)
	text("ui_repoid_vars", a.RepoIDVars)
	text("username", a.Username)
	for key, value := range map[string]*bool{
		"async": a.Async, "countme": a.CountMe, "enabled": a.Enabled, "enablegroups": a.Groups, "gpgcheck": a.GPGCheck, "keepalive": a.KeepAlive,
		"module_hotfixes": a.Hotfixes, "protect": a.Protect, "repo_gpgcheck": a.RepoGPG, "s3_enabled": a.S3, "skip_if_unavailable": a.SkipMissing,
		"ssl_check_cert_permissions": a.CheckPerms, "sslverify": a.SSLVerify,
	} {
		flag(key, value)
	}
	slices.SortFunc(list, func(a, b option) int { return strings.Compare(a.key, b.key) })
	return list
}

// readSections reads a file of repositories; Default's section is there where it sets something.
func readSections(text string) ([]section, error) {
	var file configparser.File
	if err := file.Read(text); err != nil {
		return nil, err
	}
	var sections []section
	for _, name := range append([]string{configparser.Default}, file.Sections()...) {
		s := section{name: name}
		for _, key := range file.Own(name) {
			value, _, _ := file.Get(name, key) // nothing of it is interpolated
			s.options = append(s.options, option{key, *value})
		}
		if name != configparser.Default || len(s.options) > 0 {
			sections = append(sections, s)
		}
	}
	return sections, nil
}

// sameSections compares without regard to the order.
func sameSections(a, b []section) bool {
	dump := func(list []section) string {
		var all []string
		for _, s := range list {
			var lines []string
			for _, o := range s.options {
				lines = append(lines, o.key+" = "+o.value)
			}
			slices.Sort(lines)
			all = append(all, "["+s.name+"]\n"+strings.Join(lines, "\n"))
		}
		slices.Sort(all)
		return strings.Join(all, "\n\n")
	}
	return dump(a) == dump(b)
}
