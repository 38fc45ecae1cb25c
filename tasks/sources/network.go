package sources

import (
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

// gitNetwork returns where git would fetch from.
func gitNetwork(values map[string]any, _ tasks.Local, _ bool) string {
	repo, _ := values["repo"].(string)
	if strings.Contains(repo, "://") {
		return tasks.FromURL(repo)
	}
	// host:path, as ssh has it; what has a slash before the colon is a path.
	if host, _, ok := strings.Cut(repo, ":"); ok && !strings.Contains(host, "/") {
		return "fetch " + repo
	}
	return ""
}

// pipNetwork returns what pip would ask an index for.
func pipNetwork(values map[string]any, _ tasks.Local, planned bool) string {
	state, _ := values["state"].(string)
	extra, _ := values["extra_args"].(string)
	if state == "absent" || strings.Contains(extra, "--no-index") || !planned {
		return ""
	}
	if name, _ := values["name"].(string); path.IsAbs(name) {
		return ""
	}
	return "ask an index of Python packages"
}
