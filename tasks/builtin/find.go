package builtin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/templates/pattern"
)

type findArgs struct {
	Paths    []string `arg:"paths,required" alias:"path name" doc:"Directories to look in."`
	Patterns []string `arg:"patterns" alias:"pattern" doc:"Names to find: shell patterns, or expressions with use_regex. All by default."`
	Excludes []string `arg:"excludes" alias:"exclude" doc:"Names to leave out."`
	UseRegex bool     `arg:"use_regex" default:"false" doc:"Take patterns and excludes for regular expressions."`
	FileType string   `arg:"file_type" default:"file" choices:"any directory file link" doc:"Kind of file to find."`
	Recurse  bool     `arg:"recurse" default:"false" doc:"Look in directories below too."`
	Depth    int      `arg:"depth" default:"0" doc:"How deep to look, with recurse; 0 is without limit."`
	Hidden   bool     `arg:"hidden" default:"false" doc:"Find names that begin with a dot too."`
	Follow   bool     `arg:"follow" default:"false" doc:"Follow links to directories."`
	Age      string   `arg:"age" doc:"At least this old: 2d, 3w, 12h, 30m, seconds; negative: at most."`
	AgeStamp string   `arg:"age_stamp" default:"mtime" choices:"atime ctime mtime" doc:"Which time to compare with age."`
	Size     string   `arg:"size" doc:"At least this large: 10k, 1m, 2g, bytes; negative: at most."`
	Checksum bool     `arg:"get_checksum" default:"false" doc:"Return the files' checksums."`
	Sum      string   `arg:"checksum_algorithm" alias:"checksum checksum_algo" default:"sha1" choices:"md5 sha1 sha224 sha256 sha384 sha512" doc:"Algorithm of the checksums."`
	Mode     any      `arg:"mode" doc:"Permissions that it has to have, octal or in letters."`
	Exact    bool     `arg:"exact_mode" default:"true" doc:"It has to have just these; otherwise one of their bits is enough."`
	Contains string   `arg:"contains" doc:"Expression that a line of a file has to match from its beginning."`
	Whole    bool     `arg:"read_whole_file" default:"false" doc:"Search the whole file for contains, not line by line."`
	Encoding string   `arg:"encoding" doc:"Encoding of the files that contains is looked for in: utf-8 or none."`
	Limit    *int     `arg:"limit" doc:"How many to find at most."`
}

