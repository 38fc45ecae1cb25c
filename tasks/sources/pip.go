package sources

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type pipArgs struct {
	Name          []string `arg:"name" doc:"Packages, each with versions where that matters (django>=4.2,<5), or URLs of them. Either this or requirements."`
	Version       string   `arg:"version" doc:"Version of the one package in name."`
	Requirements  string   `arg:"requirements" doc:"File on the host with packages, as pip reads it; relative to chdir."`
	State         string   `arg:"state" default:"present" choices:"absent forcereinstall latest present" doc:"What the packages are to be."`
	Virtualenv    string   `arg:"virtualenv,path" doc:"Virtual environment to install in. It is made if it is missing."`
	SitePackages  bool     `arg:"virtualenv_site_packages" default:"false" doc:"An environment that is made has the host's packages as well."`
	VenvCommand   string   `arg:"virtualenv_command" default:"virtualenv" doc:"Command that makes one, such as python3 -m venv or ~/bin/virtualenv."`
	VenvPython    string   `arg:"virtualenv_python" doc:"Python for it, which virtualenv is given as -p."`
	ExtraArgs     string   `arg:"extra_args" doc:"More arguments for pip."`
	Editable      bool     `arg:"editable" default:"false" doc:"Install what name leads to in place (-e)."`
	Chdir         string   `arg:"chdir,path" doc:"Directory on the host to run pip in."`
	Executable    string   `arg:"executable,path" doc:"The pip to use, by name or path; not together with virtualenv."`
	Umask         string   `arg:"umask" doc:"umask for what is made, as octal digits in quotes."`
	BreakPackages bool     `arg:"break_system_packages" default:"false" doc:"Let pip change what the distribution manages."`
}

var pipModule = tasks.Define(tasks.Module{
	Name: "pip", Collections: []string{"ansible.builtin"},
	Network: pipNetwork,
	Summary: "Install packages of Python with the host's pip",
	Notes: []string{
		"The host has to have pip and Python, which polarbook itself does not need there; without them the error says so. A virtual " +
			"environment is made with virtualenv_command, which the host has to have, too.",
		"pip runs in chdir, and otherwise in /. Ansible runs it in /tmp, where another account could leave what Python would take for pip.",
		"A password in the URL of an index in extra_args is masked, and handed to pip in its environment. One in name stands on pip's command " +
			"line, where all users of the host see it.",
		"Check mode compares names and versions with what is installed. With requirements, extra_args, state: latest and forcereinstall it " +
			"says that something changes, as pip alone could know better.",
	},
	Returns: []tasks.Return{
		{Name: "cmd", Type: "list", Doc: "the command"}, {Name: "name", Type: "list", Doc: "as given"},
		{Name: "version", Type: "str", Doc: "as given"},
		{Name: "requirements", Type: "str", Doc: "as given"}, {Name: "virtualenv", Type: "str", Doc: "as given, in chdir"},
		{Name: "state", Type: "str", Doc: "as given"}, {Name: "stdout", Type: "str", Doc: "what virtualenv_command and pip wrote"},
		{Name: "stderr", Type: "str", Doc: "what they wrote to standard error"},
	},
	Examples: `
- pip: {name: [patroni, "psycopg2-binary>=2.9,<3"], virtualenv: /opt/patroni, virtualenv_command: python3 -m venv}
- pip: {requirements: requirements.txt, chdir: /srv/app, virtualenv: /srv/app/venv}
- pip: {name: legacy, state: absent, executable: pip3.11}
`,
}, newPip)

var ownEnvironment = regexp.MustCompile(`(^|/)pyvenv|\s-m\s*venv(\s|$)`)

