package polardb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

type relationsArgs struct {
	NodeArgs
	ClusterArgs
	Timeout int `arg:"timeout" default:"60" doc:"seconds until the node must have what the leader has"`
}

var relationsModule = tasks.Define(tasks.Module{
	Name:    "polardb_relations",
	Summary: "Prove that a node has all relations of the leader, and their files",
	Notes: []string{
		"For each database, compares the number of relations and a checksum of their OIDs, " +
			"files and tablespaces between leader and node, and then checks that each file in the node's catalog exists on the host. " +
			"Where they differ, it names the relations.",
		"A relation that changes on the leader meanwhile counts when it is there both before and after the node was asked. " +
			"Temporary relations do not count. The contents of the files are not compared: the log is responsible for them.",
	},
	Returns: []tasks.Return{
		{Name: "relations", Type: "int", Doc: "how many relations were compared"},
		{Name: "databases", Type: "int", Doc: "in how many databases"},
	},
	Examples: `- polardb_relations:
    pgdata: /var/lib/polardb/pgdata
    polardata: /var/lib/polardb/polardata
    nodes: "{{ polardb_nodes }}"
    login_password: "{{ polardb_password }}"
`,
}, func(a *relationsArgs, l tasks.Local) (tasks.Action, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	list, err := a.Listed()
	return tasks.Know(&relationsAction{args: a, list: list, check: l.Check()}), err
})

type relationsAction struct {
	args  *relationsArgs
	list  []WantedNode
	check bool
}

// Plan in check mode has nothing to prove, because the copy was not made. The proof is not a change.
func (r *relationsAction) Plan() (tasks.Plan, error) {
	if r.check {
		return tasks.Plan{Msg: "nothing is compared in check mode"}, nil
	}
	return tasks.Plan{Change: true, Event: true, Msg: "compare the relations with the leader's"}, nil
}

func (r *relationsAction) Apply(ctx context.Context, h tasks.Host, _ tasks.Plan) (tasks.Result, error) {
	a := r.args
	self, err := NodeNamed(r.list, h.Name())
	if err != nil {
		return tasks.Result{}, err
	}
	leader, _, err := a.leader(ctx, h, r.list, electionPatience)
	if err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: "there is no leader to compare with", Err: err}
	}
	if leader.Node == self.Name || self.Role == roleLogger {
		return tasks.Result{Msg: self.Name + " holds no copy of another node's data"}, nil
	}
	query := "select datname::text from pg_database where datallowconn order by datname"
	databases, err := relationsOf[string](ctx, h, &a.ClusterArgs, leader.Node, a.LoginDB, query)
	if err != nil {
		return tasks.Result{}, &tasks.Failure{Msg: "cannot list the databases of " + leader.Node, Err: err}
	}
	deadline := time.Now().Add(time.Duration(a.Timeout) * time.Second)
	n := 0
	for _, database := range databases {
		count, err := r.compare(ctx, h, leader.Node, database, deadline)
		if err != nil {
			return tasks.Result{}, err
		}
		n += count
	}
	return tasks.Result{
		Msg: fmt.Sprintf("%s has the %d relations of %d databases that %s has, and their files",
			self.Name, n, len(databases), leader.Node),
		Values: map[string]any{"relations": n, "databases": len(databases)},
	}, nil
}

// kept selects the relations whose files the log keeps.
const kept = "relkind in ('r', 'i', 'S', 't', 'm') and relpersistence <> 't'"

// relationSum returns one line about all relations of a database: their number and a checksum.
const relationSum = "select count(*)::text || ' ' || coalesce(md5(string_agg(" +
	"oid::text || ' ' || coalesce(pg_relation_filenode(oid), 0)::text || ' ' || reltablespace::text, ',' order by oid)), '')" +
	" from pg_class where " + kept

// relation holds what must be the same of a relation on every node.
type relation struct {
	OID, File, Tablespace int64
	Name                  string
}

const relationList = "select oid::int8, coalesce(pg_relation_filenode(oid), 0)::int8, reltablespace::int8, relname::text" +
	" from pg_class where " + kept + " order by oid"

