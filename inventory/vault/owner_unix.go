//go:build unix

package vault

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owners of the one that it is to take the place of.
func keepOwner(beside *os.File, was fs.FileInfo) error {
	if owner, ok := was.Sys().(*syscall.Stat_t); ok && (int(owner.Uid) != os.Geteuid() || int(owner.Gid) != os.Getegid()) {
		return beside.Chown(int(owner.Uid), int(owner.Gid))
	}
	return nil
}

func severalNames(_ *os.File, info fs.FileInfo) bool {
	links, ok := info.Sys().(*syscall.Stat_t)
	return ok && links.Nlink > 1
}
