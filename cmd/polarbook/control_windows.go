package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// What follows is of the machine that polarbook runs on.

// lockFile locks a file without waiting, for one alone or for several; the lock goes when the file is closed, however that comes.
// Others cannot write to what is locked: it is one byte that no file reaches.
func lockFile(f *os.File, alone bool) error {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if alone {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
}

// resizes tells when the terminal may have another size, until it is ended: Windows sends no signal, so every while.
func resizes() (perhaps <-chan time.Time, end func()) {
	ticker := time.NewTicker(time.Second)
	return ticker.C, ticker.Stop
}

// namelessTerminal is what a terminal is taken for that TERM does not name, as nothing does on Windows.
const namelessTerminal = "xterm-256color"

// obeysEscapes has the console obey escape sequences, and reports whether it does.
func obeysEscapes(files ...*os.File) bool {
	obeys := true
	for _, f := range files {
		var mode uint32
		if windows.GetConsoleMode(windows.Handle(f.Fd()), &mode) != nil {
			continue // no console
		}
		err := windows.SetConsoleMode(windows.Handle(f.Fd()), mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
		obeys = obeys && err == nil
	}
	return obeys
}

// nobodyReads reports whether a write failed because the other end of the pipe is closed.
func nobodyReads(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}

// editor is the user's, with a file. The variable is taken for a command with arguments, or for the path of a program.
func editor(file string) *exec.Cmd {
	named := firstOf(os.Getenv("EDITOR"), "notepad")
	words := strings.Fields(named)
	if _, err := exec.LookPath(named); err == nil || len(words) == 0 {
		words = []string{named}
	}
	return exec.Command(words[0], append(words[1:], file)...)
}

// setVariable is how a variable of the environment is set in the shell that people use, which is PowerShell.
func setVariable(name, value string) string { return "$env:" + name + ` = "` + value + `"` }
