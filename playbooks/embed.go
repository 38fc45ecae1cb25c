package playbooks

import (
	"embed"
	"io/fs"
)

//go:embed *.[gy]*
var builtin embed.FS

// Builtin holds the built-in playbooks and, in steps, their task files.
func Builtin() fs.FS { return builtin }
