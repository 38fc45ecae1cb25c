package sources

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type gitArgs struct {
	Repo          string   `arg:"repo,required" alias:"name" doc:"The repository: a URL, USER@HOST:PATH, or a path on the host."`
	Dest          string   `arg:"dest,path" doc:"Directory for the working tree. Required unless clone is false."`
	Version       string   `arg:"version" default:"HEAD" doc:"Branch, tag or commit to check out; HEAD: the remote's own branch."`
	Remote        string   `arg:"remote" default:"origin" doc:"What the remote repository is called in the one on the host."`
	Refspec       string   `arg:"refspec" doc:"What is fetched besides, as git takes it."`
	Reference     string   `arg:"reference" doc:"Repository on the host from which objects are taken that it has already."`
	Force         bool     `arg:"force" default:"false" doc:"Throw away what was modified in the working tree; otherwise that is a failure."`
	Depth         int      `arg:"depth" doc:"Fetch no more than so many commits of the history."`
	Clone         bool     `arg:"clone" default:"true" doc:"Clone the repository where dest has none; false: say which commit version is, and make nothing."`
	Update        bool     `arg:"update" default:"true" doc:"Fetch what is new where dest has the repository already."`
	Verify        bool     `arg:"verify_commit" default:"false" doc:"Require that the commit or tag is signed and that the host's gpg knows the key."`
	Allowed       []string `arg:"gpg_allowlist" alias:"gpg_whitelist" doc:"Fingerprints of keys, of which one has to have signed it."`
	AcceptKey     bool     `arg:"accept_hostkey" default:"false" doc:"Have ssh accept any key of the server (StrictHostKeyChecking=no)."`
	AcceptNewKey  bool     `arg:"accept_newhostkey" default:"false" doc:"Have ssh accept the key of a server that it does not know."`
	KeyFile       string   `arg:"key_file,path" doc:"File on the host with the private key for ssh."`
	SSHOpts       string   `arg:"ssh_opts" doc:"Options for ssh."`
	Executable    string   `arg:"executable,path" doc:"The git to use; the one on PATH by default."`
	Bare          bool     `arg:"bare" default:"false" doc:"Keep a repository without a working tree."`
	Recursive     bool     `arg:"recursive" default:"true" doc:"Have the submodules, too."`
	Single        bool     `arg:"single_branch" default:"false" doc:"Clone the history of one branch alone."`
	Track         bool     `arg:"track_submodules" default:"false" doc:"Take the newest commit of the submodules' branches, not the one that the repository names."`
	Umask         any      `arg:"umask" doc:"umask for what is made, as octal digits in quotes."`
	Archive       string   `arg:"archive,path" doc:"File on the host into which version is packed: .tar, .tar.gz, .tgz or .zip."`
	ArchivePrefix string   `arg:"archive_prefix" doc:"What the names in the archive begin with."`
	SeparateDir   string   `arg:"separate_git_dir,path" doc:"Directory for the repository itself, apart from the working tree. One that is elsewhere is moved there."`
}

var gitModule = tasks.Define(tasks.Module{
	Name: "git", Collections: []string{"ansible.builtin"},
	Network: gitNetwork,
	Summary: "Check out a git repository on hosts",
	Notes: []string{
		"The host's git does the work, with the host's ssh where the repository is behind one; nothing is asked on a terminal.",
		"A password in repo is masked, and given to git apart, for that server alone: it stands on no command line, and is not kept in the " +
			"repository's configuration. So whoever fetches by hand is asked for it.",
		"Check mode asks the remote repository which commit version is, and fetches nothing. With --diff the files that differ are named; " +
			"Ansible shows the whole difference.",
		"dest is not entered by a link that another account made or could replace. git itself refuses a repository of another account's " +
			"(become_user is for that).",
	},
	Returns: []tasks.Return{
		{Name: "before", Type: "str", Doc: "commit that was checked out; null where there was none"},
		{Name: "after", Type: "str", Doc: "commit that is checked out"},
		{Name: "remote_url_changed", Type: "bool", Doc: "whether the remote repository was another"},
		{Name: "submodules_changed", Type: "bool", Doc: "whether submodules were brought up to date"},
		{Name: "git_dir_before", Type: "str", Doc: "where the repository was that separate_git_dir moved"},
		{Name: "git_dir_now", Type: "str", Doc: "where it is"},
	},
	Examples: `
- git: {repo: "https://git.example.com/tools.git", dest: /opt/tools, version: v1.4.2}
- git: {repo: "git@git.example.com:app.git", dest: /srv/app, key_file: /root/.ssh/deploy, accept_newhostkey: true, depth: 1}
- git: {repo: "https://git.example.com/tools.git", dest: /opt/tools, archive: /srv/tools.tar.gz, archive_prefix: tools/}
- git: {repo: "https://git.example.com/tools.git", clone: false, version: main}
  register: tools
`,
}, newGit)

var (
	octalDigits    = regexp.MustCompile(`^(0[oO])?[0-7]+$`)
	archiveFormats = map[string]string{".zip": "zip", ".gz": "tar.gz", ".tar": "tar", ".tgz": "tgz"}
)

