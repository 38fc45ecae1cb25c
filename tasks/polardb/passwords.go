package polardb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
)

// passwordSource names where the inventory takes a password from, for messages.
type passwordSource struct{ variable, from string }

var (
	superuserPassword = passwordSource{
		"polardb_password",
		"by default polardb_replication_password, from POLARDB_REPLICATION_PASSWORD in the environment",
	}
	replicationPassword = passwordSource{"polardb_replication_password", "by default from POLARDB_REPLICATION_PASSWORD in the environment"}
)

// otherPassword reports a role whose password in the cluster differs from the inventory's, and what to do. That is the case
// when somebody changed the password in the inventory alone.
func otherPassword(role string, source passwordSource, saw string) *tasks.Failure {
	return &tasks.Failure{
		Msg: fmt.Sprintf("the inventory's password for the role %s (%s, %s) is not the cluster's: %s",
			role, source.variable, source.from, saw),
		Hint: "if it was changed in the inventory, change it in the cluster: polarbook run rotate-password.yml; " +
			"otherwise put the cluster's into the inventory",
	}
}

// rotations is the number of changes of the password that may be begun one after the other without finishing any.
const rotations = 9

// rotationRole returns the second role, which members log in with while the replication role's password changes. Each
// password that was begun with has a role of its own: members may still use the role of one that was given up.
func rotationRole(role string, number int) string {
	suffix := "_rotation"
	if number > 1 {
		suffix += fmt.Sprint(number)
	}
	for len(role)+len(suffix) > roleNameLimit {
		runes := []rune(role)
		role = string(runes[:len(runes)-1])
	}
	return role + suffix
}

func rotationRoles(role string) []string {
	var names []string
	for number := range rotations {
		names = append(names, rotationRole(role, number+1))
	}
	return names
}

type passwordsArgs struct {
	ClusterArgs
	ReplicationUser     string `arg:"replication_user,required" doc:"the role that members replicate with"`
	ReplicationPassword string `arg:"replication_password,required,secret" doc:"the password that the inventory gives for it"`
	Warn                bool   `arg:"warn" default:"no" doc:"warn instead of failing; for what does not need the replication role's password"`
}

var passwordsModule = tasks.Define(tasks.Module{
	Name:    "polardb_passwords",
	Summary: "Check that the inventory's passwords are the cluster's",
	Notes: []string{
		"Asks every node once, waits for none and changes nothing. Reports a role that has another password, " +
			"and a change of passwords that was cut off. When no node answers there is nothing to compare with.",
	},
	Examples: `- polardb_passwords:
    replication_user: "{{ polardb_replication_user }}"
    replication_password: "{{ polardb_replication_password }}"
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *passwordsArgs, _ tasks.Local) (tasks.Action, error) {
	list, err := a.Listed()
	return tasks.Ask(&passwordsAction{args: a, list: list}), err
})

type passwordsAction struct {
	args *passwordsArgs
	list []WantedNode
}

func (p *passwordsAction) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (passwordsFound, error) {
	survey := p.args.glance(ctx, h, p.list)
	if err := passwordRefused(survey, p.args.LoginUser); err != nil {
		return passwordsFound{refused: err}, nil
	}
	return p.args.stored(ctx, h, p.list, survey, p.args.ReplicationUser), nil
}

func (p *passwordsAction) Plan(found passwordsFound) (tasks.Plan, error) {
	err := found.refused
	if err == nil {
		err = found.doubt(p.args.ReplicationUser, p.args.ReplicationPassword)
	}
	var named *tasks.Failure
	switch {
	case err == nil:
		return tasks.Plan{Msg: "the passwords are the cluster's"}, nil
	case p.args.Warn && found.refused != nil:
		return tasks.Plan{Msg: "the nodes refuse the superuser's password"}, nil // the task that needs it will fail
	case p.args.Warn && errors.As(err, &named):
		return tasks.Plan{Msg: "the passwords are not the cluster's", Warnings: []string{named.Msg + "; " + named.Hint}}, nil
	}
	return tasks.Plan{}, err
}

// passwordsFound holds what the cluster has stored for the replication role and its rotation roles.
type passwordsFound struct {
	refused error
	asked   bool // somebody answered
	roles   map[string]string
}

// stored asks the leader, or without one any node that answers.
func (c *ClusterArgs) stored(ctx context.Context, h tasks.Host, list []WantedNode, survey dma.Survey, role string) passwordsFound {
	var order []string
	if leader, err := survey.Leader(); err == nil {
		order = []string{leader.Node}
	}
	for _, v := range survey {
		if v.Err == nil && !v.NoViews && !slices.Contains(order, v.Node) {
			order = append(order, v.Node)
		}
	}
	for _, name := range order {
		n, err := NodeNamed(list, name)
		if err != nil || n.Role == roleLogger {
			continue // a logger does not replicate roles
		}
		if roles, err := c.storedPasswords(ctx, h, n, role); err == nil {
			return passwordsFound{asked: true, roles: roles}
		}
	}
	return passwordsFound{}
}

// storedPasswords returns what pg_authid of a node holds for a role and its rotation roles: by name, those that exist.
func (c *ClusterArgs) storedPasswords(ctx context.Context, h tasks.Host, n WantedNode, role string) (map[string]string, error) {
	var names []string
	for _, name := range append(rotationRoles(role), role) {
		names = append(names, dma.Literal(name))
	}
	roles := map[string]string{}
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	err := c.use(ctx, h, n, false, func(conn *pgx.Conn) error {
		query := "select rolname, coalesce(rolpassword, '') from pg_authid where rolname in (" + strings.Join(names, ", ") + ")"
		rows, err := settingRows(ctx, conn, query)
		for _, row := range rows {
			roles[row[0]] = row[1]
		}
		return err
	})
	return roles, err
}

// doubt returns what is wrong with the replication role's password; nil when nothing is, or no node could be asked.
func (f passwordsFound) doubt(role, password string) error {
	stored, exists := f.roles[role]
	if !f.asked || !exists && len(f.roles) == 0 {
		return nil
	}
	var begun []string
	for _, name := range rotationRoles(role) {
		if _, there := f.roles[name]; there {
			begun = append(begun, name)
		}
	}
	switch {
	case exists && !dma.PasswordFits(stored, role, password):
		saw := "the role has another password than the one that is given"
		if len(begun) > 0 {
			saw += fmt.Sprintf(", and a change of it was begun and not finished (%s exists)", strings.Join(begun, ", "))
		}
		return otherPassword(role, replicationPassword, saw)
	case len(begun) > 0:
		return &tasks.Failure{
			Msg: fmt.Sprintf("a change of the password of the role %s was begun and not finished: %s exists, and members may log in with it",
				role, strings.Join(begun, ", ")),
			Hint: "finish it: polarbook run rotate-password.yml",
		}
	}
	return nil
}
