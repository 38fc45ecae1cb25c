package script

import (
	"strings"

	"github.com/polarbook/polarbook/tasks/remote"
)

// TrimSlashes drops what follows a directory's name, so that the directory above it can be told from the text alone.
func TrimSlashes(path string) string {
	if t := strings.TrimRight(path, "/"); t != "" {
		return t
	}
	return path[:min(1, len(path))]
}

// SplitWords splits a command line as a POSIX shell does, without expanding anything (Python's shlex).
func SplitWords(line string) ([]string, error) { return remote.SplitWords(line) }

// IsUnitName reports whether systemd takes s for the name of a unit, with or without its suffix, and no program for an option.
func IsUnitName(s string) bool {
	return s != "" && !strings.HasPrefix(s, "-") &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@:\\") == ""
}
