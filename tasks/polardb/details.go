package polardb

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// nodeDetails holds what a DBA asks of a node beside its part in the cluster. A field that could not be read is zero.
type nodeDetails struct {
	Version   string        // of the server, as 11.9
	Release   string        // the directory of the release that it was started from
	Up        time.Duration // since the server was started
	Pending   []string      // settings that wait for a restart
	Overrides []string      // name = value of postgresql.auto.conf that are in force and no default
	Disks     []diskSpace   // of pgdata and polardata; one when they share a file system
	Login     [2]string     // the role that the server logs in to the leader with, and its password as the engine shows it
	WAL, Log  int64         // kilobytes of write-ahead log and consensus log; -1: not known
	Archive   archiving
	Backups   schedule
	seen      bool      // the host was reached
	Backup    time.Time // when the newest finished backup of the cluster on the host was finished; zero: there is none
}

// archiving is how a server gets on with its archive_command.
type archiving struct {
	On         bool
	Failed     string // the file of the log that could not be archived last; "": none
	Failures   int
	FailedAt   time.Time
	ArchivedAt time.Time // when one was last archived; zero: never since the statistics were reset
	Waiting    int       // files that are finished and not archived; -1: not known
}

// fails reports whether the last attempt failed: it is made again until it succeeds, and no other file comes before.
func (a archiving) fails() bool { return a.On && a.Failed != "" && !a.ArchivedAt.After(a.FailedAt) }

// manyWaiting is how many finished files of the log may wait for their archive before that is worth a word.
const manyWaiting = 16

// diskSpace is the file system under a directory, in kilobytes.
type diskSpace struct {
	Path        string
	Total, Free int64
}

func (d diskSpace) percent() int64 { return d.Free * 100 / max(d.Total, 1) }

// A disk that has less than fullDisk kilobytes left is full; below scarceDisk percent it is worth a word.
const (
	fullDisk   = 64 << 10
	scarceDisk = 10
)

// details asks all nodes at once, each within lookLimit, and returns the details by the node's name. Those of a host that
// cannot be reached are empty.
func (c *ClusterArgs) details(ctx context.Context, h tasks.Host, list []WantedNode, survey dma.Survey,
	backups backupsOf) map[string]nodeDetails {
	all := make([]nodeDetails, len(list))
	var wg sync.WaitGroup
	for i, n := range list {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, lookLimit)
			defer cancel()
			d := nodeDetails{WAL: -1, Log: -1, Archive: archiving{Waiting: -1}}
			var both sync.WaitGroup
			both.Go(func() { d.readHost(ctx, h, n, backups) })
			var server nodeDetails
			if v, _ := survey.Of(n.Name); v.Err == nil {
				_ = c.use(ctx, h, n, false, func(conn *pgx.Conn) error { return server.readServer(ctx, conn) })
			}
			both.Wait()
			d.Version, d.Up, d.Pending, d.Overrides, d.Login = server.Version, server.Up, server.Pending, server.Overrides, server.Login
			server.Archive.Waiting = d.Archive.Waiting
			d.Archive = server.Archive
			all[i] = d
		})
	}
	wg.Wait()
	by := map[string]nodeDetails{}
	for i, n := range list {
		by[n.Name] = all[i]
	}
	return by
}

const detailsQuery = `select current_setting('server_version'), pg_postmaster_start_time(), now(),
	coalesce(current_setting('polar_dma_repl_user', true), ''), coalesce(current_setting('polar_dma_repl_passwd', true), ''),
	current_setting('archive_mode');
select name from pg_settings where pending_restart order by name;
select name, setting, unit from pg_settings
	where sourcefile like '%/postgresql.auto.conf' and setting is distinct from boot_val and name not like 'polar_dma_delay_election%'
	order by name;
select failed_count, last_failed_wal, last_failed_time, last_archived_time from pg_stat_archiver;
select error from pg_file_settings where error is not null and name is null`

// takenOut matches the error about a setting that no file has any more, and that only a restart takes back: such a row has no name,
// and pg_settings does not mark the setting (observed on 11.9). The engine does not translate it.
var takenOut = regexp.MustCompile(`^parameter "(.+)" cannot be changed without restarting the server$`)

