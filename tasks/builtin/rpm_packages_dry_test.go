package builtin

import (
	"strings"
	"testing"
)

// What dnf 4 prints where packages are checked and there is no key ends with all settings of the repository.
func TestRefusalWithoutAKey(t *testing.T) {
	const said = "\nYou have enabled checking of packages via GPG keys. This is a good thing.\nHowever, you do not have any GPG public keys installed.\n\n" +
		"For more information contact your distribution or package provider.\n\nProblem repository: [lab-extra]\nbandwidth: 0\nbaseurl: file:///x\n" +
		"timeout: 30\ntype: \nuser_agent: libdnf\nusername: \n"
	if got := refusal(said); !strings.Contains(got, "the repository lab-extra") || strings.Contains(got, "user_agent") {
		t.Error(got)
	}
	if got := refusal("Error: \n Problem: conflicting requests\n"); got != "Error:; Problem: conflicting requests" {
		t.Error(got)
	}
}
