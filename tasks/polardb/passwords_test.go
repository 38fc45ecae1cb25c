package polardb

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

// A password that was changed in the inventory alone, or half in the cluster, is named with the way out.
func TestPasswordsOfTheInventoryAndOfTheCluster(t *testing.T) {
	stored := func(encryption, password string) string {
		hash, err := dma.PasswordHash(encryption, "replicator", password)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	for name, c := range map[string]struct {
		found passwordsFound
		want  []string // nil: nothing is said
	}{
		"nobody answers":     {passwordsFound{}, nil},
		"not founded yet":    {passwordsFound{asked: true}, nil},
		"as given":           {passwordsFound{asked: true, roles: map[string]string{"replicator": stored(dma.MD5, "secret")}}, nil},
		"as given, by scram": {passwordsFound{asked: true, roles: map[string]string{"replicator": stored(dma.SCRAM, "secret")}}, nil},
		"another": {passwordsFound{asked: true, roles: map[string]string{"replicator": stored(dma.MD5, "other")}},
			[]string{"role replicator (polardb_replication_password", "is not the cluster's", "rotate-password.yml"}},
		"none": {passwordsFound{asked: true, roles: map[string]string{"replicator": ""}}, []string{"rotate-password.yml"}},
		"cut off before it": {passwordsFound{asked: true, roles: map[string]string{"replicator": stored(dma.MD5, "other"),
			"replicator_rotation": "x"}}, []string{"was begun and not finished (replicator_rotation exists)", "rotate-password.yml"}},
		"cut off after it": {passwordsFound{asked: true, roles: map[string]string{"replicator": stored(dma.MD5, "secret"),
			"replicator_rotation2": "x"}}, []string{"was begun and not finished: replicator_rotation2", "rotate-password.yml"}},
		"somebody else's roles": {passwordsFound{asked: true,
			roles: map[string]string{"replicator": stored(dma.MD5, "secret"), "replicator_2": "x"}}, nil},
	} {
		err := c.found.doubt("replicator", "secret")
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, text := range c.want {
			if err != nil && !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v does not say %q", name, err, text)
			}
		}
		args := &passwordsArgs{ReplicationUser: "replicator", ReplicationPassword: "secret", Warn: true}
		p, err := (&passwordsAction{args: args}).Plan(c.found)
		if err != nil || (len(p.Warnings) > 0) != (c.want != nil) {
			t.Errorf("%s, as a warning: %q, %v", name, p.Warnings, err)
		}
	}
}

func TestRotationRoles(t *testing.T) {
	long := strings.Repeat("ü", 31)
	for _, role := range []string{"replicator", `rep 'li"c\ator`, long, strings.Repeat("r", 63)} {
		seen := map[string]bool{role: true}
		for _, name := range rotationRoles(role) {
			if len(name) > roleNameLimit || seen[name] || !strings.Contains(name, "_rotation") || strings.ToValidUTF8(name, "") != name {
				t.Errorf("beside %q: %q", role, name)
			}
			seen[name] = true
		}
	}
	if got := rotationRole("replicator", 1) + " " + rotationRole("replicator", 2); got != "replicator_rotation replicator_rotation2" {
		t.Error(got)
	}
}
