//go:build !unix

package lab

import (
	"errors"
	"os"
	"os/exec"
)

func detach(*exec.Cmd) {}

func resume(*os.Process) {}

func lock(string) (unlock func(), err error) {
	return nil, errors.New("labs need Linux")
}
