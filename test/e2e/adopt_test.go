package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
	"gopkg.in/yaml.v3"
)

// handMade is a way to make a cluster without polarbook.
type handMade struct {
	account, home     string
	prefix            string // of the engine
	pgdata, polardata string // as its server is told
	space             string // where it has a tablespace
	port              int
	before            string // done on each host before anything else
	conf              func(host int) string
	hba               []string
	tls               bool
	start             string // as root, on each host
	boot              string // what starts it at boot: "" or a unit
}

func (m handMade) appname(host int) string { return fmt.Sprintf("standby_pg%d", host) }

// make makes the cluster, the way that people do by hand.
func (m handMade) make(s *site.Site) {
	s.T.Helper()
	s.File("engine.yml", "- hosts: all\n  become: true\n  gather_facts: false\n  tasks:\n    - file: {path: "+m.prefix+", state: directory, mode: '0755'}\n"+
		"    - unarchive: {src: "+site.Archive(s.T)+", dest: "+m.prefix+", extra_opts: [--strip-components=1]}\n")
	s.Run(0, "engine.yml")
	var leader string
	for i, name := range s.Names() {
		address := s.Lab.Host(name).Address
		s.On(name, m.before)
		s.On(name, fmt.Sprintf("! command -v firewall-cmd >/dev/null || for p in --permanent ''; do firewall-cmd $p --add-port=%d/tcp --add-port=%d/tcp; done", m.port, m.port+10000))
		s.On(name, fmt.Sprintf("id %s >/dev/null 2>&1 || useradd -m -d %s -s /bin/bash %s; chown -R %s: %s; install -d -o %s -m 700 $(dirname %s) $(dirname %s)",
			m.account, m.home, m.account, m.account, m.prefix, m.account, m.pgdata, m.polardata))
		s.On(name, fmt.Sprintf("install -d -o %s -m 700 %s", m.account, m.space))
		if i == 0 {
			leader = address
			m.as(s, name, fmt.Sprintf("initdb -U %s -E UTF8 --locale=C -D %s >/dev/null && mkdir -p %s && polar-initdb.sh %s/ %s/ localfs >/dev/null",
				m.account, m.pgdata, m.polardata, m.pgdata, m.polardata))
		} else {
			m.as(s, name, fmt.Sprintf("PGPASSWORD=%s polar_basebackup -w -h %s -p %d -U replicator -D %s --polardata=%s -X stream -R -c fast",
				s.Password, leader, m.port, m.pgdata, m.polardata))
		}
		m.configure(s, name, i+1)
		meta := fmt.Sprintf("polar_dma_learners_info=%s:%d", address, m.port)
		if i == 0 {
			meta = fmt.Sprintf("polar_dma_members_info=%s:%d@1", address, m.port)
		}
		m.as(s, name, fmt.Sprintf("timeout 60 postgres -D %s -c polar_dma_init_meta=ON -c '%s'", m.pgdata, meta))
		s.On(name, m.start)
		if i == 0 {
			s.Eventually("the first node takes writes", func() error {
				if out := m.as(s, name, "psql -h /tmp -p "+fmt.Sprint(m.port)+" -d postgres -Atc 'select pg_is_in_recovery()' 2>&1 || :"); out != "f\n" {
					return fmt.Errorf("it says %s", out)
				}
				return nil
			})
			for _, statement := range []string{
				fmt.Sprintf("create role replicator superuser login password '%s'", s.Password),
				fmt.Sprintf("alter role %s password '%s'", m.account, s.Password), "create extension polar_monitor",
				"create table kept (a int)", "insert into kept select x from generate_series(1, 500) x",
			} {
				m.psql(s, name, statement)
			}
			continue
		}
		m.psql(s, s.Names()[0], fmt.Sprintf("alter system dma add follower '%s:%d'", address, m.port))
	}
	// The engine's own base backup leaves tablespaces out.
	for _, statement := range []string{fmt.Sprintf("create tablespace ts location '%s'", m.space), "create table spaced (a int) tablespace ts",
		"insert into spaced select x from generate_series(1, 500) x"} {
		m.psql(s, s.Names()[0], statement)
	}
}

