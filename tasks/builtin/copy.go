package builtin

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/templates/ordered"
)

type copyArgs struct {
	files.Attributes
	Dest          string  `arg:"dest,required,path" doc:"Destination. A directory, or a path with a slash at its end, keeps the file's name."`
	Src           string  `arg:"src,path" doc:"File or directory, looked for in files/ beside the task, its role and the playbook; on the host with remote_src. A directory's path that ends with a slash means what is in it."`
	Content       any     `arg:"content" doc:"Text to write instead of a source. A dict or list is written as JSON."`
	Backup        bool    `arg:"backup" default:"false" doc:"Keep a copy of the file before the change."`
	Force         bool    `arg:"force" default:"true" doc:"Replace a file that has another content."`
	Validate      string  `arg:"validate" doc:"Command that must accept the new content before it is used; %s is the file."`
	DirectoryMode *string `arg:"directory_mode,mode" doc:"Permissions of new directories."`
	RemoteSrc     bool    `arg:"remote_src" default:"false" doc:"src is on the host."`
	Follow        bool    `arg:"follow" default:"false" doc:"Replace what a link at dest points to, not the link."`
	Decrypt       bool    `arg:"decrypt" default:"true" doc:"Decrypt a src that is encrypted with Ansible Vault."`
	LocalFollow   bool    `arg:"local_follow" default:"true" doc:"In a directory that is copied, copy what links lead to, not the links."`
	Checksum      string  `arg:"checksum" doc:"SHA-1 that the content has to have."`
}

var copyModule = tasks.Define(tasks.Module{
	Name: "copy", Collections: []string{"ansible.builtin"}, NoAsync: true,
	Summary: "Copy files, directories or given text to hosts",
	Notes: []string{
		"md5sum is not returned, for newer hosts refuse MD5: read checksum, or ask stat for one.",
		"A file appears whole or not at all: it is written beside its place, synced to disk and renamed. " +
			"Contents are compared by SHA-256 and sent only when they differ.",
		"mode: preserve keeps the source's permissions, but with remote_src not the set-user-id bit of another account's file.",
		"In a directory that is copied, links are followed, as in Ansible, and dangling links are copied as links. " +
			"With remote_src, a link that another account made or could replace is refused, unless it leads to what belongs to that same account.",
		files.FollowNote,
	},
	Returns: []tasks.Return{
		{Name: "dest", Type: "str", Doc: "the file or directory on the host"}, {Name: "src", Type: "str", Doc: "the source as given"},
		{Name: "sha256", Type: "str", Doc: "SHA-256 of the content"},
		{Name: "checksum", Type: "str", Doc: "SHA-1 of the content, as in Ansible, up to 96 KiB"},
		{Name: "backup_file", Type: "str", Doc: "copy of the file before"},
		{Name: "uid", Type: "int", Doc: "user's number"}, {Name: "gid", Type: "int", Doc: "group's number"},
		{Name: "owner", Type: "str", Doc: "user's name"}, {Name: "group", Type: "str", Doc: "group's name"},
		{Name: "mode", Type: "str", Doc: "permissions in octal"}, {Name: "state", Type: "str", Doc: "file or directory"},
		{Name: "size", Type: "int", Doc: "bytes"},
	},
	Examples: `
- copy: {src: hosts.allow, dest: /etc/hosts.allow, owner: root, group: root, mode: "0644"}
- copy:
    content: |
      polardb soft nofile 65536
      polardb hard nofile 65536
    dest: /etc/security/limits.d/polardb.conf
    mode: "0644"
- copy: {src: sudoers, dest: /etc/sudoers.d/dba, mode: "0440", validate: visudo -cf %s}
- copy: {src: /etc/hosts, dest: /etc/hosts.before, remote_src: true, force: false}
- copy: {src: scripts/, dest: /opt/scripts, mode: "0755", directory_mode: "0755"}
`,
}, buildCopy)

