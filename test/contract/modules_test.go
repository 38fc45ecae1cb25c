package contract_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/tasks/remote"
)

// member is the host of a node, whose server polarbook looks for on 127.0.0.1.
type member struct {
	here
	name  string
	nodes []*node
}

func (m member) Name() string                                    { return m.name }
func (m member) Shell() tasks.Shell                              { return memberShell{} }
func (m member) As(context.Context, string) (tasks.Shell, error) { return memberShell{}, nil }
func (m member) Say(string)                                      {}
func (m member) Drop(string)                                     {}

func (m member) Cached(_ string, create func() (any, error)) (any, error) { return create() }

func (m member) Peer(_ context.Context, name string) (tasks.Host, error) {
	return member{name: name, nodes: m.nodes}, nil
}

func (m member) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	for _, n := range m.nodes {
		if "node"+strconv.Itoa(n.number) == m.name && address == fmt.Sprintf("127.0.0.1:%d", n.port) {
			return (&net.Dialer{}).DialContext(ctx, network, n.address())
		}
	}
	return nil, fmt.Errorf("%s has nothing on %s", m.name, address)
}

type memberShell struct{ hereShell }

func (memberShell) ReadFile(_ context.Context, name string, _ int64) ([]byte, error) {
	return os.ReadFile(name)
}

// planned plans a module's task on a node's host, as a playbook does.
func (n *node) planned(nodes []*node, module string, args map[string]any) (tasks.Action, tasks.Plan, error) {
	n.t.Helper()
	args["login_password"] = password
	account, err := user.Current()
	if err != nil {
		n.t.Fatal(err)
	}
	runs := account.Username
	if n.as != nil {
		runs = "nobody"
	}
	var list []any
	for _, other := range nodes {
		item := map[string]any{"name": "node" + strconv.Itoa(other.number), "address": other.host, "port": other.port,
			"pgdata": other.pgdata, "user": runs}
		list = append(list, item)
	}
	args["nodes"] = list
	m, ok := all.Lookup(module)
	if !ok {
		n.t.Fatalf("there is no module %s", module)
	}
	action, err := m.New(args, desk{})
	if err != nil {
		n.t.Fatal(err)
	}
	found, err := tasks.Find(context.Background(), member{name: "node" + strconv.Itoa(n.number), nodes: nodes}, action,
		tasks.Found{Result: remote.Result{}})
	if err != nil {
		return action, tasks.Plan{}, err
	}
	plan, err := action.Plan(found)
	return action, plan, err
}

// task does a module's task on a node's host.
func (n *node) task(nodes []*node, module string, args map[string]any) (tasks.Result, error) {
	n.t.Helper()
	action, plan, err := n.planned(nodes, module, args)
	if err != nil || !plan.Change {
		return tasks.Result{Values: plan.Values}, err
	}
	applier, ok := action.(tasks.Applier)
	if !ok {
		n.t.Fatalf("%s cannot be applied", module)
	}
	return applier.Apply(context.Background(), member{name: "node" + strconv.Itoa(n.number), nodes: nodes}, plan)
}

// The modules for PostgreSQL work on the leader, whichever host their task is on.
func TestModulesReachTheLeader(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := cluster(t, e, 2)
		follower := nodes[1]
		insert := map[string]any{"login_db": "postgres", "query": "insert into log values (%s, %s)", "positional_args": []any{7, "by a module"}}
		if r, err := follower.task(nodes, "postgresql_query", insert); err != nil || !r.Changed {
			t.Errorf("insert: %+v, %v", r, err)
		}
		if said := must[string](nodes[0], "select said from log where id = 7"); said != "by a module" {
			t.Errorf("the leader has %q", said)
		}
		asked := map[string]any{"login_db": "postgres", "query": "select pg_is_in_recovery() as follows, id from log"}
		r, err := follower.task(nodes, "postgresql_query", asked)
		if got := fmt.Sprint(r.Values["query_result"]); err != nil || r.Changed || got != "[map[follows:false id:7]]" {
			t.Errorf("select: %s, %v", got, err)
		}
		if r, err := follower.task(nodes, "postgresql_ping", map[string]any{}); err != nil || r.Values["is_available"] != true {
			t.Errorf("ping: %+v, %v", r, err)
		}
	})
}

