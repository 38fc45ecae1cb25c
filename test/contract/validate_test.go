package contract_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/tasks/remote"
)

// here is this machine as a tasks.Host.
type here struct{ tasks.Host }

func (here) Name() string         { return "here" }
func (h here) Shell() tasks.Shell { return hereShell{} }

type hereShell struct{ tasks.Shell }

func (hereShell) Run(ctx context.Context, c remote.Command) (remote.Result, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", c.Script)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(c.Stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return remote.Result{}, err
	}
	return remote.Result{Stdout: out.Bytes(), Stderr: errs.Bytes(), Status: cmd.ProcessState.ExitCode()}, nil
}

// desk is a control node that is asked for nothing.
type desk struct{ tasks.Local }

func (desk) Secret(string)                              {}
func (desk) Check() bool                                { return false }
func (desk) Find(string, string) (fs.FS, string, error) { return nil, "", fs.ErrNotExist }

const goodSettings = `listen_addresses = '*'
port = '5432'
hot_standby = 'on'
logging_collector = 'on'
log_directory = 'pg_log'
unix_socket_directories = '/run/polardb-trial'
polar_hostid = '1'
polar_datadir = 'file-dio://@POLARDATA@'
polar_logindex_mem_size = '0'
polar_enable_lazy_checkpoint = 'off'
polar_enable_shared_storage_mode = 'on'
polar_vfs.localfs_test_mode = 'on'
shared_preload_libraries = '$libdir/polar_vfs,$libdir/polar_worker'
`

// validate asks the engine about files, each in place of a good one.
func validate(t *testing.T, e *engine, directory, settings, dma, hba string) (tasks.Plan, error) {
	t.Helper()
	m, ok := all.Lookup("polardb_validate")
	if !ok {
		t.Fatal("no such module")
	}
	pgdata, polardata := filepath.Join(directory, "data/pgdata"), filepath.Join(directory, "data/polardata")
	action, err := m.New(map[string]any{
		"pgdata": pgdata, "polardata": polardata, "home": directory, "user": "nobody", "cluster": "trial",
		"files": map[string]any{
			"postgresql.conf": strings.ReplaceAll(goodSettings, "@POLARDATA@", polardata) + settings,
			"polar_dma.conf":  "polar_enable_dma = on\npolar_dma_repl_user = 'replicator'\n" + dma, "pg_hba.conf": "local all all peer\n" + hba,
		},
		"nodes": []any{map[string]any{"name": "here", "address": "127.0.0.1", "port": 5432}}, "login_password": "x",
	}, desk{})
	if err != nil {
		t.Fatal(err)
	}
	probed, err := hereShell{}.Run(context.Background(), remote.Command{Script: action.Probe()})
	if err != nil {
		t.Fatal(err)
	}
	found, err := tasks.Find(context.Background(), noCluster{}, action, tasks.Found{Result: probed})
	if err != nil {
		t.Fatal(err)
	}
	return action.Plan(found)
}

// noCluster is this machine without a server to connect to.
type noCluster struct{ here }

func (noCluster) Peer(context.Context, string) (tasks.Host, error) {
	return nil, errors.New("there is one host")
}

