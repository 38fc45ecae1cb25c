package builtin

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type deb822Args struct {
	Name          string   `arg:"name,required" doc:"Repository; the file's name is made of it."`
	State         string   `arg:"state" default:"present" choices:"absent present" doc:"Write the file, or remove it and its keys in /etc/apt/keyrings."`
	Mode          string   `arg:"mode,mode" default:"0644" doc:"Permissions of the file."`
	Types         []string `arg:"types" default:"deb" choices:"deb deb-src" doc:"What it holds."`
	URIs          []string `arg:"uris" doc:"URLs of the repository."`
	Suites        []string `arg:"suites" doc:"Suites, such as bookworm, or a path that ends in a slash."`
	Components    []string `arg:"components" doc:"Components, such as main."`
	Architectures []string `arg:"architectures" doc:"Architectures to use."`
	Languages     []string `arg:"languages" doc:"Languages to download."`
	Targets       []string `arg:"targets" doc:"Targets to download."`
	SignedBy      string   `arg:"signed_by" doc:"A keyring on the host, fingerprints, a key in armour, or the URL of one, which the host fetches to /etc/apt/keyrings."`
	Enabled       *bool    `arg:"enabled" doc:"Whether it is used."`
	Trusted       *bool    `arg:"trusted" doc:"Do not ask for signatures, or always do."`
	AllowInsecure *bool    `arg:"allow_insecure" doc:"Accept a repository without signatures."`
	AllowWeak     *bool    `arg:"allow_weak" doc:"Accept weak signatures."`
	Downgrade     *bool    `arg:"allow_downgrade_to_insecure" doc:"Accept that it has no signatures any more."`
	ByHash        *bool    `arg:"by_hash" doc:"Fetch indexes by their sums."`
	CheckDate     *bool    `arg:"check_date" doc:"Look at the date of the release."`
	CheckValid    *bool    `arg:"check_valid_until" doc:"Look how long the release is good."`
	DateMaxFuture *int     `arg:"date_max_future" doc:"Seconds that its date may lie ahead."`
	InRelease     string   `arg:"inrelease_path" doc:"Path of InRelease."`
	PDiffs        *bool    `arg:"pdiffs" doc:"Fetch differences of indexes."`
}

var deb822Module = tasks.Define(tasks.Module{
	Name: "deb822_repository", Collections: []string{"ansible.builtin"},
	Network: func(values map[string]any, _ tasks.Local, _ bool) string { return tasks.FromURL(values["signed_by"]) },
	Summary: "Manage a repository of apt in a .sources file",
	Notes:   []string{"The sources are not asked: apt with update_cache does that."},
	Returns: []tasks.Return{
		{Name: "dest", Type: "str", Doc: "the file"}, {Name: "repo", Type: "str", Doc: "its content"},
		{Name: "key_filename", Type: "str", Doc: "the keyring that signed_by names"}},
	Examples: `
- deb822_repository:
    name: internal
    types: deb
    uris: https://mirror.example.com/debian
    suites: bookworm
    components: main
    signed_by: https://mirror.example.com/key.asc
`,
}, func(a *deb822Args, l tasks.Local) (tasks.Action, error) {
	slug := notInSlug.ReplaceAllString(blanksInSlug.ReplaceAllString(strings.ToLower(a.Name), "-"), "")
	if slug == "" {
		return nil, &tasks.ArgError{Module: "deb822_repository", Arg: "name", Problem: fmt.Sprintf("%q makes no name of a file", a.Name)}
	}
	d := &deb822{args: a, slug: slug, signedBy: a.SignedBy}
	edit, err := files.NewEdit("deb822_repository", files.EditArgs{
		Attributes: files.Attributes{Mode: a.Mode}, Path: "/etc/apt/sources.list.d/" + slug + ".sources",
	}, true, l)
	if err != nil {
		return nil, err
	}
	edit.InDirectory = true
	d.file = edit
	edit.Rewrite = func(text string, exists bool) (string, string, map[string]any, error) {
		content := d.content()
		if text == content && exists {
			return text, "", nil, nil
		}
		return content, "write the repository " + a.Name, nil, nil
	}
	if a.State == "present" && keyAt(a.SignedBy) != "" {
		return newDeb822Key(d, l)
	}
	return d, nil
})

