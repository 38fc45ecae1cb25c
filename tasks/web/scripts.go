package web

import (
	"embed"

	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

//go:embed scripts/*.sh
var scriptFiles embed.FS

// Scripts are those of requests. Modules that make requests may use them.
var Scripts = script.Load(scriptFiles, files.Scripts)
