package tasks

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// delivery brings one file's content from the laptop to a host: what copy and template have in common. Small contents
// travel with the script; large ones make it a largeDelivery.
type delivery struct {
	attributes
	module          string
	dest            string // as the playbook spells it; a directory takes a file called name
	name            string // of the source; empty when the content is given in the playbook
	content         []byte // nil when large
	sum             string
	size            int64
	follow, force   bool
	backup          bool
	validate        string
	directoryMode   string
	src             string // for the result
	asking, showing bool
	began           time.Time
}

// Probe describes the destination. Content is compared by its sum; the old one is only brought back to be shown.
func (d *delivery) Probe() string {
	var b strings.Builder
	b.WriteString(script.Preamble + script.Look)
	fmt.Fprintf(&b, "p=%s\n", string(script.Path(script.TrimSlashes(d.dest))))
	if d.name != "" {
		fmt.Fprintf(&b, "if [ -d \"$p\" ]; then echo into yes; p=${p%%/}/%s; fi\n", remote.Quote(d.name))
	}
	if !strings.HasPrefix(d.dest, "/") {
		b.WriteString("case $p in /*) ;; *) p=$(pwd)/$p ;; esac\nprintf %s \"$p\" | encode path\n")
	}
	b.WriteString(`look dest "$p" -L
if [ -L "$p" ]; then echo link yes; fi
if [ -d "${p%/*}/" ]; then echo parent yes; else echo parent no; fi
`)
	fmt.Fprintf(&b, "if [ -f \"$p\" ] && [ \"$size\" -eq %d ] && sum=$(sha256sum < \"$p\") && [ \"${sum%%%% *}\" = %s ]; then echo same yes\n", d.size, d.sum)
	if d.showing {
		fmt.Fprintf(&b, "elif [ -f \"$p\" ] && [ \"$size\" -le %d ]; then encode content < \"$p\"\n", diffLimit)
	}
	b.WriteString("fi\n")
	return b.String()
}

// Plan compares content first, then attributes.
func (d *delivery) Plan(found Found) (Plan, error) {
	ans, err := readAnswer(found)
	if err != nil {
		return Plan{}, err
	}
	have, err := ans.File("dest")
	if err != nil {
		return Plan{}, err
	}
	dest := d.destination(ans, have)
	values := d.values(dest)
	into := strings.HasSuffix(d.dest, "/")
	switch {
	case have.Kind == "directory" || have.Kind == "other":
		return Plan{}, &Failure{Msg: fmt.Sprintf("%s is %s, and a file is wanted there", dest, describeKind(have.Kind)), Hint: "give dest the file's whole path, or remove what is there"}
	case !have.Exists() && ans.Text("parent") == "no" && !into:
		return notYet(d.asking, fmt.Sprintf("the directory %s does not exist", path.Dir(dest)), "create it with the file module first (state: directory)")
	case have.Exists() && !d.force:
		maps.Copy(values, fileValues(have))
		return Plan{Msg: dest + " exists, and force is false", Values: values}, nil
	case ans.Text("same") == "yes":
		return d.adjust(dest, have, values), nil
	}
	plan := Plan{Change: true, Msg: "replace the content of " + dest, Values: values}
	if !have.Exists() {
		plan.Msg = "create " + dest
	}
	p := placing{
		word: string(script.Path(dest)), follow: d.follow, parents: into, parentMode: d.directoryMode, attributes: d.attributes, have: have, sum: d.sum, validate: d.validate,
	}
	if ans.Text("link") == "yes" && !d.follow {
		p.have = script.File{Kind: "absent"}
	}
	if d.backup && have.Exists() {
		p.backup = backupName(dest, d.began, os.Getpid())
		values["backup_file"] = p.backup
	}
	if d.showing {
		if plan.Diff, err = d.diff(dest, have, ans); err != nil {
			return Plan{}, err
		}
	}
	if d.content == nil {
		p.from = string(script.Path(d.staged(dest)))
		plan.Data = d.staged(dest)
	}
	plan.Stdin = d.content
	plan.Script, err = p.script()
	return plan, err
}

// destination is the file's own path: dest, or in the directory that dest is.
func (d *delivery) destination(ans script.Answer, have script.File) string {
	dest := script.TrimSlashes(d.dest)
	if whole, err := ans.Decoded("path"); err == nil && len(whole) > 0 {
		return string(whole)
	}
	if d.name != "" && (ans.Text("into") == "yes" || !have.Exists() && strings.HasSuffix(d.dest, "/")) {
		return strings.TrimSuffix(dest, "/") + "/" + d.name
	}
	return dest
}

// staged is where a large content waits, complete, to be moved to its place. The name follows from the content, so that
// an upload that was cut off is resumed by the next run.
func (d *delivery) staged(dest string) string {
	return beside(dest, ".polarbook-"+d.sum[:16])
}

