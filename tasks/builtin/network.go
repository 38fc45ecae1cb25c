package builtin

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
)

// notAmongHosts returns what uri asks that is no host of the inventory, and not the host itself.
func notAmongHosts(values map[string]any, l tasks.Local, _ bool) string {
	text, _ := values["url"].(string)
	at, err := url.Parse(text)
	if socket, _ := values["unix_socket"].(string); err != nil || socket != "" {
		return ""
	}
	host := at.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return ""
	}
	for _, expression := range []string{
		"groups['all'] | default([])",
		"groups['all'] | default([]) | map('extract', hostvars) | map(attribute='ansible_host', default='') | list",
	} {
		known, err := l.Eval(expression)
		list, _ := known.([]any)
		for _, name := range list {
			if err == nil && host != "" && fmt.Sprint(name) == host {
				return ""
			}
		}
	}
	return "ask " + at.Scheme + "://" + at.Host + ", which is no host of the inventory"
}

// aptNetwork returns what apt wants of its sources.
func aptNetwork(values map[string]any, l tasks.Local, planned bool) string {
	if upgrade, err := convert.Text(values["upgrade"]); err == nil && values["upgrade"] != nil && upgrade != "no" &&
		!strings.EqualFold(upgrade, "false") {
		return "upgrade all packages from the host's sources"
	}
	if valid, err := convert.Int(values["cache_valid_time"]); err == nil && valid > 0 {
		return "ask the host's sources (cache_valid_time)"
	}
	if state, _ := values["state"].(string); state == "build-dep" {
		return "install from the host's sources"
	}
	if from := tasks.FromURL(values["deb"]); from != "" {
		return from
	}
	return packagesNetwork(values, l, planned)
}

// packagesNetwork returns what a manager of packages wants of repositories.
func packagesNetwork(values map[string]any, _ tasks.Local, planned bool) string {
	if tasks.Wanted(values["update_cache"], false) {
		return "ask the host's repositories again (update_cache)"
	}
	state, _ := values["state"].(string)
	if state == "absent" || state == "removed" || tasks.Wanted(values["cacheonly"], false) && !planned {
		return ""
	}
	names := convert.List(values["name"])
	var missing []string
	for _, value := range names {
		name, _ := value.(string)
		if from := tasks.FromURL(name); from != "" {
			return from
		}
		if name != "" && !path.IsAbs(name) {
			missing = append(missing, name)
		}
	}
	switch {
	case state == "latest" && len(missing) > 0:
		return "ask the host's repositories for the newest " + strings.Join(missing, ", ")
	case planned && len(missing) > 0:
		return "install from the host's repositories what it lacks of " + strings.Join(missing, ", ")
	}
	return ""
}

// sourcesNetwork returns what apt_repository asks after a change.
func sourcesNetwork(values map[string]any, _ tasks.Local, planned bool) string {
	if planned && tasks.Wanted(values["update_cache"], true) {
		return "ask the host's sources (update_cache)"
	}
	return ""
}
