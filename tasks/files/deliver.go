package files

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// Delivery brings one file's content from the control node to a host, for copy and template. Small contents
// travel with the script; large ones make it a LargeDelivery.
type Delivery struct {
	Attributes
	Module          string
	Dest            string // as the playbook spells it; a directory takes a file called name
	Name            string // of the source; empty when the content is given in the playbook
	content         []byte // nil when large
	Sum             string
	Size            int64
	Follow, Force   bool
	Backup          bool
	Validate        string
	DirectoryMode   string
	Src             string // for the result
	Asking, Showing bool
	Began           time.Time
}

// Probe describes the destination. Content is compared by its sum; the old one is only brought back to be shown.
func (d *Delivery) Probe() string {
	values := script.Values{
		"p": script.Path(script.TrimSlashes(d.Dest)), "name": d.Name, "relative": !strings.HasPrefix(d.Dest, "/"), "bytes": d.Size, "sum": d.Sum,
	}
	if d.Showing {
		values["limit"] = diffLimit
	}
	return Scripts.Script("delivery", values)
}

// delivered is the answer of a delivery's probe.
type delivered struct {
	Dest    script.File `answer:"dest,required"`
	Path    []byte      `answer:"path"` // the whole one, where dest is not
	Into    bool        `answer:"into"` // dest is a directory, and takes the file under its name
	Link    bool        `answer:"link"`
	Parent  string      `answer:"parent"` // whether the directory is there: yes or no
	Same    bool        `answer:"same"`
	Content []byte      `answer:"content"` // the old one, if it will be shown
}

// Plan implements tasks.Action.
func (d *Delivery) Plan(found tasks.Found) (tasks.Plan, error) {
	plan, _, err := d.plan(found)
	return plan, err
}

// plan compares content first, then attributes. It returns where a large content waits to be moved to its place; empty:
// there is none, or the attributes alone change.
func (d *Delivery) plan(found tasks.Found) (tasks.Plan, string, error) {
	var said delivered
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, "", err
	}
	have := said.Dest
	dest := d.destination(said)
	values := d.values(dest)
	into := strings.HasSuffix(d.Dest, "/")
	switch {
	case have.Kind == "directory" || have.Kind == "other":
		return tasks.Plan{}, "", &tasks.Failure{
			Msg:  fmt.Sprintf("%s is %s, and a file is wanted there", dest, DescribeKind(have.Kind)),
			Hint: "give dest the file's whole path, or remove what is there",
		}
	case !have.Exists() && said.Parent == "no" && !into:
		plan, err := tasks.NotYet(d.Asking, fmt.Sprintf("the directory %s does not exist", path.Dir(dest)),
			"create it with the file module first (state: directory)")
		return plan, "", err
	case have.Exists() && !d.Force:
		maps.Copy(values, FileValues(have))
		return tasks.Plan{Msg: dest + " exists, and force is false", Values: values}, "", nil
	case said.Same:
		return d.adjust(dest, have, values), "", nil
	}
	plan := tasks.Plan{Change: true, Msg: "replace the content of " + dest, Values: values, Proof: d.settled(have)}
	if !have.Exists() {
		plan.Msg = "create " + dest
	}
	p := Placing{
		Word:       script.Path(dest),
		Follow:     d.Follow,
		Parents:    into,
		parentMode: d.DirectoryMode,
		Attributes: d.Attributes,
		Have:       have,
		Sum:        d.Sum,
		Validate:   d.Validate,
	}
	if said.Link && !d.Follow {
		p.Have = script.File{Kind: "absent"}
	}
	if d.Backup && have.Exists() {
		p.Backup = BackupName(dest, d.Began)
		values["backup_file"] = p.Backup
	}
	if d.Showing {
		plan.Diff = d.diff(dest, said)
	}
	staged := ""
	if d.content == nil {
		staged = d.staged(dest)
		p.From = script.Path(staged)
	}
	plan.Stdin = d.content
	var err error
	plan.Script, err = p.Script()
	return plan, staged, err
}

// destination returns the file's own path: dest, or in the directory that dest is.
func (d *Delivery) destination(said delivered) string {
	dest := script.TrimSlashes(d.Dest)
	if len(said.Path) > 0 {
		return string(said.Path)
	}
	if d.Name != "" && (said.Into || !said.Dest.Exists() && strings.HasSuffix(d.Dest, "/")) {
		return strings.TrimSuffix(dest, "/") + "/" + d.Name
	}
	return dest
}

// staged returns where a large content waits, complete, to be moved to its place. The name follows from the content, so that
// an upload that was cut off is resumed by the next run.
func (d *Delivery) staged(dest string) string {
	return beside(dest, ".polarbook-"+d.Sum[:16])
}

func (d *Delivery) adjust(dest string, have script.File, values map[string]any) tasks.Plan {
	maps.Copy(values, FileValues(have))
	changes := d.Differences(have)
	if len(changes) == 0 {
		return tasks.Plan{Values: values}
	}
	return tasks.Plan{
		Change: true, Msg: "change " + ChangeNames(changes) + " of " + dest, Values: values, Diff: []tasks.Diff{AttributeDiff(dest, changes)},
		Script: d.Adjusting(dest, have, true), Proof: d.settled(have),
	}
}