func newGit(a *gitArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "git", Arg: arg, Problem: problem}
	}
	for arg, value := range map[string]string{
		"repo": a.Repo, "version": a.Version, "remote": a.Remote, "refspec": a.Refspec, "reference": a.Reference,
		"archive_prefix": a.ArchivePrefix,
	} {
		if strings.HasPrefix(value, "-") || strings.ContainsAny(value, "\n\x00") {
			return refuse(arg, fmt.Sprintf("is %q, which git would take for an option or for more than a word", value))
		}
	}
	g := &git{gitArgs: *a, asking: l.Check(), showing: l.Diff(), address: a.Repo}
	switch {
	case a.Repo == "":
		return refuse("repo", "is empty")
	case a.Version == "":
		return refuse("version", "is empty")
	case script.TrimSlashes(a.Dest) == "" && (a.Clone || a.Dest != ""):
		return refuse("dest", "is required, unless clone is false")
	case a.SeparateDir != "" && a.Bare:
		return refuse("separate_git_dir", "and bare exclude each other")
	case a.AcceptKey && a.AcceptNewKey:
		return refuse("accept_newhostkey", "and accept_hostkey exclude each other")
	case a.ArchivePrefix != "" && a.Archive == "":
		return refuse("archive_prefix", "is for archive, which is not given")
	case a.Depth < 0:
		return refuse("depth", "has to be 1 or more")
	}
	if a.Umask != nil {
		text, ok := a.Umask.(string)
		switch {
		case !ok:
			return refuse("umask", "has to be octal digits in quotes")
		case !octalDigits.MatchString(text):
			return refuse("umask", fmt.Sprintf("is %q, which is no octal number", text))
		}
		g.mask = strings.TrimLeft(text, "oO0")
		g.mask = "0" + strings.TrimLeft(g.mask, "0")
	}
	if a.Archive != "" {
		if g.format = archiveFormats[path.Ext(a.Archive)]; g.format == "" {
			return refuse("archive", "has to end in .tar, .tar.gz, .tgz or .zip")
		}
	}
	g.credentials(l)
	return tasks.AskApply(g), nil
}

type git struct {
	gitArgs
	asking, showing       bool
	mask, format          string
	address               string // repo, without a password
	realm, user, password string // of repo, where it has a password
}

// credentials takes the password out of the repository's URL.
func (g *git) credentials(l tasks.Local) {
	at, err := url.Parse(g.Repo)
	if err != nil || at.User == nil || at.Scheme != "http" && at.Scheme != "https" {
		return
	}
	password, ok := at.User.Password()
	if !ok || password == "" {
		return
	}
	l.Secret(password)
	written, _, _ := strings.Cut(strings.TrimPrefix(g.Repo, at.Scheme+"://"), "@"+at.Host)
	if _, encoded, ok := strings.Cut(written, ":"); ok && encoded != password {
		l.Secret(encoded)
	}
	if len(at.User.Username()) >= 20 { // TOKEN:x-oauth-basic
		l.Secret(at.User.Username())
	}
	g.user, g.password, g.realm = at.User.Username(), password, at.Scheme+"://"+at.Host
	at.User = nil
	g.address = at.String()
}

// given are the values that both scripts take.
func (g *git) given(f string, more script.Values) string {
	values := script.Values{
		"exe": "", "repo": g.address, "local": "", "realm": g.realm, "user": g.user, "password": g.password, "key": "", "ssh_opts": g.SSHOpts,
		"host_keys": "", "mask": g.mask, "dest": "", "bare": g.Bare, "remote": g.Remote, "version": g.Version,
		"update": g.Update, "clone": g.Clone, "separate": "",
	}
	// What the host has to complete: ~ and variables.
	for name, p := range map[string]string{"exe": g.Executable, "key": g.KeyFile, "dest": script.TrimSlashes(g.Dest),
		"separate": g.SeparateDir} {
		if p != "" {
			values[name] = script.Path(p)
		}
	}
	if g.Executable != "" && !strings.Contains(g.Executable, "/") {
		values["exe"] = g.Executable
	}
	if strings.HasPrefix(g.address, "/") || strings.HasPrefix(g.address, "~") {
		values["local"] = script.Path(g.address)
	}
	switch {
	case g.AcceptKey:
		values["host_keys"] = "no"
	case g.AcceptNewKey:
		values["host_keys"] = "new"
	}
	for name, value := range more {
		values[name] = value
	}
	return scripts.Script(f, values.For(scripts, f), g.Allowed...)
}

// Probe looks at dest, and asks the remote repository where nothing will be fetched.
func (g *git) Probe() string {
	return g.given("git_look", script.Values{"ask": g.asking || !g.Clone})
}

// checkout is what there is at dest.
type checkout struct {
	Missing    bool     `answer:"missing"`
	Version    string   `answer:"git"`
	There      bool     `answer:"there"`
	Moves      bool     `answer:"moves"`
	Modified   bool     `answer:"modified"`
	URLChanged bool     `answer:"url_changed"`
	Before     string   `answer:"before"`
	After      string   `answer:"after"`
	Warnings   []string `answer:"warning"`
}