var findModule = tasks.Define(tasks.Module{
	Name: "find", Collections: []string{"ansible.builtin"},
	Summary: "Find files by name, age and size",
	Returns: []tasks.Return{
		{
			Name: "files",
			Type: "list",
			Doc: "of each: path, mode, uid, gid, pw_name, gr_name, size, atime, mtime, ctime, isdir, isreg, islnk and so on, rusr and so on, " +
				"checksum",
		},
		{Name: "msg", Type: "str", Doc: "whether all paths were examined"},
		{Name: "matched", Type: "int", Doc: "how many"},
		{Name: "examined", Type: "int", Doc: "how many were examined"},
	},
	Examples: `
- find: {paths: /var/log/polardb, patterns: "*.log", age: 7d, recurse: true}
  register: old
- file: {path: "{{ item.path }}", state: absent}
  loop: "{{ old.files }}"
`,
}, func(a *findArgs, _ tasks.Local) (tasks.Action, error) {
	f := &find{findArgs: *a}
	var err error
	if a.Limit != nil && *a.Limit <= 0 {
		return nil, &tasks.ArgError{Module: "find", Arg: "limit", Problem: fmt.Sprintf("is %d: at least one has to be wanted", *a.Limit)}
	}
	switch mode := a.Mode.(type) {
	case nil:
	case string:
		if mode == "" {
			break
		}
		if f.mode, err = files.ModeFrom(mode, 0, false); err != nil {
			return nil, &tasks.ArgError{Module: "find", Arg: "mode", Problem: err.Error()}
		}
		f.byMode = true
	default:
		return nil, &tasks.ArgError{Module: "find", Arg: "mode", Problem: fmt.Sprintf("is %v, and a text is needed: \"0640\" in quotes", mode)}
	}
	if e := strings.ReplaceAll(strings.ToLower(a.Encoding), "_", "-"); e != "" && e != "utf-8" && e != "utf8" && e != "ascii" {
		return nil, &tasks.ArgError{Module: "find", Arg: "encoding", Problem: fmt.Sprintf("is %q, and utf-8 is all that is read", a.Encoding)}
	}
	if a.Contains != "" {
		if f.contains, err = files.Pattern("find", "contains", a.Contains, pattern.Flags{}); err != nil {
			return nil, err
		}
	}
	if f.age, err = measureOf(a.Age, map[string]int64{"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}); err != nil {
		return nil, &tasks.ArgError{Module: "find", Arg: "age", Problem: err.Error()}
	}
	if f.size, err = measureOf(a.Size, map[string]int64{"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}); err != nil {
		return nil, &tasks.ArgError{Module: "find", Arg: "size", Problem: err.Error()}
	}
	if f.names, err = nameMatcher(a.Patterns, a.UseRegex); err != nil {
		return nil, &tasks.ArgError{Module: "find", Arg: "patterns", Problem: err.Error()}
	}
	if f.not, err = nameMatcher(a.Excludes, a.UseRegex); err != nil {
		return nil, &tasks.ArgError{Module: "find", Arg: "excludes", Problem: err.Error()}
	}
	return tasks.Ask(f), nil
})

type find struct {
	findArgs
	age, size  *int64
	mode       int
	byMode     bool
	names, not func(string) bool
	contains   *pattern.Pattern
}

// full reports whether as many were found as are wanted.
func (f *find) full(files []any) bool { return f.Limit != nil && len(files) == *f.Limit }

// measureOf reads a number with a unit; nil for none.
func measureOf(text string, units map[string]int64) (*int64, error) {
	if text == "" {
		return nil, nil
	}
	digits := strings.TrimRight(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz")
	unit := strings.ToLower(text)[len(digits):]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("is %q: a number with a unit is needed", text)
	}
	if unit != "" {
		factor, ok := units[unit]
		if !ok {
			return nil, fmt.Errorf("is %q, and %q is not a unit of it", text, unit)
		}
		n *= factor
	}
	return &n, nil
}

// nameMatcher matches any of the patterns; nil when there are none.
func nameMatcher(patterns []string, expressions bool) (func(string) bool, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	var tests []func(string) bool
	for _, p := range patterns {
		if expressions {
			re, err := pattern.Compile(p, pattern.Flags{})
			if err != nil {
				return nil, err
			}
			// A search without an end leaves the name out.
			tests = append(tests, func(name string) bool { m, err := re.Match(name); return m != nil && err == nil })
			continue
		}
		re, err := regexp.Compile(pattern.Glob(p))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", p, err)
		}
		tests = append(tests, re.MatchString)
	}
	return func(name string) bool {
		for _, test := range tests {
			if test(name) {
				return true
			}
		}
		return false
	}, nil
}

// Probe lists what is below the paths, a line each, names in hex since they may hold anything.
func (f *find) Probe() string {
	values := script.Values{"follow": f.Follow}
	if f.Checksum {
		values["checksum"] = f.Sum + "sum"
	}
	switch {
	case !f.Recurse:
		values["depth"] = 1
	case f.Depth > 0:
		values["depth"] = f.Depth
	}
	var b strings.Builder
	b.WriteString(scripts.Script("find", values))
	for _, p := range f.Paths {
		fmt.Fprintf(&b, "in_path %s %s\n", script.Path(script.TrimSlashes(p)), remote.Quote(p))
	}
	return b.String() + "exit 0\n"
}

// findFound is what is there, and what of it is wanted.
type findFound struct {
	said struct {
		Clock   int64    `answer:"clock"` // seconds since 1970
		Entries []string `answer:"entry"`
		Skipped []string `answer:"skipped"`
	}
	files []any
}

// Ask reads the files that contains is about: only Python's expressions are its own, so no program of the host can look.
func (f *find) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (findFound, error) {
	found := findFound{files: []any{}}
	if err := probed.Decode(&found.said); err != nil {
		return found, err
	}
	for _, line := range found.said.Entries {
		file := f.entry(line, found.said.Clock)
		if file == nil {
			continue
		}
		if f.contains != nil && f.FileType == "file" {
			ok, err := f.holds(ctx, h, fmt.Sprint(file["path"]))
			if err != nil {
				return found, err
			}
			if !ok {
				continue
			}
		}
		if found.files = append(found.files, file); f.full(found.files) {
			break
		}
	}
	return found, nil
}

// holds reports whether a file holds what contains says. As with Ansible, one that cannot be read does not.
func (f *find) holds(ctx context.Context, h tasks.Host, name string) (bool, error) {
	content, err := h.Shell().ReadFile(ctx, name, files.EditLimit)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for contains: %w", err)
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(content))
	if f.Whole {
		m, err := f.contains.Find(text)
		return m != nil, err
	}
	for line := range strings.Lines(text) {
		if m, err := f.contains.Match(line); m != nil || err != nil {
			return m != nil, err
		}
	}
	return false, nil
}