// relationsOf runs one query in a database on a node, in a session of its own: no other module has one in that database.
func relationsOf[T any](ctx context.Context, h tasks.Host, c *ClusterArgs, node, database, query string) ([]T, error) {
	inner := *c
	inner.LoginDB = database
	conn, err := inner.own(ctx, h, node)
	if err != nil {
		return nil, err
	}
	defer (&session{conn: conn}).Close()
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	var zero T
	if _, plain := any(zero).(string); plain {
		return pgx.CollectRows(rows, pgx.RowTo[T])
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// compare compares one database until the node has all relations, or the deadline has passed. It returns their number.
func (r *relationsAction) compare(ctx context.Context, h tasks.Host, leader, database string, deadline time.Time) (int, error) {
	last, same := "", 0
	for {
		count, doubt, lost, err := r.look(ctx, h, leader, database)
		if same++; doubt != last || !lost {
			last, same = doubt, 0
		}
		switch {
		case dma.Code(err) == "3D000": // dropped meanwhile, or not created yet on the node
			doubt = fmt.Sprintf("the database %s is not on both %s and %s", database, leader, h.Name())
			query := "select datname::text from pg_database where datname = " + dma.Literal(database)
			has, err := relationsOf[string](ctx, h, &r.args.ClusterArgs, leader, r.args.LoginDB, query)
			if err == nil && len(has) == 0 {
				return 0, nil
			}
		case err != nil && time.Now().After(deadline):
			return 0, &tasks.Failure{
				Msg: fmt.Sprintf("the relations of the database %s cannot be compared between %s and %s", database, leader, h.Name()),
				Err: err,
			}
		case err == nil && doubt == "":
			return count, nil
		}
		if doubt != "" && (time.Now().After(deadline) || same >= lostAfter) {
			return 0, &tasks.Failure{Msg: fmt.Sprintf("%s is not a complete copy of %s: %s", h.Name(), leader, doubt),
				Hint: fmt.Sprintf("do not let it lead. Build it anew: polarbook run rebuild-node.yml -e node=%s", h.Name())}
		}
		if err := tasks.Sleep(ctx, 500*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// lostAfter is the number of looks, half a second apart, after which files that are missing count as lost.
const lostAfter = 5

// look returns the number of relations, or a doubt about the node's copy of a database. The node may just be behind; lost
// reports that files of its own catalog are missing.
func (r *relationsAction) look(ctx context.Context, h tasks.Host, leader, database string) (count int, doubt string, lost bool, err error) {
	c := &r.args.ClusterArgs
	has, err := relationsOf[string](ctx, h, c, leader, database, relationSum)
	if err != nil {
		return 0, "", false, err
	}
	copied, err := relationsOf[string](ctx, h, c, h.Name(), database, relationSum)
	if err != nil {
		return 0, "", false, err
	}
	if len(has) != 1 || len(copied) != 1 {
		return 0, "", false, errors.New("sum up the catalog: the query returned no row")
	}
	if has[0] != copied[0] {
		if doubt, err = r.differ(ctx, h, leader, database); err != nil || doubt != "" {
			return 0, doubt, false, err
		}
	}
	if doubt, err = r.files(ctx, h, database); err != nil || doubt != "" {
		return 0, doubt, true, err
	}
	_, err = fmt.Sscan(copied[0], &count)
	return count, "", false, err
}

// differ names the relations that the leader has both before and after the node was asked, and that the node lacks.
func (r *relationsAction) differ(ctx context.Context, h tasks.Host, leader, database string) (string, error) {
	var lists [3][]relation
	for i, node := range []string{leader, h.Name(), leader} {
		var err error
		if lists[i], err = relationsOf[relation](ctx, h, &r.args.ClusterArgs, node, database, relationList); err != nil {
			return "", err
		}
	}
	return relationsMissing(lists[0], lists[1], lists[2], database), nil
}

func relationsMissing(before, copied, after []relation, database string) string {
	still, has := map[relation]bool{}, map[relation]bool{}
	for _, x := range after {
		still[x] = true
	}
	for _, x := range copied {
		has[x] = true
	}
	var lacks []string
	for _, x := range before {
		if still[x] && !has[x] {
			lacks = append(lacks, fmt.Sprintf("%s (%d, file %d, tablespace %d)", x.Name, x.OID, x.File, x.Tablespace))
		}
	}
	if len(lacks) == 0 {
		return ""
	}
	return fmt.Sprintf("in the database %s its catalog differs in %d of %d relations: %s",
		database, len(lacks), len(before), firstOf(lacks, 5))
}

// firstOf lists the first n entries and counts the others.
func firstOf(all []string, n int) string {
	if len(all) <= n {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:n], ", "), len(all)-n)
}

// filePaths returns the files of a database's relations by the node's own catalog. A follower has only the init fork of an
// unlogged relation.
const filePaths = "select pg_relation_filepath(oid)" +
	" || case when relpersistence = 'u' and pg_is_in_recovery() then '_init' else '' end" +
	" from pg_class where " + kept + " and pg_relation_filepath(oid) is not null"

// files returns a doubt when files of the node's relations are missing. A file that was dropped or rewritten since the catalog
// was read is missing too: the caller looks again.
func (r *relationsAction) files(ctx context.Context, h tasks.Host, database string) (string, error) {
	paths, err := relationsOf[string](ctx, h, &r.args.ClusterArgs, h.Name(), database, filePaths)
	if err != nil {
		return "", err
	}
	var names strings.Builder
	for _, path := range paths {
		if i := strings.Index(path, "://"); i >= 0 {
			path = "/" + strings.TrimLeft(path[i+3:], "/")
		}
		names.WriteString(path + "\n")
	}
	answer, err := h.Shell().Stream(ctx, remote.Command{
		Script: r.args.script("polardb_relations", nil),
	}, strings.NewReader(names.String()), nil, nil)
	if err != nil {
		return "", err
	}
	if answer.Status != 0 {
		return "", fmt.Errorf("enter %s: exit status %d", r.args.Pgdata, answer.Status)
	}
	var found struct {
		Missing []string `answer:"missing"`
		Count   int      `answer:"count,required"`
	}
	if err := script.Decode(answer.Stdout, &found); err != nil {
		return "", fmt.Errorf("look for the files of the relations: %w", err)
	}
	if found.Count == 0 {
		return "", nil
	}
	more := ""
	if found.Count > len(found.Missing) {
		more = fmt.Sprintf(" and %d more", found.Count-len(found.Missing))
	}
	return fmt.Sprintf("in the database %s the files of %d of %d relations are missing: %s%s",
		database, found.Count, len(paths), strings.Join(found.Missing, ", "), more), nil
}
