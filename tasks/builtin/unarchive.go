package builtin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	Src       string   `arg:"src,required,path" doc:"The archive, looked for in files/ beside the task, its role and the playbook; on the host with remote_src."`
	Dest      string   `arg:"dest,required,path" doc:"Directory to unpack into. It must exist."`
	RemoteSrc bool     `arg:"remote_src" default:"false" doc:"src is on the host."`
	Copy      bool     `arg:"copy" default:"true" doc:"The old, opposite name of remote_src."`
	Creates   string   `arg:"creates,path" doc:"A file or pattern; when it is there nothing is done."`
	ExtraOpts []string `arg:"extra_opts" doc:"More options for tar, such as --strip-components=1."`
	Exclude   []string `arg:"exclude" doc:"What to leave out, as tar takes it."`
	Include   []string `arg:"include" doc:"What to unpack of the archive; everything by default."`
	KeepNewer bool     `arg:"keep_newer" default:"false" doc:"Leave files that are newer than the archive's."`
	ListFiles bool     `arg:"list_files" default:"false" doc:"Return the names of what was unpacked."`
}

var unarchiveModule = tasks.Define(tasks.Module{
	Name: "unarchive", Collections: []string{"ansible.builtin"},
	Summary: "Unpack a tar archive on hosts",
	Notes: []string{
		"The host's tar unpacks: .tar, .tar.gz, .tar.xz, .tar.bz2 and .tar.zst as far as it, or gzip, xz, bzip2 and zstd beside it, can. zip is not supported.",
		"The archive's modes and owners are not believed: nothing becomes set-user-id or writable by others, and all of it belongs to who unpacks, unless owner, group or mode say so (or extra_opts: -p, --same-owner). In a directory of another account, that account unpacks. A directory in extra_opts (-CDIR) is gone to as dest is.",
		"root unpacks aside, in dest, and then renames: a link below dest that another account made or could replace is not followed, unless it leads to what belongs to that same account.",
		"A hidden file in dest remembers the archive's SHA-256 and the size and time of what was unpacked. While both hold, the archive is neither sent nor unpacked again.",
	},
	Returns: []tasks.Return{{Name: "dest", Type: "str", Doc: "the directory"}, {Name: "src", Type: "str", Doc: "the archive"}, {Name: "files", Type: "list", Doc: "what was unpacked, with list_files"}, {Name: "sha256", Type: "str", Doc: "the archive's"}},
	Examples: `
- unarchive: {src: polardb-11.9.tar.gz, dest: /opt/polardb/11.9, owner: polardb, group: polardb, extra_opts: [--strip-components=1]}
- unarchive: {src: /tmp/data.tar.zst, dest: /srv, remote_src: true, creates: /srv/data/VERSION}
`,
}, func(a *unarchiveArgs, l tasks.Local) (tasks.Action, error) {
	a.RemoteSrc = a.RemoteSrc || !a.Copy
	if err := a.Check("unarchive"); err != nil {
		return nil, err
	}
	if strings.HasSuffix(a.Src, ".zip") {
		return nil, &tasks.ArgError{Module: "unarchive", Arg: "src", Problem: "is a zip archive, which is not supported: pack it with tar"}
	}
	for _, option := range a.ExtraOpts {
		if !strings.HasPrefix(option, "-") {
			return nil, &tasks.ArgError{Module: "unarchive", Arg: "extra_opts", Problem: fmt.Sprintf("holds %q, which is no option", option)}
		}
	}
	u := &unarchive{unarchiveArgs: *a, asking: l.Check()}
	if a.RemoteSrc {
		return u, nil
	}
	fsys, file, err := l.Find("files", a.Src)
	if err != nil {
		return nil, fmt.Errorf("unarchive: src: %w", err)
	}
	u.fsys, u.file = fsys, file
	u.sum, u.size, err = l.Sum(fsys, file)
	return u, err
})

type unarchive struct {
	unarchiveArgs
	asking bool
	fsys   fs.FS
	file   string
	sum    string // of an archive on this machine
	size   int64
}

// marker is the hidden file in dest: one for each archive and way of unpacking it.
func (u *unarchive) marker() string {
	how := strings.Join(append(append(append([]string{path.Base(u.Src)}, u.ExtraOpts...), u.Exclude...), u.Include...), "\n")
	return ".polarbook-unarchive-" + files.SumOf([]byte(how))[:12]
}

// joined is the shell's word for a directory below the one in $below, which ends with a slash.
func joined(directory string) string {
	directory = strings.TrimRight(directory, "/") + "/"
	if path.IsAbs(directory) {
		return remote.Quote(directory)
	}
	return "${below}" + remote.Quote(directory)
}