func (d *delivery) adjust(dest string, have script.File, values map[string]any) Plan {
	maps.Copy(values, fileValues(have))
	changes := d.differences(have)
	if len(changes) == 0 {
		return Plan{Values: values}
	}
	return Plan{
		Change: true, Msg: "change " + changeNames(changes) + " of " + dest, Values: values, Diff: []Diff{attributeDiff(dest, changes)},
		Script: d.adjusting(dest, have, true),
	}
}

func (d *delivery) values(dest string) map[string]any {
	v := map[string]any{"dest": dest, "size": d.size, "sha256": d.sum, "state": "file"}
	if d.src != "" {
		v["src"] = d.src
	}
	if d.content != nil {
		sum := sha1.Sum(d.content)
		v["checksum"] = hex.EncodeToString(sum[:])
	}
	return v
}

func (d *delivery) diff(dest string, have script.File, ans script.Answer) ([]Diff, error) {
	diff := Diff{BeforeHeader: dest, AfterHeader: dest}
	if ans.Has("content") {
		old, err := ans.Decoded("content")
		if err != nil {
			return nil, err
		}
		diff.Before = readable(old, have.Size)
	} else if have.Exists() {
		diff.Before = readable(nil, have.Size)
	}
	diff.After = readable(d.content, d.size)
	if changes := d.differences(have); have.Exists() && len(changes) > 0 {
		return []Diff{diff, attributeDiff(dest, changes)}, nil
	}
	return []Diff{diff}, nil
}

// readable is a content for people: text as it is, anything else said in a word.
func readable(content []byte, size int64) string {
	if int64(len(content)) != size {
		return fmt.Sprintf("(%d bytes, not shown)\n", size)
	}
	if bytes.IndexByte(content, 0) >= 0 {
		return fmt.Sprintf("(%d bytes, not text)\n", size)
	}
	return string(content)
}

// largeDelivery is one whose content is uploaded.
type largeDelivery struct {
	delivery
	fsys fs.FS
	file string
}

// Apply uploads beside the destination and moves into place, or changes the attributes alone.
func (d *largeDelivery) Apply(ctx context.Context, h Host, p Plan) (Result, error) {
	s := h.Shell()
	if staged, ok := p.Data.(string); ok {
		if err := upload(ctx, h, d.fsys, d.file, d.sum, d.size, staged, 0o600); err != nil {
			return Result{}, err
		}
	}
	if _, err := runPlan(ctx, s, p); err != nil {
		if staged, ok := p.Data.(string); ok {
			discard(ctx, s, staged)
		}
		return Result{}, err
	}
	proof, err := prove(ctx, s, d)
	if err != nil {
		return Result{}, err
	}
	maps.Copy(p.Values, proof.Values)
	return Result{Changed: true, Msg: p.Msg, Values: p.Values, Diff: p.Diff}, nil
}

// stagedPattern is what staged names are like. One that is met by another upload was left by a run that ended before its
// content had its place.
const stagedPattern = ".polarbook-????????????????"

// discard removes what was staged and is of no use: it may be what fills the disk. Why it is of no use is the error to show.
func discard(ctx context.Context, s Shell, staged string) {
	_, _ = s.Run(ctx, remote.Command{Script: "rm -f -- " + remote.Quote(staged)})
}

// upload sends a local file to a host.
func upload(ctx context.Context, h Host, fsys fs.FS, file, sum string, size int64, to string, mode fs.FileMode) error {
	f, err := fsys.Open(file)
	if err != nil {
		return fmt.Errorf("opening %s: %w", file, err)
	}
	defer f.Close()
	from, ok := f.(io.ReaderAt)
	if !ok {
		content, err := io.ReadAll(f)
		if err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		from = bytes.NewReader(content)
	}
	return h.Shell().Upload(ctx, remote.Upload{
		Source: from, Size: size, SHA256: sum, Path: to, Mode: mode, Sweep: []string{stagedPattern, stagedPattern + ".tar"},
		Progress: func(done, total int64) { h.Progress("upload "+path.Base(file), done, total) },
	})
}

// carrying completes a delivery with a content that is at hand. One that is too large to travel with a script is
// uploaded from memory.
func (d delivery) carrying(content []byte, name string, _ Local) (Action, error) {
	if err := d.check(d.module); err != nil {
		return nil, err
	}
	d.name, d.sum, d.size = name, sumOf(content), int64(len(content))
	if len(content) <= inlineLimit {
		d.content = append([]byte{}, content...)
		return &d, nil
	}
	return &largeDelivery{delivery: d, fsys: oneFile(content), file: "content"}, nil
}
