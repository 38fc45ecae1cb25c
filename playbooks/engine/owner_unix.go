//go:build unix

package engine

import (
	"io/fs"
	"syscall"
)

// uidOf is the number of a file's owner; ok is false for one that has none.
func uidOf(info fs.FileInfo) (uid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}
