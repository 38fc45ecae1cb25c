package ansible

import (
	"errors"
	"os"
	"os/exec"
)

// mounted reports whether a directory is the one above, as the top of a drive is.
func mounted(info, above os.FileInfo) bool { return os.SameFile(info, above) }

func shellCommand(string) (*exec.Cmd, error) {
	return nil, errors.New("it needs a POSIX shell on the control node, which Windows has not: run polarbook in WSL or on another machine " +
		"for it")
}
