package builtin

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type fetchArgs struct {
	Src              string `arg:"src,required,path" doc:"File on the host."`
	Dest             string `arg:"dest,required" doc:"Directory on this machine, in which the file becomes HOST/PATH; relative to the playbook. With flat, the file itself, or with a slash at its end the directory for it."`
	Flat             bool   `arg:"flat" default:"false" doc:"Add neither the host's name nor the file's path to dest."`
	FailOnMissing    bool   `arg:"fail_on_missing" default:"true" doc:"Fail when the host has no such file."`
	ValidateChecksum bool   `arg:"validate_checksum" default:"true" doc:"Compare what came with what the host has."`
}

var fetchModule = tasks.Define(tasks.Module{
	Name: "fetch", Collections: []string{"ansible.builtin"},
	Summary: "Copy a file from hosts to this machine",
	Notes: []string{
		"Files of up to 256 MiB are fetched. What is there is replaced, whole or not at all, only if it differs.",
		"--check says what a run would do; Ansible's skips the task.",
	},
	Returns: []tasks.Return{
		{Name: "dest", Type: "str", Doc: "the file on this machine"},
		{Name: "file", Type: "str", Doc: "the file on the host, when nothing was fetched"},
		{Name: "checksum", Type: "str", Doc: "SHA-1 of the file"}, {Name: "remote_checksum", Type: "str", Doc: "SHA-1 of the host's"},
		{Name: "md5sum", Type: "str", Doc: "MD5 of the file"}, {Name: "remote_md5sum", Type: "str", Doc: "null, as in Ansible"},
	},
	Examples: `
- fetch: {src: /var/log/dmesg, dest: logs}
- fetch: {src: /etc/polardb/ca.crt, dest: ./certificates/, flat: true}
`,
}, func(a *fetchArgs, l tasks.Local) (tasks.Action, error) {
	if a.Src == "" || a.Dest == "" {
		return nil, &tasks.ArgError{Module: "fetch", Arg: "src", Problem: "and dest are both required"}
	}
	f := &fetch{fetchArgs: *a, asking: l.Check()}
	f.base = textOf(l, "playbook_dir", ".")
	f.host = textOf(l, "inventory_hostname", "")
	return tasks.AskApply(f), nil
})

// textOf is a variable's text; otherwise when there is none.
func textOf(l tasks.Local, name, otherwise string) string {
	if value, err := l.Eval(name); err == nil {
		if text, ok := value.(string); ok && text != "" {
			return text
		}
	}
	return otherwise
}

type fetch struct {
	fetchArgs
	base, host string
	asking     bool
}

// fetchLimit is the largest file, in bytes, that is fetched.
const fetchLimit = 256 << 20

func (f *fetch) Probe() string {
	return scripts.Script("fetch", script.Values{"p": script.Path(f.Src)})
}

// fetched is what there is at both ends.
type fetched struct {
	file       script.File
	path       string // on the host
	sum        string // SHA-1 of the host's; "": it may not be read
	dest       string // on this machine
	have       string // SHA-1 of dest; "": there is none
	haveMD5    string
	isDir      bool // dest is a directory
	unreadable bool
}

// Ask reads what is at dest already.
func (f *fetch) Ask(_ context.Context, h tasks.Host, probed tasks.Found) (fetched, error) {
	var said struct {
		File       script.File `answer:"file,required"`
		Path       []byte      `answer:"path"`
		Sum        string      `answer:"sum"`
		Unreadable bool        `answer:"unreadable"`
	}
	if err := probed.Decode(&said); err != nil {
		return fetched{}, err
	}
	found := fetched{file: said.File, path: string(said.Path), sum: said.Sum, unreadable: said.Unreadable}
	dest := f.Dest
	if rest, ok := strings.CutPrefix(dest, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			dest = home + "/" + rest
		}
	}
	slash := strings.HasSuffix(dest, "/")
	if !filepath.IsAbs(dest) {
		dest = filepath.Join(f.base, dest)
	}
	host := f.host
	if host == "" {
		host = h.Name()
	}
	// The host says where its file is, and a host may be anybody's: what it says does not lead out of dest.
	within := filepath.Clean("/" + found.path)
	switch {
	case !f.Flat:
		found.dest = filepath.Join(dest, host, within)
	case slash:
		found.dest = filepath.Join(dest, filepath.Base(within))
	default:
		found.dest = filepath.Clean(dest)
	}
	info, err := os.Stat(found.dest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return found, nil
	case err != nil:
		return found, fmt.Errorf("look at dest: %w", err)
	case info.IsDir():
		found.isDir = true
		return found, nil
	}
	content, err := os.ReadFile(found.dest)
	if err != nil {
		return found, fmt.Errorf("read dest: %w", err)
	}
	found.have, found.haveMD5 = shortSums(content)
	return found, nil
}

