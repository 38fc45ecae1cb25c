package files

import (
	"embed"

	"github.com/polarbook/polarbook/tasks/script"
)

//go:embed scripts/*.sh
var scriptFiles embed.FS

// Scripts are the scripts of work on files. Those of packages that work on files may use them.
var Scripts = script.Load(scriptFiles, script.Shared)
