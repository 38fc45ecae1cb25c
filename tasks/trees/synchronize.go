package trees

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/user"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type synchronizeArgs struct {
	Src           string   `arg:"src,required" doc:"Directory on the control node, looked up in files/ as for copy. With a slash at its end, what is in it."`
	Dest          string   `arg:"dest,required" doc:"Directory on the host, by its absolute path."`
	Mode          string   `arg:"mode" default:"push" choices:"push pull" doc:"Only push, from the control node to hosts, is done here."`
	Archive       bool     `arg:"archive" default:"true" doc:"The default of recursive, links, perms, times, owner and group."`
	Recursive     string   `arg:"recursive" doc:"Has to be true here, as it is with archive."`
	Links         string   `arg:"links" doc:"Copy links as links; archive's value by default. They are left out otherwise."`
	Perms         string   `arg:"perms" doc:"Give files the modes of the source's; archive's value by default."`
	Times         string   `arg:"times" doc:"Give files the times of the source's; archive's value by default."`
	Owner         string   `arg:"owner" doc:"Give files the owners of the source's, where the task works as root; archive's value by default."`
	Group         string   `arg:"group" doc:"Give files the groups of the source's, where the task works as root; archive's value by default."`
	Checksum      bool     `arg:"checksum" default:"false" doc:"Compare the files' SHA-256, not size and time."`
	Delete        bool     `arg:"delete" default:"false" doc:"Remove what the source does not have, except what rsync_opts exclude."`
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
		"Only push is done, from the control node: delegate_to, with which Ansible copies from one host to another, is refused. A single file, " +
			"a link as src, and a file where the other side has a directory are refused, and so are names with a newline, devices and sockets, " +
			"and files .rsync-filter, whose rules are not read here.",
		"Below dest no link is followed. delete removes nothing unless all of src could be read; a directory in which something excluded lies stays.",
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
	root, under                       string
	links, perms, times, owner, group bool
	rules                             []syncRule
	keep                              bool            // --ignore-existing
	entries                           []syncEntry     // parents first
	passed                            map[string]bool // links that are not copied: what has such a name there stays
	asking                            bool
}

type syncEntry struct {
	name                      string // below the top; "" is the top
	kind                      byte   // f, d or L
	mode                      int
	size, time                int64
	uid, gid                  int
	owner, group, target, sum string
}

func newSynchronize(a *synchronizeArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "synchronize", Arg: arg, Problem: problem}
	}
	s := &synchronize{synchronizeArgs: *a, asking: l.Check(), passed: map[string]bool{}}
	recursive := false
	for _, o := range []struct {
		arg, value string
		to         *bool
	}{{"recursive", a.Recursive, &recursive}, {"links", a.Links, &s.links}, {"perms", a.Perms, &s.perms}, {"times", a.Times, &s.times},
		{"owner", a.Owner, &s.owner}, {"group", a.Group, &s.group}} {
		switch strings.ToLower(o.value) {
		case "":
			*o.to = a.Archive
		case "true", "yes", "on", "1":
			*o.to = true
		case "false", "no", "off", "0":
		default:
			return refuse(o.arg, "is neither true nor false")
		}
	}
	switch {
	case a.Mode == "pull":
		return refuse("mode", "cannot be pull here: use fetch, or archive and fetch")
	case a.CopyLinks:
		return refuse("copy_links", "is not done here: links are copied as links")
	case a.Dirs:
		return refuse("dirs", "is not done here: trees are copied whole")
	case len(a.LinkDest) > 0:
		return refuse("link_dest", "is not done here: files are not linked to those of another tree")
	case !recursive:
		return refuse("recursive", "has to be true here: trees are copied whole")
	case !strings.HasPrefix(a.Dest, "/") || path.Clean(a.Dest) == "/":
		return refuse("dest", "has to be an absolute path other than /")
	}
	for i := 0; i < len(a.Options); i++ {
		option, value, given := strings.Cut(a.Options[i], "=")
		switch option {
		case "--exclude", "--include":
			if !given && i+1 < len(a.Options) {
				i++
				value = a.Options[i]
			}
			rule, err := newSyncRule(value, option == "--include")
			if err != nil {
				return refuse("rsync_opts", err.Error())
			}
			s.rules = append(s.rules, rule)
		case "--ignore-existing":
			s.keep = true
		case "-z", "-v", "--compress", "--verbose":
		default:
			return refuse("rsync_opts", "holds "+option+", which is not done here")
		}
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
	var err error
	if s.fsys, s.root, err = l.Find("files", a.Src); err != nil {
		return nil, fmt.Errorf("synchronize: src: %w", err)
	}
	if info, err := fs.Lstat(s.fsys, s.root); err != nil {
		return nil, fmt.Errorf("synchronize: src: %w", err)
	} else if !info.IsDir() {
		return refuse("src", "is not a directory: use copy for a single file, and name what a link leads to")
	}
	if !strings.HasSuffix(a.Src, "/") {
		s.under = path.Base(s.root)
		if s.under == "." {
			return refuse("src", "needs a name or a slash at its end")
		}
	}
	if err := s.read(l); err != nil {
		return nil, fmt.Errorf("synchronize: reading src: %w", err)
	}
	return tasks.AskApply(s), nil
}

