package polardb

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/ospackage"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type softwareArgs struct {
	Src     string `arg:"src,required" alias:"package" doc:"the engine's packed install prefix (.tar.gz, .tar.xz, .tar), or its .rpm or .deb, on the control node"`
	Home    string `arg:"home" default:"/opt/polardb" doc:"the engine's directory: home/versions, and home/current, a symlink to one of them"`
	Version string `arg:"version" doc:"the name of the version's directory; default: the archive's name and the beginning of its checksum"`
	// Activate also moves the symlink.
	Activate bool `arg:"activate" default:"yes" doc:"point home/current to the version; no leaves it as it is (see polardb_activate)"`
}

var softwareModule = newSoftwareModule()

// newSoftwareModule gives the module what it made of packages: all hosts of a run have the same.
func newSoftwareModule() tasks.Module {
	packages := &enginePackages{}
	return tasks.Define(tasks.Module{
		Name:    "polardb_software",
		Summary: "Install the engine from a packed install prefix, beside its other versions",
		Notes: []string{
			"Uploads the archive once, continuing an earlier upload that broke off, " +
				"checks its SHA-256 and unpacks it under a temporary name. The directory gets its final name, and the symlink moves, " +
				"only when everything is on disk and every program finds its libraries.",
			"Ignores the archive's modes and owners: everything belongs to root, and nothing is set-user-id or writable by others. " +
				"What an earlier release left otherwise is corrected. home and the directories above it must belong to root alone.",
			"Of a package (.rpm, .deb) the directory with bin/initdb is taken, as if it had been packed: the host's package manager does not " +
				"learn of it, so that versions lie beside one another and any host takes either; its scripts are not run, its signature is " +
				"not looked at, and packages that it depends on are not installed (see polardb_os_packages).",
			"Sends nothing to a host whose directory of this version has the archive's checksum.",
			"A running server keeps its version until it is restarted.",
		},
		Returns: []tasks.Return{
			{Name: "path", Type: "str", Doc: "the version's directory"},
			{Name: "sha256", Type: "str", Doc: "the archive's checksum"},
		},
		Examples: `- polardb_software:
    src: ./polardb-11.9.tar.gz
    home: /opt/polardb
`,
	}, func(a *softwareArgs, l tasks.Local) (tasks.Action, error) {
		if !path.IsAbs(a.Home) || strings.Count(path.Clean(a.Home), "/") < 2 {
			return nil, &tasks.ArgError{
				Module:  "polardb_software",
				Arg:     "home",
				Problem: fmt.Sprintf("must be an absolute path at least two levels deep, not %q", a.Home),
			}
		}
		fsys, file, err := l.Find("files", a.Src)
		if err != nil {
			return nil, &tasks.ArgError{
				Module:  "polardb_software",
				Arg:     "src",
				Problem: fmt.Sprintf("names %q, which cannot be found: %v", a.Src, err),
			}
		}
		sum, size, err := l.Sum(fsys, file)
		if err != nil {
			return nil, err
		}
		if a.Version == "" {
			a.Version = archiveName(file) + "-" + sum[:12]
		}
		if a.Version != path.Base(a.Version) || strings.HasPrefix(a.Version, ".") {
			return nil, &tasks.ArgError{
				Module:  "polardb_software",
				Arg:     "version",
				Problem: fmt.Sprintf("must be a plain directory name, not %q", a.Version),
			}
		}
		return tasks.ProbeApply(&softwareAction{args: a, fsys: fsys, file: file, sum: sum, size: size, packages: packages}), nil
	})
}

// archiveEnding matches the end of an archive's name, which the name of its directory does not have.
var archiveEnding = regexp.MustCompile(`(\.tar)?\.(gz|xz|bz2|zst|tgz|txz|tar|rpm|deb)$`)

func archiveName(file string) string {
	name := archiveEnding.ReplaceAllString(path.Base(file), "")
	return regexp.MustCompile(`[^A-Za-z0-9._+-]+`).ReplaceAllString(name, "_")
}

type softwareAction struct {
	args *softwareArgs
	fsys fs.FS
	file string
	sum  string // of the file, a package's too
	size int64
	// packages are those with the engine, unpacked once.
	packages *enginePackages
}

func (s *softwareAction) dir() string { return s.args.Home + "/versions/" + s.args.Version }

// Probe asks for the checksum, which is noted last, and for the version that the symlink points to.
func (s *softwareAction) Probe() string {
	return scripts.Script("polardb_software", script.Values{"ENGINE": s.args.Home, "DIR": s.dir()})
}

var sha256Text = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (s *softwareAction) Plan(f tasks.Found) (tasks.Plan, softwareChange, error) {
	var found struct {
		There   bool   `answer:"there"`
		SHA256  string `answer:"sha256"`
		Current string `answer:"current"`
		Loose   bool   `answer:"loose"` // an earlier release kept the archive's modes and owners
	}
	if err := script.Decode(f.Stdout, &found); err != nil {
		return tasks.Plan{}, softwareChange{}, err
	}
	has, current := found.SHA256, found.Current
	if !sha256Text.MatchString(has) {
		has = ""
	}
	values := map[string]any{"path": s.dir(), "sha256": s.sum}
	change := softwareChange{Unpack: has != s.sum, Mend: has == s.sum && found.Loose}
	if found.There && has != "" && has != s.sum {
		return tasks.Plan{}, softwareChange{}, &tasks.Failure{
			Msg:  fmt.Sprintf("%s holds another archive (SHA-256 %s, wanted %s)", s.dir(), has, s.sum),
			Hint: "give the version another name",
		}
	}
	if change.Mend {
		return tasks.Plan{
			Change: true,
			Msg:    "let only root change " + s.dir(),
			Values: values,
		}, change, nil
	}
	if !change.Unpack && (current == "versions/"+s.args.Version || !s.args.Activate) {
		return tasks.Plan{Values: values, Msg: "the host has this version"}, softwareChange{}, nil
	}
	msg := "point " + s.args.Home + "/current to versions/" + s.args.Version
	if change.Unpack {
		upload := fmt.Sprintf("upload %s (%d MB), unpack it to %s", path.Base(s.file), s.size>>20, s.dir())
		if !s.args.Activate {
			return tasks.Plan{Change: true, Msg: upload + " beside the running version", Values: values}, change, nil
		}
		msg = upload + ", " + msg
	}
	link := s.args.Home + "/current"
	return tasks.Plan{
		Change: true,
		Msg:    msg,
		Values: values,
		Diff:   []tasks.Diff{{Before: current, After: "versions/" + s.args.Version, BeforeHeader: link, AfterHeader: link}},
	}, change, nil
}

