package builtin

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// treeCopy is copy of a whole directory: the files that differ go in one stream, are unpacked beside their places and
// renamed one by one.
type treeCopy struct {
	files.Delivery
	fsys  fs.FS
	root  string // of the source in fsys
	under string // directory in dest, "" when the source's path ends with a slash
	files []treeFile
	dirs  []string // relative, parents first
	links []treeLink
}

// treeLink is a link of the source that leads to nothing here: as with Ansible, it is copied as the link that it is.
type treeLink struct{ name, target string }

type treeFile struct {
	name string // relative to the root
	sum  string
	size int64
	mode string // octal; empty: the umask's
}

func newTreeCopy(d files.Delivery, fsys fs.FS, root string, l tasks.Local) (tasks.Action, error) {
	c := &treeCopy{Delivery: d, fsys: fsys, root: root}
	if !strings.HasSuffix(d.Src, "/") {
		c.under = path.Base(root)
	}
	preserve := d.Mode == "preserve"
	if preserve {
		c.Mode = ""
	}
	err := fs.WalkDir(fsys, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative := strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
		if root == "." {
			relative = name
		}
		if relative == "" || relative == "." {
			return nil
		}
		if strings.ContainsAny(relative, "\n\\") {
			return fmt.Errorf("%q: names with a newline or a backslash cannot be copied as part of a directory", relative)
		}
		info, err := fs.Stat(fsys, name)
		if errors.Is(err, fs.ErrNotExist) && entry != nil && entry.Type()&fs.ModeSymlink != 0 {
			target, err := fs.ReadLink(fsys, name)
			if err != nil {
				return err
			}
			c.links = append(c.links, treeLink{relative, target})
			return nil
		}
		if err != nil {
			return err
		}
		if info.IsDir() {
			c.dirs = append(c.dirs, relative)
			return nil
		}
		f := treeFile{name: relative}
		if preserve {
			f.mode = fmt.Sprintf("%04o", info.Mode().Perm())
		}
		f.sum, f.size, err = l.Sum(fsys, name)
		c.files = append(c.files, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("copy: reading the directory %s: %w", d.Src, err)
	}
	return tasks.ProbeApply(c), c.Check("copy")
}

// Probe lists what is there under the names that the source has, and the sums of the files.
func (c *treeCopy) Probe() string {
	var b strings.Builder
	b.WriteString(script.Preamble)
	fmt.Fprintf(&b, "p=%s\nif [ -e \"$p\" ] && [ ! -d \"$p\" ]; then echo dest file; exit 0; fi\n", string(script.Path(script.TrimSlashes(c.Dest))))
	fmt.Fprintf(&b, "p=${p%%/}%s\nif [ ! -d \"$p\" ]; then echo dest absent; exit 0; fi\ncd -- \"$p\" || exit 1\necho dest directory\n", c.below())
	for chunk := range slices.Chunk(append(slices.Clone(c.dirs), c.names()...), 500) {
		fmt.Fprintf(&b, "stat -L -c 'entry %%f %%u %%g %%U %%G %%s %%n' -- %s 2>/dev/null\n", script.Words(chunk))
	}
	for chunk := range slices.Chunk(c.names(), 500) {
		fmt.Fprintf(&b, "sha256sum -- %s 2>/dev/null | while read -r sum name; do echo \"sum $sum $name\"; done\n", script.Words(chunk))
	}
	for _, l := range c.links {
		fmt.Fprintf(&b, "[ \"$(readlink -- %s)\" = %s ] && echo %s\n", remote.Quote("./"+l.name), remote.Quote(l.target), remote.Quote("linked "+l.name))
	}
	b.WriteString("exit 0\n")
	return b.String()
}

func (c *treeCopy) below() string {
	if c.under == "" {
		return ""
	}
	return "/" + remote.Quote(c.under)
}

func (c *treeCopy) names() []string {
	names := make([]string, len(c.files))
	for i, f := range c.files {
		names[i] = f.name
	}
	return names
}

// treePlan is what Apply has to do.
type treePlan struct {
	send []treeFile
	dirs []string
	link []treeLink

	have map[string]script.File
}

// Plan compares every name's content, then its attributes. What is there besides is left alone.
func (c *treeCopy) Plan(found tasks.Found) (tasks.Plan, *treePlan, error) {
	ans, err := tasks.ReadAnswer(found)
	if err != nil {
		return tasks.Plan{}, nil, err
	}
	dest := strings.TrimSuffix(script.TrimSlashes(c.Dest), "/")
	if c.under != "" {
		dest += "/" + c.under
	}
	values := map[string]any{"dest": dest, "src": c.Src, "state": "directory"}
	if ans.Text("dest") == "file" {
		return tasks.Plan{}, nil, &tasks.Failure{Msg: script.TrimSlashes(c.Dest) + " is a file, and a directory is wanted there", Hint: "remove it, or give dest another path"}
	}
	have, sums := c.entries(ans)
	plan := &treePlan{have: have}
	var diffs []tasks.Diff
	var script strings.Builder
	if ans.Text("dest") == "absent" {
		plan.dirs = append(plan.dirs, ".")
	}
	for _, dir := range c.dirs {
		if s, ok := have[dir]; ok && s.Kind != "directory" {
			return tasks.Plan{}, nil, &tasks.Failure{Msg: fmt.Sprintf("%s/%s is a file, and a directory is wanted there", dest, dir)}
		} else if !ok {
			plan.dirs = append(plan.dirs, dir)
		}
	}
	for _, f := range c.files {
		s, there := have[f.name]
		switch {
		case there && s.Kind == "directory":
			return tasks.Plan{}, nil, &tasks.Failure{Msg: fmt.Sprintf("%s/%s is a directory, and a file is wanted there", dest, f.name)}
		case there && !c.Force:
		case !there || sums[f.name] != f.sum:
			plan.send = append(plan.send, f)
			diffs = append(diffs, tasks.Diff{BeforeHeader: dest + "/" + f.name, AfterHeader: dest + "/" + f.name, After: fmt.Sprintf("(%d bytes)\n", f.size)})
		default:
			if changes := c.of(f).Differences(s); len(changes) > 0 {
				fmt.Fprintf(&script, "at %s\nhold %s\n%sexec 7<&-\n", remote.Quote(strings.TrimPrefix(path.Dir(f.name), ".")), remote.Quote(path.Base(f.name)), c.of(f).Set("$held", s, false))
				diffs = append(diffs, files.AttributeDiff(dest+"/"+f.name, changes))
			}
		}
	}
	for _, l := range c.links {
		if !slices.Contains(ans["linked"], l.name) {
			plan.link = append(plan.link, l)
			diffs = append(diffs, tasks.Diff{BeforeHeader: dest + "/" + l.name, AfterHeader: dest + "/" + l.name, After: "src: " + l.target + "\n"})
		}
	}
	if len(plan.send) == 0 && len(plan.dirs) == 0 && len(plan.link) == 0 && script.Len() == 0 {
		return tasks.Plan{Values: values}, nil, nil
	}
	return tasks.Plan{
		Change: true, Msg: fmt.Sprintf("copy %d files of %d to %s", len(plan.send), len(c.files), dest), Values: values, Diff: diffs, Script: script.String(),
	}, plan, nil
}

func (c *treeCopy) of(f treeFile) files.Attributes {
	a := c.Attributes
	if f.mode != "" {
		a.Mode = f.mode
	}
	return a
}

func (c *treeCopy) entries(ans script.Answer) (map[string]script.File, map[string]string) {
	have, sums := map[string]script.File{}, map[string]string{}
	for _, line := range ans["entry"] {
		f := strings.SplitN(line, " ", 7)
		if len(f) != 7 {
			continue
		}
		raw, _ := strconv.ParseInt(f[0], 16, 64)
		s := script.File{Kind: "other", Mode: int(raw) & 0o7777, Owner: f[3], Group: f[4]}
		switch raw & 0o170000 {
		case 0o040000:
			s.Kind = "directory"
		case 0o100000:
			s.Kind = "file"
		}
		s.UID, _ = strconv.Atoi(f[1])
		s.GID, _ = strconv.Atoi(f[2])
		s.Size, _ = strconv.ParseInt(f[5], 10, 64)
		have[f[6]] = s
	}
	for _, line := range ans["sum"] {
		if sum, name, ok := strings.Cut(line, " "); ok {
			sums[name] = sum
		}
	}
	return have, sums
}

// Apply sends what differs as one tar stream into a script that unpacks it aside and renames.
func (c *treeCopy) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, plan *treePlan) (tasks.Result, error) {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(c.pack(writer, plan.send)) }()
	r, err := h.Shell().Stream(ctx, remote.Command{Script: c.unpack(plan, p.Script)}, reader, nil, nil)
	reader.CloseWithError(io.ErrClosedPipe)
	if err != nil {
		return tasks.Result{}, err
	}
	if err := files.ScriptFailed(r); err != nil {
		return tasks.Result{}, err
	}
	if _, err := files.Prove(ctx, h.Shell(), tasks.ProbeApply(c)); err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values, Diff: p.Diff}, nil
}