func buildCopy(a *copyArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.exclusive(); err != nil {
		return nil, err
	}
	directoryMode := ""
	if a.DirectoryMode != nil {
		directoryMode = *a.DirectoryMode
		if err := (files.Attributes{Mode: directoryMode}).Check("copy"); err != nil {
			return nil, &tasks.ArgError{Module: "copy", Arg: "directory_mode", Problem: "is not a mode: " + directoryMode}
		}
	}
	if a.RemoteSrc {
		if a.Mode != "preserve" {
			if err := a.Check("copy"); err != nil {
				return nil, err
			}
		}
		name := path.Base(script.TrimSlashes(a.Src))
		return a.Marked("copy", script.TrimSlashes(a.Dest), name, &hostCopy{copyArgs: *a, asking: l.Check(), began: time.Now()})
	}
	d := files.Delivery{
		Attributes: a.Attributes, Module: "copy", Dest: a.Dest, Follow: a.Follow, Force: a.Force, Backup: a.Backup, Validate: a.Validate,
		DirectoryMode: directoryMode, Src: a.Src, Asking: l.Check(), Showing: l.Diff(), Began: time.Now(),
	}
	if a.Content != nil {
		if d.Mode == "preserve" {
			return nil, &tasks.ArgError{Module: "copy", Arg: "mode", Problem: "is preserve, but content has no permissions to preserve"}
		}
		content, err := contentBytes(a.Content)
		if err != nil {
			return nil, &tasks.ArgError{Module: "copy", Arg: "content", Problem: err.Error()}
		}
		if err := a.expected(bytes.NewReader(content)); err != nil {
			return nil, err
		}
		return d.Carrying(content, "", l)
	}
	fsys, file, err := l.Find("files", a.Src)
	if err != nil {
		return nil, fmt.Errorf("copy: src: %w", err)
	}
	if a.Decrypt {
		fsys = l.Decrypted(fsys)
	}
	info, err := fs.Stat(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("copy: src: %w", err)
	}
	if d.Mode == "preserve" && noModes {
		return nil, &tasks.ArgError{Module: "copy", Arg: "mode", Problem: whyNoModes}
	}
	if info.IsDir() {
		if a.Any() {
			const why = "is for single files: give it to those of a directory with the module file"
			return nil, &tasks.ArgError{Module: "copy", Arg: "attributes", Problem: why}
		}
		return newTreeCopy(d, fsys, file, a.LocalFollow, l)
	}
	if d.Mode == "preserve" {
		d.Mode = fmt.Sprintf("%04o", info.Mode().Perm())
	}
	if a.Checksum != "" {
		f, err := fsys.Open(file)
		if err != nil {
			return nil, fmt.Errorf("copy: src: %w", err)
		}
		defer f.Close()
		if err := a.expected(f); err != nil {
			return nil, err
		}
	}
	d.Name = path.Base(file)
	d.Showing = d.Showing && !tasks.Encrypted(info)
	if info.Size() <= files.InlineLimit {
		content, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("copy: src: %w", err)
		}
		return d.Carrying(content, d.Name, l)
	}
	if d.Sum, d.Size, err = l.Sum(fsys, file); err != nil {
		return nil, fmt.Errorf("copy: src: %w", err)
	}
	if err := d.Check("copy"); err != nil {
		return nil, err
	}
	return d.Marking(tasks.ProbeApply(&files.LargeDelivery{Delivery: d, Fsys: fsys, File: file}))
}

// expected compares a content with the argument checksum.
func (a *copyArgs) expected(content io.Reader) error {
	if a.Checksum == "" {
		return nil
	}
	hash := sha1.New()
	if _, err := io.Copy(hash, content); err != nil {
		return fmt.Errorf("copy: src: %w", err)
	}
	if is := hex.EncodeToString(hash.Sum(nil)); !strings.EqualFold(is, a.Checksum) {
		return &tasks.Failure{
			Msg:    "the content does not match the expected checksum",
			Values: map[string]any{"checksum": is, "expected_checksum": a.Checksum},
		}
	}
	return nil
}

func (a *copyArgs) exclusive() error {
	switch {
	case a.Checksum != "" && a.RemoteSrc:
		return &tasks.ArgError{Module: "copy", Arg: "checksum", Problem: "is for contents from the control node: compare what stat returns"}
	case a.Src == "" && a.Content == nil:
		return &tasks.ArgError{Module: "copy", Arg: "src", Problem: "is required, or content"}
	case a.Src != "" && a.Content != nil:
		return &tasks.ArgError{Module: "copy", Arg: "content", Problem: "and src exclude each other"}
	case a.RemoteSrc && a.Content != nil:
		return &tasks.ArgError{Module: "copy", Arg: "remote_src", Problem: "needs src, not content"}
	case a.Content != nil && strings.HasSuffix(a.Dest, "/"):
		return &tasks.ArgError{Module: "copy", Arg: "dest", Problem: "must name a file when content is given"}
	case script.TrimSlashes(a.Dest) == "":
		return &tasks.ArgError{Module: "copy", Arg: "dest", Problem: "is empty"}
	}
	return nil
}

// contentBytes encodes a content argument: text as it is, a dict or list as JSON.
func contentBytes(content any) ([]byte, error) {
	switch content.(type) {
	case *ordered.Map, map[string]any, []any:
		s, err := convert.JSON(content)
		return []byte(s), err
	}
	s, err := convert.Text(content)
	return []byte(s), err
}
