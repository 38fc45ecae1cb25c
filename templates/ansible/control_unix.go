//go:build unix

package ansible

import (
	"os"
	"os/exec"
	"syscall"
)

// mounted reports whether a directory is on another device than the one above, or is the same.
func mounted(info, above os.FileInfo) bool {
	here, ok1 := info.Sys().(*syscall.Stat_t)
	there, ok2 := above.Sys().(*syscall.Stat_t)
	return ok1 && ok2 && (here.Dev != there.Dev || here.Ino == there.Ino)
}

func shellCommand(command string) (*exec.Cmd, error) {
	return exec.Command("/bin/sh", "-c", command), nil
}
