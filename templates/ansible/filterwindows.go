package ansible

import (
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// windowsFilters take paths of Windows apart, as Python's ntpath does.
func windowsFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"win_basename": ofText(func(s string) (any, error) {
			_, tail := splitWindows(s)
			return tail, nil
		}),
		"win_dirname": ofText(func(s string) (any, error) {
			head, _ := splitWindows(s)
			return head, nil
		}),
		"win_splitdrive": ofText(func(s string) (any, error) {
			drive, rest := splitDrive(s)
			return jinja.Tuple{drive, rest}, nil
		}),
	}
}

// splitDrive cuts off C:, or the server and its share.
func splitDrive(s string) (drive, rest string) {
	path := strings.ReplaceAll(s, "/", `\`)
	if strings.HasPrefix(path, `\\`) {
		begin := 2
		if len(path) >= 8 && strings.EqualFold(path[:8], `\\?\UNC\`) {
			begin = 8
		}
		server := strings.IndexByte(path[begin:], '\\')
		if server < 0 {
			return s, ""
		}
		share := strings.IndexByte(path[begin+server+1:], '\\')
		if share < 0 {
			return s, ""
		}
		at := begin + server + 1 + share
		return s[:at], s[at:]
	}
	if len(path) > 1 && path[1] == ':' {
		return s[:2], s[2:]
	}
	return "", s
}

// splitWindows cuts a path before its last part.
func splitWindows(s string) (head, tail string) {
	drive, rest := splitDrive(s)
	at := strings.LastIndexAny(rest, `\/`) + 1
	head, tail = rest[:at], rest[at:]
	if trimmed := strings.TrimRight(head, `\/`); trimmed != "" {
		head = trimmed
	}
	return drive + head, tail
}