var (
	blanksInSlug = regexp.MustCompile(`[_\s]+`)
	notInSlug    = regexp.MustCompile(`[^a-z0-9-]+`)
)

type deb822 struct {
	args *deb822Args
	slug string
	file *files.Edit

	signedBy string // what the list has
}

// content has the fields in the order of the arguments' names.
func (d *deb822) content() string {
	a := d.args
	var b strings.Builder
	text := func(name, value string) {
		switch {
		case value == "":
		case strings.Contains(value, "\n"):
			b.WriteString(name + ":\n")
			for line := range strings.SplitSeq(strings.TrimSpace(value), "\n") {
				if line = strings.TrimSpace(line); line == "" {
					line = "."
				}
				b.WriteString("    " + line + "\n")
			}
		default:
			b.WriteString(name + ": " + value + "\n")
		}
	}
	flag := func(name string, value *bool) {
		if value != nil {
			text(name, map[bool]string{true: "yes", false: "no"}[*value])
		}
	}
	list := func(name string, values []string) { text(name, strings.Join(values, " ")) }
	flag("Allow-Downgrade-To-Insecure", a.Downgrade)
	flag("Allow-Insecure", a.AllowInsecure)
	flag("Allow-Weak", a.AllowWeak)
	list("Architectures", a.Architectures)
	flag("By-Hash", a.ByHash)
	flag("Check-Date", a.CheckDate)
	flag("Check-Valid-Until", a.CheckValid)
	list("Components", a.Components)
	if a.DateMaxFuture != nil {
		text("Date-Max-Future", strconv.Itoa(*a.DateMaxFuture))
	}
	flag("Enabled", a.Enabled)
	text("Inrelease-Path", a.InRelease)
	list("Languages", a.Languages)
	text("X-Repolib-Name", a.Name)
	flag("Pdiffs", a.PDiffs)
	text("Signed-By", d.signedBy)
	list("Suites", a.Suites)
	list("Targets", a.Targets)
	flag("Trusted", a.Trusted)
	list("Types", a.Types)
	list("URIs", a.URIs)
	return b.String()
}

func (d *deb822) paths() []string {
	return []string{d.file.Path, "/etc/apt/keyrings/" + d.slug + ".asc", "/etc/apt/keyrings/" + d.slug + ".gpg"}
}

func (d *deb822) Probe() string {
	if d.args.State == "absent" {
		return script.Preamble + "for f in " + script.Words(d.paths()) + "; do if [ -e \"$f\" ]; then echo \"there $f\"; fi; done\nexit 0\n"
	}
	return d.file.Probe() + script.Preamble + "if [ -f " + script.Words([]string{d.args.SignedBy}) + " ]; then echo keyring yes; fi\nexit 0\n"
}

func (d *deb822) Plan(found tasks.Found) (tasks.Plan, error) {
	values := map[string]any{"dest": d.file.Path, "repo": nil, "key_filename": nil}
	if d.args.State == "absent" {
		var said struct {
			There []string `answer:"there"`
		}
		if err := found.Decode(&said); err != nil {
			return tasks.Plan{}, err
		}
		values["key_filename"] = d.paths()[2]
		if len(said.There) == 0 {
			return tasks.Plan{Values: values}, nil
		}
		return tasks.Plan{Change: true, Msg: "remove " + strings.Join(said.There, ", "), Values: values,
			Script: script.Preamble + "rm -f -- " + script.Words(said.There) + "\n"}, nil
	}
	plan, err := d.file.Plan(found)
	if err != nil || plan.Unknown != "" {
		return plan, err
	}
	values["repo"] = d.content()
	var said struct {
		Keyring bool `answer:"keyring"` // signed_by is a file that is there
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if said.Keyring || d.signedBy != d.args.SignedBy {
		values["key_filename"] = d.signedBy
	}
	for name, value := range values {
		plan.Values[name] = value
	}
	return plan, nil
}
