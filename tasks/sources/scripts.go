package sources

import (
	"embed"

	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/web"
)

//go:embed scripts/*.sh
var scriptFiles embed.FS

// scripts are those of the modules of this package. They may use those of tasks/web, tasks/files and tasks/script.
var scripts = script.Load(scriptFiles, web.Scripts)
