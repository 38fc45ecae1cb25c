package postgresql

import (
	"embed"

	"github.com/polarbook/polarbook/tasks/script"
)

//go:embed scripts/*.sh
var scriptFiles embed.FS

// scripts are the scripts of the modules of this package.
var scripts = script.Load(scriptFiles, script.Shared)
