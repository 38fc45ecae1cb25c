package polardb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/dma"
)

func TestRotationPlan(t *testing.T) {
	stored := func(role, password string) string {
		hash, err := dma.PasswordHash(dma.MD5, role, password)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	old := map[string]string{"replicator": stored("replicator", "old")}
	with := func(roles map[string]string, more ...string) map[string]string {
		all := map[string]string{}
		for name, hash := range roles {
			all[name] = hash
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = stored(more[i], more[i+1])
		}
		return all
	}
	full := with(old)
	for _, name := range rotationRoles("replicator") {
		full[name] = stored(name, "given up")
	}
	list := []WantedNode{{Name: "node2", Address: dma.Address{Host: "10.0.0.2", Port: 5432}}}
	for name, c := range map[string]struct {
		state, user string
		found       rotationFound
		want        string // of the message or the error
		role, lines string
		fails       bool
	}{
		"it has the password": {"begun", "replicator", rotationFound{roles: with(nil, "replicator", "new")},
			"has the password", "", "[]", false},
		"it is to change": {"begun", "replicator", rotationFound{roles: old},
			"create role replicator_rotation: superuser login password (md5)", "replicator_rotation", "[replicator_rotation]", false},
		"begun with this one": {"begun", "replicator", rotationFound{roles: with(old, "replicator_rotation", "new")},
			"has the new password already", "replicator_rotation", "[replicator_rotation]", false},
		"begun with another": {"begun", "replicator", rotationFound{roles: with(old, "replicator_rotation", "mid")},
			"create role replicator_rotation2", "replicator_rotation2", "[replicator_rotation replicator_rotation2]", false},
		"the old one is wanted again": {"begun", "replicator",
			rotationFound{roles: with(nil, "replicator", "new", "replicator_rotation", "mid")}, "has the password", "",
			"[replicator_rotation]", false},
		"given up nine times": {"begun", "replicator", rotationFound{roles: full}, "was begun and not finished", "", "", true},
		"there is none": {"begun", "replicator", rotationFound{roles: map[string]string{}},
			"there is no role replicator", "", "", true},
		"it is the superuser": {"begun", "polardb", rotationFound{roles: with(nil, "polardb", "old")},
			"is the superuser, too", "", "[]", false},
		"all have left": {"left", "replicator", rotationFound{roles: old,
			streams: []memberLogin{{"node2", "replicator_rotation"}}}, "no member logs in as replicator", "", "", false},
		"one has not": {"left", "replicator",
			rotationFound{roles: old, streams: []memberLogin{{"10.0.0.9 (standby_9)", "replicator"}, {"node2", "replicator_rotation"}}},
			"10.0.0.9 (standby_9) as replicator still streams", "", "", true},
		"dropped": {"ended", "replicator", rotationFound{roles: old}, "there is no second role", "", "", false},
		"two to be dropped": {"ended", "replicator",
			rotationFound{roles: with(old, "replicator_rotation2", "x", "replicator_rotation", "y")},
			`drop role "replicator_rotation"; drop role "replicator_rotation2"`, "", "", false},
		"somebody else's role is left alone": {"ended", "replicator", rotationFound{roles: with(old, "replicator_other", "x")},
			"there is no second role", "", "", false},
	} {
		a := &rotationAction{
			list: list,
			args: &rotationArgs{State: c.state, ReplicationUser: c.user, ReplicationPassword: "new", Encryption: dma.MD5},
		}
		a.args.LoginUser = "polardb"
		p, _, err := a.Plan(c.found)
		said := p.Msg
		if err != nil {
			said = err.Error()
		}
		if (err != nil) != c.fails || !strings.Contains(said, c.want) {
			t.Errorf("%s: %q, %v", name, said, err)
		}
		if c.state == "begun" && err == nil && (p.Values["role"] != c.role || fmt.Sprint(p.Values["lines"]) != c.lines) {
			t.Errorf("%s: %v", name, p.Values)
		}
	}
	if got := (&rotationAction{
		list: list,
	}).who("10.0.0.2", "x") + ", " + (&rotationAction{list: append(list, list...)}).who("10.0.0.2", "x"); got != "node2, 10.0.0.2 (x)" {
		t.Error(got)
	}
}