// What a play does with a database of its own is done on the leader, from a follower's host, and is there at the second run.
func TestModulesWorkOnTheLeader(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		if !e.real {
			t.Skip("the stand-in knows the statements of the built-in playbooks alone")
		}
		nodes := cluster(t, e, 2)
		steps := []struct {
			module string
			args   map[string]any
		}{
			{"postgresql_user", map[string]any{"name": "own er", "password": "s3'cret", "role_attr_flags": "CREATEDB,NOSUPERUSER", "conn_limit": 7}},
			{"postgresql_user", map[string]any{"name": "readers", "role_attr_flags": "NOLOGIN"}},
			{"postgresql_db", map[string]any{"name": "shop", "owner": "own er", "encoding": "UTF8"}},
			{"postgresql_schema", map[string]any{"name": "sales", "login_db": "shop", "owner": "own er"}},
			{"postgresql_ext", map[string]any{"name": "citext", "login_db": "shop", "schema": "sales"}},
			{"postgresql_table", map[string]any{"name": "sales.orders", "login_db": "shop", "columns": []any{"id bigint primary key", "what text"}, "owner": "own er"}},
			{"postgresql_table", map[string]any{"name": "sales.notes", "login_db": "shop", "columns": []any{"n int"}, "unlogged": true}},
			{"postgresql_privs", map[string]any{"login_db": "shop", "privs": "SELECT,INSERT", "objs": "orders", "schema": "sales", "roles": "readers"}},
			{"postgresql_privs", map[string]any{"login_db": "shop", "privs": "SELECT", "objs": "TABLES", "schema": "sales", "roles": "readers", "type": "default_privs"}},
			{"postgresql_membership", map[string]any{"group": "readers", "target_role": "own er"}},
			{"postgresql_owner", map[string]any{"login_db": "shop", "obj_name": "sales.notes", "obj_type": "table", "new_owner": "own er"}},
			{"postgresql_membership", map[string]any{"group": "readers", "target_role": "own er", "state": "absent"}},
			{"postgresql_ext", map[string]any{"name": "citext", "login_db": "shop", "state": "absent"}},
			{"postgresql_table", map[string]any{"name": "sales.notes", "login_db": "shop", "state": "absent"}},
			{"postgresql_db", map[string]any{"name": "shop", "state": "absent"}},
			{"postgresql_user", map[string]any{"name": "own er", "state": "absent"}},
		}
		for _, step := range steps {
			for _, change := range []bool{true, false} {
				args := maps.Clone(step.args)
				if r, err := nodes[1].task(nodes, step.module, args); err != nil || r.Changed != change {
					t.Errorf("%s %v: changed %v, want %v: %v", step.module, step.args, r.Changed, change, err)
				}
			}
			if step.module == "postgresql_db" && step.args["state"] == nil {
				r, err := nodes[1].task(nodes, "postgresql_info", map[string]any{"filter": []any{"databases", "roles"}})
				if known := fmt.Sprint(r.Values["databases"]); err != nil || !strings.Contains(known, " shop:map[") {
					t.Errorf("postgresql_info: %s, %v", known, err)
				}
			}
		}
		if left := must[int64](nodes[0], "select count(*) from pg_database where datname = 'shop'"); left != 0 {
			t.Errorf("the leader has %d", left)
		}
	})
}

// A login that pg_hba.conf trusts gets in with any password, which says nothing of the one that is stored.
func TestATrustedLoginProvesNoPassword(t *testing.T) {
	each(t, func(t *testing.T, e *engine) {
		nodes := cluster(t, e, 1)
		n := nodes[0]
		n.write(filepath.Join(n.pgdata, "pg_hba.conf"), "local all all trust\nhost all all all trust\nhost replication all all trust\n")
		n.exec("select pg_reload_conf()")
		role := must[string](n, "select current_user::text")
		for stored, change := range map[string]bool{"another": true, password: false} {
			n.exec("alter role " + role + " password " + hashed(t, role, stored))
			eventually(t, n.within(20*time.Second), fmt.Sprintf("with %s stored it plans a change: %t", stored, change), func() bool {
				_, plan, err := n.planned(nodes, "polardb_superuser_password", map[string]any{"login_user": role, "password_encryption": "md5"})
				return err == nil && plan.Change == change
			})
		}
	})
}