func (d *nodeDetails) readServer(ctx context.Context, conn *pgx.Conn) error {
	results, err := conn.PgConn().Exec(ctx, detailsQuery).ReadAll()
	if err != nil {
		return err
	}
	if len(results) != 5 || len(results[0].Rows) != 1 {
		return fmt.Errorf("the server answered %d of 5 questions", len(results))
	}
	first := results[0].Rows[0]
	d.Version, _, _ = strings.Cut(string(first[0]), " ")
	d.Up = upTime(string(first[1]), string(first[2]))
	d.Login = [2]string{string(first[3]), string(first[4])}
	d.Archive.On = string(first[5]) != "off"
	for _, row := range results[3].Rows {
		d.Archive.Failures, _ = strconv.Atoi(string(row[0]))
		d.Archive.Failed, d.Archive.FailedAt, d.Archive.ArchivedAt = string(row[1]), serverTime(string(row[2])), serverTime(string(row[3]))
	}
	for _, row := range results[1].Rows {
		d.Pending = append(d.Pending, string(row[0]))
	}
	for _, row := range results[4].Rows {
		if m := takenOut.FindStringSubmatch(string(row[0])); m != nil && !slices.Contains(d.Pending, m[1]) &&
			!slices.Contains(pinnedSettings, m[1]) {
			d.Pending = append(d.Pending, m[1])
		}
	}
	slices.Sort(d.Pending)
	for _, row := range results[2].Rows {
		d.Overrides = append(d.Overrides, fmt.Sprintf("%s = %s%s", row[0], row[1], row[2]))
	}
	return nil
}

// upTime returns how long a server has run, from two timestamps as the server writes them. It returns 0 if it cannot read one of them.
func upTime(started, now string) time.Duration {
	from, to := serverTime(started), serverTime(now)
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return to.Sub(from)
}

// serverTime reads a timestamp with time zone as the server writes it: a zone of half hours has minutes. Zero: it cannot be read.
func serverTime(text string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999-07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// readHost asks the node's host as root, or as the user who logs in where root cannot be become.
func (d *nodeDetails) readHost(ctx context.Context, h tasks.Host, n WantedNode, backups backupsOf) {
	if n.Pgdata == "" || n.Polardata == "" {
		return
	}
	host, err := h.Peer(ctx, n.Name)
	if err != nil {
		return
	}
	shell, err := host.As(ctx, "")
	if err != nil {
		shell = host.Shell()
	}
	look := scripts.Script("polardb_details", script.Values{"PGDATA": n.Pgdata, "POLARDATA": n.Polardata, "BACKUPS": backups.Dir})
	answer, err := shell.Run(ctx, remote.Command{Script: look})
	if err != nil {
		return
	}
	d.seen = true
	d.parseHost(string(answer.Stdout), backups.Cluster)
}

// backupsOf says whose backups are looked for, and where on each host; "": nowhere.
type backupsOf struct{ Cluster, Dir string }

func (d *nodeDetails) parseHost(text, cluster string) {
	devices := map[string]bool{}
	of := "" // the cluster of the backup that the lines are about
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Split(line, "\t")
		switch {
		case f[0] == "disk" && len(f) == 5:
			total, err := strconv.ParseInt(f[2], 10, 64)
			free, errFree := strconv.ParseInt(f[3], 10, 64)
			if err == nil && errFree == nil && !devices[f[1]+f[2]] {
				devices[f[1]+f[2]] = true
				d.Disks = append(d.Disks, diskSpace{f[4], total, free})
			}
		case f[0] == "pg_wal" && len(f) > 1:
			d.WAL = kilobytes(f[1])
		case f[0] == "polar_dma/consensus_log" && len(f) > 1:
			d.Log = kilobytes(f[1])
		case f[0] == "ready" && len(f) == 2:
			if n, err := strconv.Atoi(f[1]); err == nil {
				d.Archive.Waiting = n
			}
		case f[0] == "schedule" && len(f) >= 9:
			d.Backups = readSchedule(f[1:])
		case f[0] == "backup":
			of = ""
		case f[0] == "of" && len(f) == 2 && of == "":
			of = f[1]
		case f[0] == "ended" && len(f) == 2 && cluster != "" && of == cluster:
			if ended, err := time.Parse(time.RFC3339, f[1]); err == nil && ended.After(d.Backup) {
				d.Backup = ended
			}
		case f[0] == "exe" && len(f) == 2 && path.Base(path.Dir(f[1])) == "bin" && strings.Contains(f[1], "/versions/"):
			d.Release = path.Base(path.Dir(path.Dir(f[1])))
		}
	}
}