func (c *treeCopy) pack(w io.Writer, files []treeFile) error {
	t := tar.NewWriter(w)
	for i, f := range files {
		source, err := c.fsys.Open(path.Join(c.root, f.name))
		if err != nil {
			return err
		}
		// Numbers for names: every tar understands them.
		err = t.WriteHeader(&tar.Header{Name: strconv.Itoa(i), Mode: 0o600, Size: f.size, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR})
		if err == nil {
			_, err = io.Copy(t, source)
		}
		source.Close()
		if err != nil {
			return fmt.Errorf("sending %s: %w", f.name, err)
		}
	}
	return t.Close()
}

func (c *treeCopy) unpack(plan *treePlan, adjust string) string {
	var b strings.Builder
	b.WriteString(script.Preamble + script.Inside)
	directories := files.Attributes{Mode: c.DirectoryMode, Owner: c.Owner, Group: c.Group}
	fmt.Fprintf(&b, "p=%s\np=${p%%/}\n", string(script.Path(script.TrimSlashes(c.Dest))))
	if c.under != "" {
		fmt.Fprintf(&b, "made() {\n%sreturn 0\n}\n", directories.Set(".", script.File{Kind: "absent"}, true))
	}
	fmt.Fprintf(&b, "p=$p%s\nreach \"$p\" || exit 1\nroot=$here\n", c.below())
	// Each directory below is gone to from the top, which is where it was, and through no link but those of whose it is.
	// What was unpacked lies in a directory that only this account enters, and is taken from there by its descriptor (5).
	b.WriteString("at() { if [ \"$here\" != \"${root%/}${1:+/$1}\" ]; then inside \"${root%/}${1:+/$1}\" || exit 1; fi; }\n")
	fmt.Fprintf(&b, "made() {\n%sreturn 0\n}\n", directories.Set(".", script.File{Kind: "absent"}, true))
	for _, dir := range plan.dirs {
		if dir == "." {
			if c.under == "" {
				b.WriteString("made || exit 1\n")
			}
			continue
		}
		fmt.Fprintf(&b, "( reach \"${root%%/}\"/%s ) || exit 1\n", remote.Quote(dir))
	}
	if len(plan.send) > 0 {
		b.WriteString("have tar || die \"tar is not installed on this host: install it, or copy file by file\"\nstage=.polarbook.$(mktemp -u XXXXXXXX)\nexec 4<. || exit 1\nmkdir -m 0700 \"./$stage\" || exit 1\ntrap 'to 4; rm -rf -- \"./$stage\"' EXIT\ntrap 'exit 1' HUP INT TERM\nenter \"$stage\"\nexec 5<. || exit 1\n[ -O . ] || changed \"$here\"\ntar -x -o -f - || exit 1\n")
	}
	for i, f := range plan.send {
		have, there := plan.have[f.name]
		fmt.Fprintf(&b, "t=./%d\n", i)
		if there {
			fmt.Fprintf(&b, "chown %d:%d \"$t\" 2>/dev/null\nchmod %05o \"$t\" || exit 1\n", have.UID, have.GID, have.Mode)
		} else {
			have.Kind = "absent"
			b.WriteString("chmod \"$(printf %o $((0666 & ~$(umask))))\" \"$t\" || exit 1\n")
		}
		b.WriteString(c.of(f).Set(`"$t"`, have, false))
	}
	b.WriteString("sync\n")
	var made []string
	for _, dir := range plan.dirs {
		made = append(made, "./"+dir)
	}
	for i, f := range plan.send {
		fmt.Fprintf(&b, "at %s\nmv -f -T -- /proc/self/fd/5/%d %s || exit 1\n", remote.Quote(strings.TrimPrefix(path.Dir(f.name), ".")), i, remote.Quote("./"+path.Base(f.name)))
		if _, there := plan.have[f.name]; !there {
			made = append(made, "./"+f.name)
		}
	}
	for _, l := range plan.link {
		name := remote.Quote("./" + path.Base(l.name))
		fmt.Fprintf(&b, "at %s\nt=.polarbook.$(mktemp -u XXXXXXXX)\nln -s -T -- %s \"./$t\" && mv -f -T -- \"./$t\" %s || exit 1\n", remote.Quote(strings.TrimPrefix(path.Dir(l.name), ".")), remote.Quote(l.target), name)
	}
	b.WriteString("at ''\n" + adjust)
	for chunk := range slices.Chunk(made, 500) {
		fmt.Fprintf(&b, "at ''\nif [ -e /sys/fs/selinux/enforce ] && have restorecon; then restorecon %s 2>/dev/null; fi\n", script.Words(chunk))
	}
	b.WriteString("sync\n")
	return b.String()
}
