package system

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/script"
)

type filesystemArgs struct {
	Dev      string `arg:"dev,required,path" alias:"device" doc:"Device, or a file that is to be like one."`
	FSType   string `arg:"fstype" alias:"type" choices:"bcachefs btrfs ext2 ext3 ext4 ext4dev f2fs lvm ocfs2 reiserfs swap vfat xfs" doc:"File system; lvm makes a physical volume. Required for present."`
	State    string `arg:"state" default:"present" choices:"present absent" doc:"present: the device has such a file system; absent: what tells that it has one is wiped."`
	Force    bool   `arg:"force" default:"false" doc:"Make it over whatever is there, the same file system too: each run makes it anew."`
	ResizeFS bool   `arg:"resizefs" default:"false" doc:"Let a file system that is there grow to the size of the device."`
	Opts     string `arg:"opts" doc:"Options for mkfs, with blanks between them."`
	UUID     string `arg:"uuid" doc:"UUID of it, or the tool's own word for a new one (random, generate); a file system that is there gets it too."`
}

var filesystemModule = tasks.Define(tasks.Module{
	Name: "filesystem", Collections: []string{"community.general"},
	Summary: "Make file systems where there is none yet",
	Notes: []string{
		"A device that is mounted, used for swap or part of a volume is never written to, with force either; nor is, without force, one with a " +
			"partition table or with signatures of more than one kind, both of which Ansible's module takes for an empty one.",
		"What is there is asked of util-linux's blkid; busybox's is not believed. lvm needs lvm2, each other type its mkfs.",
		"Of a UUID that is given and is there already nothing is changed; words for a new one change it at each run.",
	},
	Returns: []tasks.Return{{Name: "msg", Type: "str", Doc: "what was done"}},
	Examples: `
- filesystem: {dev: /dev/vdb, fstype: xfs}
- filesystem: {dev: /dev/vdb, fstype: ext4, opts: -L polardb -m 1}
- filesystem: {dev: /dev/vdb, fstype: ext4, resizefs: true}
`,
}, newFilesystem)

// fsTool is how one kind of file system is made and changed. Ansible's module has the same table.
type fsTool struct {
	mkfs    []string
	newUUID []string // what mkfs takes for a UUID; the first is what is used
	after   []string // what goes after the UUID there
	size    string   // what filesystem_look is to ask for its size
	grow    []string
	mounted bool     // it grows only where it is mounted
	setUUID []string // how a UUID is changed; it comes next unless bare
	bare    bool
}

var ext = fsTool{newUUID: []string{"-U"}, size: "ext", grow: []string{"resize2fs"}, setUUID: []string{"tune2fs", "-U"}}

func extTool(mkfs string) fsTool {
	t := ext
	t.mkfs = []string{mkfs, "-F"}
	return t
}

var fsTools = map[string]fsTool{
	"bcachefs": {mkfs: []string{"mkfs.bcachefs", "--force"}, newUUID: []string{"-U", "--uuid"}},
	"btrfs": {mkfs: []string{"mkfs.btrfs", "-f"}, size: "btrfs", mounted: true,
		grow: []string{"btrfs", "filesystem", "resize", "max"}},
	"ext2": extTool("mkfs.ext2"), "ext3": extTool("mkfs.ext3"), "ext4": extTool("mkfs.ext4"),
	"f2fs": {mkfs: []string{"mkfs.f2fs", "-f"}, size: "f2fs", grow: []string{"resize.f2fs"}},
	"lvm": {mkfs: []string{"pvcreate", "-f"}, newUUID: []string{"-u", "--uuid"}, after: []string{"--norestorefile"}, size: "lvm",
		grow: []string{"pvresize"}, setUUID: []string{"pvchange", "-u"}, bare: true},
	"ocfs2":    {mkfs: []string{"mkfs.ocfs2", "-Fx"}},
	"reiserfs": {mkfs: []string{"mkfs.reiserfs", "-q"}},
	"swap":     {mkfs: []string{"mkswap", "-f"}},
	"vfat":     {mkfs: []string{"mkfs.vfat"}, size: "vfat", grow: []string{"fatresize", "-s", "max"}},
	"xfs": {mkfs: []string{"mkfs.xfs", "-f"}, size: "xfs", grow: []string{"xfs_growfs"}, mounted: true,
		setUUID: []string{"xfs_admin", "-U"}},
}