func (m handMade) configure(s *site.Site, name string, host int) {
	tls := ""
	if m.tls {
		tls = "ssl = on\n"
		s.On(name, "cat >"+m.pgdata+"/server.pem <<'X'\n"+certificate(s.T)+"X\nchown "+m.account+": "+m.pgdata+"/server.pem; chmod 600 "+m.pgdata+"/server.pem")
		tls += "ssl_cert_file = 'server.pem'\nssl_key_file = 'server.pem'\n"
	}
	s.On(name, "cat >"+m.pgdata+"/local.cnf <<'X'\nwork_mem = 8MB\nlog_line_prefix = '%m [%p] x '\nX\nchown "+m.account+": "+m.pgdata+"/local.cnf")
	s.On(name, fmt.Sprintf(`cd %s && cat >postgresql.conf <<'X'
# Made by hand.
listen_addresses = '*' # everywhere
port = %d
Polar_Hostid = %d
polar_datadir = 'file-dio://%s/'
polar_enable_shared_storage_mode = on
polar_vfs.localfs_test_mode = on
shared_preload_libraries = '$libdir/polar_vfs,$libdir/polar_worker'
hot_standby = on
polar_logindex_mem_size = 0
polar_enable_lazy_checkpoint = off
polar_enable_xlog_buffer = off
polar_enable_copy_buffer = off
polar_enable_persisted_buffer_pool = off
polar_enable_flashback_log = off
logging_collector = on
log_directory = 'pg_log'
unix_socket_directories = '/tmp'
work_mem = 4MB
%s%s
X
cat >polar_dma.conf <<'X'
polar_enable_dma = on
polar_dma_repl_user = 'replicator'
polar_dma_repl_passwd = '%s'
polar_dma_repl_appname = '%s'
polar_dma_election_timeout = 3s
X
cat >pg_hba.conf <<'X'
# Made by hand.
%s
X
chown %s: *.conf; chmod 600 *.conf`, m.pgdata, m.port, host, m.polardata, tls, m.conf(host), s.Password, m.appname(host), strings.Join(m.hba, "\n"), m.account))
}

func (m handMade) as(s *site.Site, name, script string) string {
	s.T.Helper()
	return s.On(name, fmt.Sprintf("cd / && runuser -u %s -- env LC_ALL=C PATH=%s/bin:$PATH LD_LIBRARY_PATH=%s/lib sh -c '%s'",
		m.account, m.prefix, m.prefix, strings.ReplaceAll(script, "'", `'\''`)))
}

// psql uses the socket, as scripts on the host do.
func (m handMade) psql(s *site.Site, name, statement string) string {
	s.T.Helper()
	return strings.TrimSpace(m.as(s, name, fmt.Sprintf(`PGPASSWORD=%s psql -h /tmp -p %d -d postgres -At -v ON_ERROR_STOP=1 -c "%s"`, s.Password, m.port, statement)))
}

// certificate returns a certificate that signed itself, with its key.
func certificate(t testing.TB) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "by hand"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &of, &of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// describe has the site's inventory say what adopt.yml wrote.
func describe(s *site.Site, file string) {
	s.T.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, file))
	if err != nil {
		s.T.Fatal(err)
	}
	var read struct {
		Polardb struct {
			Vars  site.Vars            `yaml:"vars"`
			Hosts map[string]site.Vars `yaml:"hosts"`
		} `yaml:"polardb"`
	}
	if err := yaml.Unmarshal(text, &read); err != nil {
		s.T.Fatalf("%v\n%s", err, text)
	}
	if strings.Contains(string(text), s.Password) {
		s.T.Error("a password is in the inventory that adopt.yml wrote")
	}
	s.SetAll(read.Polardb.Vars)
	for name, vars := range read.Polardb.Hosts {
		s.Set(name, vars)
	}
}

