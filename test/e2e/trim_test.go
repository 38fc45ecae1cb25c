package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// trim lets the built-in playbooks run without the firewall modules for as long as those are not there.
func (s *site) trim() {
	s.t.Helper()
	if exec.Command(s.program, "doc", "firewalld").Run() == nil {
		return
	}
	for _, book := range []string{"new-cluster.yml", "check.yml", "add-node.yml"} {
		to := s.t.TempDir()
		if output, err := exec.Command(s.program, "playbooks", "export", book, "--to", to).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, output)
		}
		if output, err := exec.Command("cp", "-r", to+"/.", s.dir).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, output)
		}
	}
	file := filepath.Join(s.dir, "roles/polardb/tasks/os.yml")
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	text = regexp.MustCompile(`(?s)- name: Which firewall runs.*`).ReplaceAll(text, nil)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		s.t.Fatal(err)
	}
}