func newFilesystem(a *filesystemArgs, l tasks.Local) (tasks.Action, error) {
	refuse := refusing("filesystem")
	if a.FSType == "ext4dev" {
		a.FSType = "ext4"
	}
	tool := fsTools[a.FSType]
	switch {
	case a.Dev == "" || strings.HasPrefix(a.Dev, "-"):
		return refuse("dev", "cannot be %q", a.Dev)
	case a.State == "present" && a.FSType == "":
		return refuse("fstype", "is required for state: present")
	case a.ResizeFS && a.UUID != "":
		return refuse("uuid", "cannot be given along with resizefs")
	case a.UUID != "" && tool.newUUID == nil && tool.setUUID == nil:
		return refuse("uuid", "cannot be given for %s", a.FSType)
	case strings.HasPrefix(a.UUID, "-") || strings.ContainsAny(a.UUID, " \t\r\n"):
		return refuse("uuid", "cannot be %q", a.UUID)
	case a.ResizeFS && tool.grow == nil:
		return refuse("resizefs", "is not possible for %s", a.FSType)
	}
	return &filesystem{filesystemArgs: *a, tool: tool, asking: l.Check()}, nil
}

type filesystem struct {
	filesystemArgs
	tool   fsTool
	asking bool
}

func (f *filesystem) Probe() string {
	values := script.Values{"p": script.Path(f.Dev), "size": ""}
	if f.ResizeFS {
		values["size"] = f.tool.size
	}
	return scripts.Script("filesystem_look", values)
}

// fsFound is what is on a device. Bytes is the device's size; Size what its file system's own tool said of it.
type fsFound struct {
	There   bool     `answer:"there"`
	Kind    string   `answer:"kind"`
	Blkid   bool     `answer:"blkid"`
	Held    []byte   `answer:"held"`
	Unclear bool     `answer:"unclear"`
	Parts   bool     `answer:"parts"`
	Holders []string `answer:"holder"`
	Mounted string   `answer:"mounted"`
	Swap    bool     `answer:"swap"`
	Bytes   int64    `answer:"bytes"`
	Size    []byte   `answer:"size"`
	Point   []byte   `answer:"point"`
	Looked  bool     `answer:"looked"`
}

// tag returns what blkid says under a name: TYPE, PTTYPE, UUID.
func (f *fsFound) tag(name string) string {
	for line := range strings.Lines(string(f.Held)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			return value
		}
	}
	return ""
}

// use says what a device is in use for; empty: nothing that the kernel knows of.
func (f *fsFound) use() string {
	switch {
	case f.Mounted != "":
		return "is mounted on " + f.Mounted
	case f.Swap:
		return "is used for swap"
	case len(f.Holders) > 0:
		return "is part of " + strings.Join(f.Holders, ", ")
	}
	return ""
}

// holds says what a device has on it; empty: nothing that blkid knows of.
func (f *fsFound) holds() string {
	kind := f.tag("TYPE")
	switch {
	case f.Unclear:
		return "has signatures of more than one kind"
	case kind != "":
		return "is already used as " + kind
	case f.Parts || f.tag("PTTYPE") != "":
		return "has a partition table"
	}
	return ""
}

// sameType compares a type as it is asked for with blkid's.
func sameType(asked, found string) bool {
	switch {
	case asked == "lvm":
		return found == "LVM2_member"
	case asked == "ext4":
		return found == "ext4" || found == "ext4dev"
	}
	return asked == found
}

func (f *filesystem) Plan(answer tasks.Found) (tasks.Plan, error) {
	var found fsFound
	if err := answer.Decode(&found); err != nil {
		return tasks.Plan{}, err
	}
	switch {
	case !found.There && f.State == "absent":
		return tasks.Plan{Msg: "there is no " + f.Dev}, nil
	case !found.There:
		return tasks.NotYet(f.asking, "there is no "+f.Dev, "lsblk lists the devices that there are")
	case found.Kind == "other":
		return tasks.Plan{}, &tasks.Failure{Msg: f.Dev + " is neither a device nor a file"}
	case !found.Blkid:
		return tasks.NotYet(f.asking, "util-linux's blkid is not on this host, so that nothing tells what "+f.Dev+" holds",
			"install util-linux first")
	case !found.Looked:
		return tasks.Plan{}, &tasks.Failure{Msg: "the host's answer broke off"}
	}
	same := sameType(f.FSType, found.tag("TYPE")) && !found.Unclear
	switch {
	case f.State == "absent" && found.holds() == "":
		return tasks.Plan{}, nil
	case f.State == "absent":
		return f.write(found, "wipe the signatures of "+f.Dev, "wipefs", "--all")
	case same && f.Force:
	case same && f.ResizeFS:
		return f.grow(found)
	case same && f.UUID != "":
		return f.rename(found)
	case same:
		return tasks.Plan{}, nil
	case found.holds() != "" && !f.Force:
		return tasks.Plan{}, &tasks.Failure{
			Msg: fmt.Sprintf("%s %s", f.Dev, found.holds()), Hint: "force: true makes the file system over it, and what it holds is lost",
		}
	}
	opts := strings.Fields(f.Opts)
	if f.UUID != "" && f.tool.newUUID != nil && !slices.ContainsFunc(opts, func(o string) bool { return slices.Contains(f.tool.newUUID, o) }) {
		opts = append(append(opts, f.tool.newUUID[0], f.UUID), f.tool.after...)
	}
	plan, err := f.write(found, "make "+f.FSType+" on "+f.Dev, slices.Concat(f.tool.mkfs, opts)...)
	if f.UUID != "" && f.tool.newUUID == nil && err == nil {
		plan.Script += f.command("any", slices.Concat(f.tool.setUUID, []string{f.UUID})...)
	}
	plan.Proof = f.made
	return plan, err
}

