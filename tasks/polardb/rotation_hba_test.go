package polardb

import "testing"

// Whatever lets the replication role in lets the second in as well, and nothing else does.
func TestTheSecondRoleIsLetInAsTheFirst(t *testing.T) {
	for name, c := range map[string]struct{ role, text, want string }{
		"as polarbook writes it": {"replicator",
			"# TYPE\nlocal all \"polardb\" scram-sha-256\nhost    replication  \"replicator\"    10.0.0.1/32    md5\n" +
				"host    all          \"replicator\"    10.0.0.1/32    md5\n",
			"host    replication  \"replicator_rotation\"    10.0.0.1/32    md5\n" +
				"host    all          \"replicator_rotation\"    10.0.0.1/32    md5\n"},
		"with TLS": {"replicator", "hostssl replication \"replicator\" 10.0.0.1/32 md5\nhostnossl all all all reject\n",
			"hostssl replication \"replicator_rotation\" 10.0.0.1/32 md5\n"},
		"an earlier release's": {"replicator", "host replication replicator 10.0.0.1/32 md5\n",
			"host replication \"replicator_rotation\" 10.0.0.1/32 md5\n"},
		"one of several, by hand": {"replicator", "host all app,\"replicator\" 10.0.0.0/8 md5 # mine\nhost all replicator2 all md5\n" +
			"host replication all all md5\n", "host all \"replicator_rotation\" 10.0.0.0/8 md5 # mine\n"},
		"strange letters": {`rep 'li"c\ator`, "host replication \"rep 'li\"\"c\\ator\" 10.0.0.1/32 md5\n",
			"host replication \"rep 'li\"\"c\\ator_rotation\" 10.0.0.1/32 md5\n"},
		"nobody by name": {"replicator", "# host all replicator all md5\nhost replication all all md5\nlocal all\n", ""},
		"no newline":     {"replicator", "host all replicator 10.0.0.1/32 md5", "host all \"replicator_rotation\" 10.0.0.1/32 md5\n"},
	} {
		want := c.text
		if c.want != "" {
			want = rotationBegin + c.want + rotationEnd + c.text
		}
		got := withRoles(c.text, c.role, []string{rotationRole(c.role, 1)})
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if again := withRoles(got, c.role, []string{rotationRole(c.role, 1)}); again != got {
			t.Errorf("%s, again: %q", name, again)
		}
		if without := withRoles(got, c.role, nil); without != c.text {
			t.Errorf("%s, without: %q", name, without)
		}
	}
}
