package tool

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
	"github.com/polarbook/polarbook/test/polarsim/datadir"
	"github.com/polarbook/polarbook/test/polarsim/sql"
)

func initdb(arguments []string) int {
	if askedVersion("initdb", arguments) {
		return 0
	}
	o := newOptions("initdb")
	o.takes("pgdata", "D")
	o.takes("username", "U")
	o.takes("auth", "A")
	o.takes("auth-host")
	o.takes("auth-local")
	o.takes("pwfile")
	o.takes("encoding", "E")
	o.takes("locale")
	o.takes("lc-collate")
	o.takes("lc-ctype")
	o.takes("lc-messages")
	o.takes("sysid", "i")
	o.takes("wal-segsize")
	o.flag("no-locale")
	o.flag("nosync", "N", "no-sync")
	o.flag("data-checksums", "k")
	if err := o.parse(arguments); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return complain("Try \"initdb --help\" for more information.")
	}
	if isRoot() {
		return complain("initdb: cannot be run as root\nPlease log in (using, e.g., \"su\") as the (unprivileged) user that will\n" +
			"own the server process.")
	}
	pgdata := o.get("pgdata", os.Getenv("PGDATA"))
	if pgdata == "" && len(o.rest) > 0 {
		pgdata = o.rest[0]
	}
	if pgdata == "" {
		return complain("initdb: no data directory specified\nYou must identify the directory where the data for this database system\n" +
			"will reside.  Do this with either the invocation option -D or the\nenvironment variable PGDATA.")
	}
	name := "postgres"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	name = o.get("username", name)
	if strings.HasPrefix(name, "pg_") {
		return complain("initdb: superuser name \"%s\" is disallowed; role names cannot begin with \"pg_\"", name)
	}
	password := ""
	if file := o.get("pwfile", ""); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return complain("initdb: could not open file \"%s\" for reading: No such file or directory", file)
		}
		password, _, _ = strings.Cut(string(b), "\n")
		password = password[:min(len(password), 99)] // get_su_pwd has a buffer of 100
	}
	fmt.Printf("The files belonging to this database system will be owned by user \"%s\".\n"+
		"This user must also own the server process.\n\n", name)
	if err := prepareEmpty(pgdata); err != nil {
		fmt.Fprintf(os.Stderr, "initdb: %v\n", err)
		return 1
	}
	if err := createCluster(pgdata, name, password, o); err != nil {
		return complain("initdb: %v", err)
	}
	fmt.Fprintf(os.Stderr, "LOG:  polarsim stand-in: no database is made here\n")
	fmt.Printf("\nSuccess. You can now start the database server using:\n\n    %s -D %s -l logfile start\n\n", sibling("pg_ctl"), pgdata)
	return 0
}

func prepareEmpty(directory string) error {
	entries, err := os.ReadDir(directory)
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("directory \"%s\" exists but is not empty\nIf you want to create a new database system, "+
			"either remove or empty\nthe directory \"%s\" or run initdb\nwith an argument other than \"%s\".", directory, directory, directory)
	}
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("could not access directory \"%s\": %w", directory, err)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("could not create directory \"%s\": %w", directory, err)
	}
	return os.Chmod(directory, 0o700)
}