// Ask reads the probe's answer.
func (g *git) Ask(_ context.Context, _ tasks.Host, probed tasks.Found) (checkout, error) {
	var c checkout
	return c, probed.Decode(&c)
}

// Plan knows what will change in check mode alone: what is new is found by fetching it.
func (g *git) Plan(c checkout) (tasks.Plan, checkout, error) {
	if c.Missing {
		plan, err := tasks.NotYet(g.asking, "there is no "+g.program()+" on this host", "install git first, with the module package")
		return plan, c, err
	}
	plan := tasks.Plan{Event: true, Warnings: c.Warnings, Values: map[string]any{"before": nil}}
	if c.There {
		plan.Values["before"] = c.Before
	}
	switch {
	case !c.There:
		plan.Change, plan.Msg = true, fmt.Sprintf("clone %s to %s", g.address, g.Dest)
		if !g.Clone {
			plan.Msg = fmt.Sprintf("%s is %s in %s", g.Version, c.After, g.address)
		}
		if c.After != "" {
			plan.Values["after"] = c.After
		}
	case !g.Update:
		plan.Values["after"] = c.Before
		plan.Change = c.Moves || g.Archive != ""
		plan.Msg = "the repository is there, and update is false"
	case c.Modified && !g.Force:
		return plan, c, &tasks.Failure{
			Msg:    "Local modifications exist in the destination: " + g.Dest + " (force=no).",
			Hint:   "commit them, or give force: true to throw them away",
			Values: plan.Values,
		}
	default:
		plan.Values["remote_url_changed"] = c.URLChanged
		plan.Change, plan.Msg = true, fmt.Sprintf("bring %s to %s of %s", g.Dest, g.Version, g.address)
		if g.asking {
			plan.Values["after"] = c.After
			plan.Change = c.Before != c.After || c.URLChanged || c.Modified || c.Moves || g.Archive != ""
		}
	}
	if g.asking && plan.Change {
		plan.Diff = g.diff(c.Before, c.After, "")
	}
	return plan, c, nil
}

func (g *git) program() string {
	if g.Executable != "" {
		return g.Executable
	}
	return "git"
}

func (g *git) diff(before, after, names string) []tasks.Diff {
	if !g.showing || before == after {
		return nil
	}
	d := tasks.Diff{BeforeHeader: g.Dest, AfterHeader: g.Dest, After: after + "\n" + names}
	if before != "" {
		d.Before = before + "\n"
	}
	return []tasks.Diff{d}
}

// Apply clones or fetches, and checks out.
func (g *git) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, c checkout) (tasks.Result, error) {
	if !c.There && !g.Clone {
		return tasks.Result{Changed: true}, nil
	}
	values := script.Values{
		"force": g.Force, "depth": "", "reference": g.Reference, "refspec": g.Refspec, "single": g.Single, "recursive": g.Recursive,
		"track": g.Track, "verify": g.Verify, "archive": "", "format": g.format, "prefix": g.ArchivePrefix, "show": g.showing,
	}
	if g.Depth > 0 {
		values["depth"] = strconv.Itoa(g.Depth)
	}
	if g.Archive != "" {
		values["archive"] = script.Path(g.Archive)
	}
	h.Say("git: " + g.Version + " of " + g.address)
	r, err := h.Shell().Stream(ctx, remote.Command{Script: g.given("git_change", values)}, nil, nil, nil)
	if err != nil {
		return tasks.Result{}, err
	}
	if err := files.ScriptFailed(r); err != nil {
		return tasks.Result{}, err
	}
	var made struct {
		After      string   `answer:"after,required"`
		Modified   bool     `answer:"modified"`
		URLChanged bool     `answer:"url_changed"`
		Submodules bool     `answer:"submodules"`
		Archived   bool     `answer:"archived"`
		From       []byte   `answer:"moved_from"`
		To         []byte   `answer:"moved_to"`
		Differ     []byte   `answer:"differ"`
		Warnings   []string `answer:"warning"`
	}
	if err := script.Decode(r.Stdout, &made); err != nil {
		return tasks.Result{}, err
	}
	result := tasks.Result{Warnings: made.Warnings, Values: map[string]any{"after": made.After}}
	result.Changed = c.Before != made.After || made.Modified || made.URLChanged || made.Submodules || made.Archived || len(made.To) > 0
	if c.There && g.Update {
		result.Values["remote_url_changed"] = made.URLChanged
	}
	if made.Submodules {
		result.Values["submodules_changed"] = true
	}
	if len(made.To) > 0 {
		result.Values["git_dir_before"], result.Values["git_dir_now"] = string(made.From), string(made.To)
	}
	if !result.Changed {
		result.Msg = g.Dest + " is at " + made.After
	}
	result.Diff = g.diff(c.Before, made.After, string(made.Differ))
	return result, nil
}
