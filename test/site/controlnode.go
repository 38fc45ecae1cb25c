package site

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// Vars are variables of an inventory.
type Vars map[string]any

// ControlNode is a directory where polarbook is run. It knows of no hosts but what a test writes there.
type ControlNode struct {
	T        testing.TB // whom failures are reported to: the test, or its subtest in hand
	Dir      string     // the inventory and, hidden, HOME and XDG_STATE_HOME
	Password string     // of replication and superuser
	Limit    time.Duration

	program    string
	knownHosts string            // "": the user's own
	secrets    map[string]string // what nothing may show, by what it is
}

// NewControlNode makes the directory, and a password that polarbook finds in its environment.
func NewControlNode(t testing.TB) *ControlNode {
	t.Helper()
	l := &ControlNode{T: t, Dir: t.TempDir(), Password: "secret-" + rand.Text(), Limit: runLimit, program: Program(t)}
	l.secrets = map[string]string{"the replication password": l.Password}
	return l
}

// runLimit ends a run of polarbook that hangs, and says where. It is no measure: three bare hosts become a cluster in 10 to
// 15 s with the stand-in and in a minute and a half with the real engine on a machine with nothing else to do, and a move
// of a node, with firewalld on four hosts, has needed more than four minutes on one that had seventeen times its work.
const runLimit = 15 * time.Minute

// File writes a file, by its name in the directory, and returns its path.
func (l *ControlNode) File(name, text string) string {
	l.T.Helper()
	path := filepath.Join(l.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.T.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.T.Fatal(err)
	}
	return path
}

// Inventory writes an inventory of one group, polardb. The name inventory.yml is the one that polarbook looks for.
func (l *ControlNode) Inventory(name string, group Vars, hosts map[string]Vars) {
	l.T.Helper()
	text, err := yaml.Marshal(Vars{"polardb": Vars{"vars": group, "hosts": hosts}})
	if err != nil {
		l.T.Fatal(err)
	}
	l.File(name, string(text))
}

func (l *ControlNode) environment() []string {
	return []string{
		"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC",
		"HOME=" + filepath.Join(l.Dir, ".home"), "XDG_STATE_HOME=" + l.state(),
		"POLARDB_REPLICATION_PASSWORD=" + l.Password,
	}
}

// state returns where polarbook keeps its journals.
func (l *ControlNode) state() string { return filepath.Join(l.Dir, ".state") }

// ChangePassword has the inventory say another password than the cluster has, and returns that. Nothing may show either.
func (l *ControlNode) ChangePassword() (former string) {
	former, l.Password = l.Password, "secret-"+rand.Text()
	l.secrets[fmt.Sprintf("password %d", len(l.secrets))] = l.Password
	return former
}