func createCluster(pgdata, superuser, password string, o *options) error {
	directories := append([]string{"base/1", "base/13280", "base/13281", "base/13282", "polar_dma/consensus_log",
		"polar_dma/consensus_cc_log", "pg_wal/archive_status"}, append(datadir.Moved, datadir.Kept...)...)
	for _, name := range directories {
		if err := os.MkdirAll(filepath.Join(pgdata, name), 0o700); err != nil {
			return err
		}
	}
	locale := o.get("locale", o.get("lc-collate", environment("LC_ALL", environment("LANG", "C"))))
	if o.has("no-locale") {
		locale = "C"
	}
	encoding := strings.ToUpper(strings.ReplaceAll(o.get("encoding", ""), "-", ""))
	if encoding == "" {
		encoding = "SQL_ASCII"
		if strings.Contains(strings.ToLower(strings.ReplaceAll(locale, "-", "")), "utf8") {
			encoding = "UTF8"
		}
	}
	identifier, err := datadir.NewSystemIdentifier()
	if err != nil {
		return err
	}
	if given := o.get("sysid", ""); given != "" {
		if identifier, err = strconv.ParseUint(given, 10, 64); err != nil {
			return fmt.Errorf("invalid system identifier \"%s\"", given)
		}
	}
	if err := datadir.WriteControl(pgdata, &datadir.Control{SystemIdentifier: identifier, State: datadir.ShutDown,
		Superuser: superuser, Timeline: 1, Checkpoint: 0x1700000, MaxConnections: 100, MaxLocks: 64, Led: true}); err != nil {
		return err
	}
	local := o.get("auth-local", o.get("auth", "trust"))
	host := o.get("auth-host", o.get("auth", "trust"))
	conf := fmt.Sprintf(sampleConf, hostZone(), hostZone(), locale, locale, locale, locale)
	stored := ""
	if password != "" {
		kind, salt := dma.MD5, make([]byte, 16)
		if local == dma.SCRAM || host == dma.SCRAM {
			kind = dma.SCRAM
			conf += "password_encryption = scram-sha-256\n"
		}
		if _, err := rand.Read(salt); err != nil {
			return err
		}
		if stored, err = sql.StoredPassword(kind, password, superuser, salt); err != nil {
			return err
		}
	}
	if err := datadir.WriteState(pgdata, pgdata, sql.NewState(superuser, stored, encoding, locale)); err != nil {
		return err
	}
	if host == "peer" {
		host = "ident"
	}
	for name, content := range map[string]string{
		"PG_VERSION": "11\n", "global/1136": "", "global/pg_filenode.map": "", "polar_shmem_stat_file": "",
		"pg_wal/000000010000000000000001": strings.Repeat("\x00", 4096), "pg_ident.conf": "# PostgreSQL User Name Maps\n",
		"postgresql.auto.conf": "# Do not edit this file manually!\n# It will be overwritten by the ALTER SYSTEM command.\n",
		"postgresql.conf":      conf, "polar_dma.conf": sampleDMA, "pg_hba.conf": fmt.Sprintf(sampleHBA, local, host, host, local, host, host),
		"base/1/PG_VERSION": "11\n", "base/13281/PG_VERSION": "11\n",
	} {
		if err := os.WriteFile(filepath.Join(pgdata, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// hostZone returns what initdb takes for the zone of the host (select_default_timezone).
func hostZone() string {
	if zone := os.Getenv("TZ"); zone != "" {
		return zone
	}
	if link, err := os.Readlink("/etc/localtime"); err == nil {
		if _, zone, ok := strings.Cut(link, "zoneinfo/"); ok {
			return zone
		}
	}
	return "Etc/UTC"
}

const sampleConf = `# -----------------------------
# PostgreSQL configuration file (polarsim stand-in)
# -----------------------------
#listen_addresses = 'localhost'		# what IP address(es) to listen on;
#port = 5432				# (change requires restart)
max_connections = 100			# (change requires restart)
shared_buffers = 128MB			# min 128kB
dynamic_shared_memory_type = posix	# the default is the first option
max_wal_size = 1GB
min_wal_size = 80MB
log_timezone = '%s'
datestyle = 'iso, mdy'
timezone = '%s'
lc_messages = '%s'			# locale for system error message
lc_monetary = '%s'			# locale for monetary formatting
lc_numeric = '%s'			# locale for number formatting
lc_time = '%s'				# locale for time formatting
default_text_search_config = 'pg_catalog.english'
`

const sampleDMA = `# -----------------------------
# PolarDB consensus configuration file
# -----------------------------
#polar_enable_dma = false
#polar_dma_port_deviation = 10000
#polar_dma_election_timeout = 10s
#polar_dma_repl_user = ''
#polar_dma_repl_passwd = ''
#polar_dma_repl_appname = ''
`

const sampleHBA = `# PostgreSQL Client Authentication Configuration File
# TYPE  DATABASE        USER            ADDRESS                 METHOD
local   all             all                                     %s
host    all             all             127.0.0.1/32            %s
host    all             all             ::1/128                 %s
local   replication     all                                     %s
host    replication     all             127.0.0.1/32            %s
host    replication     all             ::1/128                 %s
`

// polarInitdb is polar-initdb.sh PGDATA/ POLARDATA/ localfs.
func polarInitdb(arguments []string) int {
	argument := func(i int) string {
		if i < len(arguments) {
			return arguments[i]
		}
		return ""
	}
	local, polar, mode := argument(0), argument(1), argument(2)
	say := func(format string, a ...any) int {
		fmt.Printf(format+"\n", a...)
		return 1
	}
	switch mode {
	case "localfs":
		fmt.Println("use localfs mode")
	case "":
	default:
		fmt.Printf("use pfs cluster %s\n", mode)
	}
	for _, path := range []struct{ name, complaint string }{{local, "must must be the full path"}, {polar, "must be the full path"}} {
		if !strings.HasPrefix(path.name, "/") {
			return say("%s %s", path.name, path.complaint)
		}
		if !strings.HasSuffix(path.name, "/") {
			return say("%s must end with /", path.name)
		}
	}
	if mode != "localfs" {
		return say("pfs does not exist")
	}
	if info, err := os.Stat(local); err != nil || !info.IsDir() {
		return say("local data :(%s) dir does not exist", local)
	}
	for _, need := range []struct{ path, name string }{
		{"postgresql.conf", "postgresql.conf"}, {"pg_twophase", "pg_twophase"}, {"pg_wal", "pg_wal"}, {"pg_logindex", "pg_logindex"},
		{"global/pg_control", "pg_control"}, {"pg_xact", "pg_xact"},
	} {
		if _, err := os.Stat(filepath.Join(local, need.path)); err != nil {
			return say("%s in local data dir does not exist", need.name)
		}
	}
	info, err := os.Stat(polar)
	if err != nil {
		return say("%s dir does not exist", polar)
	}
	if !info.IsDir() {
		return say("%s is not dir", polar)
	}
	if entries, err := os.ReadDir(polar); err != nil || len(entries) > 0 {
		return say("%s dir not empty", polar)
	}
	for _, name := range datadir.Moved {
		if err := os.CopyFS(filepath.Join(polar, name), os.DirFS(filepath.Join(local, name))); err != nil {
			return say("copy %s to %s/ fail", filepath.Join(local, name), polar)
		}
	}
	if err := tighten(polar); err != nil {
		return say("%v", err)
	}
	if err := strip(local); err != nil {
		return say("delete %v fail", err)
	}
	fmt.Println("init polarDB data dir success")
	return 0
}

// tighten gives copies the modes of a data directory, which CopyFS does not keep.
func tighten(root string) error {
	return filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || path == filepath.Clean(root) {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
}

// strip leaves PGDATA as the script does: its rm_dir takes one argument, so of base/*/* and global/* only the first
// file goes, and a stale pg_control stays behind.
func strip(local string) error {
	bases, err := os.ReadDir(filepath.Join(local, "base"))
	if err != nil {
		return err
	}
	for _, base := range bases {
		if err := removeFirst(filepath.Join(local, "base", base.Name())); err != nil {
			return err
		}
	}
	if err := removeFirst(filepath.Join(local, "global")); err != nil {
		return err
	}
	for _, name := range datadir.Moved {
		if name == "base" || name == "global" || name == "pg_tblspc" {
			continue
		}
		fmt.Printf("delete %s\n", filepath.Join(local, name))
		if err := os.RemoveAll(filepath.Join(local, name)); err != nil {
			return err
		}
	}
	return nil
}

func removeFirst(directory string) error {
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) == 0 {
		return err
	}
	first := filepath.Join(directory, entries[0].Name())
	fmt.Printf("delete %s\n", first)
	return os.RemoveAll(first)
}