func shortSums(content []byte) (ofSHA1, ofMD5 string) {
	s, m := sha1.Sum(content), md5.Sum(content)
	return hex.EncodeToString(s[:]), hex.EncodeToString(m[:])
}

func (f *fetch) Plan(found fetched) (tasks.Plan, fetched, error) {
	missing := func(text string) (tasks.Plan, fetched, error) {
		values := map[string]any{"file": f.Src}
		if f.FailOnMissing {
			return tasks.Plan{}, found, &tasks.Failure{Msg: text, Values: values}
		}
		return tasks.Plan{Msg: text + ", not transferring, ignored", Values: values}, found, nil
	}
	switch {
	case !found.file.Exists() && f.asking && f.FailOnMissing:
		plan, err := tasks.NotYet(true, f.Src+" does not exist on the host", "")
		return plan, found, err
	case !found.file.Exists():
		return missing("the remote file does not exist")
	case found.file.Kind == "directory":
		return missing("remote file is a directory, fetch cannot work on directories")
	case found.file.Kind != "file":
		return missing("the remote file is neither a file nor a link to one")
	case found.unreadable:
		return tasks.Plan{}, found, &tasks.Failure{Msg: f.Src + " may not be read by this user: does the task need become?"}
	case found.file.Size > fetchLimit:
		return tasks.Plan{}, found, &tasks.Failure{Msg: fmt.Sprintf("%s has %d bytes, and up to %d are fetched", f.Src,
			found.file.Size, fetchLimit)}
	case found.isDir && f.Flat && !strings.HasSuffix(f.Dest, "/"):
		return tasks.Plan{}, found, &tasks.Failure{
			Msg: "dest is an existing directory, use a trailing slash if you want to fetch src into that directory",
		}
	case found.isDir:
		return tasks.Plan{}, found, &tasks.Failure{Msg: found.dest + " is a directory, and a file is to be written there"}
	case found.sum == "":
		return tasks.Plan{}, found, &tasks.Failure{Msg: f.Src + " has no checksum: the host has no sha1sum", Hint: "install coreutils there"}
	case found.have == found.sum:
		return tasks.Plan{Values: map[string]any{
			"md5sum": found.haveMD5, "file": found.path, "dest": found.dest, "checksum": found.have,
		}}, found, nil
	}
	return tasks.Plan{Change: true, Event: true, Msg: "fetch " + f.Src + " to " + found.dest}, found, nil
}

// Apply brings the file, and puts it in place by a rename.
func (f *fetch) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, found fetched) (tasks.Result, error) {
	content, err := h.Shell().ReadFile(ctx, found.path, fetchLimit)
	if err != nil {
		return tasks.Result{}, fmt.Errorf("fetch %s: %w", f.Src, err)
	}
	sum, sumMD5 := shortSums(content)
	values := map[string]any{
		"dest": found.dest, "checksum": sum, "md5sum": sumMD5, "remote_checksum": found.sum, "remote_md5sum": nil,
	}
	if f.ValidateChecksum && sum != found.sum {
		values["file"] = found.path
		return tasks.Result{}, &tasks.Failure{Msg: "checksum mismatch", Hint: "the file changed while it was fetched: run again", Values: values}
	}
	if err := writeHere(found.dest, content); err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: values}, nil
}

// writeHere writes a file of this machine's, whole or not at all. One that is replaced keeps its permissions, and a link its place.
func writeHere(name string, content []byte) error {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("make the directory of %s: %w", name, err)
	}
	t, err := os.CreateTemp(filepath.Dir(name), ".polarbook-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(t.Name())
	defer t.Close()
	mode := fs.FileMode(0o666) &^ umask()
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	if _, err := bytes.NewReader(content).WriteTo(t); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := errors.Join(t.Chmod(mode), t.Sync(), t.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(t.Name(), name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// umask is the one that new files of polarbook are made with, as the kernel says it; 022 where it does not.
func umask() fs.FileMode {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0o022
	}
	for line := range strings.Lines(string(text)) {
		var mask uint32
		if n, _ := fmt.Sscanf(line, "Umask:\t%o", &mask); n == 1 {
			return fs.FileMode(mask)
		}
	}
	return 0o022
}
