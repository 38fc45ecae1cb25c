//go:build unix

package trees

import (
	"errors"
	"io/fs"
	"syscall"
)

// rightsOf are the mode and the owners of what is to be sent.
func rightsOf(info fs.FileInfo) (mode, uid, gid int, err error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, 0, errors.New("it has no owners: give a directory of the control node")
	}
	return int(stat.Mode & 0o7777), int(stat.Uid), int(stat.Gid), nil
}
