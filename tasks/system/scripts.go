package system

import (
	"embed"

	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

//go:embed scripts/*.sh
var scriptFiles embed.FS

// scripts are those of the modules of this package. They may use those of tasks/files and of tasks/script.
var scripts = script.Load(scriptFiles, files.Scripts)