func (f *find) Plan(found findFound) (tasks.Plan, error) {
	said, files := found.said, found.files
	skipped := map[string]any{}
	for _, p := range said.Skipped {
		skipped[p] = fmt.Sprintf("'%s' is not a directory", p)
	}
	msg := "All paths examined"
	switch {
	case f.full(files):
		msg = "Limit of matches reached"
	case len(skipped) > 0:
		msg = "Not all paths examined, check warnings for details"
	}
	return tasks.Plan{Values: map[string]any{
		"msg":           msg,
		"files":         files,
		"matched":       len(files),
		"examined":      len(said.Entries),
		"skipped_paths": skipped,
	}}, nil
}

// entry is one file as the result shows it; nil when it is not wanted.
func (f *find) entry(line string, now int64) map[string]any {
	w := strings.Fields(line)
	if len(w) != 13 {
		return nil
	}
	var raw []byte
	if _, err := fmt.Sscanf(w[12], "%x", &raw); err != nil {
		return nil
	}
	name := strings.Replace(string(raw), "//", "/", 1)
	base := path.Base(name)
	number := func(i int) int64 { n, _ := strconv.ParseInt(w[i], 10, 64); return n }
	stamp := map[string]int64{"atime": number(6), "mtime": number(7), "ctime": number(8)}
	age := now - stamp[f.AgeStamp]
	mode, _ := strconv.ParseInt(w[0], 16, 64)
	kind := map[int64]string{
		0o040000: "directory", 0o100000: "file", 0o120000: "link", 0o060000: "block", 0o020000: "character", 0o010000: "fifo", 0o140000: "socket",
	}[mode&0o170000]
	bits := int(mode & 0o7777)
	switch {
	case !f.Hidden && strings.HasPrefix(base, "."),
		f.names != nil && !f.names(base), f.not != nil && f.not(base),
		f.age != nil && (*f.age >= 0 && age < *f.age || *f.age < 0 && age > -*f.age),
		f.FileType != "any" && f.FileType != kind,
		f.byMode && (f.Exact && bits != f.mode || !f.Exact && bits&f.mode == 0),
		f.size != nil && kind == "file" && (*f.size >= 0 && number(5) < *f.size || *f.size < 0 && number(5) > -*f.size):
		return nil
	}
	file := map[string]any{
		"path":    name,
		"mode":    fmt.Sprintf("%04o", bits),
		"uid":     int(number(1)),
		"gid":     int(number(2)),
		"pw_name": w[3],
		"gr_name": w[4],
		"size":    int(number(5)),
		"atime":   float64(stamp["atime"]),
		"mtime":   float64(stamp["mtime"]),
		"ctime":   float64(stamp["ctime"]),
		"inode":   int(number(9)),
		"nlink":   int(number(10)),
		"isdir":   kind == "directory",
		"isreg":   kind == "file",
		"islnk":   kind == "link",
		"isblk":   kind == "block",
		"ischr":   kind == "character",
		"isfifo":  kind == "fifo",
		"issock":  kind == "socket",
		"isuid":   mode&0o4000 != 0,
		"isgid":   mode&0o2000 != 0,
	}
	addRights(file, mode)
	if w[11] != "-" && kind == "file" {
		file["checksum"] = w[11]
	}
	return file
}