// measure prints a digest of size and time of each file that is named, one a line, on standard input, in the working
// directory. Directories count by being there: their times change when something is added.
const measure = `measure() { tr '\n' '\0' | xargs -0 stat -c '%n %F %s %Y' -- 2>/dev/null | while IFS= read -r line; do
	case $line in *' directory '[0-9]*) line=${line% * *} ;; esac
	printf '%s\n' "$line"
done | sha256sum | cut -c1-64; }
`

// Probe tells what the marker remembers, and whether what was unpacked is still so.
func (u *unarchive) Probe() string {
	var b strings.Builder
	b.WriteString(script.Preamble + script.Look + measure)
	if u.Creates != "" {
		b.WriteString(strings.TrimPrefix(conditions{Creates: u.Creates}.probe(), script.Preamble))
	}
	fmt.Fprintf(&b, "d=%s\nm=%s\nlook dest \"$d\" -L\n", string(script.Path(script.TrimSlashes(u.Dest))), u.marker())
	if u.RemoteSrc {
		fmt.Fprintf(&b, "s=%s\nif [ -f \"$s\" ]; then echo \"archive $(sha256sum < \"$s\" | cut -c1-64)\"; fi\n", string(script.Path(u.Src)))
	}
	b.WriteString(`if [ -r "$d/$m" ]; then
	echo "unpacked $(sed -n 1p "$d/$m")"
	cd "$d" || exit 1
	if [ "$(sed 1,2d "$m" | measure)" = "$(sed -n 2p "$m")" ]; then echo whole yes; fi
`)
	var tests []string
	if u.Owner != "" {
		tests = append(tests, "! -user "+remote.Quote(u.Owner))
	}
	if u.Group != "" {
		tests = append(tests, "! -group "+remote.Quote(u.Group))
	}
	if len(tests) > 0 {
		fmt.Fprintf(&b, "	if [ -n \"$(sed 1,2d \"$m\" | tr '\\n' '\\0' | xargs -0 sh -c %s sh 2>/dev/null | head -n 1)\" ]; then echo strangers yes; fi\n", remote.Quote(`find "$@" -prune \( `+strings.Join(tests, " -o ")+` \)`))
	}
	if u.ListFiles {
		b.WriteString("	sed 1,2d \"$m\" | sed 's/^/file /'\n")
	}
	b.WriteString("fi\nexit 0\n")
	return b.String()
}

