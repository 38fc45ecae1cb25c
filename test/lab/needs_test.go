package lab

import (
	"os"
	"strings"
	"testing"
)

// test/needs installs what a lab needs before there is a program that could be asked: it has the same packages.
func TestNeedsInstallsWhatALabNeeds(t *testing.T) {
	script, err := os.ReadFile("../needs")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range debianPackages {
		if p.name != "tar" && !strings.Contains(string(script), p.shownBy+" "+p.name+"\n") &&
			!strings.Contains(string(script), p.shownBy+" "+p.name+"'") {
			t.Errorf("test/needs does not install %s where there is no %s", p.name, p.shownBy)
		}
	}
}