func newPip(a *pipArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "pip", Arg: arg, Problem: problem}
	}
	p := &pip{pipArgs: *a, asking: l.Check(), packages: joinRequirements(a.Name)}
	switch {
	case len(a.Name) == 0 && a.Requirements == "":
		return refuse("name", "or requirements is required")
	case len(a.Name) > 0 && a.Requirements != "":
		return refuse("requirements", "and name exclude each other")
	case a.Executable != "" && a.Virtualenv != "":
		return refuse("executable", "and virtualenv exclude each other")
	case a.State == "latest" && a.Version != "":
		return refuse("version", "is incompatible with state: latest")
	case a.Version != "" && len(p.packages) != 1:
		return refuse("version", "is for one package: write the versions of several behind their names")
	case a.Version != "" && len(readRequirement(p.packages[0]).limits) > 0:
		return refuse("version", "is given twice: in name, too")
	case a.Version != "" && strings.ContainsAny(p.packages[0], "/@"):
		return refuse("version", "is for a package by its name, and not for where it is")
	case a.Umask != "" && !octalDigits.MatchString(a.Umask):
		return refuse("umask", fmt.Sprintf("is %q, which is no octal number", a.Umask))
	case a.VenvPython != "" && ownEnvironment.MatchString(a.VenvCommand):
		return refuse("virtualenv_python", "is for virtualenv: name the Python in virtualenv_command")
	}
	for _, name := range p.packages {
		if strings.HasPrefix(name, "-") || name == "" {
			return refuse("name", fmt.Sprintf("holds %q, which is no package", name))
		}
		hideURL(l, name)
	}
	if a.Version != "" {
		if version := strings.TrimSpace(a.Version); version[0] >= '0' && version[0] <= '9' {
			p.packages[0] += "==" + version
		} else {
			p.packages[0] += version
		}
	}
	var err error
	if p.venvWords, err = script.SplitWords(a.VenvCommand); err != nil || len(p.venvWords) == 0 {
		return refuse("virtualenv_command", fmt.Sprintf("is %q, which is no command", a.VenvCommand))
	}
	if p.extra, err = script.SplitWords(a.ExtraArgs); err != nil {
		return refuse("extra_args", "cannot be read: "+err.Error())
	}
	p.takeIndexes(l)
	if a.Editable && !slices.Contains(p.extra, "-e") {
		p.extra = append(p.extra, "-e")
	}
	if a.SitePackages {
		p.venvWords = append(p.venvWords, "--system-site-packages")
	}
	if a.VenvPython != "" {
		p.venvWords = append(p.venvWords, "-p"+a.VenvPython)
	}
	return tasks.AskApply(p), nil
}

type pip struct {
	pipArgs
	asking            bool
	packages          []string
	venvWords, extra  []string
	index, extraIndex string // with passwords
}

// hideURL has the password of a URL masked, and says whether it has one.
func hideURL(l tasks.Local, text string) bool {
	at, err := url.Parse(text)
	if err != nil || at.User == nil {
		return false
	}
	password, ok := at.User.Password()
	if !ok || password == "" {
		return false
	}
	l.Secret(password)
	if written := at.User.String(); strings.HasSuffix(written, ":"+password) {
		return true
	} else if _, encoded, ok := strings.Cut(written, ":"); ok {
		l.Secret(encoded)
	}
	return true
}

// takeIndexes takes the URLs of indexes that have passwords out of the arguments.
func (p *pip) takeIndexes(l tasks.Local) {
	var kept []string
	for i := 0; i < len(p.extra); i++ {
		name, value, joined := strings.Cut(p.extra[i], "=")
		into := &p.index
		switch name {
		case "-i", "--index-url":
		case "--extra-index-url":
			into = &p.extraIndex
		default:
			kept = append(kept, p.extra[i])
			continue
		}
		words := p.extra[i : i+1]
		if !joined && i+1 < len(p.extra) {
			words, value = p.extra[i:i+2], p.extra[i+1]
			i++
		}
		if !hideURL(l, value) {
			kept = append(kept, words...)
			continue
		}
		*into = strings.TrimSpace(*into + " " + value)
	}
	p.extra = kept
}

