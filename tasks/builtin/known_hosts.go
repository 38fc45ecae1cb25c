package builtin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

type knownHostsArgs struct {
	Name     string `arg:"name,required" alias:"host" doc:"Host whose key it is, as ssh looks it up: NAME, ADDRESS or [NAME]:PORT."`
	Key      string `arg:"key" doc:"Line of the key, as ssh-keyscan prints it: NAME TYPE KEY. Required unless state is absent. Of several lines the first tells whether they are there."`
	Path     string `arg:"path,path" default:"~/.ssh/known_hosts" doc:"File of known hosts."`
	HashHost bool   `arg:"hash_host" default:"false" doc:"Hash the host's name in the file."`
	State    string `arg:"state" default:"present" choices:"absent present" doc:"Have the key in the file, or remove it; without key all keys of the host."`
}

var knownHostsModule = tasks.Define(tasks.Module{
	Name: "known_hosts", Collections: []string{"ansible.builtin"},
	Summary: "Add a host's key to a file of known hosts, or remove it",
	Notes: []string{
		"A key of the same type that is another one is replaced, but for lines with the mark @cert-authority or @revoked: only a key with that " +
			"mark itself concerns them. The host needs no ssh-keygen, and no copy FILE.old is made. The file's directory has to be there.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "name", Type: "str", Doc: "the host"}, {Name: "key", Type: "str", Doc: "the key as given"},
		{Name: "path", Type: "str", Doc: "the file"}, {Name: "state", Type: "str", Doc: "file, or absent where there is none"},
	},
	Examples: `
- known_hosts: {name: git.example.com, key: "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5LwF6Xx0", path: /etc/ssh/ssh_known_hosts}
- known_hosts: {name: old.example.com, state: absent}
`,
}, func(a *knownHostsArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "known_hosts", Arg: arg, Problem: problem}
	}
	w := &knownHosts{knownHostsArgs: *a, host: strings.ToLower(a.Name)}
	switch {
	case a.Name == "":
		return refuse("name", "is empty")
	case a.State == "present" && strings.TrimSpace(a.Key) == "":
		return refuse("key", "is required when a host is added")
	}
	if a.Key != "" {
		first, _, more := strings.Cut(strings.TrimSpace(a.Key), "\n")
		key, ok := readHostKey(first)
		switch {
		case !ok || more && a.HashHost:
			return refuse("key", "has to be one line: NAME TYPE KEY, as ssh-keyscan prints it")
		case !key.of(w.host):
			return refuse("key", "is not one of "+a.Name+": its line begins with "+key.hosts)
		}
		w.key = &key
	}
	e, err := files.NewEdit("known_hosts", files.EditArgs{Path: a.Path}, a.State == "present", l)
	if err != nil {
		return nil, err
	}
	if a.State == "absent" {
		e.Missing = func() tasks.Plan {
			values := w.values()
			values["state"] = "absent"
			return tasks.Plan{Values: values}
		}
	}
	e.InDirectory, e.Replace = true, true
	e.Rewrite = w.rewrite
	w.edit = e
	return w, nil
})

type knownHosts struct {
	knownHostsArgs
	host string
	key  *hostKey // nil: all of the host's
	edit *files.Edit
}

func (k *knownHosts) values() map[string]any {
	values := map[string]any{"name": k.Name, "key": nil, "path": k.Path, "hash_host": k.HashHost}
	if k.Key != "" {
		values["key"] = k.Key
	}
	return values
}

// Probe reads the file.
func (k *knownHosts) Probe() string { return k.edit.Probe() }

func (k *knownHosts) Plan(found tasks.Found) (tasks.Plan, error) {
	plan, err := k.edit.Plan(found)
	if err != nil {
		return plan, err
	}
	if plan.Change {
		plan.Made = k.values()
	}
	maps.Copy(plan.Values, k.values())
	return plan, nil
}

// hostKey is a line of a file of known hosts.
type hostKey struct{ mark, hosts, kind, key string }

func readHostKey(line string) (hostKey, bool) {
	var k hostKey
	fields := strings.Fields(line)
	if len(fields) > 0 && strings.HasPrefix(fields[0], "@") {
		k.mark, fields = fields[0], fields[1:]
	}
	if len(fields) < 3 || strings.HasPrefix(fields[0], "#") {
		return k, false
	}
	k.hosts, k.kind, k.key = fields[0], fields[1], fields[2]
	return k, true
}

const hashMark = "|1|"

// of reports whether a key is a host's.
func (k hostKey) of(host string) bool {
	if rest, hashed := strings.CutPrefix(k.hosts, hashMark); hashed {
		salt, sum, ok := strings.Cut(rest, "|")
		raw, err := base64.StdEncoding.DecodeString(salt)
		return ok && err == nil && hashOf(raw, host) == sum
	}
	matched := false
	for _, name := range strings.Split(strings.ToLower(k.hosts), ",") {
		bare, not := strings.CutPrefix(name, "!")
		expression := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(bare))
		if ok, err := regexp.MatchString("^"+expression+"$", host); err != nil || !ok {
			continue
		}
		if not {
			return false
		}
		matched = true
	}
	return matched
}

func hashOf(salt []byte, host string) string {
	h := hmac.New(sha1.New, salt)
	h.Write([]byte(host))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// line returns the line to write, with the host's name hashed where that is wanted.
func (k *knownHosts) line() (string, hostKey) {
	key := *k.key
	line := strings.TrimSpace(k.Key)
	if k.HashHost && !strings.HasPrefix(key.hosts, hashMark) {
		salt := make([]byte, sha1.Size)
		_, _ = rand.Read(salt) // never fails, says its documentation
		hashed := hashMark + base64.StdEncoding.EncodeToString(salt) + "|" + hashOf(salt, k.host)
		line = strings.Replace(line, key.hosts, hashed, 1)
		key.hosts = hashed
	}
	return line + "\n", key
}

// rewrite looks for the host's keys as Ansible's module does: the first line of the same type decides.
func (k *knownHosts) rewrite(text string, _ bool) (string, string, map[string]any, error) {
	lines := files.KeepLines(text)
	if k.key == nil {
		kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
			key, ok := readHostKey(line)
			return ok && key.mark == "" && key.of(k.host)
		})
		return strings.Join(kept, ""), "remove the keys of " + k.Name, nil, nil
	}
	wanted, key := k.line()
	at, same := -1, false
	for i, line := range lines {
		have, ok := readHostKey(line)
		if !ok || !have.of(k.host) {
			continue
		}
		compared := key
		if strings.HasPrefix(key.hosts, hashMark) && strings.HasPrefix(have.hosts, hashMark) {
			compared.hosts = have.hosts
		}
		if same = compared == have; same || have.mark == "" && have.kind == key.kind {
			at = i
			break
		}
	}
	switch {
	case k.State == "present" && same, k.State == "absent" && at < 0:
		return text, "", nil, nil
	case at >= 0:
		lines = slices.Delete(lines, at, at+1)
	}
	msg := "remove a key of " + k.Name
	if k.State == "present" {
		if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
			lines[n-1] += "\n"
		}
		lines = append(lines, wanted)
		msg = "add the key of " + k.Name
	}
	return strings.Join(lines, ""), msg, nil, nil
}
