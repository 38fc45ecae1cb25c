package remote

import "strings"

// Quote returns s as one word of a POSIX shell, whatever it contains. A NUL byte
// cannot be part of a word in any shell; Run and Stream refuse scripts with one.
func Quote(s string) string {
	if s != "" && strings.IndexFunc(s, needsQuoting) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// needsQuoting is false only for what no shell gives a meaning to, in any place
// of a command. "=" is left out because "a=b" as first word is an assignment, "~"
// because it may be expanded.
func needsQuoting(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("_-./:@%+,", r)
}