func (u *unarchive) Plan(found tasks.Found) (tasks.Plan, error) {
	ans, err := tasks.ReadAnswer(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	values := map[string]any{"dest": u.Dest, "src": u.Src, "handler": "TarArchive"}
	if why := (conditions{Creates: u.Creates}).skip(ans); why != "" {
		return tasks.Plan{Msg: "not unpacked, since " + u.Creates + " exists", Values: values}, nil
	}
	dest, err := ans.File("dest")
	if err != nil {
		return tasks.Plan{}, err
	}
	sum := u.sum
	if u.RemoteSrc {
		if sum = ans.Text("archive"); sum == "" {
			return tasks.NotYet(u.asking, "the archive "+u.Src+" is not on the host", "remote_src: true means that it is there, not on the machine that polarbook runs on")
		}
	}
	values["sha256"] = sum
	switch {
	case !dest.Exists():
		return tasks.NotYet(u.asking, fmt.Sprintf("the directory %s does not exist", u.Dest), "create it with the file module first (state: directory)")
	case dest.Kind != "directory":
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s is %s, and dest must be a directory", u.Dest, files.DescribeKind(dest.Kind))}
	}
	if u.ListFiles {
		files := []any{}
		for _, name := range ans["file"] {
			files = append(files, strings.TrimPrefix(name, "./"))
		}
		values["files"] = files
	}
	if ans.Text("unpacked") == sum && (ans.Has("whole") || u.KeepNewer) && !ans.Has("strangers") {
		return tasks.Plan{Values: values}, nil
	}
	msg := fmt.Sprintf("unpack %s in %s", u.Src, u.Dest)
	if ans.Text("unpacked") == sum {
		msg += " again: what was unpacked has changed"
	}
	archive := string(script.Path(u.Src))
	if !u.RemoteSrc {
		archive = string(script.Path(u.sent()))
	}
	// creates says when the work is done; when unpacking does not make it so, that is said, not unpacked for ever.
	return tasks.Plan{Change: true, Msg: msg, Values: values, Script: u.unpack(archive, sum)}, nil
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
func (u *unarchive) unpack(archive, sum string) string {
	words := []string{}
	strip := "0"
	given, directories := u.aside()
	for i, option := range given {
		words = append(words, remote.Quote(option))
		if m := stripped.FindStringSubmatch(option); m != nil {
			strip = m[1]
		} else if strings.HasPrefix(option, "--strip") && i+1 < len(given) {
			strip = given[i+1]
		}
	}
	for _, pattern := range u.Exclude {
		words = append(words, remote.Quote("--exclude="+pattern))
	}
	if u.KeepNewer {
		words = append(words, "--keep-newer-files")
	}
	options, include := strings.Join(words, " "), script.Words(u.Include)
	var b strings.Builder
	b.WriteString(script.Preamble + script.Inside + measure)
	fmt.Fprintf(&b, "s=%s\ndest=%s\nmark=%s\n", archive, string(script.Path(script.TrimSlashes(u.Dest))), u.marker())
	b.WriteString("have tar || die 'tar is not installed on this host'\nWORK=$(mktemp -d) || exit 1\nm=$WORK/m sent= t= stage= back=\n")
	b.WriteString("trap 'rm -rf -- \"$WORK\"; [ -z \"$back\" ] || to 6; [ -z \"$sent\" ] || rm -f -- \"./$sent\"; [ -z \"$t\" ] || rm -f -- \"./$t\"; [ -z \"$stage\" ] || { to 4; rm -rf -- \"./$stage\"; }' EXIT\ntrap 'exit 1' HUP INT TERM\n")
	fmt.Fprintf(&b, `case $dest in /*) ;; *) dest=$(pwd)/$dest ;; esac
( spot "$s" follow ) || die "$s cannot be opened"
spot "$s" follow
hold "$b"
name=$s s=$held
`)
	if !u.RemoteSrc {
		b.WriteString("sent=$b\n")
	}
	fmt.Fprintf(&b, `[ "$(sha256sum < "$s" | cut -c1-64)" = %s ] || die "the archive $name is not the one that was looked at"
inside "$dest" || exit 1
exec 6<. || exit 1
back=yes below=
umask 022
`, sum)
	for _, directory := range directories {
		fmt.Fprintf(&b, "inside %[1]s || die %[2]s\nbelow=%[3]s\n", remote.Quote(directory), remote.Quote("the directory "+directory+" of extra_opts does not exist"), joined(directory))
	}
	b.WriteString(`as() { "$@"; }
owner=$(stat -c %u .) group=$(stat -c %g .)
if [ "$(id -u)" = 0 ] && [ "$owner" != 0 ]; then
	have setpriv || die "$here belongs to the user with the number $owner, who has to unpack there, and setpriv is not installed on this host"
	as() { setpriv --reuid="$owner" --regid="$group" --clear-groups -- "$@"; }
fi
`)
	b.WriteString(script.OpenArchive + "opening\n")
	fmt.Fprintf(&b, "open | tar -t -f - %s %s > \"$m.names\" || die \"$name is not an archive that tar can read\"\n", listOptions(u.Exclude), include)
	// Names with a backslash are ones that tar has quoted: they are not watched.
	fmt.Fprintf(&b, `n=%s
grep -v '\\' < "$m.names" | while IFS= read -r f; do
	case $f in */) slash=/ ;; *) slash= ;; esac
	f=${f%%/} i=0
	while [ $i -lt $n ]; do
		case $f in */*) f=${f#*/} ;; *) f= ;; esac
		i=$((i+1))
	done
	f=${f#./}
	if [ -n "$f" ] && [ "$f" != . ]; then printf '%%s\n' "./$f$slash"; fi
done > "$m.paths"
there() { sed 's,/$,,' "$m.paths" | while IFS= read -r f; do if [ -e "$f" ] || [ -L "$f" ]; then printf '%%s\n' "$f"; fi; done; }
`, remote.Quote(strip))
	// What root unpacks comes to its place by renaming: tar goes by paths, and below dest others may have directories.
	// It lies one level down, since tar gives the directory that it works in the archive's mode.
	b.WriteString("if [ \"$(id -u):$owner\" = 0:0 ]; then\n\texec 4<. || exit 1\n\tstage=.polarbook.$(mktemp -u XXXXXXXX)\n\tmkdir -m 0700 -- \"./$stage\" && enter \"$stage\" && mkdir in && enter in && exec 5<. || exit 1\nfi\n")
	fmt.Fprintf(&b, "open | as tar -x -o --no-same-permissions -f - %s %s || die \"tar did not unpack all of $name\"\n", options, include)
	b.WriteString("[ ! -e \"$m.said\" ] || die \"the archive $name is damaged\"\nthere > \"$m.list\"\n")
	// Not every tar leaves the set-user-id bits away.
	if !slices.ContainsFunc(u.ExtraOpts, func(o string) bool { return keepsModes.MatchString(o) }) {
		b.WriteString("tr '\\n' '\\0' < \"$m.list\" | as xargs -0 sh -c 'find \"$@\" -prune ! -type l \\( -perm -4000 -o -perm -2000 -o -perm -020 -o -perm -002 \\) -exec chmod ug-s,go-w -- {} +' sh || exit 1\n")
	}
	// By the account that unpacked: what it may not do is not done for it.
	if owner := u.Ownership(); owner != "" {
		fmt.Fprintf(&b, "tr '\\n' '\\0' < \"$m.list\" | as xargs -0 chown -h %s || exit 1\n", owner)
	}
	if u.Mode != "" {
		fmt.Fprintf(&b, "tr '\\n' '\\0' < \"$m.list\" | as xargs -0 sh -c 'mode=$1; shift; for f; do [ -L \"$f\" ] || chmod \"$mode\" \"$f\" || exit 1; done' sh %s || exit 1\n", remote.Quote(u.Mode))
	}
	keep, dressed := ":", ":\n"
	switch {
	case u.KeepNewer:
		keep = `[ ! "/proc/self/fd/4/$f" -nt "./$f" ] || continue`
	case slices.ContainsFunc(u.ExtraOpts, func(o string) bool { return keepsOld.MatchString(o) }):
		keep = `[ ! -e "/proc/self/fd/4/$f" ] || continue`
	}
	if owner := u.Ownership(); owner != "" {
		dressed = "chown -h " + owner + " . || exit 1\n"
	}
	if u.Mode != "" {
		dressed += "chmod " + remote.Quote(u.Mode) + " . || exit 1\n"
	}
	b.WriteString(strings.NewReplacer("@KEEP@", keep, "@GIVEN@", dressed).Replace(mergeUnpacked))
	fmt.Fprintf(&b, `if [ -e /sys/fs/selinux/enforce ] && have restorecon; then tr '\n' '\0' < "$m.list" | xargs -0 restorecon 2>/dev/null; fi
exec 7<&-
to 6
[ -z "$below" ] || { sed "s,^\./,$(printf '%%s' "$below" | sed 's/[\\,&]/\\&/g')," < "$m.list" > "$m.there" && mv "$m.there" "$m.list"; } || exit 1
t=.polarbook.$(mktemp -u XXXXXXXX)
fresh "$t" || exit 1
{ echo %s; measure < "$m.list"; cat "$m.list"; } >&7 || exit 1
chmod 0644 $held
sync
mv -f -T -- "./$t" "./$mark" && t= && sync
`, sum)
	return b.String()
}

// mergeUnpacked brings what was unpacked aside to its place, level by level: a directory that is new is renamed as a whole,
// and in one that is there already each of its files. 5 is the directory aside, 4 the one that it belongs to.
var mergeUnpacked = remote.Compact(`level() {
	set --
	for f in ./* ./.[!.]* ./..?*; do
		f=${f#./}
		if [ ! -e "./$f" ] && [ ! -L "./$f" ]; then continue; fi
		if [ -d "./$f" ] && [ ! -L "./$f" ] && [ -d "/proc/self/fd/4/$f" ]; then
			( merge "$f" ) || exit 1
			continue
		fi
		@KEEP@
		set -- "$@" "/proc/self/fd/5/$f"
		if [ $# -ge 500 ]; then ( move "$@" ) || exit 1; set --; fi
	done
	[ $# = 0 ] || ( move "$@" )
}
move() {
	to 4
	mv -f -- "$@" . || die "not all of $name could be put in $here"
}
merge() {
	enter "$1"
	below=$below$1
	mode=$(stat -c %a .) && exec 5<. || exit 1
	to 4
	into "$1"
	# What the archive has of a directory it is to have, too.
	if grep -qxF -- "./$below/" "$m.paths"; then chmod "$mode" . || exit 1; @GIVEN@fi
	below=$below/
	exec 4<. || exit 1
	to 5
	level
}
if [ -n "$stage" ]; then
	( below=; to 5; level ) || exit 1
	mode=$(stat -L -c %a /proc/self/fd/5)
	to 4
	if [ "$n" = 0 ] && grep -qx '\./*' "$m.names"; then chmod "$mode" . || exit 1; fi
	rm -rf -- "./$stage"
	stage=
	exec 4<&- 5<&-
	there > "$m.list"
fi
`)

func listOptions(exclude []string) string {
	var words []string
	for _, pattern := range exclude {
		words = append(words, remote.Quote("--exclude="+pattern))
	}
	return strings.Join(words, " ")
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
	if u.Creates != "" {
		r, err := h.Shell().Run(ctx, remote.Command{Script: u.Probe()})
		if err != nil {
			return tasks.Result{}, err
		}
		if ans, err := tasks.ReadAnswer(tasks.Found{Result: r}); err != nil || !ans.Has("creates") {
			return tasks.Result{}, errors.Join(err, &tasks.Failure{Msg: fmt.Sprintf("%s was unpacked in %s, but %s, which it was to create, is not there", u.Src, u.Dest, u.Creates), Hint: "correct creates, or the archive"})
		}
	}
	proof, err := files.Prove(ctx, h.Shell(), u)
	if err != nil {
		return tasks.Result{}, err
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: proof.Values}, nil
}
