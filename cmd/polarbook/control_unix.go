//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// What follows is of the machine that polarbook runs on.

// lockFile locks a file without waiting, for one alone or for several; the lock goes when the file is closed, however that comes.
func lockFile(f *os.File, alone bool) error {
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
}

// resizes tells when the terminal may have another size, until it is ended.
func resizes() (perhaps <-chan os.Signal, end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	return signals, func() { signal.Stop(signals) }
}

// namelessTerminal is what a terminal is taken for that TERM does not name.
const namelessTerminal = "dumb"

// obeysEscapes reports whether a terminal obeys escape sequences.
func obeysEscapes(...*os.File) bool { return true }

// nobodyReads reports whether a write failed because the other end of the pipe is closed.
func nobodyReads(err error) bool { return errors.Is(err, syscall.EPIPE) }

// editor is the user's, with a file. As git does, the variable is taken for a command with arguments.
func editor(file string) *exec.Cmd {
	return exec.Command("/bin/sh", "-c", firstOf(os.Getenv("EDITOR"), "vi")+` "$1"`, "sh", file)
}

// setVariable is how a variable of the environment is set in the shell that people use.
func setVariable(name, value string) string { return "export " + name + "=" + value }