type softwareChange struct{ Unpack, Mend bool }

func (s *softwareAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, change softwareChange) (tasks.Result, error) {
	shell := h.Shell()
	if change.Unpack {
		if err := s.install(ctx, h, shell); err != nil {
			return tasks.Result{}, err
		}
	}
	// The symlink is replaced by a rename, so that it always exists.
	text := ""
	if change.Mend {
		text = scripts.Script("polardb_mend", script.Values{"DIR": s.dir()})
	}
	if s.args.Activate {
		text += pointTo(s.args.Home, s.args.Version)
	}
	answer, err := shell.Run(ctx, remote.Command{Script: text + "\n" + s.Probe()})
	if err != nil {
		return tasks.Result{}, err
	}
	if answer.Status != 0 {
		return tasks.Result{}, &tasks.Failure{
			Msg: "point " + s.args.Home + "/current to the version: " + strings.TrimSpace(string(answer.Stderr)),
		}
	}
	again, _, err := s.Plan(tasks.Found{Result: answer})
	if err != nil {
		return tasks.Result{}, err
	}
	if again.Change {
		return tasks.Result{}, &tasks.Failure{Msg: "the installation reported success but did not take effect, still to do: " + again.Msg}
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values, Diff: p.Diff}, nil
}

func (s *softwareAction) install(ctx context.Context, h tasks.Host, shell tasks.Shell) error {
	archive := s.args.Home + "/versions/." + s.args.Version + ".archive"
	source, size, sum, done, err := s.source()
	if err != nil {
		return err
	}
	defer done()
	prepare := scripts.Script("polardb_room", script.Values{"ENGINE": s.args.Home, "NEEDED": size * 5 >> 10})
	answer, err := shell.Run(ctx, remote.Command{Script: prepare})
	if err != nil {
		return err
	}
	if answer.Status != 0 {
		return &tasks.Failure{Msg: "make room for the software: " + strings.TrimSpace(string(answer.Stderr))}
	}
	err = shell.Upload(ctx, remote.Upload{Source: source, Size: size, SHA256: sum, Path: archive, Mode: 0o600,
		Progress: func(done, total int64) { h.Progress("upload "+path.Base(s.file), done, total) }})
	if err != nil {
		return fmt.Errorf("upload %s: %w", path.Base(s.file), err)
	}
	h.Say("unpack the archive")
	answer, err = shell.Stream(ctx, remote.Command{Script: s.unpack(archive)}, nil, nil, nil)
	if err != nil {
		return err
	}
	if answer.Status != 0 {
		return &tasks.Failure{Msg: "unpack " + path.Base(s.file) + ": " + strings.TrimSpace(string(answer.Stderr))}
	}
	return nil
}

// source is what is uploaded, until done: the archive, or what is made of a package.
func (s *softwareAction) source() (source io.ReaderAt, size int64, sum string, done func(), err error) {
	file, err := s.fsys.Open(s.file)
	if err != nil {
		return nil, 0, "", nil, err
	}
	source, ok := file.(io.ReaderAt)
	if !ok {
		return nil, 0, "", nil, errors.Join(fmt.Errorf("read %s: its file system does not support reads at an offset", s.file), file.Close())
	}
	done = func() { file.Close() } // of what was read alone
	if !ospackage.Is(s.file) {
		return source, s.size, s.sum, done, nil
	}
	defer done()
	made, err := s.packages.archive(s.file, source, s.size, s.sum)
	if err != nil {
		return nil, 0, "", nil, err
	}
	return bytes.NewReader(made.data), int64(len(made.data)), made.sum, func() {}, nil
}

// enginePackages makes archives of packages with the engine, once of each: all hosts get the same.
type enginePackages struct {
	mu    sync.Mutex
	known map[string]engineArchive // by the package's checksum
}

type engineArchive struct {
	data []byte // tar, gzip
	sum  string // SHA-256 of data
}

func (e *enginePackages) archive(file string, r io.ReaderAt, size int64, sum string) (engineArchive, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a, known := e.known[sum]; known {
		return a, nil
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if err := errors.Join(ospackage.WritePrefix(w, file, r, size), w.Close()); err != nil {
		return engineArchive{}, fmt.Errorf("read %s: %w", path.Base(file), err)
	}
	if e.known == nil {
		e.known = map[string]engineArchive{}
	}
	made := engineArchive{b.Bytes(), fmt.Sprintf("%x", sha256.Sum256(b.Bytes()))}
	e.known[sum] = made
	return made, nil
}

// unpack returns the script that unpacks the archive, with or without a top folder. It checks that every program finds its
// libraries, with the engine's own lib directory, before it moves anything into place.
func (s *softwareAction) unpack(archive string) string {
	return scripts.Script("polardb_unpack", script.Values{"ARCHIVE": archive, "DIR": s.dir(), "SUM": s.sum})
}
