package playbooks

import (
	"slices"
	"testing"
)

// TestEachBuiltinMovesWhatEarlierReleasesNoted: whatever works on the data of members begins with taking over the notes of an
// earlier release, which the engine's account could write. Who only looks moves nothing.
func TestEachBuiltinMovesWhatEarlierReleasesNoted(t *testing.T) {
	looks := []string{"backups.yml", "check.yml", "status.yml"}
	removes := []string{"destroy.yml"}
	reads := []string{"polardb_facts", "polardb_discover", "polardb_chosen", "polardb_tablespaces", "polardb_check", "polardb_validate",
		"polardb_firewall"}
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range all {
		t.Run(info.Name, func(t *testing.T) {
			p := loadBuiltin(t, info.Name)
			moved, worked := "", ""
			p.Walk(func(s Step) bool {
				task, ok := s.Node.(*Task)
				if !ok || task.Module == nil || s.Section == "handlers" {
					return true
				}
				_, onData := task.Args["pgdata"]
				noting := false
				if move, given := task.Args["move"]; given && task.Module.Name == "polardb_facts" {
					noting = move.Raw == true
					for _, parent := range s.Parents {
						if n, ok := parent.(*Block); ok && n.Vars["polardb_noting"].Raw == true {
							noting = true
						}
					}
				}
				switch {
				case noting:
					if moved == "" && worked == "" {
						moved = task.Pos.String()
					}
					if len(task.When) > 0 {
						t.Errorf("%s: only on a condition", task.Pos)
					}
				case onData && !slices.Contains(reads, task.Module.Name) && worked == "":
					worked = task.Module.Name + " in " + task.Pos.String()
				}
				return true
			})
			switch {
			case slices.Contains(looks, info.Name):
				if moved != "" || worked != "" {
					t.Errorf("it moves them (%s) or works on data (%s)", moved, worked)
				}
			case slices.Contains(removes, info.Name):
			case moved == "":
				t.Errorf("it does not move them before it works on data: %s", worked)
			}
		})
	}
}