// made judges what is there after a file system was made.
func (f *filesystem) made(answer tasks.Found) (tasks.Plan, error) {
	var found fsFound
	err := answer.Decode(&found)
	return tasks.Plan{Change: !sameType(f.FSType, found.tag("TYPE")), Msg: "make " + f.FSType + " on " + f.Dev}, err
}

// command is the script that carries out words on the device, as long as that holds what was found.
func (f *filesystem) command(held string, words ...string) string {
	return "(" + scripts.Script("filesystem_make", script.Values{"p": script.Path(f.Dev), "held": held}, words...) + ") || exit 1\n"
}

// write plans a command that needs the device to be in use for nothing.
func (f *filesystem) write(found fsFound, msg string, words ...string) (tasks.Plan, error) {
	if use := found.use(); use != "" {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s %s", f.Dev, use), Hint: "nothing is written to what is in use"}
	}
	held := strings.TrimRight(string(found.Held), "\n")
	if found.Unclear {
		held = "any"
	}
	return tasks.Plan{Change: true, Msg: msg, Script: f.command(held, words...), Output: true}, nil
}

var fsSizes = map[string][]*regexp.Regexp{ // the product of what they find
	"ext":   {regexp.MustCompile(`(?m)^Block count:\s*(\d+)`), regexp.MustCompile(`(?m)^Block size:\s*(\d+)`)},
	"xfs":   {regexp.MustCompile(`(?m)^data\s+=\s*bsize=(\d+)`), regexp.MustCompile(`(?m)^data\s+=.*\bblocks=(\d+)`)},
	"btrfs": {regexp.MustCompile(`Device size:\s*(\d+)`)},
	"f2fs":  {regexp.MustCompile(`Info: sector size = (\d+)`), regexp.MustCompile(`Info: total FS sectors = (\d+)`)},
	"vfat":  {regexp.MustCompile(`(?m)^(?:Cur s|S)ize\s*:\s*(\d+)`)},
	"lvm":   {regexp.MustCompile(`^\s*(\d+)\s*$`)},
}

// grow plans to let a file system take the whole device.
func (f *filesystem) grow(found fsFound) (tasks.Plan, error) {
	point := string(found.Point)
	if f.tool.mounted && point == "" {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("%s has to be mounted: %s grows only then", f.Dev, f.FSType)}
	}
	size := int64(1)
	for _, expression := range fsSizes[f.tool.size] {
		m := expression.FindSubmatch(found.Size)
		if m == nil {
			return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("the size of the %s on %s cannot be told: is its tool installed?", f.FSType, f.Dev)}
		}
		n, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			return tasks.Plan{}, err
		}
		size *= n
	}
	if size >= found.Bytes {
		return tasks.Plan{Msg: fmt.Sprintf("the %s takes the whole of %s", f.FSType, f.Dev)}, nil
	}
	text := f.command("any", f.tool.grow...)
	if f.tool.mounted {
		text = script.Preamble + script.Words(slices.Concat(f.tool.grow, []string{point})) + " || exit 1\n"
	}
	// A tool rounds down to what it can use, so that a second look may find some bytes left: the next run is the one to say so.
	return tasks.Plan{Change: true, Msg: fmt.Sprintf("let the %s grow over %s", f.FSType, f.Dev), Script: text, Event: true, Output: true}, nil
}

// rename plans to give a file system that is there another UUID.
func (f *filesystem) rename(found fsFound) (tasks.Plan, error) {
	if strings.EqualFold(found.tag("UUID"), f.UUID) {
		return tasks.Plan{}, nil
	}
	words := slices.Clone(f.tool.setUUID)
	if words == nil {
		return tasks.Plan{}, &tasks.Failure{Msg: fmt.Sprintf("the UUID of a %s that is there cannot be changed", f.FSType)}
	}
	if !f.tool.bare {
		words = append(words, f.UUID)
	}
	plan, err := f.write(found, "change the UUID of "+f.Dev, words...)
	plan.Event = !uuidForm.MatchString(f.UUID) // nobody knows what a new one will be
	return plan, err
}

var uuidForm = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