// read lists the source.
func (s *synchronize) read(l tasks.Local) error {
	return fs.WalkDir(s.fsys, s.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		e := syncEntry{kind: 'f'}
		if name != s.root {
			e.name = strings.TrimPrefix(name, strings.TrimSuffix(s.root, "/")+"/")
			if s.root == "." {
				e.name = name
			}
		}
		if path.Base(e.name) == ".rsync-filter" && s.Delay {
			return fmt.Errorf("%s: rules in files of this name are not read here: delay_updates: false makes it a file like any other", e.name)
		}
		if strings.Contains(e.name, "\n") {
			return fmt.Errorf("%q: names with a newline cannot be synchronized", e.name)
		}
		if s.excluded(e.name, d.IsDir()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e.size, e.time = info.Size(), info.ModTime().Unix()
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return errors.New("it has no owners: give a directory of the control node")
		}
		e.mode, e.uid, e.gid = int(stat.Mode&0o7777), int(stat.Uid), int(stat.Gid)
		e.owner, e.group = strconv.Itoa(e.uid), strconv.Itoa(e.gid)
		if u, err := user.LookupId(e.owner); err == nil {
			e.owner = u.Username
		}
		if g, err := user.LookupGroupId(e.group); err == nil {
			e.group = g.Name
		}
		switch {
		case d.IsDir():
			e.kind = 'd'
		case d.Type()&fs.ModeSymlink != 0:
			if !s.links {
				s.passed[e.name] = true
				return nil
			}
			e.kind = 'L'
			if e.target, err = fs.ReadLink(s.fsys, name); err != nil {
				return err
			}
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is neither a file, a directory nor a link", e.name)
		case s.Checksum:
			if e.sum, _, err = l.Sum(s.fsys, name); err != nil {
				return err
			}
		}
		s.entries = append(s.entries, e)
		return nil
	})
}

func (s *synchronize) excluded(name string, dir bool) bool {
	full := path.Join(s.under, name)
	if full == "" {
		return false
	}
	for _, r := range s.rules {
		if r.matches(full, dir) {
			return !r.include
		}
	}
	return false
}

func (s *synchronize) top() string { return path.Join(s.Dest, s.under) }

// Probe lists what is there.
func (s *synchronize) Probe() string { return scripts.Script("sync_look", script.Values{"p": s.top()}) }

type syncFound struct {
	Root    bool   `answer:"root"`
	Dest    string `answer:"dest,required"`
	Entries []byte `answer:"entries"`
	Links   []byte `answer:"links"`
	have    map[string]syncEntry
}