// adopt takes the cluster over, and then does with it what is done with every cluster.
func (m handMade) adopt(t *testing.T) {
	s := site.New(t, site.Options{Cluster: "theirs", Specs: site.Hosts("node1", "node2", "node3"),
		Group: site.Vars{"polardb_package": "", "polardb_dma_settings": site.Vars{}}})
	m.make(s)
	state := func() string {
		all := ""
		for _, n := range s.Names() {
			all += s.On(n, "cat "+m.pgdata+"/*.conf | cksum; head -n 1 "+m.pgdata+"/postmaster.pid; ls -A /opt/polardb /var/lib/polarbook /etc/systemd/system 2>&1 || :")
		}
		return all
	}
	// With the paths in variables, what only asks works before.
	real := strings.TrimSpace(s.On("node1", "readlink -f "+m.pgdata))
	realData := strings.TrimSpace(s.On("node1", "readlink -f "+m.polardata))
	known := []string{"-e", "polardb_user=" + m.account, "-e", fmt.Sprintf("polardb_port=%d", m.port), "-e", "polardb_pgdata=" + real, "-e",
		"polardb_polardata=" + realData}
	s.Eventually("polarbook status says of theirs that all is well", func() error {
		if o := s.Start(nil, append([]string{"status"}, known...)...).Wait(); o.Code != 0 {
			return fmt.Errorf("%s", o.Printed())
		}
		return nil
	})
	s.Run(0, "switchover.yml", append([]string{"-e", "to=node2"}, known...)...)
	before := state()
	s.Run(2, "restart.yml", known...).Says("polarbook did not begin").Unchanged()

	s.Run(2, "adopt.yml", "--yes").Says("inventory_out=FILE").Unchanged()
	s.Run(2, "adopt.yml", "--yes", "--limit", "node1,node2").Says("leaves some hosts out").Unchanged()
	s.File("taken.yml", "mine\n")
	s.Run(2, "adopt.yml", "--yes", "-e", "inventory_out=taken.yml").Says("is there already").Unchanged()
	check := s.Run(0, "adopt.yml", "--check", "-e", "inventory_out=adopted.yml")
	if s.On("node1", "command -v firewall-cmd || :") != "" {
		check.Says(fmt.Sprintf("close %d/tcp for everybody", m.port+10000))
	}
	check.Says(m.account, real, realData, m.appname(1), "standby_", "nothing is moved", "write the inventory")
	if after := state(); after != before {
		t.Fatalf("a check changed\n%s\nto\n%s", before, after)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "adopted.yml")); err == nil {
		t.Error("a check wrote the inventory")
	}
	right := s.Password
	s.ChangePassword()
	s.Run(2, "adopt.yml", "--yes", "-e", "inventory_out=adopted.yml").Says("is not the one in its polar_dma.conf")
	s.Password = right

	s.KillWhen(site.Ends("Restart the server"), "adopt.yml", "--yes", "-e", "inventory_out=adopted.yml")
	o := s.Run(0, "adopt.yml", "--yes", "-e", "inventory_out=adopted.yml").Changed()
	t.Logf("taken over in %s", o.Took)
	describe(s, "adopted.yml")
	s.Run(0, "adopt.yml", "--yes").Says("polarbook's already").Unchanged()
	m.whole(s)
	for _, n := range s.Names() {
		if got := m.psql(s, n, "show work_mem"); got != m.workMem() {
			t.Errorf("work_mem of %s is %s", n, got)
		}
		if got := s.On(n, "systemctl is-active "+s.Unit()+"; systemctl is-enabled "+s.Unit()); got != "active\nenabled\n" {
			t.Errorf("the unit of %s is %s", n, got)
		}
		if m.boot != "" {
			if got := s.On(n, "systemctl is-active "+m.boot+" || :; systemctl is-enabled "+m.boot+" || :"); got != "inactive\ndisabled\n" {
				t.Errorf("%s of %s is %s", m.boot, n, got)
			}
		}
	}
	if t.Failed() {
		return
	}
	m.dayTwo(t, s)
}

// whole wants the cluster as it was, without anything that polarbook would change.
func (m handMade) whole(s *site.Site) {
	s.T.Helper()
	leader := s.Settles().Leader
	s.Run(0, "reconfigure.yml").Unchanged(s.Names()...)
	// The server may write where the tablespace is: what it has in memory comes to its disk.
	m.psql(s, leader, "insert into spaced values (501)")
	m.psql(s, leader, "checkpoint")
	for _, n := range s.Names() {
		for _, table := range []string{"kept", "spaced"} {
			if got := m.psql(s, n, "select count(*) from "+table+" where a <= 500"); got != "500" {
				s.T.Errorf("%s has %s rows in %s", n, got, table)
			}
		}
	}
}

// certificates are the sums of what the nodes show to their clients.
func (m handMade) certificates(s *site.Site) (all string) {
	for _, n := range s.Names() {
		all += s.On(n, "sha256sum "+m.pgdata+"/server.pem 2>&1 || :")
	}
	return all
}

func (m handMade) workMem() string {
	if strings.Contains(m.conf(1), "include") {
		return "8MB"
	}
	return "4MB"
}

