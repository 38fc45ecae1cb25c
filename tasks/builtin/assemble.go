package builtin

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/templates/pattern"
)

type assembleArgs struct {
	files.Attributes
	Src          string `arg:"src,required,path" doc:"Directory of the fragments, on the host."`
	Dest         string `arg:"dest,required,path" doc:"File to write."`
	Backup       bool   `arg:"backup" default:"false" doc:"Keep a copy of the file before the change."`
	Delimiter    string `arg:"delimiter" doc:"Text between fragments; \\n and the like are what they are in Python."`
	RemoteSrc    bool   `arg:"remote_src" default:"true" doc:"src is on the host; otherwise it is looked up in files/ as for copy."`
	Regexp       string `arg:"regexp" doc:"Take only fragments whose names match."`
	IgnoreHidden bool   `arg:"ignore_hidden" default:"false" doc:"Leave out fragments whose names begin with a dot."`
	Validate     string `arg:"validate" doc:"Command that must accept the new content before it is used; %s is the file."`
	Decrypt      bool   `arg:"decrypt" default:"true" doc:"Decrypt fragments of this machine's that are encrypted with Ansible Vault."`
}

var assembleModule = tasks.Define(tasks.Module{
	Name: "assemble", Collections: []string{"ansible.builtin"},
	Summary: "Write a file from fragments in a directory",
	Notes: []string{
		"Fragments come in the order of their names. Where one does not end with a newline, one is put before the next.",
		"The result may have up to 1 MiB.", files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "dest", Type: "str", Doc: "the file"}, {Name: "src", Type: "str", Doc: "the directory"},
		{Name: "checksum", Type: "str", Doc: "SHA-1 of the result"}, {Name: "md5sum", Type: "str", Doc: "MD5 of the result"},
		{Name: "backup_file", Type: "str", Doc: "copy of the file before"},
	},
	Examples: `
- assemble: {src: /etc/app.d, dest: /etc/app.conf, mode: "0644", regexp: '\.conf$'}
- assemble: {src: sshd.d, dest: /etc/ssh/sshd_config, remote_src: false, validate: sshd -t -f %s}
`,
}, func(a *assembleArgs, l tasks.Local) (tasks.Action, error) {
	edit := files.EditArgs{Attributes: a.Attributes, Path: a.Dest, Backup: a.Backup, Validate: a.Validate}
	e, err := files.NewEdit("assemble", edit, true, l)
	if err != nil {
		return nil, err
	}
	e.InDirectory, e.Replace = true, true
	w := &assemble{assembleArgs: *a, edit: e, asking: l.Check()}
	if w.delimiter, err = unescaped(a.Delimiter); err != nil {
		return nil, &tasks.ArgError{Module: "assemble", Arg: "delimiter", Problem: err.Error()}
	}
	if a.Regexp != "" {
		if w.names, err = files.Pattern("assemble", "regexp", a.Regexp, pattern.Flags{}); err != nil {
			return nil, err
		}
	}
	if a.RemoteSrc {
		return w, nil
	}
	fsys, dir, err := l.Find("files", a.Src)
	if err != nil {
		return nil, fmt.Errorf("assemble: src: %w", err)
	}
	if a.Decrypt {
		fsys = l.Decrypted(fsys)
	}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("assemble: src: %w", err)
	}
	for _, entry := range entries {
		if info, err := fs.Stat(fsys, path.Join(dir, entry.Name())); err != nil || !info.Mode().IsRegular() {
			continue
		}
		content, err := fs.ReadFile(fsys, path.Join(dir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("assemble: src: %w", err)
		}
		w.here = append(w.here, fragment{[]byte(entry.Name()), content})
	}
	return w, nil
})

// unescaped reads the escapes of a text as Python does.
func unescaped(text string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
	}
	out, err := strconv.Unquote(`"` + strings.NewReplacer(`\\`, `\\`, `\"`, `\"`, `\'`, `'`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`)
	if err != nil {
		return "", fmt.Errorf("holds an escape that is none: %s", text)
	}
	return out, nil
}

type assemble struct {
	assembleArgs
	edit      *files.Edit
	names     *pattern.Pattern
	delimiter string
	here      []fragment // of this machine
	asking    bool
}

type fragment struct {
	Name    []byte `answer:"name"`
	Content []byte `answer:"content"`
}

// Probe reads the file, and the fragments that are on the host.
func (a *assemble) Probe() string {
	if !a.RemoteSrc {
		return a.edit.Probe()
	}
	return "(\n" + a.edit.Probe() + "\n)\n" + scripts.Script("assemble", script.Values{"d": script.Path(script.TrimSlashes(a.Src))})
}

func (a *assemble) Plan(found tasks.Found) (tasks.Plan, error) {
	fragments := a.here
	if a.RemoteSrc {
		var said struct {
			Kind      string     `answer:"fragments,required"`
			Fragments []fragment `answer:"fragment"`
		}
		if err := found.Decode(&said); err != nil {
			return tasks.Plan{}, err
		}
		switch said.Kind {
		case "absent":
			return tasks.NotYet(a.asking, fmt.Sprintf("Source (%s) does not exist", a.Src), "")
		case "other":
			return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("Source (%s) is not a directory", a.Src)}
		}
		fragments = said.Fragments
	}
	text, err := a.assembled(fragments)
	if err != nil {
		return tasks.Plan{}, err
	}
	edit := *a.edit
	edit.Rewrite = func(string, bool) (string, string, map[string]any, error) { return text, "OK", nil, nil }
	plan, err := edit.Plan(found)
	if plan.Values != nil {
		sum, md5sum := shortSums([]byte(text))
		plan.Values["src"], plan.Values["dest"], plan.Values["checksum"], plan.Values["md5sum"] = a.Src, a.Dest, sum, md5sum
	}
	return plan, err
}

func (a *assemble) assembled(fragments []fragment) (string, error) {
	slices.SortFunc(fragments, func(x, y fragment) int { return bytes.Compare(x.Name, y.Name) })
	var b strings.Builder
	first, newline := true, false
	for _, f := range fragments {
		if a.names != nil {
			m, err := a.names.Find(string(f.Name))
			if err != nil {
				return "", err
			}
			if m == nil {
				continue
			}
		}
		if a.IgnoreHidden && f.Name[0] == '.' {
			continue
		}
		if newline {
			b.WriteByte('\n')
		}
		if !first && a.delimiter != "" {
			b.WriteString(a.delimiter)
			if !strings.HasSuffix(a.delimiter, "\n") {
				b.WriteByte('\n')
			}
		}
		b.Write(f.Content)
		first, newline = false, !bytes.HasSuffix(f.Content, []byte("\n"))
	}
	return b.String(), nil
}
