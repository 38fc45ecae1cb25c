package polardb

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type superuserPasswordArgs struct {
	ClusterArgs
	Encryption string `arg:"password_encryption" default:"scram-sha-256" choices:"scram-sha-256 md5" doc:"how the password is stored"`
	Home       string `arg:"home" default:"/opt/polardb" doc:"where the engine is installed, under versions and a symlink named current"`
}

var superuserPasswordModule = tasks.Define(tasks.Module{
	Name:    "polardb_superuser_password",
	Summary: "Give the database superuser the inventory's password, without knowing the old one",
	Notes: []string{
		"login_password is the new password. When the nodes accept it and the leader has stored it there is nothing to do. " +
			"Otherwise the engine's own account sets it over the leader's socket: " +
			"for that moment pg_hba.conf lets the account in there without a password. " +
			"The account owns the database's files and could do so at any time; nobody else is let in.",
		"The old password is not needed. The control node computes what is stored for the new one, " +
			"so it is neither sent to a host nor written to a log.",
	},
	Examples: `- polardb_superuser_password:
    nodes: "{{ polardb_nodes }}"
    login_user: "{{ polardb_user }}"
    login_password: "{{ polardb_password }}"
  run_once: yes
`,
}, func(a *superuserPasswordArgs, _ tasks.Local) (tasks.Action, error) {
	if problem := PasswordProblem(a.LoginUser, a.LoginPassword, false); problem != "" {
		return nil, &tasks.ArgError{Module: "polardb_superuser_password", Arg: "login_password", Problem: problem}
	}
	list, err := a.Listed()
	return tasks.Ask(&setSuperuserPassword{args: a, list: list}), err
})

type setSuperuserPassword struct {
	args *superuserPasswordArgs
	list []WantedNode
}

// superuserFound says what stands against the password; neither: it is the cluster's.
type superuserFound struct {
	refusing []string // nodes that refuse it
	stored   string   // the leader, where it has stored another and lets the login in all the same, as with trust
}

// Ask waits for a leader unless the nodes refuse the password.
func (s *setSuperuserPassword) Ask(ctx context.Context, h tasks.Host, _ tasks.Found) (superuserFound, error) {
	found := superuserFound{}
	leader, survey, err := s.args.leader(ctx, h, s.list, electionPatience)
	if err == nil {
		return s.compare(ctx, h, leader.Node)
	}
	for _, v := range survey {
		if dma.Code(v.Err) == "28P01" {
			found.refusing = append(found.refusing, v.Node)
		}
	}
	if len(found.refusing) == 0 {
		return found, err
	}
	return found, nil
}

// compare looks at what the leader has stored: that a login got in says nothing where pg_hba.conf trusts it.
func (s *setSuperuserPassword) compare(ctx context.Context, h tasks.Host, leader string) (superuserFound, error) {
	n, err := NodeNamed(s.list, leader)
	if err != nil {
		return superuserFound{}, err
	}
	roles, err := s.args.storedPasswords(ctx, h, n, s.args.LoginUser)
	if err != nil {
		return superuserFound{}, err
	}
	if stored, there := roles[s.args.LoginUser]; there && !dma.PasswordFits(stored, s.args.LoginUser, s.args.LoginPassword) {
		return superuserFound{stored: leader}, nil
	}
	return superuserFound{}, nil
}

func (s *setSuperuserPassword) Plan(found superuserFound) (tasks.Plan, error) {
	if len(found.refusing) == 0 && found.stored == "" {
		return tasks.Plan{Msg: "the superuser " + s.args.LoginUser + " has the inventory's password"}, nil
	}
	why := strings.Join(found.refusing, ", ") + " refused it"
	if found.stored != "" {
		why = found.stored + " lets logins in without a password, and has stored another"
	}
	return tasks.Plan{
		Change: true,
		Msg:    fmt.Sprintf("give the superuser %s the inventory's password, over the socket of the node that leads: %s", s.args.LoginUser, why),
	}, nil
}

func (s *setSuperuserPassword) Apply(ctx context.Context, h tasks.Host, p tasks.Plan) (tasks.Result, error) {
	hash, err := dma.PasswordHash(s.args.Encryption, s.args.LoginUser, s.args.LoginPassword)
	if err != nil {
		return tasks.Result{}, err
	}
	statement := quietly + "alter role " + dma.Identifier(s.args.LoginUser) + " password " + dma.Literal(hash) + ";\n"
	deadline := time.Now().Add(electionPatience)
	var saw []string
	for set := false; !set; {
		saw = nil
		for _, n := range s.list {
			if n.Role == roleLogger {
				continue
			}
			said := s.on(ctx, h, n, statement)
			if set = said == ""; set {
				h.Say("set on " + n.Name)
				break
			}
			saw = append(saw, n.Name+": "+said)
		}
		if set {
			break
		}
		if time.Now().After(deadline) {
			return tasks.Result{}, &tasks.Failure{
				Msg:  "no node leads and sets the password of " + s.args.LoginUser + ": " + strings.Join(saw, "; "),
				Hint: "start the servers that do not run (polarbook run start.yml), and run this again",
			}
		}
		if err := tasks.Sleep(ctx, time.Second); err != nil {
			return tasks.Result{}, err
		}
	}
	// The other nodes get it by replication.
	for {
		if _, survey, err := s.args.leader(ctx, h, s.list, electionPatience); err == nil {
			return tasks.Result{Changed: true, Msg: p.Msg}, nil
		} else if passwordRefused(survey, s.args.LoginUser) == nil || time.Now().After(deadline) {
			return tasks.Result{Changed: true}, err
		}
		if err := tasks.Sleep(ctx, 300*time.Millisecond); err != nil {
			return tasks.Result{}, err
		}
	}
}

// on sets the password on a node if it leads. It returns why it did not; "" when it did.
func (s *setSuperuserPassword) on(ctx context.Context, h tasks.Host, n WantedNode, statement string) string {
	if n.Pgdata == "" {
		return "its PGDATA is not known"
	}
	host, err := h.Peer(ctx, n.Name)
	if err != nil {
		return err.Error()
	}
	shell, err := host.As(ctx, n.User)
	if err != nil {
		return err.Error()
	}
	text := scripts.Script("polardb_superuser_password", script.Values{
		"PGDATA": path.Clean(n.Pgdata),
		"BIN":    s.args.Home + "/current/bin",
		"LIB":    s.args.Home + "/current/lib",
		"ROLE":   s.args.LoginUser,
		"DB":     s.args.LoginDB,
		"LINE":   `local all "` + s.args.LoginUser + `" peer ` + openMark,
		"MARK":   openMark,
	})
	answer, err := shell.Run(ctx, remote.Command{Script: text, Stdin: []byte(statement)})
	switch {
	case err != nil:
		return err.Error()
	case answer.Status != 0:
		said := strings.TrimSpace(string(answer.Stderr))
		if at := strings.LastIndexByte(said, '\n'); at >= 0 {
			said = said[at+1:]
		}
		return said
	}
	return ""
}

// quietly keeps what follows out of the server's log, whatever the log's settings are.
const quietly = "set log_statement = 'none'; set log_min_error_statement = 'panic'; set log_min_duration_statement = -1;\n"

// openMark ends the line that pg_hba.conf has only while the password is set.
const openMark = "# polarbook, while the superuser's password is set"
