package tool

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/polarbook/polarbook/test/polarsim/client"
)

func baseBackup(program string, arguments []string) int {
	if askedVersion("pg_basebackup", arguments) {
		return 0
	}
	o := newOptions(program)
	connectionOptions(o)
	o.takes("pgdata", "D")
	o.takes("polardata")
	o.takes("polar_disk_home")
	o.takes("polar_host_id")
	o.takes("polar_storage_cluster_name")
	o.takes("tablespace-mapping", "T")
	o.takes("wal-method", "X", "xlog-method")
	o.takes("checkpoint", "c")
	o.takes("format", "F")
	o.takes("max-rate", "r")
	o.takes("label", "l")
	o.takes("slot", "S")
	o.takes("status-interval", "s")
	for _, f := range [][]string{
		{"write-recovery-conf", "R"}, {"progress", "P"}, {"verbose", "v"}, {"no-sync", "N"}, {"no-clean", "n"},
		{"no-verify-checksums"}, {"no-slot"}, {"gzip", "z"},
	} {
		o.flag(f[0], f[1:]...)
	}
	if err := o.parse(arguments); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return complain("Try \"%s --help\" for more information.", program)
	}
	pgdata, polardata := o.get("pgdata", ""), o.get("polardata", "")
	if pgdata == "" {
		return complain("%s: no target directory specified\nTry \"%s --help\" for more information.", program, program)
	}
	if checkpoint := o.get("checkpoint", "spread"); checkpoint != "fast" && checkpoint != "spread" {
		return complain("%s: invalid checkpoint argument \"%s\", must be \"fast\" or \"spread\"", program, checkpoint)
	}
	t, err := o.target()
	if err != nil {
		return complain("%s: %v", program, err)
	}
	t.Replication = true
	if os.Getenv("PGPASSWORD") == "" {
		t.Password = client.Password(t)
	}
	if os.Getenv(walChild) != "" {
		return walReceiver(t)
	}
	made, err := claim(pgdata)
	if err != nil {
		return complain("%s: %v", program, err)
	}
	if polardata != "" {
		if _, err := claim(polardata); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
			if made {
				fmt.Fprintf(os.Stderr, "%s: removing data directory \"%s\"\n", program, pgdata)
				_ = os.RemoveAll(pgdata)
			}
			return 1
		}
	}
	undo := func(err error) int {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		if !o.has("no-clean") {
			discard(program, pgdata, made)
		}
		return 1
	}
	conn, err := client.Connect(context.Background(), t)
	if err != nil {
		var refused *client.ServerError
		if errors.As(err, &refused) {
			err = fmt.Errorf("could not connect to server: %w", err)
		}
		return undo(err)
	}
	defer conn.Close()
	conn.Notice = func(n *pgproto3.NoticeResponse) {
		fmt.Fprintf(os.Stderr, "%s:  %s\n", n.Severity, n.Message)
		if n.Hint != "" {
			fmt.Fprintf(os.Stderr, "HINT:  %s\n", n.Hint)
		}
	}
	b := &backup{options: o, pgdata: pgdata, polardata: polardata, target: t}
	if b.moves, err = mapping(o.values["tablespace-mapping"]); err != nil {
		return complain("%s: %v", program, err)
	}
	if err := b.receive(conn); err != nil {
		return undo(err)
	}
	if err := b.endWAL(); err != nil {
		return undo(err)
	}
	// It writes to disk what lies behind the links, which only shows that nothing does.
	links, _ := filepath.Glob(filepath.Join(pgdata, "pg_tblspc", "*"))
	for _, link := range links {
		if _, err := os.Stat(link); err != nil {
			fmt.Fprintf(os.Stderr, "%s: could not stat file \"%s\": No such file or directory\n", program, link)
		}
	}
	if o.has("verbose") {
		fmt.Fprintf(os.Stderr, "%s: base backup completed\n", program) // nothing is printed while everything is synced
	}
	return 0
}

