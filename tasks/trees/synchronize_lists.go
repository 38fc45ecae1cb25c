package trees

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type syncEntry struct {
	source                    string // its name below base, which rsync shows; "" is base itself
	name                      string // below the top on the host; "" is the top
	kind                      byte   // f, d or L
	mode                      int
	size, time                int64
	uid, gid                  int
	owner, group, target, sum string
}

// read lists the source.
func (s *synchronize) read(l tasks.Local) error {
	visit := func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		e := syncEntry{kind: 'f'}
		if name != s.base {
			e.source = strings.TrimPrefix(name, strings.TrimSuffix(s.base, "/")+"/")
			e.name = e.source
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
		if e.mode, e.uid, e.gid, err = rightsOf(info); err != nil {
			return err
		}
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
	}
	info, err := fs.Lstat(s.fsys, s.start)
	switch {
	case err != nil:
	case info.Mode()&fs.ModeSymlink != 0 && !s.within: // WalkDir would go where it leads
		err = visit(s.start, fs.FileInfoToDirEntry(info), nil)
	default:
		err = fs.WalkDir(s.fsys, s.start, visit)
	}
	slices.SortFunc(s.entries, syncOrder)
	return err
}

// syncOrder compares in rsync's order: what is in a directory comes behind it, other directories last, names of directories with a slash.
func syncOrder(a, b syncEntry) int { return strings.Compare(a.order(), b.order()) }

// order is the name with a digit before each part, 1 before those of directories.
func (e syncEntry) order() string {
	if e.name == "" {
		return ""
	}
	last := "0" + path.Base(e.name)
	if e.kind == 'd' {
		last = "1" + path.Base(e.name) + "/"
	}
	if up := parent(e.name); up != "" {
		return "1" + strings.ReplaceAll(up, "/", "/1") + "/" + last
	}
	return last
}

func (s *synchronize) excluded(name string, dir bool) bool {
	if name == "" {
		return false
	}
	for _, r := range s.rules {
		if r.matches(name, dir) {
			return !r.include
		}
	}
	return false
}

// Probe lists what is there under the names of what is copied. A single file that goes to no directory has dest as its name.
func (s *synchronize) Probe() string {
	top := path.Clean(s.Dest)
	v := script.Values{"p": top, "name": ".", "up": "", "as": ""}
	if !s.within {
		v["name"] = "./" + path.Base(s.start)
	}
	if !s.within && len(s.entries) == 1 && !s.slash {
		v["up"], v["as"] = path.Dir(top), path.Base(top)
	}
	return scripts.Script("sync_look", v)
}

type syncFound struct {
	Root    bool   `answer:"root"`
	Dest    string `answer:"dest,required"` // directory, absent, or other
	Alone   bool   `answer:"alone"`         // the single entry gets the name of dest, and goes to dest's directory
	Parent  bool   `answer:"parent"`        // dest's directory is there
	Entries []byte `answer:"entries"`
	Links   []byte `answer:"links"`

	top     string
	entries []syncEntry // the source's, as they are to be named here
	have    map[string]syncEntry
}

// Ask reads the probe's answer, and the sums of files where they are compared.
func (s *synchronize) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (syncFound, error) {
	var f syncFound
	if err := probed.Decode(&f); err != nil {
		return f, err
	}
	f.have, f.top, f.entries = map[string]syncEntry{}, path.Clean(s.Dest), s.entries
	if f.Alone {
		only := s.entries[0]
		only.name = path.Base(f.top)
		f.top, f.entries = path.Dir(f.top), []syncEntry{only}
	}
	for _, line := range lines(f.Entries) {
		w := strings.SplitN(line, " ", 8)
		if len(w) != 8 {
			return f, errors.New("the host's list of files cannot be understood")
		}
		e := syncEntry{name: strings.TrimPrefix(strings.TrimPrefix(w[7], "."), "/"), owner: w[3], group: w[4], kind: 'o'}
		if e.name != "" && !filepath.IsLocal(e.name) {
			return f, errors.New("the host's list of files leads out of " + f.top)
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
	for _, e := range f.entries {
		if have := f.have[e.name]; s.Checksum && e.kind == 'f' && have.kind == 'f' && have.size == e.size {
			names = append(names, e.name)
		}
	}
	for chunk := range slices.Chunk(names, 500) {
		r, err := h.Shell().Run(ctx, remote.Command{Script: scripts.Script("sync_sums", script.Values{"p": f.top}) +
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
