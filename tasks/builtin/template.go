package builtin

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type templateArgs struct {
	files.Attributes
	Src             string `arg:"src,required,path" doc:"Jinja2 template, looked up in templates/ beside the task, its role and the playbook."`
	Dest            string `arg:"dest,required,path" doc:"Destination. A directory takes the file under the template's name."`
	Backup          bool   `arg:"backup" default:"false" doc:"Keep a copy of the file before the change."`
	Force           bool   `arg:"force" default:"true" doc:"Replace a file that has another content."`
	Follow          bool   `arg:"follow" default:"false" doc:"Replace what a link at dest points to, not the link."`
	Validate        string `arg:"validate" doc:"Command that must accept the new content before it is used; %s is the file."`
	TrimBlocks      bool   `arg:"trim_blocks" default:"true" doc:"Drop the newline after a block."`
	LstripBlocks    bool   `arg:"lstrip_blocks" default:"false" doc:"Drop the blanks before a block."`
	BlockStart      string `arg:"block_start_string" default:"{%" doc:"Beginning of a block."`
	BlockEnd        string `arg:"block_end_string" default:"%}" doc:"End of a block."`
	VariableStart   string `arg:"variable_start_string" default:"{{" doc:"Beginning of an expression."`
	VariableEnd     string `arg:"variable_end_string" default:"}}" doc:"End of an expression."`
	CommentStart    string `arg:"comment_start_string" default:"{#" doc:"Beginning of a comment."`
	CommentEnd      string `arg:"comment_end_string" default:"#}" doc:"End of a comment."`
	NewlineSequence string `arg:"newline_sequence" default:"\\n" doc:"End of lines: \\n, \\r or \\r\\n."`
	Decrypt         bool   `arg:"decrypt" default:"true" doc:"Decrypt a src that is encrypted with Ansible Vault."`
	Encoding        string `arg:"output_encoding" default:"utf-8" doc:"How the file is written: utf-8, latin-1 or ascii."`
}

var templateModule = tasks.Define(tasks.Module{
	Name: "template", Collections: []string{"ansible.builtin"}, NoAsync: true,
	Summary: "Render a Jinja2 template to a file on hosts",
	Notes: []string{
		"md5sum is not returned: read checksum, or ask stat for one.",
		"ansible_managed is \"Ansible managed\", or what ansible.cfg says, unless a variable of that name is set. A template that holds " +
			"template_run_date is another one in each run, and so is one with template_host on another control node.",
		files.FollowNote,
	},
	Returns: copyModule.Returns,
	Examples: `
- template:
    src: postgresql.conf.j2
    dest: /var/lib/polardb/pgdata/postgresql.conf
    owner: polardb
    group: polardb
    mode: "0600"
    backup: true
`,
}, func(a *templateArgs, l tasks.Local) (tasks.Action, error) {
	newline, ok := map[string]string{`\n`: "\n", `\r`: "\r", `\r\n`: "\r\n", "\n": "\n", "\r": "\r", "\r\n": "\r\n"}[a.NewlineSequence]
	if !ok {
		return nil, &tasks.ArgError{
			Module:  "template",
			Arg:     "newline_sequence",
			Problem: fmt.Sprintf(`must be \n, \r or \r\n, not %q`, a.NewlineSequence),
		}
	}
	encoding, err := files.NewEncoding(a.Encoding)
	if err != nil {
		return nil, &tasks.ArgError{Module: "template", Arg: "output_encoding", Problem: err.Error()}
	}
	fsys, file, err := l.Find("templates", a.Src)
	if err != nil {
		return nil, fmt.Errorf("template: src: %w", err)
	}
	found := fsys
	if a.Decrypt {
		fsys = l.Decrypted(fsys)
	}
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("template: src: %w", err)
	}
	info, err := fs.Stat(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("template: src: %w", err)
	}
	rendered, err := l.Render(a.Src, string(text), tasks.RenderOptions{
		TrimBlocks: a.TrimBlocks, LstripBlocks: a.LstripBlocks, BlockStart: a.BlockStart, BlockEnd: a.BlockEnd,
		VariableStart: a.VariableStart, VariableEnd: a.VariableEnd, CommentStart: a.CommentStart, CommentEnd: a.CommentEnd,
		NewlineSequence: newline, File: &tasks.TemplateFile{Name: a.Src, Dest: a.Dest, FS: found, Path: file, Info: info},
	})
	if err != nil {
		return nil, err
	}
	if a.Mode == "preserve" && noModes {
		return nil, &tasks.ArgError{Module: "template", Arg: "mode", Problem: whyNoModes}
	}
	if a.Mode == "preserve" {
		a.Mode = fmt.Sprintf("%04o", info.Mode().Perm())
	}
	d := files.Delivery{
		Attributes: a.Attributes, Module: "template", Dest: a.Dest, Follow: a.Follow, Force: a.Force, Backup: a.Backup,
		Validate: a.Validate, Src: a.Src, Asking: l.Check(), Showing: l.Diff() && !tasks.Encrypted(info), Began: time.Now(),
	}
	if script.TrimSlashes(a.Dest) == "" {
		return nil, &tasks.ArgError{Module: "template", Arg: "dest", Problem: "is empty"}
	}
	content, err := encoding.Encode(rendered)
	if err != nil {
		return nil, &tasks.Failure{Msg: fmt.Sprintf("template: %v", err)}
	}
	return d.Carrying(content, path.Base(strings.TrimSuffix(a.Src, "/")), l)
})