func discard(program, pgdata string, made bool) {
	if made {
		fmt.Fprintf(os.Stderr, "%s: removing data directory \"%s\"\n", program, pgdata)
		_ = os.RemoveAll(pgdata)
		return
	}
	fmt.Fprintf(os.Stderr, "%s: removing contents of data directory \"%s\"\n", program, pgdata)
	entries, _ := os.ReadDir(pgdata)
	for _, entry := range entries {
		_ = os.RemoveAll(filepath.Join(pgdata, entry.Name()))
	}
}

// claim makes a target directory, or finds it empty.
func claim(directory string) (made bool, err error) {
	entries, err := os.ReadDir(directory)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return false, fmt.Errorf("could not create directory \"%s\": %w", directory, err)
		}
		return true, nil
	case err != nil:
		return false, fmt.Errorf("could not access directory \"%s\": %w", directory, err)
	case len(entries) > 0:
		return false, fmt.Errorf("directory \"%s\" exists but is not empty", directory)
	}
	return false, nil // its mode stays as it is, even one that the server will refuse
}

type backup struct {
	*options
	pgdata, polardata string
	target            client.Target
	total, done       int64
	shown             time.Time
	current           string            // the file in hand
	spaces            int               // "tablespaces" finished: PGDATA is one, POLARDATA another
	locations         map[string]string // of the tablespaces that come, on the server
	moves             map[string]string // from there to where they go
	wal               *exec.Cmd
	end               io.WriteCloser // tells it where the backup ends
}

// receive asks for the backup and unpacks the stream.
func (b *backup) receive(conn *client.Conn) error {
	command := "BASE_BACKUP LABEL 'pg_basebackup base backup' PROGRESS FAST NOWAIT"
	if rate := b.get("max-rate", ""); rate != "" {
		kilobytes, err := parseRate(rate)
		if err != nil {
			return err
		}
		command += fmt.Sprintf(" MAX_RATE %d", kilobytes)
	}
	if b.has("verbose") {
		fmt.Fprintf(os.Stderr, "%s: initiating base backup, waiting for checkpoint to complete\n", b.program)
	} else if b.has("progress") {
		fmt.Fprintln(os.Stderr, "waiting for checkpoint")
	}
	if err := conn.Send(&pgproto3.Query{String: command}); err != nil {
		return err
	}
	start := ""
	for {
		m, err := conn.Receive()
		if err != nil {
			return fmt.Errorf("could not receive data from WAL stream: %w", err)
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			return fmt.Errorf("could not initiate base backup: %w", &client.ServerError{Response: m})
		case *pgproto3.DataRow:
			start = string(m.Values[0])
			_, _ = fmt.Sscan(string(m.Values[2]), &b.total) // unknown stays 0
			if err := b.takeSpaces(m.Values[3]); err != nil {
				return err
			}
			if b.has("verbose") {
				fmt.Fprintf(os.Stderr, "%s: checkpoint completed\n%s: write-ahead log start point: %s on timeline 1\n"+
					"%s: starting background WAL receiver\n%s: created temporary replication slot \"pg_basebackup_%d\"\n", b.program,
					b.program, start, b.program, b.program, os.Getpid())
			}
			if err := b.startWAL(); err != nil {
				return err
			}
			label := fmt.Sprintf("START WAL LOCATION: %s (file 000000010000000000000001)\nBACKUP METHOD: streamed\nBACKUP FROM: master\n"+
				"LABEL: pg_basebackup base backup\nSTART TIMELINE: 1\n", start)
			if err := os.WriteFile(filepath.Join(b.pgdata, "backup_label"), []byte(label), 0o600); err != nil {
				return err
			}
			b.current = filepath.Join(b.pgdata, "backup_label")
			b.progress(true)
		case *pgproto3.CopyOutResponse:
			if err := b.unpack(&copyReader{conn: conn}); err != nil {
				return err
			}
			b.total = b.done
			b.progress(true)
			b.spaces, b.current = 2+len(b.locations), ""
			b.progress(true)
			if b.has("verbose") {
				fmt.Fprintf(os.Stderr, "%s: write-ahead log end point: %s\n%s: waiting for background process to finish streaming ...\n",
					b.program, start, b.program)
			}
			return nil
		}
	}
}

