package trees

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type synchronizeArgs struct {
	Src           string   `arg:"src,required" doc:"Directory, file or link on the control node, looked up in files/ as for copy. With a slash at its end, what is in that directory."`
	Dest          string   `arg:"dest,required" doc:"Directory on the host, by its absolute path. It is made when its parent is there. A single file may be given the name it is to have."`
	Mode          string   `arg:"mode" default:"push" choices:"push pull" doc:"Only push, from the control node to hosts, is done here."`
	Archive       bool     `arg:"archive" default:"true" doc:"The default of recursive, links, perms, times, owner and group."`
	Recursive     *bool    `arg:"recursive" doc:"Has to be true for a directory, as it is with archive."`
	Links         *bool    `arg:"links" doc:"Copy links as links; archive's value by default. They are left out otherwise."`
	Perms         *bool    `arg:"perms" doc:"Give files the modes of the source's; archive's value by default."`
	Times         *bool    `arg:"times" doc:"Give files the times of the source's; archive's value by default."`
	Owner         *bool    `arg:"owner" doc:"Give files the owners of the source's, where the task works as root; archive's value by default."`
	Group         *bool    `arg:"group" doc:"Give files the groups of the source's, where the task works as root; archive's value by default."`
	Checksum      bool     `arg:"checksum" default:"false" doc:"Compare the files' SHA-256, not size and time."`
	Delete        bool     `arg:"delete" default:"false" doc:"Remove what the source does not have, after the rest is done, except what rsync_opts exclude."`
	ExistingOnly  bool     `arg:"existing_only" default:"false" doc:"Make nothing new on the host."`
	CopyLinks     bool     `arg:"copy_links" default:"false" doc:"Refused: links are copied as links."`
	Dirs          bool     `arg:"dirs" default:"false" doc:"Refused: trees are copied whole."`
	LinkDest      []string `arg:"link_dest" doc:"Refused: files are not linked to those of another tree."`
	Options       []string `arg:"rsync_opts" doc:"--exclude=PATTERN, --include=PATTERN and --ignore-existing; -z and -v do not matter. Others are refused."`
	Compress      bool     `arg:"compress" default:"true" doc:"Accepted; it does not matter here."`
	Partial       bool     `arg:"partial" default:"false" doc:"Accepted: a file is put in its place whole or not at all."`
	Delay         bool     `arg:"delay_updates" default:"true" doc:"Files are always put in place after all have come; no makes .rsync-filter a file like any other, as with Ansible."`
	PrivateKey    string   `arg:"private_key" doc:"Accepted; the connection is polarbook's own."`
	DestPort      int      `arg:"dest_port" doc:"Accepted; the connection is polarbook's own."`
	RsyncPath     string   `arg:"rsync_path" doc:"Accepted; no rsync is run."`
	SSHArgs       bool     `arg:"use_ssh_args" default:"false" doc:"Accepted; the connection is polarbook's own."`
	SSHArguments  string   `arg:"ssh_args" doc:"Accepted; the connection is polarbook's own."`
	SetRemoteUser bool     `arg:"set_remote_user" default:"true" doc:"Accepted; the connection is polarbook's own."`
	VerifyHost    bool     `arg:"verify_host" default:"false" doc:"Accepted: the connection always verifies the host."`
	Multiplexing  bool     `arg:"ssh_connection_multiplexing" default:"false" doc:"Accepted; the connection is polarbook's own."`
	Timeout       int      `arg:"rsync_timeout" default:"0" doc:"Accepted; the connection has its own."`
}

var synchronizeModule = tasks.Define(tasks.Module{
	Name: "synchronize", Collections: []string{"ansible.posix"}, NoAsync: true,
	Summary: "Bring a directory of the control node to hosts, as rsync would",
	Notes: []string{
		"Neither side needs rsync: the host lists what it has, and what differs goes as one tar stream over the task's own connection, as the " +
			"user that become names. What is compared is rsync's: size and time in seconds, or the content with checksum.",
		"Only push is done, from the control node: delegate_to, with which Ansible copies from one host to another, is refused, and so are " +
			"names with a newline, devices and sockets, and files .rsync-filter, whose rules are not read here.",
		"A file, a link or an empty directory gives way to what the source has under its name. A directory that holds something gives way to " +
			"no file but with delete: where rsync would leave it and do the rest, nothing is done here.",
		"Below dest no link is followed. delete removes nothing unless all of src could be read; a directory in which something excluded lies " +
			"stays.",
		"An owner or a group counts as the same when its name or its number is.",
	},
	Returns: []tasks.Return{
		{Name: "rc", Type: "int", Doc: "0"},
		{Name: "stdout_lines", Type: "list", Doc: "what differed, in the form of rsync's --itemize-changes"},
	},
	Examples: `
- synchronize: {src: site/, dest: /srv/site, delete: true, rsync_opts: ["--exclude=/cache/"]}
`,
}, newSynchronize)

