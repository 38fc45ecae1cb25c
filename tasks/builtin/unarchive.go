package builtin

import (
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type unarchiveArgs struct {
	files.Attributes
	Src       string   `arg:"src,required,path" doc:"Archive, looked up in files/ as for copy; on the host with remote_src, or http://… or https://…, which the host then fetches."`
	Dest      string   `arg:"dest,required,path" doc:"Directory to unpack into. It must exist."`
	RemoteSrc bool     `arg:"remote_src" default:"false" doc:"src is on the host."`
	Copy      bool     `arg:"copy" default:"true" doc:"The old, opposite name of remote_src."`
	Creates   string   `arg:"creates,path" doc:"File on the host; when it exists, nothing is done."`
	ExtraOpts []string `arg:"extra_opts" doc:"More options for tar, such as --strip-components=1, or for unzip."`
	Exclude   []string `arg:"exclude" doc:"Patterns to leave out, as tar or unzip takes them."`
	Include   []string `arg:"include" doc:"Names to unpack; everything by default."`
	KeepNewer bool     `arg:"keep_newer" default:"false" doc:"Keep files that are newer than the archive's."`
	ListFiles bool     `arg:"list_files" default:"false" doc:"Return the names of what was unpacked."`
	Decrypt   bool     `arg:"decrypt" default:"true" doc:"Decrypt a src that is encrypted with Ansible Vault."`
	Buffer    int      `arg:"io_buffer_size" default:"65536" doc:"Accepted; it does not matter here."`
	Verified  bool     `arg:"validate_certs" default:"true" doc:"Refuse a server whose certificate is not to be trusted, when src is an address."`
}

var unarchiveModule = tasks.Define(tasks.Module{
	Name: "unarchive", Collections: []string{"ansible.builtin"}, NoAsync: true,
	Network: func(values map[string]any, _ tasks.Local, _ bool) string { return tasks.FromURL(values["src"]) },
	Summary: "Unpack a tar or zip archive on hosts",
	Notes: []string{
		"The host's tar unpacks, with the host's gzip, xz, bzip2 and zstd: .tar, .tar.gz, .tar.xz, .tar.bz2 and .tar.zst. " +
			"A zip archive is unpacked with the host's unzip, which extra_opts are for then.",
		"The archive's modes and owners are ignored: nothing becomes set-user-id or writable by others, and everything belongs to the account " +
			"that unpacks, unless owner, group or mode (or extra_opts: -p, --same-owner) set something else. In a directory of another account, " +
			"that account unpacks. A directory in extra_opts (-CDIR) is treated like dest.",
		"root unpacks into a hidden directory in dest, and then renames: a link below dest that another account made or could replace is not " +
			"followed, unless it leads to what belongs to that same account.",
		"An address is fetched by each run, also in check mode, as by get_url, to the host's $TMPDIR or /tmp; creates spares that.",
		"A note below /var/lib/polarbook, or below the home of an account that is not root, records the archive's SHA-256, and the size " +
			"and time of what was unpacked. While both hold, the archive is neither sent nor unpacked again. Where there is no such note, " +
			"GNU tar compares the archive with what is there, as Ansible does, so what Ansible unpacked is left as it is.",
	},
	Returns: []tasks.Return{
		{Name: "dest", Type: "str", Doc: "the directory"},
		{Name: "src", Type: "str", Doc: "the archive"},
		{Name: "files", Type: "list", Doc: "what was unpacked, with list_files"},
		{Name: "sha256", Type: "str", Doc: "the archive's"},
		{Name: "owner", Type: "str", Doc: "the directory's user, as are group, uid, gid, mode, size and state of it"},
	},
	Examples: `
- unarchive: {src: polardb-11.9.tar.gz, dest: /opt/polardb/11.9, owner: polardb, group: polardb, extra_opts: [--strip-components=1]}
- unarchive: {src: /tmp/data.tar.zst, dest: /srv, remote_src: true, creates: /srv/data/VERSION}
- unarchive: {src: "https://example.com/tools-1.2.tar.gz", dest: /opt, remote_src: true}
`,
}, func(a *unarchiveArgs, l tasks.Local) (tasks.Action, error) {
	a.RemoteSrc = a.RemoteSrc || !a.Copy
	if err := a.Check("unarchive"); err != nil {
		return nil, err
	}
	if a.Any() {
		const why = "is for single files: give it to those that were unpacked with the module file"
		return nil, &tasks.ArgError{Module: "unarchive", Arg: "attributes", Problem: why}
	}
	if len(a.Include) > 0 && len(a.Exclude) > 0 {
		return nil, &tasks.ArgError{Module: "unarchive", Arg: "exclude", Problem: "and include exclude each other"}
	}
	for _, option := range a.ExtraOpts {
		if !strings.HasPrefix(option, "-") {
			return nil, &tasks.ArgError{Module: "unarchive", Arg: "extra_opts", Problem: fmt.Sprintf("holds %q, which is not an option", option)}
		}
	}
	u := &unarchive{unarchiveArgs: *a, asking: l.Check(), at: a.Src}
	switch {
	case a.RemoteSrc && isURL.MatchString(a.Src):
		return newUnarchiveURL(u, l)
	case a.RemoteSrc:
		return tasks.Ask(u), nil
	}
	fsys, file, err := l.Find("files", a.Src)
	if err != nil {
		return nil, fmt.Errorf("unarchive: src: %w", err)
	}
	if a.Decrypt {
		fsys = l.Decrypted(fsys)
	}
	u.fsys, u.file = fsys, file
	if u.sum, u.size, err = l.Sum(fsys, file); err != nil {
		return nil, err
	}
	u.begins, err = beginOf(fsys, file)
	return tasks.Ask(u), err
})

type unarchive struct {
	unarchiveArgs
	asking bool
	at     string // where an archive is on the host
	fsys   fs.FS
	file   string
	sum    string // of an archive on this machine
	size   int64
	begins []byte // its first bytes
}

// unpackedNotes is where root's runs note what they unpacked.
var unpackedNotes = "/var/lib/polarbook/unpacked"

// note is the file with what was unpacked: one for each directory, archive and way of unpacking it. Earlier releases had it in
// the directory, as old.
func (u *unarchive) note() (name, old string) {
	how := strings.Join(append(append(append([]string{path.Base(u.Src)}, u.ExtraOpts...), u.Exclude...), u.Include...), "\n")
	return files.SumOf([]byte(script.TrimSlashes(u.Dest) + "\n" + how))[:24], ".polarbook-unarchive-" + files.SumOf([]byte(how))[:12]
}

// Probe reads the note, and compares it with what is there.
func (u *unarchive) Probe() string {
	note, old := u.note()
	values := script.Values{
		"d": script.Path(script.TrimSlashes(u.Dest)), "store": unpackedNotes, "m": note, "old": old, "user": u.Owner,
		"group": u.Group, "list": u.ListFiles,
	}
	if u.RemoteSrc {
		values["s"] = script.Path(u.at)
	}
	return conditions{Creates: u.Creates, exact: true}.probe() + scripts.Script("unarchive_look", values)
}

// unarchiveFound is what is known of a host.
type unarchiveFound struct {
	met  conditionsFound
	said struct {
		Dest      script.File `answer:"dest"`
		Archive   string      `answer:"archive"`  // SHA-256 of the one on the host
		Unpacked  string      `answer:"unpacked"` // SHA-256 of the one that was noted
		Whole     bool        `answer:"whole"`
		Strangers bool        `answer:"strangers"`
		Files     []string    `answer:"file"`
		Begins    string      `answer:"begins"` // the first bytes of the one on the host, in hex
	}
	same bool // what the archive holds is there, though nothing of it was noted
}

func (u *unarchive) found(probed tasks.Found) (found unarchiveFound, err error) {
	if err := probed.Decode(&found.met); err != nil {
		return found, err
	}
	return found, probed.Decode(&found.said)
}

// wanted is the SHA-256 of the archive that is to be unpacked, empty when it is not there.
func (f unarchiveFound) wanted(u *unarchive) string {
	if u.RemoteSrc {
		return f.said.Archive
	}
	return u.sum
}

// handler is Ansible's name for what unpacks the archive.
func (f unarchiveFound) handler(u *unarchive) string {
	begins := u.begins
	if u.RemoteSrc {
		begins, _ = hex.DecodeString(f.said.Begins)
	}
	switch packedWith(begins) {
	case "gzip":
		return "TgzArchive"
	case "unzip":
		return "ZipArchive"
	}
	return "TarArchive" // which Ansible asks before those for xz, bzip2 and zstd, and tar reads them all
}

// Ask has the archive compared with what is there when no note tells of it.
func (u *unarchive) Ask(ctx context.Context, h tasks.Host, probed tasks.Found) (unarchiveFound, error) {
	found, err := u.found(probed)
	if err != nil || (conditions{Creates: u.Creates}).skip(found.met) != "" {
		return found, err
	}
	if sum := found.wanted(u); sum == "" || found.said.Unpacked == sum || found.said.Dest.Kind != "directory" {
		return found, nil
	}
	names, same, err := u.compare(ctx, h)
	if same {
		found.same, found.said.Files = true, names
	}
	return found, err
}

func (u *unarchive) Plan(found unarchiveFound) (tasks.Plan, error) {
	met, said := found.met, found.said
	values := map[string]any{"dest": u.Dest, "src": u.Src, "handler": found.handler(u)}
	if why := (conditions{Creates: u.Creates}).skip(met); why != "" {
		values["skipped"] = true
		return tasks.Plan{Msg: "not unpacked, since " + u.Creates + " exists", Values: values}, nil
	}
	dest, sum := said.Dest, found.wanted(u)
	if sum == "" {
		return tasks.NotYet(u.asking, "the archive "+u.Src+" is not on the host",
			"remote_src: true means that it is there, not on the machine that polarbook runs on")
	}
	values["sha256"] = sum
	switch {
	case !dest.Exists():
		return tasks.NotYet(u.asking, fmt.Sprintf("the directory %s does not exist", u.Dest),
			"create it with the file module first (state: directory)")
	case dest.Kind != "directory":
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and dest must be a directory", u.Dest, files.DescribeKind(dest.Kind))}
	}
	maps.Copy(values, files.FileValues(dest))
	if u.ListFiles {
		names := []any{}
		for _, name := range said.Files {
			if name = strings.TrimPrefix(name, "./"); name != "" {
				names = append(names, name)
			}
		}
		values["files"] = names
	}
	if found.same || said.Unpacked == sum && (said.Whole || u.KeepNewer) && !said.Strangers {
		return tasks.Plan{Values: values}, nil
	}
	msg := fmt.Sprintf("unpack %s in %s", u.Src, u.Dest)
	if said.Unpacked == sum {
		msg += " again: what was unpacked has changed"
	}
	archive := script.Path(u.at)
	if !u.RemoteSrc {
		archive = script.Path(u.sent())
	}
	// creates says when the work is done; when unpacking does not make it so, that is said, not unpacked for ever.
	return tasks.Plan{Change: true, Msg: msg, Values: values, Script: u.unpack(archive, sum), Proof: u.proof}, nil
}

// proof judges by the note, which is there after unpacking.
func (u *unarchive) proof(probed tasks.Found) (tasks.Plan, error) {
	found, err := u.found(probed)
	if err != nil {
		return tasks.Plan{}, err
	}
	return u.Plan(found)
}

func (u *unarchive) sent() string {
	return script.TrimSlashes(u.Dest) + "/.polarbook-" + u.sum[:16] + ".tar"
}

// keepsModes are options of tar that say that the archive's modes are to be believed.
var keepsModes = regexp.MustCompile(`^(-[a-zA-Z]*p|--same-permissions|--preserve-permissions)$`)

// elsewhere are options of tar that name another directory than dest, keepsOld those that leave what is there.
var (
	elsewhere = regexp.MustCompile(`^(?:-([a-zA-Z]*)C|--dire?c?t?o?r?y?(=|$))(.*)$`)
	keepsOld  = regexp.MustCompile(`^(-[a-zA-Z]*k|--keep-old-files|--skip-old-files)$`)
)

var stripped = regexp.MustCompile(`^--strip(?:-components)?=?(\d+)$`)

// aside takes the options out that name another directory: they are gone to as dest is, and not by tar.
func (u *unarchive) aside() (options, directories []string) {
	for i := 0; i < len(u.ExtraOpts); i++ {
		m := elsewhere.FindStringSubmatch(u.ExtraOpts[i])
		if m == nil {
			options = append(options, u.ExtraOpts[i])
			continue
		}
		if m[1] != "" {
			options = append(options, "-"+m[1])
		}
		directory := m[3]
		if directory == "" && m[2] == "" && i+1 < len(u.ExtraOpts) {
			i++
			directory = u.ExtraOpts[i]
		}
		directories = append(directories, directory)
	}
	return options, directories
}

// unpack is the script that unpacks an archive and remembers what came of it.
func (u *unarchive) unpack(archive script.Word, sum string) string {
	given, directories := u.aside()
	note, old := u.note()
	values := script.Values{
		"s": archive, "dest": script.Path(script.TrimSlashes(u.Dest)), "store": unpackedNotes, "mark": note, "old": old,
		"sum": sum, "uploaded": !u.RemoteSrc,
		"strip": strip(given), "owner": u.Ownership(), "mode": u.Mode, "modes": slices.ContainsFunc(u.ExtraOpts, keepsModes.MatchString),
	}
	switch {
	case u.KeepNewer:
		values["keep"] = "newer"
	case slices.ContainsFunc(u.ExtraOpts, keepsOld.MatchString):
		values["keep"] = "old"
	}
	var exclude []string
	for _, pattern := range u.Exclude {
		exclude = append(exclude, "--exclude="+pattern)
	}
	options := slices.Concat(given, exclude)
	if u.KeepNewer {
		options = append(options, "--keep-newer-files")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "names() { tar -t -f - %s; }\n", script.Words(append(exclude, u.Include...)))
	fmt.Fprintf(&b, "extract() { as tar -x -o --no-same-permissions -f - %s; }\n", script.Words(append(options, u.Include...)))
	var out []string
	if len(u.Exclude) > 0 {
		out = append([]string{"-x"}, u.Exclude...)
	}
	fmt.Fprintf(&b, "zip_names() { unzip -Z1 \"$zip\" %s; }\n", script.Words(slices.Concat(u.Include, out)))
	fmt.Fprintf(&b, "zip_extract() { as unzip -o -q %s \"$zip\" %s >/dev/null || [ $? = 1 ]; }\n", script.Words(given),
		script.Words(slices.Concat(u.Include, out)))
	b.WriteString("elsewhere() {\n:\n")
	for _, directory := range directories {
		b.WriteString(call("down", directory))
	}
	b.WriteString("}\n")
	return b.String() + scripts.Script("unarchive", values)
}

// strip returns the number of directories that the options have tar take off names, as it is written there.
func strip(options []string) string {
	n := "0"
	for i, option := range options {
		if m := stripped.FindStringSubmatch(option); m != nil {
			n = m[1]
		} else if strings.HasPrefix(option, "--strip") && i+1 < len(options) {
			n = options[i+1]
		}
	}
	return n
}

// Apply sends the archive if it is not on the host, and unpacks it.
func (u *unarchive) Apply(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	if !u.RemoteSrc {
		if err := files.Upload(ctx, h, u.fsys, u.file, u.sum, u.size, u.sent(), 0o600); err != nil {
			return tasks.Result{}, err
		}
	}
	h.Say("unpacking " + path.Base(u.Src))
	r, err := h.Shell().Stream(ctx, remote.Command{Script: p.Script}, nil, nil, nil)
	if err != nil {
		return tasks.Result{}, err
	}
	if err := files.ScriptFailed(r); err != nil {
		if !u.RemoteSrc {
			files.Discard(ctx, h.Shell(), u.sent())
		}
		return tasks.Result{}, err
	}
	var warnings []string
	if u.Creates != "" {
		r, err := h.Shell().Run(ctx, remote.Command{Script: u.Probe()})
		if err != nil {
			return tasks.Result{}, err
		}
		var met conditionsFound
		switch err := (tasks.Found{Result: r}).Decode(&met); {
		case err != nil:
			return tasks.Result{}, err
		case !met.Creates:
			warnings = append(warnings, fmt.Sprintf(
				"creates names %s, which is not there after %s was unpacked: every run compares the archive again", u.Creates, u.Src,
			))
		}
	}
	proof, err := files.Prove(ctx, h.Shell(), tasks.Ask(u), p)
	if err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: proof.Values, Warnings: warnings}, nil
}
