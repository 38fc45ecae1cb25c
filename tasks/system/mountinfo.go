package system

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mounted is what is mounted somewhere.
type mounted struct {
	on     string
	source string // device, or what the file system calls itself
	device string // its numbers
	root   string // directory of the file system that is seen here
}

// mountTable is the kernel's list, in its order.
type mountTable []mounted

var octal = regexp.MustCompile(`\\[0-7]{3}`)

// unescape reads a field, in which blanks and the like are octal numbers.
func unescape(field string) string {
	return octal.ReplaceAllStringFunc(field, func(s string) string {
		n, err := strconv.ParseUint(s[1:], 8, 8)
		if err != nil {
			return s
		}
		return string([]byte{byte(n)})
	})
}

// readMounts reads /proc/self/mountinfo, as proc(5) has it.
func readMounts(text string) mountTable {
	var t mountTable
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if ok && len(f) >= 6 && len(g) >= 2 {
			t = append(t, mounted{device: f[2], root: unescape(f[3]), on: unescape(f[4]), source: unescape(g[1])})
		}
	}
	return t
}

// at returns what is mounted on a path, the topmost where there are several.
func (t mountTable) at(path string) (mounted, bool) {
	for _, m := range slices.Backward(t) {
		if m.on == path {
			return m, true
		}
	}
	return mounted{}, false
}

// of reports whether a mount is one of a source: of a device, or of a directory that is seen elsewhere as well.
func (t mountTable) of(m mounted, source string) bool {
	if m.source == source {
		return true
	}
	source = strings.TrimSuffix(source, "/")
	for _, other := range t {
		if rest, ok := strings.CutPrefix(m.root, strings.TrimSuffix(other.root, "/")); ok && other.device == m.device && other.on != m.on {
			if strings.TrimSuffix(strings.TrimSuffix(other.on, "/")+rest, "/") == source {
				return true
			}
		}
	}
	return false
}

// within reports whether a mount shows another part of the file system that its path belongs to: a directory seen twice.
func (t mountTable) within(m mounted) bool {
	around := mounted{}
	for _, other := range t {
		if (other.on == "/" || strings.HasPrefix(m.on, other.on+"/")) && len(other.on) >= len(around.on) {
			around = other
		}
	}
	return around.device == m.device
}