func (m handMade) dayTwo(t *testing.T, s *site.Site) {
	s.SetAll(site.Vars{"polardb_package": site.Archive(t)})
	f := s.Followers()
	s.Run(0, "switchover.yml", "-e", "to="+f[0]).Changed()
	s.Run(0, "restart.yml").Changed()
	s.Run(0, "drop-node.yml", "-e", "node="+s.Followers()[0], "--yes").Changed()
	for _, n := range s.Names() {
		if s.StatusNow().Of(n).Role == "" || !s.StatusNow().Of(n).Answers {
			s.Run(0, "add-node.yml", "--limit", n).Changed()
		}
	}
	m.whole(s)
	if testing.Short() {
		return
	}
	was := m.certificates(s)
	s.Run(0, "rebuild-node.yml", "-e", "node="+s.Followers()[1], "--yes").Changed()
	m.whole(s)
	s.Run(0, "backup.yml", "-e", "on=node1").Changed()
	if m.tls {
		s.Run(0, "stop.yml", "--yes").Changed()
		s.Run(0, "restore.yml", "-e", "from=newest", "-e", "on=node1", "-e", "confirm=theirs").Changed()
		m.whole(s)
	}
	if got := m.certificates(s); got != was {
		t.Errorf("the nodes had the certificates\n%sand have\n%s", was, got)
	}
	s.ChangePassword()
	s.Run(0, "rotate-password.yml").Changed()
	m.whole(s)
	s.Run(0, "upgrade.yml", "-e", "polardb_package="+site.Releases(t)[1]).Changed()
	m.whole(s)
	s.Run(0, "new-cluster.yml", "-e", "polardb_package="+site.Releases(t)[1])
	m.whole(s)
}

// TestAdopt takes over a cluster that was made after the wiki and started by pg_ctl.
func TestAdopt(t *testing.T) {
	t.Parallel()
	m := handMade{account: "postgres", home: "/home/postgres", prefix: "/home/postgres/base", pgdata: "/home/postgres/nodes/pgdata",
		polardata: "/home/postgres/nodes/polardata", space: "/usr/local/spaces/ts", port: 5432,
		conf: func(int) string { return "max_connections = 200\n" },
		hba: []string{"local all all trust", "host all all 127.0.0.1/32 md5", "host all all 0.0.0.0/0 md5 # everybody",
			"host replication replicator 0.0.0.0/0 md5"}}
	m.start = m.pgctl()
	m.adopt(t)
}

func (m handMade) pgctl() string {
	return fmt.Sprintf("cd / && runuser -u %s -- env LC_ALL=C LD_LIBRARY_PATH=%s/lib %s/bin/pg_ctl -D %s -l /tmp/%s.log start >/dev/null",
		m.account, m.prefix, m.prefix, m.pgdata, m.account)
}

// TestAdoptUnit takes over one with a unit, ports and an included file of its own.
func TestAdoptUnit(t *testing.T) {
	site.Long(t)
	t.Parallel()
	m := handMade{account: "pgxc", home: "/home/pgxc", prefix: "/usr/local/polardb", pgdata: "/data/dn/pg", polardata: "/data/dn/polar",
		space: "/home/pgxc/ts", port: 6001,
		conf: func(int) string { return "max_connections = 200\ninclude 'local.cnf'\n" }, boot: "pgxc-dn.service",
		hba: []string{"local all all trust", "host all all samehost trust", "host replication replicator 10.0.0.0/8 md5",
			"host all all 10.0.0.0/8 md5", "host all all 0.0.0.0/0 reject"}}
	m.start = fmt.Sprintf(`cat >/etc/systemd/system/pgxc-dn.service <<'X'
[Unit]
Description=data node
[Service]
Type=simple
User=pgxc
Environment=LD_LIBRARY_PATH=%s/lib
ExecStart=%s/bin/postgres -D %s
KillSignal=SIGINT
Restart=always
[Install]
WantedBy=multi-user.target
X
systemctl daemon-reload; systemctl enable --now pgxc-dn.service`, m.prefix, m.prefix, m.pgdata)
	m.adopt(t)
}

// TestAdoptTLS takes over one with TLS, a link in its paths, and another home and group of its account.
func TestAdoptTLS(t *testing.T) {
	site.Long(t)
	t.Parallel()
	m := handMade{account: "dbadmin", home: "/srv/dbadmin", prefix: "/srv/engine", pgdata: "/db/main/pg", polardata: "/db/main/polar",
		space: "/db/ts", port: 5433, tls: true,
		before: "mkdir -p /mnt/disk1 && ln -s /mnt/disk1 /db; getent group dba || groupadd dba; useradd -m -d /srv/dbadmin -g dba -s /bin/bash dbadmin",
		conf:   func(int) string { return "" },
		hba: []string{"local all all trust", "host all all 127.0.0.1/32 md5", "hostssl replication replicator 0.0.0.0/0 md5",
			"host all all 0.0.0.0/0 md5"}}
	m.start = m.pgctl()
	m.adopt(t)
}