// Files are tried before they are written: the engine itself reports what it does not accept, and starts with what it
// accepts.
func TestTheEngineIsAskedAboutFiles(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: runs the engine as another user, so it needs root")
	}
	each(t, func(t *testing.T, e *engine) {
		directory, err := os.MkdirTemp(e.scratch, "validate")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chmod(directory, 0o755), os.Symlink(e.prefix, filepath.Join(directory, "current"))); err != nil {
			t.Fatal(err)
		}
		before, err := filepath.Glob("/run/polarbook.*")
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct{ settings, dma, hba, want string }{
			"good": {"shared_buffers = 64MB\nwork_mem = '8MB'\nmax_connections = 150\n",
				"polar_dma_election_timeout = 3s\n", "host all all 10.0.0.0/8 md5\nhost all all 10.1.0.0 255.255.0.0 md5\n" +
					"host \"x y\" all samenet md5\n", ""},
			"too much memory": {"shared_buffers = '900GB'\n", "", "", "could not map anonymous shared memory: Cannot allocate memory"},
			"huge pages":      {"huge_pages = on\nshared_buffers = '2GB'\n", "", "", "could not map anonymous shared memory"},
			"a name": {"shared_buffrs = 1GB\n", "", "",
				`unrecognized configuration parameter "shared_buffrs" in file "postgresql.conf" line 14; did you mean "shared_buffers"?`},
			"a number": {"work_mem = lots\n", "", "", `invalid value for parameter "work_mem": "lots"`},
			"a unit":   {"work_mem = '8XB'\n", "", "", `invalid value for parameter "work_mem": "8XB"`},
			"a range":  {"port = 99999\n", "", "", `99999 is outside the valid range for parameter "port"`},
			"a word": {"wal_level = lots\n", "", "",
				`invalid value for parameter "wal_level": "lots"; Available values: minimal, replica, logical`},
			"a truth": {"autovacuum = perhaps\n", "", "", `parameter "autovacuum" requires a Boolean value`},
			"syntax":  {"work_mem = 'x\n", "", "", `syntax error in file "postgresql.conf" line 14`},
			"for dma": {"", "polar_dma_election_timeout = soon\n", "",
				`invalid value for parameter "polar_dma_election_timeout": "soon"`},
			"a mask": {"", "", "host all all 10.77.0.1/33 md5\n",
				`pg_hba.conf line 2 (host all all 10.77.0.1/33 md5): invalid CIDR mask in address "10.77.0.1/33"`},
			"a method": {"", "", "host all all 10.77.0.1/32 md55\n",
				`pg_hba.conf line 2 (host all all 10.77.0.1/32 md55): invalid authentication method "md55"; did you mean "md5"?`},
			"a type":           {"", "", "hots all all 10.77.0.1/32 md5\n", `invalid connection type "hots"; did you mean "host"?`},
			"no method":        {"", "", "host all all 10.77.0.1/32\n", "end-of-line before authentication method"},
			"no address":       {"", "", "host all all\n", "end-of-line before IP address specification"},
			"a line too short": {"", "", "host\n", "end-of-line before database specification"},
			"two at once":      {"", "", "host all all 10.77.0.1/33 md5\nhots all all all md5\n", `invalid connection type "hots"`},
			"senders":          {"max_connections = 20\n", "", "", "must be less than max_connections (20)"},
			"wal_level": {"wal_level = minimal\n", "", "",
				`WAL streaming (max_wal_senders > 0) requires wal_level "replica" or "logical"`},
			"archiving": {"wal_level = minimal\nmax_wal_senders = 0\narchive_mode = on\n", "", "",
				`WAL archival cannot be enabled when wal_level is "minimal"`},
			"little log": {"min_wal_size = '16MB'\n", "", "", `"min_wal_size" must be at least twice "wal_segment_size"`},
			"a library": {"shared_preload_libraries = '$libdir/polar_vfs,$libdir/polar_worker,pg_stat_statments'\n", "",
				"", "shared_preload_libraries names pg_stat_statments, which this engine does not have"},
			"a library that exists": {"shared_preload_libraries = '$libdir/polar_vfs,$libdir/polar_worker,pg_stat_statements'\n", "", "", ""},
			"no certificate":        {"ssl = on\nssl_cert_file = '/nowhere/server.crt'\n", "", "", "/nowhere/server.crt"},
			"our own, not yet": {"ssl = on\nssl_cert_file = '/etc/polardb-trial/server.pem'\n" +
				"ssl_key_file = '/etc/polardb-trial/server.pem'\n", "", "", ""},
			"an address": {"listen_addresses = '203.0.113.9'\n", "", "",
				"listen_addresses is 203.0.113.9, but the host has no such address"},
			"one of two addresses": {"listen_addresses = '203.0.113.9, 127.0.0.1'\n", "", "", ""},
			"a log's directory":    {"log_directory = '/nowhere/at/all'\n", "", "", "log_directory is /nowhere/at/all, where nobody cannot write"},
			"a socket's directory": {"unix_socket_directories = '/run/polardb-trial, /nowhere'\n", "", "",
				"unix_socket_directories is /nowhere, where nobody cannot write"},
			"another place": {"data_directory = '/srv/other'\n", "", "", "data_directory must be "},
			"another port":  {"port = 5433\n", "", "", "port must be 5432, not 5433"},
			"not shared":    {"polar_enable_shared_storage_mode = off\n", "", "", "polar_enable_shared_storage_mode must be on"},
			"no consensus":  {"", "polar_enable_dma = off\n", "", "polar_enable_dma must be on"},
			"silent":        {"log_min_messages = panic\nlog_destination = syslog\n", "", "host all all 10.77.0.1/33 md5\n", "invalid CIDR mask"},
		} {
			t.Run(name, func(t *testing.T) {
				p, err := validate(t, e, directory, c.settings, c.dma, c.hba)
				switch {
				case c.want == "" && (err != nil || len(p.Warnings) > 0 || p.Values["asked"] != true):
					t.Errorf("refused: %v %+v", err, p)
				case c.want != "" && err == nil:
					t.Errorf("taken: %+v", p)
				case c.want != "" && !strings.Contains(err.Error(), c.want):
					t.Errorf("said %v\nwant %s", err, c.want)
				}
				if err != nil && (strings.Contains(err.Error(), "/try/") || strings.Contains(err.Error(), "[0x")) {
					t.Errorf("tells of what is ours: %v", err)
				}
			})
		}
		t.Run("certificates and data by other names", func(t *testing.T) {
			pgdata := filepath.Join(directory, "data/pgdata")
			mustDo(t, os.MkdirAll(pgdata+"/tls", 0o755), os.MkdirAll(filepath.Join(directory, "data/polardata"), 0o755),
				os.Symlink("data", filepath.Join(directory, "link")))
			defer os.RemoveAll(filepath.Join(directory, "data"))
			for _, name := range []string{"tls/own.pem", "server.crt", "server.key"} {
				mustDo(t, os.WriteFile(filepath.Join(pgdata, name), selfSigned(t), 0o600), os.Chown(filepath.Join(pgdata, name), 65534, 65534))
			}
			linked := "polar_datadir = 'file-dio://" + filepath.Join(directory, "link/polardata") + "/'\n"
			for _, settings := range []string{"ssl = on\n", "ssl = on\nssl_cert_file = 'tls/own.pem'\nssl_key_file = 'tls/own.pem'\n", linked} {
				if p, err := validate(t, e, directory, settings, "", ""); err != nil || len(p.Warnings) > 0 || p.Values["asked"] != true {
					t.Errorf("%s refused: %v %+v", settings, err, p)
				}
			}
			for settings, want := range map[string]string{
				"ssl = on\nssl_cert_file = 'tls/none.pem'\n":                       "tls/none.pem",
				"polar_datadir = 'file-dio://" + directory + "/link/elsewhere/'\n": "polar_datadir must be ",
			} {
				if _, err := validate(t, e, directory, settings, "", ""); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", settings, err)
				}
			}
		})
		t.Run("a name that is ignored", func(t *testing.T) {
			p, err := validate(t, e, directory, "polar_enable_lazy_checkpont = off\n", "polar_dma_election_timout = 3s\n", "")
			if err != nil {
				t.Error(err)
			}
			t.Logf("%v", p.Warnings)
		})
		after, err := filepath.Glob("/run/polarbook.*")
		if err != nil || len(after) > len(before) {
			t.Errorf("left over: %v, %v", after, err)
		}
	})
}

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

var (
	selfSignedOnce sync.Once
	selfSignedPEM  []byte
)

// selfSigned returns a certificate that signed itself, and its key: always the same, so that they may lie in two files.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	selfSignedOnce.Do(func() {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		mustDo(t, err)
		of := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, &of, &of, &key.PublicKey, key)
		mustDo(t, err)
		private, err := x509.MarshalPKCS8PrivateKey(key)
		mustDo(t, err)
		selfSignedPEM = append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	})
	return selfSignedPEM
}