// Ask reads the probe's answer, and the sums of files where they are compared.
func (s *synchronize) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (syncFound, error) {
	var f syncFound
	if err := probed.Decode(&f); err != nil {
		return f, err
	}
	f.have = map[string]syncEntry{}
	for _, line := range lines(f.Entries) {
		w := strings.SplitN(line, " ", 8)
		if len(w) != 8 {
			return f, errors.New("the host's list of files cannot be understood")
		}
		e := syncEntry{name: strings.TrimPrefix(strings.TrimPrefix(w[7], "."), "/"), owner: w[3], group: w[4], kind: 'o'}
		if e.name != "" && !filepath.IsLocal(e.name) {
			return f, errors.New("the host's list of files leads out of " + s.top())
		}
		raw, err := strconv.ParseInt(w[0], 16, 64)
		if err != nil {
			return f, errors.New("the host's list of files cannot be understood")
		}
		e.mode = int(raw) & 0o7777
		if kind, ok := map[int64]byte{0o040000: 'd', 0o100000: 'f', 0o120000: 'L'}[raw&0o170000]; ok {
			e.kind = kind
		}
		e.uid, _ = strconv.Atoi(w[1])
		e.gid, _ = strconv.Atoi(w[2])
		e.size, _ = strconv.ParseInt(w[5], 10, 64)
		e.time, _ = strconv.ParseInt(w[6], 10, 64)
		f.have[e.name] = e
	}
	links := strings.Split(string(f.Links), "\n")
	for i := 0; i+1 < len(links); i += 2 {
		name := strings.TrimPrefix(links[i], "./")
		if e, ok := f.have[name]; ok {
			e.target = links[i+1]
			f.have[name] = e
		}
	}
	return f, s.sums(ctx, h, f)
}

func (s *synchronize) sums(ctx context.Context, h tasks.Host, f syncFound) error {
	var names []string
	for _, e := range s.entries {
		if have := f.have[e.name]; s.Checksum && e.kind == 'f' && have.kind == 'f' && have.size == e.size {
			names = append(names, e.name)
		}
	}
	for chunk := range slices.Chunk(names, 500) {
		r, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("sync_sums", script.Values{"p": s.top()}) +
			"sums " + script.Words(chunk) + "\nexit 0\n"})
		if err != nil {
			return err
		}
		var said struct {
			Sums []byte `answer:"sums"`
		}
		if err := (tasks.Found{Result: r}).Decode(&said); err != nil {
			return err
		}
		for _, line := range lines(said.Sums) {
			sum, name, _ := strings.Cut(line, "  ")
			if e, ok := f.have[name]; ok {
				e.sum = sum
				f.have[name] = e
			}
		}
	}
	return nil
}

type syncChange struct {
	send          []syncEntry
	before, after strings.Builder
}

// Plan compares.
func (s *synchronize) Plan(f syncFound) (tasks.Plan, *syncChange, error) {
	if f.Dest == "file" {
		return tasks.Plan{}, nil, &tasks.Failure{Msg: s.top() + " is a file, and a directory is wanted there", Hint: "remove it first"}
	}
	for name := range f.have {
		if path.Base(name) == ".rsync-filter" && s.Delay && s.Delete {
			return tasks.Plan{}, nil, &tasks.Failure{
				Msg:  path.Join(s.top(), name) + ": rules in files of this name are not read here, and they might keep what is to be deleted",
				Hint: "delay_updates: false makes it a file like any other",
			}
		}
	}
	c := &syncChange{}
	out := s.deletions(f, c)
	touched := map[string]bool{}
	for _, line := range out {
		touched[parent(strings.TrimSuffix(strings.TrimPrefix(line, "*deleting   "), "/"))] = true
	}
	skipped := map[string]bool{}
	var dirs []string
	for _, e := range s.entries {
		have, there := f.have[e.name]
		if !there && s.ExistingOnly || e.name != "" && skipped[parent(e.name)] {
			skipped[e.name] = true
			continue
		}
		if there && have.kind != e.kind && (have.kind != 'f' || e.kind != 'L') && (have.kind != 'L' || e.kind == 'd') {
			return tasks.Plan{}, nil, &tasks.Failure{Msg: path.Join(s.top(), e.name) + " is something of another kind on the host", Hint: "remove it first"}
		}
		item := s.compare(e, have, there && have.kind == e.kind, f.Root)
		if there && s.keep && e.kind != 'd' {
			item = ""
		}
		if item != "" {
			out = append(out, s.line(item, e))
		}
		if e.kind != 'd' && item != "" && item[0] != '.' {
			touched[parent(e.name)] = true
		}
		if e.kind == 'd' && !there {
			touched[parent(e.name)] = true
		}
		if !s.perms {
			if e.mode &= 0o777; there {
				e.mode = have.mode
			}
		}
		s.steps(e, item, there, f.Root, c)
		if e.kind == 'd' {
			dirs = append(dirs, e.name)
		}
	}
	plan := tasks.Plan{Values: map[string]any{"rc": 0, "stdout_lines": anyList(out), "stdout": strings.Join(out, "\n")}, Event: true}
	if len(out) == 0 {
		return plan, nil, nil
	}
	if len(c.send) > 0 {
		c.after.WriteString("clear\n") // before the directories get their times, which it would change
		touched[""] = true
	}
	byName := map[string]syncEntry{}
	for _, e := range s.entries {
		byName[e.name] = e
	}
	for _, name := range slices.Backward(dirs) {
		e := byName[name]
		have, there := f.have[name]
		if item := s.compare(e, have, there, f.Root); item != "" || touched[name] {
			words := s.attributes(e, f.Root, true)
			if name == "" && !there {
				words[0] = s.modeOf(e, there)
			}
			c.after.WriteString("adjust " + script.Words(append([]string{name, ""}, words...)) + "\n")
		}
	}
	plan.Change, plan.Msg = true, strings.Join(out, "\n")
	return plan, c, nil
}

