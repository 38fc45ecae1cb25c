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
		return complain("pg_controldata: could not open file \"%s\" for reading: No such file or directory", filepath.Join(directory, "global/pg_control"))
	}
	for _, line := range [][2]string{
		{"pg_control version number:", "1100"}, {"Catalog version number:", "201809051"}, {"Database system identifier:", fmt.Sprint(c.SystemIdentifier)},
		{"Database cluster state:", c.State}, {"pg_control last modified:", c.Modified.Format("Mon 02 Jan 2006 03:04:05 PM MST")},
		{"Latest checkpoint location:", sql.FormatLSN(c.Checkpoint)}, {"Latest checkpoint's TimeLineID:", fmt.Sprint(c.Timeline)},
		{"wal_level setting:", "replica"}, {"Data page checksum version:", "0"},
	} {
		fmt.Printf("%-37s%s\n", line[0], line[1])
	}
	return 0
}

// polarTools is polar_tools dma-meta -D POLARDATA.
func polarTools(arguments []string) int {
	if askedVersion("polar_tools", arguments) {
		return 0
	}
	if len(arguments) == 0 || arguments[0] != "dma-meta" {
		return complain("polar_tools: only dma-meta -D POLARDATA is known to the polarsim stand-in")
	}
	o := newOptions("polar_tools")
	o.takes("D")
	if err := o.parse(arguments[1:]); err != nil || !o.has("D") {
		return complain("Usage: polar_tools dma-meta -D POLARDATA")
	}
	directory := filepath.Join(o.get("D", ""), "polar_dma")
	m, err := consensus.ReadMeta(directory)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Failed to open %s\n", filepath.Join(directory, consensus.MetaFile))
		return 255
	}
	fresh := m.Term == 0 && m.CommitIndex == 0 || m.Fresh
	show := func(name string, value any) { fmt.Printf("%-33s%v\n", "dma_meta "+name+":", value) }
	show("current term", m.Term)
	show("vote for", m.VotedFor)
	show("last leader term", m.LastLeaderTerm)
	show("last leader log index", m.LastLeaderIndex)
	show("scan index", m.ScanIndex)
	show("cluster id", m.ClusterID)
	show("commit index", m.CommitIndex)
	show("purge index", m.PurgeIndex)
	switch {
	case m.LearnerOnly():
		if !fresh {
			show("member info", m.MemberInfo())
		}
		show("learner info", m.Self)
	case fresh:
		text := ""
		for i, member := range m.Members {
			if i > 0 {
				text += ";"
			}
			text += member.Address
		}
		show("member info", fmt.Sprintf("%s@%d", text, m.SelfIndex))
	default:
		show("member info", m.MemberInfo())
		show("learner info", m.LearnerInfo())
	}
	return 0
}
