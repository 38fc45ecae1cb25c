//go:build unix

package session

import (
	"os/exec"
	"syscall"
)

type credential = syscall.Credential

// posix refuses where there is no POSIX shell.
func posix(string) error { return nil }

// group makes a script and all that it starts one group of processes, which ends with the script's context.
func group(cmd *exec.Cmd, as *credential) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// signalOf is the signal that a process ended by.
func signalOf(exit *exec.ExitError) int { return int(exit.Sys().(syscall.WaitStatus).Signal()) }
