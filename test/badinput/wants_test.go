package badinput

import (
	"strings"

	"github.com/polarbook/polarbook/test/site"
)

// wants checks the exit code of a run and its output, which must not contain texts that begin with "!".
func wants(o *site.Outcome, code int, say ...string) {
	o.T.Helper()
	if o.Code != code {
		o.T.Errorf("exit code %d, want %d", o.Code, code)
	}
	for _, s := range say {
		if not, ok := strings.CutPrefix(s, "!"); ok == strings.Contains(o.Printed(), strings.TrimPrefix(s, "!")) {
			if ok {
				o.T.Errorf("says %q, and should not", not)
			} else {
				o.T.Errorf("does not say %q", s)
			}
		}
	}
	if o.T.Failed() {
		o.T.Logf("polarbook %s: exit code %d\n%s", strings.Join(o.Args, " "), o.Code, o.Printed())
	}
}
