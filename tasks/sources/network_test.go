package sources

import "testing"

func ofGit(values map[string]any, planned bool) string {
	return gitModule.Network(values, nil, planned)
}
func ofPip(values map[string]any, planned bool) string {
	return pipModule.Network(values, nil, planned)
}

// What each module wants of a network: always, and when there is something to be changed.
func TestNetwork(t *testing.T) {
	type values = map[string]any
	for _, c := range []struct {
		ask            func(values, bool) string
		values         values
		always, change string
	}{
		{ofGit, values{"repo": "https://there.example/x.git"}, "fetch https://there.example/x.git", "fetch https://there.example/x.git"},
		{ofGit, values{"repo": "git@there.example:x.git"}, "fetch git@there.example:x.git", "fetch git@there.example:x.git"},
		{ofGit, values{"repo": "/srv/x.git"}, "", ""},
		{ofGit, values{"repo": "file:///srv/x.git"}, "", ""},
		{ofPip, values{"name": "psycopg2"}, "", "ask an index of Python packages"},
		{ofPip, values{"name": "psycopg2", "state": "absent"}, "", ""},
		{ofPip, values{"name": "psycopg2", "extra_args": "--no-index --find-links /srv"}, "", ""},
		{ofPip, values{"name": "/srv/x.whl"}, "", ""},
	} {
		if got := c.ask(c.values, false); got != c.always {
			t.Errorf("%v: %q, want %q", c.values, got, c.always)
		}
		if got := c.ask(c.values, true); got != c.change {
			t.Errorf("%v, to be changed: %q, want %q", c.values, got, c.change)
		}
	}
}