// progress prints the line pg_basebackup prints, at most one a second; without a terminal each ends in a line feed.
func (b *backup) progress(now bool) {
	if !b.has("progress") || !now && time.Since(b.shown) < time.Second {
		return
	}
	b.shown = time.Now()
	b.total = max(b.total, b.done)
	percent := int64(100)
	if b.total > 0 {
		percent = min(100, b.done*100/b.total)
	}
	total := (b.total + 1023) / 1024
	line := fmt.Sprintf("%*d/%d kB (%d%%), %d/%d tablespaces", len(fmt.Sprint(total)), (b.done+1023)/1024, total, percent,
		b.spaces, 2+len(b.locations))
	if b.has("verbose") {
		name := b.current
		if len(name) > 35 {
			name = "..." + name[len(name)-32:]
		}
		if line += strings.Repeat(" ", 40); name != "" {
			line = strings.TrimRight(line, " ") + fmt.Sprintf(" (%-35s)", name)
		}
	}
	fmt.Fprintln(os.Stderr, line)
}

type copyReader struct {
	conn *client.Conn
	rest []byte
}

func (r *copyReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		m, err := r.conn.Receive()
		if err != nil {
			return 0, fmt.Errorf("could not read COPY data: %w", err)
		}
		switch m := m.(type) {
		case *pgproto3.CopyData:
			r.rest = m.Data
		case *pgproto3.CopyDone:
			return 0, io.EOF
		case *pgproto3.ErrorResponse:
			return 0, fmt.Errorf("could not read COPY data: %w", &client.ServerError{Response: m})
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (b *backup) unpack(r io.Reader) error {
	in := tar.NewReader(r)
	for {
		header, err := in.Next()
		if err == io.EOF {
			return b.writeRecoveryConf()
		}
		if err != nil {
			return err
		}
		root, name, _ := strings.Cut(header.Name, "/")
		target := b.pgdata
		if root == "polardata" && b.polardata != "" {
			target, b.spaces = b.polardata, 1+len(b.locations)
			if err := b.writeRecoveryConf(); err != nil {
				return err
			}
		}
		if root == "tblspc" {
			var oid string
			oid, name, _ = strings.Cut(name, "/")
			target = b.moved(b.locations[oid])
		} else {
			b.spaces = max(b.spaces, len(b.locations))
		}
		path := filepath.Join(target, filepath.FromSlash(name))
		if !strings.HasPrefix(path, filepath.Clean(target)) {
			return fmt.Errorf("unexpected path %q", header.Name)
		}
		if header.Typeflag == tar.TypeSymlink {
			if err := os.Symlink(b.moved(header.Linkname), path); err != nil {
				return err
			}
			continue
		}
		if header.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, 0o700); err != nil {
				return err
			}
			continue
		}
		if err := b.file(path, in); err != nil {
			return err
		}
	}
}

func (b *backup) file(path string, r io.Reader) error {
	b.current = path
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("could not create file \"%s\": %w", path, err)
	}
	buffer := make([]byte, 64*1024)
	for err == nil {
		var n int
		if n, err = r.Read(buffer); n > 0 {
			if _, werr := out.Write(buffer[:n]); werr != nil {
				err = werr
			}
			b.done += int64(n)
			b.progress(false)
		}
	}
	if cerr := out.Close(); cerr != nil && errors.Is(err, io.EOF) {
		err = cerr
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("could not write to file \"%s\": %w", path, err)
	}
	return nil
}
