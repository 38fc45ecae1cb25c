package polardb

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// backupPlace is where backups lie: a directory of a host, whose account user wrote them, or of the control node.
type backupPlace struct{ host, dir, user string }

func (p backupPlace) here() bool { return p.host == controlNode }

// list reads the backups there, or those of the given names.
func (p backupPlace) list(ctx context.Context, h tasks.Host, names ...string) (keptBackups, error) {
	if p.here() {
		return backupsHere{p.dir}.list(names...)
	}
	shell, err := p.shell(ctx, h)
	if err != nil {
		return keptBackups{}, err
	}
	return listBackupsBy(ctx, shell, p.dir, p.user, names...)
}

// shell returns root's on the host where they lie.
func (p backupPlace) shell(ctx context.Context, h tasks.Host) (tasks.Shell, error) {
	if p.host == "" || p.host == h.Name() {
		return h.Shell(), nil
	}
	peer, err := h.Peer(ctx, p.host)
	if err != nil {
		return nil, err
	}
	return peer.As(ctx, "")
}

// text says where a backup lies.
func (p backupPlace) text(name string) string {
	text := strings.TrimSuffix(p.dir, "/") + "/" + name
	if p.here() {
		return text + " of the control node"
	}
	if p.host != "" {
		text += " of " + p.host
	}
	return text
}

// named returns the backup of that name, or without one the newest whole one of a cluster, and why there is none, or it is unfit.
func (p backupPlace) named(ctx context.Context, h tasks.Host, name, cluster string) (*keptBackup, *backupDescription, string, error) {
	var names []string
	if name != "" {
		names = []string{name}
	}
	listed, err := p.list(ctx, h, names...)
	if err != nil {
		return nil, nil, "", err
	}
	chosen := newestBackup(listed.List, cluster)
	if name != "" {
		chosen = nil
		if len(listed.List) > 0 {
			chosen = &listed.List[0]
		}
	}
	switch {
	case chosen == nil && listed.Fault != "":
		return nil, nil, listed.Fault, nil
	case chosen == nil:
		return nil, nil, "there is none", nil
	}
	d, unfit := chosen.described()
	return chosen, d, unfit, nil
}

// described returns what the backup of that name says of itself, and why it is not whole, as far as can be seen without reading its files.
func (p backupPlace) described(ctx context.Context, h tasks.Host, name string) (*backupDescription, string, error) {
	listed, err := p.list(ctx, h, name)
	switch {
	case err != nil:
		return nil, "", err
	case listed.Fault != "":
		return nil, listed.Fault, nil
	case len(listed.List) == 0:
		return nil, "there is no such directory", nil
	}
	d, unfit := listed.List[0].described()
	return d, unfit, nil
}

// prove reads the files of a backup where it lies, and returns what is wrong with them; "": nothing.
func (p backupPlace) prove(ctx context.Context, h tasks.Host, name string, d *backupDescription, timeout int) (string, error) {
	h.Say(fmt.Sprintf("reading %s: %d files, %d bytes", p.text(name), d.storedFiles(), d.storedBytes()))
	if p.here() {
		return backupsHere{p.dir}.prove(ctx, name, d, func(done int64) { h.Progress("check", done, d.storedBytes()) })
	}
	shell, err := p.shell(ctx, h)
	if err != nil {
		return "", err
	}
	text := scripts.Script("polardb_backup_read", script.Values{"FROM": path.Join(p.dir, name), "OWNER": p.user, "TIMEOUT": timeout})
	answer, err := shell.Run(ctx, remote.Command{Script: text})
	if err == nil {
		err = files.ScriptFailed(answer)
	}
	var read struct {
		Wrong []string `answer:"wrong"`
		End   bool     `answer:"end,required"`
	}
	if err == nil {
		err = script.Decode(answer.Stdout, &read)
	}
	if err != nil {
		return "", &tasks.Failure{Msg: "cannot read the backup " + p.text(name), Err: err}
	}
	if len(read.Wrong) > 0 {
		return wrongFiles(read.Wrong), nil
	}
	return "", nil
}

func wrongFiles(wrong []string) string {
	return "these files are not what was written: " + firstOf(wrong, 3)
}
