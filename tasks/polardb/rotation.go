package polardb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
)

type rotationArgs struct {
	ClusterArgs
	ReplicationUser     string `arg:"replication_user,required" doc:"the role that members replicate with"`
	ReplicationPassword string `arg:"replication_password,required,secret" doc:"the new password"`
	Encryption          string `arg:"password_encryption" default:"md5" choices:"scram-sha-256 md5" doc:"how the password is stored"`
	State               string `arg:"state,required" choices:"begun left ended" doc:"begun: create a second role with the new password, if the password changes; left: fail while a member still logs in with the replication role; ended: drop the second roles once no member logs in with one"`
}

var rotationModule = tasks.Define(tasks.Module{
	Name:    "polardb_rotation",
	Summary: "Keep a second role that members log in with while the replication role's password changes",
	Notes: []string{
		"A role has one password, and a server reads the password that it logs in with only when it starts. " +
			"If the password changed at once, no member could log in again before its restart. " +
			"So the members move to a second role one at a time, then the password changes, and they move back.",
		"The second role is a superuser like the first, has the new password and is named after it: replicator_rotation; " +
			"replicator_rotation2 and so on when a change to another password was begun before.",
		"A cluster whose replication role is the superuser that polarbook logs in as gets no second role.",
	},
	Returns: []tasks.Return{
		{Name: "role", Type: "str", Doc: "begun: the second role; empty when none is needed"},
		{Name: "lines", Type: "list", Doc: "begun: the second roles that pg_hba.conf has to let in"},
	},
	Examples: `- polardb_rotation:
    state: begun
    replication_user: "{{ polardb_replication_user }}"
    replication_password: "{{ polardb_replication_password }}"
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
  register: rotation
`,
}, func(a *rotationArgs, _ tasks.Local) (tasks.Action, error) {
	if err := checkReplication("polardb_rotation", a.ReplicationUser, a.ReplicationPassword); err != nil {
		return nil, err
	}
	list, err := a.Listed()
	return tasks.AskApply(&rotationAction{args: a, list: list}), err
})

type rotationAction struct {
	args *rotationArgs
	list []WantedNode
}

// memberLogin is a member that streams, with the role that it logged in with.
type memberLogin struct{ member, role string }

// rotationFound holds the leader, its roles and the members that stream from it.
type rotationFound struct {
	leader  dma.View
	roles   map[string]string // the stored passwords of the replication role and the second roles that exist
	streams []memberLogin
}

func (r *rotationAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (rotationFound, error) {
	return r.look(ctx, h)
}

// membersQuery lists the members that stream, without clients that take a backup or only receive the log.
const membersQuery = "select coalesce(host(client_addr), ''), usename::text, application_name from pg_stat_replication" +
	" where state <> 'backup' and application_name !~ '(basebackup|receivewal|recvlogical)'"

func (r *rotationAction) look(ctx context.Context, h tasks.Host) (rotationFound, error) {
	leader, _, err := r.args.leader(ctx, h, r.list, electionPatience)
	if err != nil {
		return rotationFound{}, err
	}
	n, err := NodeNamed(r.list, leader.Node)
	if err != nil {
		return rotationFound{}, err
	}
	found := rotationFound{leader: leader}
	if found.roles, err = r.args.storedPasswords(ctx, h, n, r.args.ReplicationUser); err != nil {
		return found, err
	}
	err = r.args.use(ctx, h, n, true, func(conn *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, lookLimit)
		defer cancel()
		rows, err := settingRows(ctx, conn, membersQuery)
		for _, row := range rows {
			found.streams = append(found.streams, memberLogin{r.who(row[0], row[2]), row[1]})
		}
		return err
	})
	return found, err
}

// who returns the member's name for a connection; its address and application when the address is not one node's alone.
func (r *rotationAction) who(address, application string) string {
	name := ""
	for _, n := range r.list {
		if n.Address.Host == address && name != "" {
			name = ""
			break
		}
		if n.Address.Host == address {
			name = n.Name
		}
	}
	if name == "" {
		return address + " (" + application + ")"
	}
	return name
}

// with lists the members that stream with one of the roles.
func (f rotationFound) with(roles ...string) string {
	var who []string
	for _, s := range f.streams {
		if slices.Contains(roles, s.role) {
			who = append(who, s.member+" as "+s.role)
		}
	}
	slices.Sort(who)
	return strings.Join(slices.Compact(who), ", ")
}

