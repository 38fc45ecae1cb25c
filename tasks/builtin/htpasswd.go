package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

type htpasswdArgs struct {
	files.Attributes
	Path     string  `arg:"path,required,path" alias:"dest destfile" doc:"File with the names and the hashes of their passwords. The target of a link is edited."`
	Name     string  `arg:"name,required" alias:"username" doc:"User to have in it, or not."`
	Password *string `arg:"password,secret" doc:"Password of the user. Required for state: present."`
	Scheme   string  `arg:"hash_scheme" alias:"crypt_scheme" default:"apr_md5_crypt" doc:"How a password is hashed: apr_md5_crypt, bcrypt, sha256_crypt, sha512_crypt, md5_crypt, ldap_sha1 or plaintext. Others that passlib has are refused."`
	State    string  `arg:"state" default:"present" choices:"present absent" doc:"Have the user in the file, or not."`
	Create   bool    `arg:"create" default:"true" doc:"Make the file, and its directory, where it is missing."`
}

var htpasswdModule = tasks.Define(tasks.Module{
	Name: "htpasswd", Collections: []string{"community.general"},
	Summary: "Manage the users of a web server's file of passwords",
	Notes: []string{
		"Passwords are hashed on the control node: hosts need no passlib. An entry that the password opens is kept, in whatever of " +
			"these schemes it is. One of des_crypt is not known here, and is written anew in hash_scheme.",
		"bcrypt is written with the mark $2y$, which Apache knows everywhere; Ansible writes $2b$, which some of its builds do not. Both are " +
			"known.",
		"state: absent removes each line of the user; Ansible the first, so that the second is believed from then on. " +
			"A change of owner, group or mode alone is a change, which Ansible makes without saying so.",
		"--diff does not show the file.",
	},
	Returns: []tasks.Return{
		{Name: "msg", Type: "str", Doc: "what was done"},
		{Name: "path", Type: "str", Doc: "the file, as are owner, group, mode, size and state"},
	},
	Examples: `
- htpasswd: {path: /etc/nginx/passwords, name: jane, password: "{{ jane_password }}", owner: root, group: www-data, mode: "0640"}
- htpasswd: {path: /etc/nginx/passwords, name: jane, password: "{{ jane_password }}", hash_scheme: bcrypt}
- htpasswd: {path: /etc/nginx/passwords, name: joe, state: absent}
`,
}, func(a *htpasswdArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "htpasswd", Arg: arg, Problem: problem}
	}
	if a.Name == "" || len(a.Name) > 255 || strings.ContainsAny(a.Name, ":\r\n\t\x00") || a.Name[0] == '#' {
		return refuse("name", fmt.Sprintf("cannot be %q: it has from 1 to 255 bytes, no colon, tab or end of a line, and no # before it", a.Name))
	}
	if !slices.Contains(htpasswdSchemes, a.Scheme) {
		return refuse("hash_scheme", fmt.Sprintf("cannot be %s: %s are known here", a.Scheme, strings.Join(htpasswdSchemes, ", ")))
	}
	h := &htpasswd{htpasswdArgs: *a, asking: l.Check()}
	if a.State == "present" {
		switch {
		case a.Password == nil:
			return refuse("password", "is required for state: present")
		case strings.ContainsRune(*a.Password, 0):
			return refuse("password", "has a NUL byte")
		case a.Scheme == "plaintext" && strings.ContainsAny(*a.Password, ":\r\n"):
			return refuse("password", "has a colon or the end of a line, which plaintext cannot have")
		}
	}
	e, err := files.NewEdit("htpasswd", files.EditArgs{Attributes: a.Attributes, Path: a.Path}, a.Create && a.State == "present", l)
	if err != nil {
		return nil, err
	}
	e.Rewrite = h.present
	if a.State == "absent" {
		e.Rewrite = h.absent
		e.Missing = func() tasks.Plan {
			return tasks.Plan{Msg: a.Name + " not present", Warnings: []string{a.Path + " does not exist"}}
		}
	}
	h.edit = e
	return a.Marked("htpasswd", a.Path, "", h)
})

// htpasswd edits the file. What is in it is not shown.
type htpasswd struct {
	htpasswdArgs
	edit   *files.Edit
	asking bool
	hash   string // of the password, made once for a task
}

func (h *htpasswd) Probe() string { return h.edit.Probe() }

func (h *htpasswd) Plan(found tasks.Found) (tasks.Plan, error) {
	plan, err := h.edit.Plan(found)
	for i, d := range plan.Diff {
		if d.BeforeHeader == h.edit.Path || d.AfterHeader == h.edit.Path {
			plan.Diff[i].Hidden, plan.Diff[i].Before, plan.Diff[i].After = true, "", ""
		}
	}
	return plan, err
}

// entries are the lines of the file, in each of which a name and its hash are.
func (h *htpasswd) entries(text string) ([]string, error) {
	lines := files.KeepLines(text)
	for i, line := range lines {
		if !strings.Contains(line, ":") && !passedOver(line) {
			return nil, &tasks.Failure{
				Msg:  fmt.Sprintf("%s is not a file of passwords: there is no colon in line %d", h.edit.Path, i+1),
				Hint: "correct or remove that line first",
			}
		}
	}
	return lines, nil
}

// passedOver reports whether a line has no entry.
func passedOver(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}

// of returns the hash of the user's entry, and what follows it: nginx takes a remark there.
func (h *htpasswd) of(line string) (hash, remark string, ok bool) {
	rest, ok := strings.CutPrefix(line, h.Name+":")
	if !ok {
		return "", "", false
	}
	hash, remark, _ = strings.Cut(files.Bare(rest), ":")
	return hash, remark, true
}

// present gives the user's first entry, which is the one that counts, a hash of the password, unless it has one.
func (h *htpasswd) present(text string, exists bool) (string, string, map[string]any, error) {
	lines, err := h.entries(text)
	if err != nil {
		return "", "", nil, err
	}
	at := len(lines)
	after := ""
	for i, line := range lines {
		hash, remark, ok := h.of(line)
		if !ok {
			continue
		}
		if opens(hash, *h.Password) {
			return text, h.Name + " already present", nil, nil
		}
		if remark != "" {
			after = ":" + remark
		}
		at = i
		break
	}
	if h.hash == "" {
		if h.hash, err = hashHtpasswd(h.Scheme, *h.Password); err != nil {
			return "", "", nil, err
		}
	}
	entry := h.Name + ":" + h.hash + after + "\n"
	if at == len(lines) {
		if at > 0 && !strings.HasSuffix(lines[at-1], "\n") {
			lines[at-1] += "\n"
		}
		lines = append(lines, entry)
	} else {
		lines[at] = entry
	}
	msg := "Add/update " + h.Name
	if !exists {
		msg = fmt.Sprintf("Created %s and added %s", h.edit.Path, h.Name)
		if h.asking {
			msg = "Create " + h.edit.Path
		}
	}
	return written(lines), msg, nil, nil
}

func (h *htpasswd) absent(text string, _ bool) (string, string, map[string]any, error) {
	lines, err := h.entries(text)
	if err != nil {
		return "", "", nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		_, _, ok := h.of(line)
		return ok
	})
	if len(kept) == len(lines) {
		return text, h.Name + " not present", nil, nil
	}
	return written(kept), "Remove " + h.Name, nil, nil
}

// written puts lines together, without those that are blank, as Ansible leaves them out.
func written(lines []string) string {
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.TrimSpace(line) == "" }), "")
}