// joinRequirements puts together what commas and the items of a list have cut apart: "a>1", "<2" is one package.
func joinRequirements(names []string) []string {
	var packages []string
	brackets := false
	for _, item := range names {
		for _, part := range strings.Split(item, ",") {
			if len(packages) > 0 && (brackets || versionOperator.MatchString(part)) {
				packages[len(packages)-1] += "," + strings.TrimSpace(part)
			} else {
				packages = append(packages, strings.TrimSpace(part))
			}
			switch {
			case strings.Contains(part, "]"):
				brackets = false
			case strings.Contains(part, "["):
				brackets = true
			}
		}
	}
	return packages
}

func (p *pip) values(more script.Values) script.Values {
	values := script.Values{"venv": "", "exe": p.Executable, "chdir": "", "mask": p.Umask, "make": p.makeCommand()}
	if p.Virtualenv != "" {
		values["venv"] = script.Path(p.Virtualenv)
		if !strings.ContainsAny(p.Virtualenv[:1], "/~$") {
			values["venv"] = p.Virtualenv
		}
	}
	if strings.Contains(p.Executable, "/") {
		values["exe"] = script.Path(p.Executable)
	}
	if p.Chdir != "" {
		values["chdir"] = script.Path(p.Chdir)
	}
	for name, value := range more {
		values[name] = value
	}
	return values
}

// Probe lists what is installed where nothing will be done about it.
func (p *pip) Probe() string {
	if !p.asking {
		return ""
	}
	return scripts.Script("pip_look", p.values(nil))
}

type pipFound struct {
	Missing string `answer:"missing"`
	New     bool   `answer:"new"`
	Pip     []byte `answer:"pip"`
	List    []byte `answer:"list"`
}

// Ask reads the probe's answer.
func (p *pip) Ask(_ context.Context, _ tasks.Host, probed tasks.Found) (pipFound, error) {
	var found pipFound
	if !p.asking {
		return found, nil
	}
	return found, probed.Decode(&found)
}

// environment is the virtual environment as it is returned: in chdir, where its path is a relative one.
func (p *pip) environment() string {
	if p.Virtualenv == "" || p.Chdir == "" || strings.ContainsAny(p.Virtualenv[:1], "/~$") {
		return p.Virtualenv
	}
	return strings.TrimSuffix(p.Chdir, "/") + "/" + p.Virtualenv
}

// makeCommand is the command line that makes an environment. The command is a path: a ~ at its beginning and variables in it are
// the host's to replace.
func (p *pip) makeCommand() string {
	words := make([]string, len(p.venvWords))
	for i, word := range p.venvWords {
		if words[i] = script.Expanded(word); i > 0 && strings.HasPrefix(word, "~") {
			words[i] = remote.Quote(word)
		}
	}
	return strings.Join(words, " ")
}

// missing says what a host lacks.
func (p *pip) missing(what string) (tasks.Plan, error) {
	return tasks.NotYet(p.asking, what, "install python3-pip (for a virtual environment also python3-venv or virtualenv) with the module "+
		"package first")
}

// Plan knows what changes in check mode alone: pip itself finds it out otherwise.
func (p *pip) Plan(found pipFound) (tasks.Plan, struct{}, error) {
	plan := tasks.Plan{Change: true, Event: true, Values: map[string]any{"virtualenv": nil, "requirements": nil, "version": nil, "name": nil,
		"state": p.State}}
	for name, value := range map[string]string{"virtualenv": p.environment(), "requirements": p.Requirements, "version": p.Version} {
		if value != "" {
			plan.Values[name] = value
		}
	}
	what := "the packages of " + p.Requirements
	if len(p.Name) > 0 {
		names := make([]any, len(p.Name))
		for i, name := range p.Name {
			names[i] = name
		}
		plan.Values["name"], what = names, strings.Join(p.packages, ", ")
	}
	plan.Msg = map[string]string{
		"present": "install ", "latest": "install the latest of ", "forcereinstall": "install again ", "absent": "remove ",
	}[p.State] + what
	switch {
	case found.Missing != "":
		plan, err := p.missing(found.Missing)
		return plan, struct{}{}, err
	case !p.asking, found.New, p.ExtraArgs != "", p.Editable, p.Requirements != "", p.State == "latest", p.State == "forcereinstall":
		return plan, struct{}{}, nil
	}
	installed := readFreeze(string(found.List))
	plan.Change = slices.ContainsFunc(p.packages, func(name string) bool {
		return readRequirement(name).in(installed) != (p.State == "present")
	})
	plan.Values["cmd"], plan.Values["stdout"], plan.Values["stderr"] = string(found.Pip)+" list --format=freeze", string(found.List), ""
	return plan, struct{}{}, nil
}

