//go:build unix

package playbooks

import (
	"os"
	"path/filepath"
	"strings"
)

// hostFiles is the machine that polarbook runs on; its paths are absolute ones without the leading slash.
var hostFiles = os.DirFS("/")

// inHost is an absolute path as hostFiles wants it.
func inHost(name string) string {
	p := strings.TrimPrefix(filepath.ToSlash(filepath.Clean(name)), "/")
	if p == "" {
		return "."
	}
	return p
}

// onHost is a path in hostFiles as the machine has it.
func onHost(p string) string { return "/" + p }