func parent(name string) string { return strings.TrimPrefix(path.Dir(name), ".") }

// deletions plans what is removed, and returns the lines that say so.
func (s *synchronize) deletions(f syncFound, c *syncChange) []string {
	if !s.Delete || len(s.entries) == 0 { // where the source itself is excluded, nothing is said of what is there
		return nil
	}
	stays := map[string]bool{"": true}
	stay := func(name string) {
		for ; name != ""; name = parent(name) {
			stays[name] = true
		}
	}
	for _, e := range s.entries {
		stay(e.name)
	}
	names := make([]string, 0, len(f.have))
	for name, e := range f.have {
		names = append(names, name)
		if s.passed[name] || s.excluded(name, e.kind == 'd') {
			stay(name)
		}
	}
	slices.Sort(names)
	var out []string
	kept := map[string]bool{} // excluded, with all below
	gone := map[string]bool{}
	for _, name := range names {
		switch e := f.have[name]; {
		case name == "":
		case kept[parent(name)] || s.passed[name] || s.excluded(name, e.kind == 'd'):
			kept[name] = true
		case stays[name]:
		default:
			if e.kind == 'd' {
				name += "/"
			}
			out = append(out, "*deleting   "+name)
			name = strings.TrimSuffix(name, "/")
			gone[name] = true
			if !gone[parent(name)] {
				c.before.WriteString("gone " + script.Words([]string{parent(name), path.Base(name)}) + "\n")
			}
		}
	}
	return out
}

// compare says in rsync's letters what differs; empty: nothing.
func (s *synchronize) compare(e, have syncEntry, there, root bool) string {
	if !there {
		return map[byte]string{'f': "<f", 'd': "cd", 'L': "cL"}[e.kind] + "+++++++++"
	}
	item := []byte("..." + "........")
	item[1] = e.kind
	send := false
	if e.kind == 'f' {
		if e.size != have.size {
			item[3], send = 's', true
		}
		if s.Checksum && e.sum != have.sum {
			item[2], send = 'c', true
		}
	}
	if e.kind == 'L' && e.target != have.target {
		item[0], item[2] = 'c', 'c'
		if !s.times {
			item[4] = 'T'
		}
	}
	if e.time != have.time {
		switch {
		case s.times:
			item[4] = 't'
			send = send || e.kind == 'f' && !s.Checksum
		case e.kind == 'f' && !s.Checksum:
			item[4], send = 'T', true
		}
	}
	if e.kind != 'L' && s.perms && e.mode != have.mode {
		item[5] = 'p'
	}
	if root {
		if s.owner && e.uid != have.uid && e.owner != have.owner {
			item[6] = 'o'
		}
		if s.group && e.gid != have.gid && e.group != have.group {
			item[7] = 'g'
		}
	}
	if send {
		item[0] = '<'
		if !s.times { // that of the transfer
			item[4] = 'T'
		}
	}
	if strings.Trim(string(item[2:]), ".") == "" {
		return ""
	}
	return string(item)
}

