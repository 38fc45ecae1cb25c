package builtin

import (
	"fmt"
	"testing"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/taskstest"
)

// What each module wants of a network: always, and when there is something to be changed.
func TestNetwork(t *testing.T) {
	local := &taskstest.FakeLocal{Vars: map[string]any{
		"groups['all'] | default([])": []any{"node1", "node2"},
		"groups['all'] | default([]) | map('extract', hostvars) | map(attribute='ansible_host', default='') | list": []any{"10.0.0.1", ""},
	}}
	type values = map[string]any
	for _, c := range []struct {
		module tasks.Module
		values values
		always string
		change string // "=": the same as always
	}{
		{getURLModule, values{"url": "https://me:word@there.example/x"}, "fetch https://there.example/x", "="},
		{getURLModule, values{"url": "file:///srv/x"}, "", ""},
		{unarchiveModule, values{"src": "tools.tar.gz"}, "", ""},
		{unarchiveModule, values{"src": "http://there.example/x.tar"}, "fetch http://there.example/x.tar", "="},
		{uriModule, values{"url": "http://there.example:80/x"}, "ask http://there.example:80, which is no host of the inventory", "="},
		{uriModule, values{"url": "http://localhost:8080/health"}, "", ""},
		{uriModule, values{"url": "http://[::1]/"}, "", ""},
		{uriModule, values{"url": "http://127.0.0.1/"}, "", ""},
		{uriModule, values{"url": "http://node2/"}, "", ""},
		{uriModule, values{"url": "https://10.0.0.1:8443/"}, "", ""},
		{uriModule, values{"url": "http://any/", "unix_socket": "/run/docker.sock"}, "", ""},
		{aptModule, values{"update_cache": "yes"}, "ask the host's repositories again (update_cache)", "="},
		{aptModule, values{"cache_valid_time": 3600, "name": "zstd"}, "ask the host's sources (cache_valid_time)", "="},
		{aptModule, values{"upgrade": "dist"}, "upgrade all packages from the host's sources", "="},
		{aptModule, values{"upgrade": false, "name": "zstd"}, "", "install from the host's repositories what it lacks of zstd"},
		{aptModule, values{"name": []any{"zstd", "tar"}}, "", "install from the host's repositories what it lacks of zstd, tar"},
		{aptModule, values{"name": "zstd", "state": "absent"}, "", ""},
		{aptModule, values{"deb": "/srv/x.deb"}, "", ""},
		{aptModule, values{"deb": "https://there.example/x.deb"}, "fetch https://there.example/x.deb", "="},
		{aptModule, values{"autoremove": true}, "", ""},
		{dnfModule, values{"name": "zstd", "state": "latest"}, "ask the host's repositories for the newest zstd", "="},
		{dnfModule, values{"name": "/srv/x.rpm"}, "", ""},
		{dnfModule, values{"name": "https://there.example/x.rpm"}, "fetch https://there.example/x.rpm", "="},
		{yumModule, values{"name": "zstd"}, "", "install from the host's repositories what it lacks of zstd"},
		{packageModule, values{"name": "zstd", "state": "removed"}, "", ""},
		{packageModule, values{"name": "zstd"}, "", "install from the host's repositories what it lacks of zstd"},
		{aptRepositoryModule, values{"repo": "deb http://x y z"}, "", "ask the host's sources (update_cache)"},
		{aptRepositoryModule, values{"repo": "deb http://x y z", "update_cache": false}, "", ""},
	} {
		if c.change == "=" {
			c.change = c.always
		}
		for _, planned := range []bool{false, true} {
			want := map[bool]string{false: c.always, true: c.change}[planned]
			if got := c.module.Network(c.values, local, planned); got != want {
				t.Errorf("%s %s, planned %v: %q, want %q", c.module.Name, fmt.Sprint(c.values), planned, got, want)
			}
		}
	}
}
