package tool

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/polarbook/polarbook/test/polarsim/consensus"
	"github.com/polarbook/polarbook/test/polarsim/datadir"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

// controlData is pg_controldata. With shared storage the control file is in POLARDATA, so either is taken.
func controlData(arguments []string) int {
	if askedVersion("pg_controldata", arguments) {
		return 0
	}
	o := newOptions("pg_controldata")
	o.takes("pgdata", "D")
	if err := o.parse(arguments); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return complain("Try \"pg_controldata --help\" for more information.")
	}
	directory := o.get("pgdata", os.Getenv("PGDATA"))
	if len(o.rest) > 0 {
		directory = o.rest[0]
	}
	if directory == "" {
		return complain("pg_controldata: no data directory specified\nTry \"pg_controldata --help\" for more information.")
	}
	c, err := datadir.ReadControl(directory)
	if err != nil {
		return complain("pg_controldata: could not open file \"%s\" for reading: No such file or directory",
			filepath.Join(directory, "global/pg_control"))
	}
	for _, line := range [][2]string{
		{"pg_control version number:", "1100"}, {"Catalog version number:", "201809051"},
		{"Database system identifier:", fmt.Sprint(c.SystemIdentifier)},
		{"Database cluster state:", c.State}, {"pg_control last modified:", c.Modified.Format("Mon Jan _2 15:04:05 2006")},
		{"Latest checkpoint location:", sql.FormatLSN(c.Checkpoint)}, {"Latest checkpoint's TimeLineID:", fmt.Sprint(c.Timeline)},
		{"wal_level setting:", "replica"}, {"max_connections setting:", fmt.Sprint(c.MaxConnections)},
		{"max_prepared_xacts setting:", fmt.Sprint(c.MaxPrepared)},
		{"max_locks_per_xact setting:", fmt.Sprint(c.MaxLocks)}, {"Bytes per WAL segment:", "16777216"}, {"Data page checksum version:", "0"},
	} {
		fmt.Printf("%-38s%s\n", line[0], line[1])
	}
	return 0
}

// polarTools is polar_tools dma-meta -D POLARDATA.
func polarTools(arguments []string) int {
	if len(arguments) == 0 || arguments[0] != "dma-meta" {
		fmt.Println("polar_tools (polarsim stand-in)\n\nTools:\n  dma-meta")
		return 255
	}
	o := newOptions("polar_tools")
	o.takes("D")
	if err := o.parse(arguments[1:]); err != nil || !o.has("D") {
		fmt.Fprintln(os.Stderr, "Usage: polar_tools dma-meta -D POLARDATA")
		return 255
	}
	directory := filepath.Join(o.get("D", ""), "polar_dma")
	m, err := consensus.ReadMeta(directory)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Failed to open %s\n", filepath.Join(directory, consensus.MetaFile))
		return 255
	}
	show := func(name string, value any) { fmt.Printf("%-35s%v\n", "dma_meta "+name+":", value) }
	show("version", 1)
	show("current term", m.Term)
	show("current vote for", m.VotedFor)
	show("last leader term", 0)
	show("last leader log index", 0)
	show("scan index", 0)
	show("cluster id", m.ClusterID)
	show("commit index", m.CommitIndex)
	show("purge index", m.PurgeIndex)
	members, learners := "", ""
	switch {
	case m.LearnerOnly():
		members, learners = m.MemberInfo(), m.LearnerInfo()
	default:
		members, learners = m.MemberInfo(), m.LearnerInfo()
	}
	show("member info size", len(members))
	show("learner info size", len(learners))
	if members != "" {
		fmt.Printf("dma_meta member info:            %s\n", members)
	}
	if learners != "" {
		fmt.Printf("dma_meta learner info:            %s\n", learners)
	}
	return 0
}
