package server

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/test/polarsim/config"
	"github.com/polarbook/polarbook/test/polarsim/datadir"
)

// fatal is a message that ends the server, with the backtrace that the engine logs after each. It returns the exit code.
func (l *logger) fatal(format string, arguments ...any) int {
	l.printf("FATAL", format, arguments...)
	l.backtrace()
	return 1
}

func (l *logger) backtrace() {
	l.printf("BACKTRACE", "\n\tpostgres(PostmasterMain+0x9f8) [0x55fb54154178]\n\tpostgres(main+0x442) [0x55fb53e8a442]\n"+
		"\tpostgres(_start+0x21) [0x55fb53e8aa41]")
}

// badConfiguration says each thing that is wrong with the files, and that they hold errors.
func (l *logger) badConfiguration(pgdata string, overrides []config.Override, err error) int {
	main := filepath.Join(pgdata, "postgresql.conf")
	for _, o := range overrides {
		if strings.EqualFold(o.Name, "config_file") {
			main = o.Value
		}
	}
	if _, err := os.ReadFile(main); err != nil {
		what := "No such file or directory"
		if errors.Is(err, os.ErrPermission) {
			what = "Permission denied"
		}
		fmt.Fprintf(os.Stderr, "postgres: could not access the server configuration file \"%s\": %s\n", main, what)
		return 2
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		level, text, ok := strings.Cut(line, ":  ")
		if !ok || level != "HINT" {
			level, text = "LOG", line
		}
		l.printf(level, "%s", text)
	}
	return l.fatal("configuration file \"%s\" contains errors", main)
}

// together returns the settings that do not go together (engine: postmaster.c, PostmasterMain).
func (s *settings) together(log *logger) int {
	reserved, senders, limit := s.number("superuser_reserved_connections"), s.number("max_wal_senders"), s.number("max_connections")
	if reserved+senders >= limit {
		fmt.Fprintf(os.Stderr, "postgres: superuser_reserved_connections (%d) plus max_wal_senders (%d) must be less than "+
			"max_connections (%d)\n", reserved, senders, limit)
		return 1
	}
	if s.text("wal_level") == "minimal" && s.text("archive_mode") != "off" {
		return log.fatal("WAL archival cannot be enabled when wal_level is \"minimal\"")
	}
	if s.text("wal_level") == "minimal" && s.number("max_wal_senders") > 0 {
		return log.fatal("WAL streaming (max_wal_senders > 0) requires wal_level \"replica\" or \"logical\"")
	}
	return 0
}

// provided are the libraries that the engine's package has.
var provided = map[string]bool{"polar_vfs": true, "polar_worker": true, "pg_stat_statements": true, "auto_explain": true,
	"passwordcheck": true, "polar_monitor": true}

// preload goes on without a library that is not there, as the engine does (observed on 11.9).
func (s *settings) preload(log *logger) {
	for _, name := range append(strings.Split(s.text("shared_preload_libraries"), ","), "polar_resource_group") {
		name = strings.Trim(strings.TrimSpace(name), `"`)
		if name != "" && !provided[strings.TrimPrefix(name, "$libdir/")] {
			log.printf("WARNING", "could not access file \"%s\": No such file or directory", name)
		}
	}
}

// sharedMemory fails where the host has too little memory, or too few huge pages, for what is asked for.
func (s *settings) sharedMemory() error {
	size := s.number("shared_buffers") * 8 * 1024
	host := memory()
	short := size > host["MemTotal"]+host["SwapTotal"]
	if s.text("huge_pages") == "on" {
		short = short || size > host["HugePages_Free"]*host["Hugepagesize"]
	}
	if !short {
		return nil
	}
	return fmt.Errorf("could not map anonymous shared memory: Cannot allocate memory\n"+
		"HINT:  This error usually means that PostgreSQL's request for a shared memory segment exceeded available memory, "+
		"swap space, or huge pages. To reduce the request size (currently %d bytes), reduce PostgreSQL's shared memory usage, "+
		"perhaps by reducing shared_buffers or max_connections.", size)
}

// memory is /proc/meminfo, in bytes, and the huge pages, in pages.
func memory() map[string]int64 {
	out := map[string]int64{}
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return out
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(fields[1], 10, 64)
		if len(fields) > 2 {
			n *= 1024
		}
		out[strings.TrimSuffix(fields[0], ":")] = n
	}
	return out
}

// controlFile is polar_load_and_check_controlfile.
func (s *settings) controlFile(log *logger) int {
	if s.text("polar_datadir") == "" || !s.on("polar_enable_shared_storage_mode") {
		return 0
	}
	log.printf("LOG", "polardb try start vfs process")
	name := filepath.Join(s.root(), "global/pg_control")
	shown := s.text("polar_datadir") + "/global/pg_control"
	b, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		log.printf("PANIC", "control file \"%s\" not exist: No such file or directory", shown)
	case err != nil:
		log.printf("PANIC", "could not open control file \"%s\": Permission denied", shown)
	case len(b) > 0 && b[0] == 0:
		return log.fatal("database files are incompatible with server\n" +
			"DETAIL:  The database cluster was initialized with PG_CONTROL_VERSION 0, but the server was compiled with PG_CONTROL_VERSION 1101.")
	default:
		for _, size := range []string{"min_wal_size", "max_wal_size"} {
			if s.number(size) < 32 {
				return log.fatal("\"%s\" must be at least twice \"wal_segment_size\"", size)
			}
		}
		control, err := datadir.ReadControl(s.root())
		if err == nil && s.on("polar_enable_dma") && !s.on("polar_dma_init_meta") && !s.on("polar_dma_sync_meta") {
			for name, was := range map[string]int64{
				"max_connections": control.MaxConnections, "max_prepared_transactions": control.MaxPrepared,
				"max_locks_per_transaction": control.MaxLocks,
			} {
				if s.number(name) < was {
					return log.fatal("hot standby is not possible because %s = %d is a lower setting than on the master server (its value was %d)",
						name, s.number(name), was)
				}
			}
		}
		return 0
	}
	log.backtrace()
	return 134
}

// loadHBA reads pg_hba.conf. A file with a line that the engine does not take is not used at all.
func (s *Server) loadHBA() error {
	name := s.settings.text("hba_file")
	lines, err := config.LoadHBA(name)
	if err != nil {
		s.log.printf("LOG", "%v", err)
		return errors.New("could not load pg_hba.conf")
	}
	bad := false
	for _, line := range lines {
		if line.Error != "" {
			bad = true
			s.log.printf("LOG", "%s\nCONTEXT:  line %d of configuration file \"%s\"", line.Error, line.Number, name)
		}
	}
	if bad || len(lines) == 0 {
		return errors.New("could not load pg_hba.conf")
	}
	s.hba.Store(&lines)
	return nil
}

// unlisten closes what a start that failed had opened.
func (s *Server) unlisten() {
	for _, listener := range s.listeners {
		_ = listener.Close()
	}
	for _, lock := range s.sockets {
		_ = os.Remove(lock)
	}
}
