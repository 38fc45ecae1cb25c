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

// treeLink is a link of the source that leads to nothing here, or is not to be followed: as with Ansible, it is copied as the link
// that it is.
type treeLink struct{ name, target string }

type treeFile struct {
	name string // relative to the root
	sum  string
	size int64
	mode string // octal; empty: the umask's
}

func newTreeCopy(d files.Delivery, fsys fs.FS, root string, follow bool, l tasks.Local) (tasks.Action, error) {
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
		if (!follow || errors.Is(err, fs.ErrNotExist)) && entry != nil && entry.Type()&fs.ModeSymlink != 0 {
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
	b.WriteString(scripts.Script("copy_tree_look", script.Values{"p": script.Path(script.TrimSlashes(c.Dest)), "under": c.under}))
	for chunk := range slices.Chunk(append(slices.Clone(c.dirs), c.names()...), 500) {
		b.WriteString(call("entries", chunk...))
	}
	for chunk := range slices.Chunk(c.names(), 500) {
		b.WriteString(call("sums", chunk...))
	}
	for _, l := range c.links {
		b.WriteString(call("linked", l.name, l.target))
	}
	b.WriteString("exit 0\n")
	return b.String()
}

// call is a line that calls a function of a script with words.
func call(function string, words ...string) string {
	return function + " " + script.Words(words) + "\n"
}

// directoryOf is the directory of a name below the top, as the script copy_tree takes it: empty for the top itself.
func directoryOf(name string) string { return strings.TrimPrefix(path.Dir(name), ".") }

func (c *treeCopy) names() []string {
	names := make([]string, len(c.files))
	for i, f := range c.files {
		names[i] = f.name
	}
	return names
}

// treePlan is the work for Apply.
type treePlan struct {
	send []treeFile
	dirs []string
	link []treeLink

	have map[string]script.File
}

// Plan compares every name's content, then its attributes. What is there besides is left alone.
func (c *treeCopy) Plan(found tasks.Found) (tasks.Plan, *treePlan, error) {
	var said treeFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, nil, err
	}
	dest := strings.TrimSuffix(script.TrimSlashes(c.Dest), "/")
	if c.under != "" {
		dest += "/" + c.under
	}
	values := map[string]any{"dest": dest, "src": c.Src, "state": "directory"}
	if said.Dest == "file" {
		return tasks.Plan{}, nil, &tasks.Failure{
			Msg:  script.TrimSlashes(c.Dest) + " is a file, and a directory is wanted there",
			Hint: "remove it, or give dest another path",
		}
	}
	have, sums := said.entries()
	plan := &treePlan{have: have}
	var diffs []tasks.Diff
	var adjust strings.Builder
	if said.Dest == "absent" {
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
			diffs = append(diffs, tasks.Diff{
				BeforeHeader: dest + "/" + f.name,
				AfterHeader:  dest + "/" + f.name,
				After:        fmt.Sprintf("(%d bytes)\n", f.size),
			})
		default:
			if changes := c.of(f).Differences(s); len(changes) > 0 {
				adjust.WriteString(call("adjust", directoryOf(f.name), path.Base(f.name), c.modeFor(f, s)))
				diffs = append(diffs, files.AttributeDiff(dest+"/"+f.name, changes))
			}
		}
	}
	for _, l := range c.links {
		if !slices.Contains(said.Linked, l.name) {
			plan.link = append(plan.link, l)
			diffs = append(diffs, tasks.Diff{BeforeHeader: dest + "/" + l.name, AfterHeader: dest + "/" + l.name, After: "src: " + l.target + "\n"})
		}
	}
	if len(plan.send) == 0 && len(plan.dirs) == 0 && len(plan.link) == 0 && adjust.Len() == 0 {
		return tasks.Plan{Values: values}, nil, nil
	}
	return tasks.Plan{
		Change: true,
		Msg:    fmt.Sprintf("copy %d files of %d to %s", len(plan.send), len(c.files), dest),
		Values: values,
		Diff:   diffs,
		Script: adjust.String(),
	}, plan, nil
}

func (c *treeCopy) of(f treeFile) files.Attributes {
	a := c.Attributes
	if f.mode != "" {
		a.Mode = f.mode
	}
	return a
}

// modeFor is the mode that a file is to have in place of the one before it, as chmod takes it; empty: it keeps the one it has.
func (c *treeCopy) modeFor(f treeFile, have script.File) string {
	mode, _ := c.of(f).Given(have, false)["mode"].(string)
	return mode
}

// treeFound is the answer of the probe of a treeCopy.
type treeFound struct {
	Dest    string   `answer:"dest"`  // directory, file or absent
	Entries []string `answer:"entry"` // raw mode in hex, numbers and names of owner and group, size and name
	Sums    []string `answer:"sum"`   // SHA-256 and name
	Linked  []string `answer:"linked"`
}

// entries are the files and the sums by their names.
func (t treeFound) entries() (map[string]script.File, map[string]string) {
	have, sums := map[string]script.File{}, map[string]string{}
	for _, line := range t.Entries {
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
	for _, line := range t.Sums {
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
	if _, err := files.Prove(ctx, h.Shell(), tasks.ProbeApply(c), p); err != nil {
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
	directories := files.Attributes{Mode: c.DirectoryMode, Owner: c.Owner, Group: c.Group}.Given(script.File{Kind: "absent"}, true)
	var b strings.Builder
	b.WriteString(scripts.Script("copy_tree", script.Values{
		"p": script.Path(script.TrimSlashes(c.Dest)), "under": c.under, "owner": directories["owner"], "directory_mode": directories["mode"],
	}))
	var made []string
	for _, dir := range plan.dirs {
		made = append(made, "./"+dir)
		switch {
		case dir != ".":
			b.WriteString(call("directory", dir))
		case c.under == "":
			b.WriteString("made || exit 1\n")
		}
	}
	if len(plan.send) > 0 {
		b.WriteString("unpack\n")
	}
	for i, f := range plan.send {
		words := []string{strconv.Itoa(i)}
		if have, there := plan.have[f.name]; there {
			words = append(words, c.modeFor(f, have), fmt.Sprintf("%d:%d", have.UID, have.GID), files.FiveDigits(have.Mode))
		} else {
			words = append(words, c.modeFor(f, script.File{Kind: "absent"}))
			made = append(made, "./"+f.name)
		}
		b.WriteString(call("dress", words...))
	}
	b.WriteString("sync\n")
	for i, f := range plan.send {
		b.WriteString(call("place", strconv.Itoa(i), directoryOf(f.name), path.Base(f.name)))
	}
	for _, l := range plan.link {
		b.WriteString(call("point", directoryOf(l.name), path.Base(l.name), l.target))
	}
	b.WriteString(adjust)
	for chunk := range slices.Chunk(made, 500) {
		b.WriteString(call("labels", chunk...))
	}
	b.WriteString("sync\n")
	return b.String()
}