type synchronize struct {
	synchronizeArgs
	fsys                              fs.FS
	start, base                       string // what is copied, and the directory below which its names are
	within                            bool   // src has a slash at its end: what is in start is copied, and start is base
	slash                             bool   // dest has one at its end: it is a directory
	links, perms, times, owner, group bool
	rules                             []syncRule
	keep                              bool            // --ignore-existing
	entries                           []syncEntry     // in rsync's order, parents first
	passed                            map[string]bool // links that are not copied: what has such a name there stays
	asking                            bool
}

func newSynchronize(a *synchronizeArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "synchronize", Arg: arg, Problem: problem}
	}
	s := &synchronize{synchronizeArgs: *a, asking: l.Check(), passed: map[string]bool{},
		within: strings.HasSuffix(a.Src, "/"), slash: strings.HasSuffix(a.Dest, "/")}
	part := func(given *bool) bool {
		if given == nil {
			return a.Archive
		}
		return *given
	}
	s.links, s.perms, s.times, s.owner, s.group = part(a.Links), part(a.Perms), part(a.Times), part(a.Owner), part(a.Group)
	switch {
	case a.Mode == "pull":
		return refuse("mode", "cannot be pull here: use fetch, or archive and fetch")
	case a.CopyLinks:
		return refuse("copy_links", "is not done here: links are copied as links")
	case a.Dirs:
		return refuse("dirs", "is not done here: trees are copied whole")
	case len(a.LinkDest) > 0:
		return refuse("link_dest", "is not done here: files are not linked to those of another tree")
	case !strings.HasPrefix(a.Dest, "/") || path.Clean(a.Dest) == "/":
		return refuse("dest", "has to be an absolute path other than /")
	}
	if problem := s.options(); problem != "" {
		return refuse("rsync_opts", problem)
	}
	if d, ok := l.(tasks.Delegates); ok {
		switch to, err := d.Delegated(); {
		case err != nil:
			return nil, err
		case to != "":
			return nil, &tasks.Failure{
				Msg:  "synchronize with delegate_to copies from that host with Ansible, and only from the control node here",
				Hint: "leave delegate_to out where src is on the control node; on one host copy with remote_src: true, or a command",
			}
		}
	}
	isDir, err := s.find(l)
	switch {
	case err != nil:
		return nil, fmt.Errorf("synchronize: src: %w", err)
	case isDir && !part(a.Recursive):
		return refuse("recursive", "has to be true here: trees are copied whole")
	case s.start == "." && !s.within:
		return refuse("src", "needs a name or a slash at its end")
	}
	if err := s.read(l); err != nil {
		return nil, fmt.Errorf("synchronize: reading src: %w", err)
	}
	return tasks.AskApply(s), nil
}

// find looks src up.
func (s *synchronize) find(l tasks.Local) (isDir bool, err error) {
	if s.fsys, s.start, err = l.Find("files", s.Src); err != nil {
		return false, err
	}
	info, err := fs.Lstat(s.fsys, s.start)
	if err == nil && s.within && info.Mode()&fs.ModeSymlink != 0 { // what it leads to
		if s.fsys, err = fs.Sub(s.fsys, s.start); err == nil {
			s.start = "."
			info, err = fs.Stat(s.fsys, s.start)
		}
	}
	if err != nil {
		return false, err
	}
	if s.within && !info.IsDir() {
		return false, fmt.Errorf("%s is not a directory: leave out the slash at its end", s.Src)
	}
	s.base = s.start
	if !s.within {
		s.base = path.Dir(s.start)
	}
	return info.IsDir(), nil
}

// options reads rsync_opts. It returns what is wrong with them.
func (s *synchronize) options() (problem string) {
	for i := 0; i < len(s.Options); i++ {
		option, value, given := strings.Cut(s.Options[i], "=")
		switch option {
		case "--exclude", "--include":
			if !given && i+1 < len(s.Options) {
				i++
				value = s.Options[i]
			}
			rule, err := newSyncRule(value, option == "--include")
			if err != nil {
				return err.Error()
			}
			s.rules = append(s.rules, rule)
		case "--ignore-existing":
			s.keep = true
		case "-z", "-v", "--compress", "--verbose":
		default:
			return "holds " + option + ", which is not done here"
		}
	}
	return ""
}
