package playbooks

import (
	"embed"
	"io/fs"
)

//go:embed *.yml roles
var builtin embed.FS

// Builtin holds the built-in playbooks and the roles that they are made of.
func Builtin() fs.FS { return builtin }