// settled judges a change by the mode that was worked out when it was planned.
func (d *Delivery) settled(before script.File) func(found tasks.Found) (tasks.Plan, error) {
	after := *d
	after.Attributes = d.Settled(before)
	return after.Plan
}

func (d *Delivery) values(dest string) map[string]any {
	v := map[string]any{"dest": dest, "path": dest, "size": d.Size, "sha256": d.Sum, "state": "file"}
	if d.Src != "" {
		v["src"] = d.Src
	}
	if d.content != nil {
		sum := sha1.Sum(d.content)
		v["checksum"] = hex.EncodeToString(sum[:])
	}
	return v
}

func (d *Delivery) diff(dest string, said delivered) []tasks.Diff {
	have := said.Dest
	diff := tasks.Diff{BeforeHeader: dest, AfterHeader: dest, After: readable(d.content, d.Size)}
	if have.Exists() {
		diff.Before = readable(said.Content, have.Size)
	}
	if changes := d.Differences(have); have.Exists() && len(changes) > 0 {
		return []tasks.Diff{diff, AttributeDiff(dest, changes)}
	}
	return []tasks.Diff{diff}
}

// readable returns a content to show: text as it is, a short description of anything else.
func readable(content []byte, size int64) string {
	if int64(len(content)) != size {
		return fmt.Sprintf("(%d bytes, not shown)\n", size)
	}
	if bytes.IndexByte(content, 0) >= 0 {
		return fmt.Sprintf("(%d bytes, not text)\n", size)
	}
	return string(content)
}

// LargeDelivery is one whose content is uploaded.
type LargeDelivery struct {
	Delivery
	Fsys fs.FS
	File string
}

// Plan implements tasks.ProbesApplies: what it hands on is where the content waits.
func (d *LargeDelivery) Plan(found tasks.Found) (tasks.Plan, string, error) { return d.plan(found) }

// Apply uploads beside the destination and moves into place, or changes the attributes alone.
func (d *LargeDelivery) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, staged string) (tasks.Result, error) {
	s := h.Shell()
	if staged != "" {
		if err := Upload(ctx, h, d.Fsys, d.File, d.Sum, d.Size, staged, 0o600); err != nil {
			return tasks.Result{}, err
		}
	}
	if _, err := RunPlan(ctx, s, p); err != nil {
		if staged != "" {
			Discard(ctx, s, staged)
		}
		return tasks.Result{}, err
	}
	proof, err := Prove(ctx, s, tasks.ProbeApply(d), p)
	if err != nil {
		return tasks.Result{}, err
	}
	maps.Copy(p.Values, proof.Values)
	return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values, Diff: p.Diff}, nil
}

// stagedPattern matches staged names. One that another upload finds was left by a run that ended before its
// content had its place.
const stagedPattern = ".polarbook-????????????????"

// Discard removes what was staged when it cannot be used: it may fill the disk. Its own failure is not reported: why the file
// cannot be used is the error to show.
func Discard(ctx context.Context, s tasks.Shell, staged string) {
	_, _ = s.Run(ctx, remote.Command{Script: "rm -f -- " + remote.Quote(staged)})
}

// Upload sends a local file to a host.
func Upload(ctx context.Context, h tasks.Host, fsys fs.FS, file, sum string, size int64, to string, mode fs.FileMode) error {
	f, err := fsys.Open(file)
	if err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	defer f.Close()
	from, ok := f.(io.ReaderAt)
	if !ok {
		content, err := io.ReadAll(f)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		from = bytes.NewReader(content)
	}
	return h.Shell().Upload(ctx, remote.Upload{
		Source: from, Size: size, SHA256: sum, Path: to, Mode: mode, Sweep: []string{stagedPattern, stagedPattern + ".tar"},
		Progress: func(done, total int64) { h.Progress("upload "+path.Base(file), done, total) },
	})
}

// Carrying completes a delivery with a content that is at hand. One that is too large to travel with a script is
// uploaded from memory.
func (d Delivery) Carrying(content []byte, name string, _ tasks.Local) (tasks.Action, error) {
	if err := d.Check(d.Module); err != nil {
		return nil, err
	}
	d.Name, d.Sum, d.Size = name, SumOf(content), int64(len(content))
	if len(content) <= InlineLimit {
		d.content = append([]byte{}, content...)
		return d.Marking(&d)
	}
	return d.Marking(tasks.ProbeApply(&LargeDelivery{Delivery: d, Fsys: oneFile(content), File: "content"}))
}

// Marking returns the work of a delivery with the marks that the file is to have.
func (d Delivery) Marking(work tasks.Action) (tasks.Action, error) {
	return d.Marked(d.Module, script.TrimSlashes(d.Dest), d.Name, work)
}
