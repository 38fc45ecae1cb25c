package e2e

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

// Passwords, a role and a setting with every character that means something to a shell, SQL, configuration files, connection
// strings, password files or pg_hba.conf. Each must reach the engine as it was written.
func TestPasswordsAndSettingsOfAnyLetters(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Cluster: "letters", Specs: site.Hosts("node1", "node2"), Group: site.Vars{
		"polardb_replication_user":     `rep 'li"c\ator`,
		"polardb_replication_password": `a'b\c"d$e%f g:h#é\\ \'`,
		"polardb_password":             "１２３" + strings.Repeat(`ü'\`, 40),
		"polardb_settings":             site.Vars{"log_line_prefix": `%m 'it''s' \n [%p] # `},
	}})
	s.Run(0, "new-cluster.yml").Changed()
	s.Run(0, "new-cluster.yml").Unchanged()
	s.Run(0, "reconfigure.yml").Unchanged()
	s.Whole()
	s.Case(t, "the setting", func(t *testing.T) {
		s.File("ask.yml", `
- name: Ask
  hosts: polardb
  gather_facts: false
  tasks:
    - import_role: {name: polardb, tasks_from: status.yml}
    - polardb_query:
        on: self
        query: select current_setting('log_line_prefix') as prefix
        nodes: "{{ polardb_nodes }}"
        login_user: "{{ polardb_user }}"
        login_password: "{{ polardb_password }}"
      register: asked
    - assert:
        that: asked.query_result[0].prefix == polardb_settings.log_line_prefix
`)
		s.Run(0, "ask.yml")
	})
	s.Case(t, "a copy", func(*testing.T) { s.Run(0, "backup.yml", "-e", "on=node2", "-e", "to=/srv/backup") })
	s.Case(t, "built anew", func(*testing.T) {
		s.Run(0, "rebuild-node.yml", "-e", "node="+s.Followers()[0], "--yes")
		s.Whole()
	})
	s.Case(t, "md5 for old clients, and back", func(t *testing.T) {
		// Two lines for each member are for replication, which stays with md5.
		others := map[string]string{"md5": "3\n", "scram-sha-256": "7\n"}
		for _, encryption := range []string{"md5", "scram-sha-256"} {
			s.SetAll(site.Vars{"polardb_password_encryption": encryption})
			s.Run(0, "reconfigure.yml").Changed()
			s.Run(0, "reconfigure.yml").Unchanged()
			s.Run(0, "new-cluster.yml").Unchanged()
			s.Whole()
			if got := s.On("node1", "grep -vc ' "+encryption+"$' /var/lib/polardb/pgdata/pg_hba.conf"); got != others[encryption] {
				t.Errorf("%s: %s lines of pg_hba.conf say something else", encryption, got)
			}
		}
	})
	s.Case(t, "who has replication log in by SCRAM is told what that does", func(*testing.T) {
		s.Variant("scram.yml", site.Vars{"polardb_replication_password_encryption": "scram-sha-256"}, nil)
		const advice = "leave polardb_replication_password_encryption at md5"
		s.Run(0, "check.yml", "-i", "scram.yml").Says("starts over each time its connection to the leader ends", advice).Unchanged()
		s.Run(0, "reconfigure.yml", "-i", "scram.yml", "--check").Says("starts over each time its connection to the leader ends", advice)
	})
	s.Case(t, "what the engine cannot hold is refused first", func(*testing.T) {
		s.Variant("long.yml", site.Vars{"polardb_replication_password": strings.Repeat("long", 80)}, nil)
		s.Run(2, "check.yml", "-i", "long.yml").Says("a password that the engine accepts").Unchanged()
		s.Run(2, "new-cluster.yml", "-i", "long.yml").Says("a password that the engine accepts").Unchanged()
	})
	s.Case(t, "another password", func(*testing.T) {
		s.Variant("other.yml", site.Vars{"polardb_password": "wr0ng-one"}, nil)
		s.Run(2, "new-cluster.yml", "-i", "other.yml").Says("password authentication failed").Unchanged()
		s.Variant("other.yml", site.Vars{"polardb_replication_password": "wr0ng-one"}, nil)
		s.Run(2, "new-cluster.yml", "-i", "other.yml").Says("has another password than the one that is given").Unchanged("node2")
	})
}