func (s *synchronize) line(item string, e syncEntry) string {
	name := path.Join(s.under, e.name)
	switch e.kind {
	case 'd':
		if name == "" {
			name = "."
		}
		name += "/"
	case 'L':
		name += " -> " + e.target
	}
	return item + " " + name
}

// attributes are the words of mode, owner, group and time, as the script's adjust takes them.
func (s *synchronize) attributes(e syncEntry, root, times bool) []string {
	words := make([]string, 6)
	if s.perms {
		words[0] = files.FiveDigits(e.mode)
	}
	if root && s.owner {
		words[1], words[2] = e.owner, strconv.Itoa(e.uid)
	}
	if root && s.group {
		words[3], words[4] = e.group, strconv.Itoa(e.gid)
	}
	if times && s.times {
		words[5] = strconv.FormatInt(e.time, 10)
	}
	return words
}

// modeOf is the mode of what is made: the source's, and where that is not wanted the one before, or the source's less the host's umask.
func (s *synchronize) modeOf(e syncEntry, there bool) string {
	mode := files.FiveDigits(e.mode)
	if !s.perms && !there {
		return "u" + mode
	}
	return mode
}

// steps adds what is to be done for an entry.
func (s *synchronize) steps(e syncEntry, item string, there, root bool, c *syncChange) {
	at := []string{parent(e.name), path.Base(e.name)}
	switch {
	case item == "":
	case e.kind == 'd':
		if !there && e.name != "" {
			c.before.WriteString("directory " + script.Words(append(at, s.modeOf(e, there))) + "\n")
		}
	case e.kind == 'L':
		c.after.WriteString("point " + script.Words(append(append(at, e.target), s.attributes(e, root, true)[1:]...)) + "\n")
	case item[0] == '<':
		c.send = append(c.send, e)
		n := strconv.Itoa(len(c.send) - 1)
		words := s.attributes(e, root, false)[:5]
		words[0] = s.modeOf(e, there)
		c.after.WriteString("to 5\ndress " + script.Words(append([]string{n}, words...)) + "\nplace " + script.Words(append([]string{n}, at...)) + "\n")
	default:
		c.after.WriteString("adjust " + script.Words(append(at, s.attributes(e, root, true)...)) + "\n")
	}
}

// Apply sends what differs as one tar stream.
func (s *synchronize) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, c *syncChange) (tasks.Result, error) {
	var b strings.Builder
	b.WriteString(scripts.Script("sync_push", script.Values{"p": s.top()}))
	b.WriteString(c.before.String())
	if len(c.send) > 0 {
		option := "-m"
		if s.times {
			option = ""
		}
		b.WriteString("unpack " + option + "\n")
	}
	b.WriteString(c.after.String() + "exit 0\n")
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(s.pack(writer, c.send)) }()
	r, err := h.Shell().Stream(ctx, remote.Command{Script: b.String()}, reader, nil, nil)
	reader.CloseWithError(io.ErrClosedPipe)
	if err != nil {
		return tasks.Result{}, err
	}
	if err := files.ScriptFailed(r); err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values}, nil
}

func (s *synchronize) pack(w io.Writer, send []syncEntry) error {
	t := tar.NewWriter(w)
	for i, e := range send {
		if err := s.packOne(t, strconv.Itoa(i), e); err != nil {
			return fmt.Errorf("sending %s: %w", e.name, err)
		}
	}
	return t.Close()
}

func (s *synchronize) packOne(t *tar.Writer, name string, e syncEntry) error {
	source, err := s.fsys.Open(path.Join(s.root, e.name))
	if err != nil {
		return err
	}
	defer source.Close()
	header := tar.Header{Name: name, Mode: 0o600, Size: e.size, Typeflag: tar.TypeReg, Format: tar.FormatGNU}
	header.ModTime = timeOf(e.time)
	if err := t.WriteHeader(&header); err != nil {
		return err
	}
	_, err = io.Copy(t, source)
	return err
}