func kilobytes(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// humanSize writes a size in kilobytes for people; "-": not known.
func humanSize(kb int64) string {
	switch {
	case kb < 0:
		return "-"
	case kb >= 10<<20:
		return fmt.Sprintf("%d GB", kb>>20)
	case kb >= 1<<20:
		return fmt.Sprintf("%.1f GB", float64(kb)/(1<<20))
	case kb >= 1<<10:
		return fmt.Sprintf("%d MB", kb>>10)
	}
	return fmt.Sprintf("%d kB", kb)
}

// humanTime writes how long a server has run, in the two largest units; "-": not known.
func humanTime(d time.Duration) string {
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case d <= 0:
		return "-"
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}

// detailsTable prints the details as a table, a row for each node.
func detailsTable(list []WantedNode, details map[string]nodeDetails) string {
	rows := [][]string{{"NODE", "VERSION", "RELEASE", "UP", "WAL", "CONSENSUS LOG", "FREE"}}
	for _, n := range list {
		d := details[n.Name]
		var free []string
		for _, disk := range d.Disks {
			free = append(free, fmt.Sprintf("%s (%d%%) at %s", humanSize(disk.Free), disk.percent(), disk.Path))
		}
		rows = append(rows, []string{
			n.Name, text(d.Version), text(d.Release), humanTime(d.Up), humanSize(d.WAL), humanSize(d.Log), text(strings.Join(free, ", ")),
		})
	}
	return Columns(rows)
}

// outdated reports whether the server logs in to the leader with another password than this one, which is given as it stands
// in a connection string. Such a server was started with that other password and streams only as long as its connection holds.
func (d nodeDetails) outdated(password string) bool {
	return strings.HasPrefix(d.Login[1], "md5") && d.Login[1] != shownPassword(d.Login[0], password)
}

// remarks returns what a DBA should know although it is not wrong yet, and faults what is wrong.
func (d nodeDetails) remarks(node string) (remarks, faults []string) {
	for _, disk := range d.Disks {
		switch {
		case disk.Free < fullDisk:
			faults = append(faults, fmt.Sprintf("%s: the disk under %s is full: %s free", node, disk.Path, humanSize(disk.Free)))
		case disk.percent() < scarceDisk:
			remarks = append(remarks, fmt.Sprintf("%s: %s of the disk under %s is free (%d%%)",
				node, humanSize(disk.Free), disk.Path, disk.percent()))
		}
	}
	if len(d.Pending) > 0 {
		pending := strings.Join(d.Pending, ", ")
		remarks = append(remarks, fmt.Sprintf("%s: %s will have another value after a restart: polarbook run restart.yml", node, pending))
	}
	if len(d.Overrides) > 0 {
		overrides := strings.Join(d.Overrides, ", ")
		remarks = append(remarks, fmt.Sprintf("%s: postgresql.auto.conf (ALTER SYSTEM) overrides the configuration: %s", node, overrides))
	}
	switch a := d.Archive; {
	case a.fails():
		faults = append(faults, fmt.Sprintf("%s: %s is not archived: archive_command failed %d times, last at %s. The server's log says why, "+
			"and it keeps all write-ahead log since", node, a.Failed, a.Failures, a.FailedAt.UTC().Format(time.RFC3339)))
	case a.On && a.Waiting > manyWaiting:
		remarks = append(remarks, fmt.Sprintf("%s: %d finished files of the write-ahead log wait to be archived", node, a.Waiting))
	}
	return remarks, faults
}

func (d nodeDetails) values() map[string]any {
	disks := []any{}
	for _, disk := range d.Disks {
		disks = append(disks, map[string]any{
			"path": disk.Path, "total_kb": int(disk.Total), "free_kb": int(disk.Free), "free_percent": int(disk.percent()),
		})
	}
	m := map[string]any{"disks": disks, "pending_restart": convert.AnyTexts(d.Pending), "overrides": convert.AnyTexts(d.Overrides)}
	for key, v := range map[string]string{"version": d.Version, "release": d.Release} {
		if v != "" {
			m[key] = v
		}
	}
	if d.Up > 0 {
		m["up_seconds"] = int(d.Up.Seconds())
	}
	if d.Version != "" {
		m["archiving"], m["archive_fails"], m["archive_failures"] = d.Archive.On, d.Archive.fails(), d.Archive.Failures
	}
	for key, v := range map[string]time.Time{"archived_at": d.Archive.ArchivedAt, "backup_at": d.Backup} {
		if !v.IsZero() {
			m[key] = int(v.Unix())
		}
	}
	if last := d.Backups.Last; !last.When.IsZero() {
		m["scheduled_backup"] = map[string]any{"began": last.When.UTC().Format(time.RFC3339), "result": last.Result, "name": last.Name,
			"said": last.Said}
	}
	if d.Archive.Waiting >= 0 {
		m["archive_waiting"] = d.Archive.Waiting
	}
	for key, v := range map[string]int64{"wal_kb": d.WAL, "consensus_log_kb": d.Log} {
		if v >= 0 {
			m[key] = int(v)
		}
	}
	return m
}