// words are pip's arguments.
func (p *pip) words() []string {
	words := map[string][]string{
		"present": {"install"}, "absent": {"uninstall", "-y"}, "latest": {"install", "-U"},
		"forcereinstall": {"install", "-U", "--force-reinstall"},
	}[p.State]
	words = append(slices.Clone(words), p.extra...)
	if p.Requirements != "" {
		return append(words, "-r", p.Requirements)
	}
	return append(words, p.packages...)
}

// pipOfPython is what the scripts call pip where it is no program of its own.
const pipOfPython = "python3 -m pip"

var vcsURL = regexp.MustCompile(`^(svn|git|hg|bzr)\+`)

// Apply runs pip.
func (p *pip) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan, _ struct{}) (tasks.Result, error) {
	words := p.words()
	h.Say("pip " + words[0])
	r, err := h.Shell().Stream(ctx, remote.Command{Script: scripts.Script("pip_change", p.values(script.Values{
		"words": script.Words(words), "no_site": !p.SitePackages, "index": p.index, "extra_index": p.extraIndex, "break_system": p.BreakPackages,
		"compare": p.Requirements != "" || slices.ContainsFunc(p.Name, vcsURL.MatchString),
	}))}, nil, nil, nil)
	if err != nil {
		return tasks.Result{}, err
	}
	if err := files.ScriptFailed(r); err != nil {
		return tasks.Result{}, err
	}
	var made struct {
		Missing string `answer:"missing"`
		Made    bool   `answer:"made"`
		RC      int    `answer:"rc"`
		Pip     []byte `answer:"pip"`
		Said    []byte `answer:"said"`
		Differs bool   `answer:"differs"`
	}
	if err := script.Decode(r.Stdout, &made); err != nil {
		return tasks.Result{}, err
	}
	if made.Missing != "" {
		_, err := p.missing(made.Missing)
		return tasks.Result{}, err
	}
	command := []any{string(made.Pip)}
	if string(made.Pip) == pipOfPython {
		command = []any{"python3", "-m", "pip"}
	}
	for _, word := range words {
		command = append(command, word)
	}
	values := map[string]any{"cmd": command, "stdout": string(made.Said), "stderr": string(r.Stderr)}
	said := string(made.Said)
	if made.RC != 0 && (p.State != "absent" || made.RC != 1 || !strings.Contains(said+string(r.Stderr), "not installed")) {
		values["rc"] = made.RC
		return tasks.Result{}, &tasks.Failure{Msg: fmt.Sprintf("stdout: %s\n:stderr: %s", said, r.Stderr), Values: values}
	}
	result := tasks.Result{Values: values, Changed: made.Made || made.Differs}
	switch {
	case p.State == "absent":
		result.Changed = made.Made || strings.Contains(said, "Successfully uninstalled")
	case p.Requirements == "" && !slices.ContainsFunc(p.Name, vcsURL.MatchString):
		result.Changed = made.Made || strings.Contains(said, "Successfully installed")
	}
	if !result.Changed {
		result.Msg = "nothing to do, says pip"
	}
	return result, nil
}