func (r *rotationAction) Plan(found rotationFound) (tasks.Plan, *rotationChange, error) {
	a := r.args
	var beside []string
	for _, name := range rotationRoles(a.ReplicationUser) {
		if _, there := found.roles[name]; there {
			beside = append(beside, name)
		}
	}
	values := map[string]any{"role": "", "lines": convert.AnyTexts(beside)}
	switch a.State {
	case "left":
		p, err := r.left(found)
		return p, nil, err
	case "ended":
		if len(beside) == 0 {
			return tasks.Plan{Msg: "there is no second role"}, nil, nil
		}
		var statements []string
		for _, name := range beside {
			statements = append(statements, "drop role "+dma.Identifier(name))
		}
		return tasks.Plan{Change: true, Msg: strings.Join(statements, "; ")}, &rotationChange{found.leader, statements, beside}, nil
	}
	stored, exists := found.roles[a.ReplicationUser]
	switch {
	case !exists:
		return tasks.Plan{}, nil, &tasks.Failure{
			Msg:  "there is no role " + a.ReplicationUser + " in the cluster",
			Hint: "polardb_replication_user is the role that members replicate with; new-cluster.yml makes it",
		}
	case dma.PasswordFits(stored, a.ReplicationUser, a.ReplicationPassword):
		return tasks.Plan{Msg: "the role " + a.ReplicationUser + " has the password", Values: values}, nil, nil
	case a.ReplicationUser == a.LoginUser:
		return tasks.Plan{Msg: a.ReplicationUser + " is the superuser, too", Values: values}, nil, nil
	}
	for _, name := range rotationRoles(a.ReplicationUser) {
		stored, there := found.roles[name]
		switch {
		case there && dma.PasswordFits(stored, name, a.ReplicationPassword):
			values["role"] = name
			return tasks.Plan{Msg: "the role " + name + " has the new password already", Values: values}, nil, nil
		case there:
			continue // it has another password, and members may still use it
		}
		hash, err := dma.PasswordHash(a.Encryption, name, a.ReplicationPassword)
		if err != nil {
			return tasks.Plan{}, nil, err
		}
		values["role"], values["lines"] = name, convert.AnyTexts(append(beside, name))
		statement := "create role " + dma.Identifier(name) + " superuser login password " + dma.Literal(hash)
		return tasks.Plan{
			Change: true,
			Msg:    "create role " + name + ": superuser login password (" + a.Encryption + ")",
			Values: values,
		}, &rotationChange{found.leader, []string{statement}, nil}, nil
	}
	return tasks.Plan{}, nil, &tasks.Failure{
		Msg: fmt.Sprintf("%s exist, each from a change of the password that was begun and not finished", strings.Join(beside, ", ")),
		Hint: "finish one of them: run rotate-password.yml with the replication role's present password, " +
			"or with the password of one of these roles",
	}
}

// left refuses to change the password of a role that a member still logs in with.
func (r *rotationAction) left(found rotationFound) (tasks.Plan, error) {
	who := found.with(r.args.ReplicationUser)
	if who == "" {
		return tasks.Plan{Msg: "no member logs in as " + r.args.ReplicationUser}, nil
	}
	return tasks.Plan{}, &tasks.Failure{
		Msg: fmt.Sprintf("the password of %s is not changed yet: %s still streams from %s and could not log in again",
			r.args.ReplicationUser, who, found.leader.Node),
		Hint: "a member that is not in the inventory? Put it there, or drop it (drop-node.yml); then run rotate-password.yml again",
	}
}

type rotationChange struct {
	leader     dma.View
	statements []string
	unused     []string // roles that no member may stream with
}

// Apply runs the statements, once the roles to drop are unused: a member that was restarted a moment ago may still be shown
// with its old connection.
func (r *rotationAction) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, change *rotationChange) (tasks.Result, error) {
	if err := r.released(ctx, h, change.unused); err != nil {
		return tasks.Result{}, err
	}
	n, err := NodeNamed(r.list, change.leader.Node)
	if err != nil {
		return tasks.Result{}, err
	}
	target := sqlTarget{On: "leader"}
	for _, statement := range change.statements {
		if err := target.run(ctx, &r.args.ClusterArgs, h, sqlFound{Node: n}, statement); err != nil {
			return tasks.Result{}, &tasks.Failure{Msg: "on " + n.Name + ": " + p.Msg, Err: err}
		}
	}
	return tasks.Result{Changed: true, Msg: p.Msg, Values: p.Values}, nil
}

// released waits until no member streams with any of the roles.
func (r *rotationAction) released(ctx context.Context, h tasks.Host, roles []string) error {
	deadline := time.Now().Add(lookLimit)
	for len(roles) > 0 {
		found, err := r.look(ctx, h)
		if err != nil {
			return err
		}
		who := found.with(roles...)
		if who == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return &tasks.Failure{
				Msg:  "a second role is not dropped yet: " + who + " still streams",
				Hint: "restart that server, and run rotate-password.yml again",
			}
		}
		if err := tasks.Sleep(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
