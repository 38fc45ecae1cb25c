package polardb

import (
	"crypto/rand"
	"fmt"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
)

type initdbArgs struct {
	NodeArgs
	Superuser          string `arg:"superuser" doc:"the database superuser that initdb creates; default the account's name"`
	Password           string `arg:"password,required,secret" doc:"the superuser's password"`
	PasswordEncryption string `arg:"password_encryption" default:"scram-sha-256" choices:"scram-sha-256 md5" doc:"how the password is stored"`
	SystemID           string `arg:"system_identifier" doc:"make a logger for the cluster with this system identifier, which holds no data"`
	Encoding           string `arg:"encoding" default:"UTF8" doc:"the encoding of the databases"`
	Locale             string `arg:"locale" default:"C" doc:"the locale of the databases"`
	Timeout            int    `arg:"timeout" default:"300" doc:"seconds that initdb may take"`
}

var initdbModule = tasks.Define(tasks.Module{
	Name:    "polardb_initdb",
	Summary: "Create a node's data directories with initdb and polar-initdb.sh",
	Notes: []string{
		"Fills PGDATA and POLARDATA only when both are absent or empty, or when polarbook began them and was stopped before it " +
			"finished. Anything else is refused and left as it is.",
		"Notes the step in a file under /var/lib/polarbook, which only root can write, before it creates the first directory.",
		"The password itself does not go to the host: polarbook computes the verifier that the engine stores and sets it in " +
			"single-user mode, because initdb reads no more than 99 bytes of a password.",
		"The caller's templates should replace the configuration files that initdb writes.",
	},
	Returns: []tasks.Return{{Name: "system_identifier", Type: "str", Doc: "the cluster's identifier, when known"}},
	Examples: `- name: The first member's data
  polardb_initdb:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    cluster: demo
    password: "{{ polardb_password }}"
`,
}, func(a *initdbArgs, _ tasks.Local) (tasks.Action, error) {
	if a.Superuser == "" {
		a.Superuser = a.User
	}
	if a.Password == "" {
		return nil, &tasks.ArgError{Module: "polardb_initdb", Arg: "password",
			Problem: "must not be empty: every connection to the server is authenticated with it"}
	}
	return &initdbAction{a}, a.Check()
})

type initdbAction struct{ args *initdbArgs }

func (i *initdbAction) Probe() string { return i.args.Probe() }

// Explain returns why the directories could not be created, in the words of the engine's tools.
func (i *initdbAction) Explain(r remote.Result) error {
	return parseStartReport(string(r.Stderr)).failure()
}

func (i *initdbAction) Plan(f tasks.Found) (tasks.Plan, error) {
	a := i.args
	s, err := ParseNode(f)
	if err != nil {
		return tasks.Plan{}, err
	}
	if err := s.Refuse(&a.NodeArgs); err != nil {
		return tasks.Plan{}, err
	}
	if s.Restoring != "" {
		return tasks.Plan{}, &tasks.Failure{Msg: "a restore of " + s.Restoring + " was begun here and is not finished",
			Hint: "nothing was changed. Finish it: polarbook run restore.yml -e from=" + s.Restoring +
				", or remove what there is of it with destroy.yml"}
	}
	if s.Whole(&a.NodeArgs) {
		if s.outdated(&a.NodeArgs) {
			return a.update(s), nil
		}
		return tasks.Plan{Msg: "the data directories are whole"}, nil
	}
	if s.Postgres == "" {
		unknown := "the engine is not installed under " + a.Home + "/current yet"
		return tasks.Plan{Change: true, Unknown: unknown, Msg: "initdb"}, nil
	}
	msg := "initialise " + a.Pgdata + " and " + a.Polardata
	if s.Unfinished(&a.NodeArgs) {
		msg = fmt.Sprintf("empty %s and %s, which polarbook began and did not finish (%s), and initialise them", a.Pgdata, a.Polardata, s.Step)
	}
	// initdb needs a password to set authentication up; this one is replaced by the statement in the next line.
	var first [16]byte
	if _, err := rand.Read(first[:]); err != nil {
		return tasks.Plan{}, fmt.Errorf("make a password for initdb: %w", err)
	}
	hash, err := dma.PasswordHash(a.PasswordEncryption, a.Superuser, a.Password)
	if err != nil {
		return tasks.Plan{}, err
	}
	secret := fmt.Sprintf("%x\nalter role %s password %s\n", first, dma.Identifier(a.Superuser), dma.Literal(hash))
	return tasks.Plan{
		Change: true, Msg: msg, Script: i.initdb(s), Stdin: []byte(secret), Uncut: "initialise the data directories (initdb)",
	}, nil
}

func (i *initdbAction) initdb(s NodeState) string {
	a := i.args
	v := a.beginning(stepInit, s)
	v["SUPERUSER"], v["METHOD"], v["ENCODING"], v["LOCALE"] = a.Superuser, a.PasswordEncryption, a.Encoding, a.Locale
	v["SYSTEMID"], v["TIMEOUT"], v["POSTGRES"] = a.SystemID, a.Timeout, s.Postgres
	return a.script("polardb_initdb", v)
}
