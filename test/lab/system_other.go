//go:build !unix

package lab

import (
	"errors"
	"os/exec"
)

func detach(*exec.Cmd) {}

func lock(string) (unlock func(), err error) {
	return nil, errors.New("labs need Linux")
}
