package system

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestLocaleGen(t *testing.T) {
	if _, err := os.Stat("/usr/share/i18n/SUPPORTED"); err != nil {
		t.Skip("SKIP: this machine lacks the package locales")
	}
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		dir, l := t.TempDir(), &taskstest.FakeLocal{}
		args := func(state string, names ...any) map[string]any { return map[string]any{"name": names, "state": state} }
		taskstest.Pretend(t, dir, map[string]string{
			"locale":     `cat "$STATE/made"`,
			"locale-gen": `[ ! -e "$STATE/broken" ] || exit 1; { echo C.utf8; grep -v '^ *#' /etc/locale.gen | sed 's/UTF-8 .*/utf8/; s/ .*//'; } >"$STATE/made"`,
		})
		taskstest.MustWrite(t, dir+"/made", "C.utf8\nPOSIX\n")
		taskstest.MustFail(t, h, "locale_gen", args("present", "de_DE.UTF-8"), l, "this host has no /etc/locale.gen")
		taskstest.Write(t, h.Etc+"/locale.gen", "# a remark\n# de_DE.UTF-8 UTF-8\n# de_DE ISO-8859-1\n", 0o644)
		taskstest.MustNotChange(t, h, "locale_gen", args("present", "C.UTF-8"), l)
		taskstest.MustNotChange(t, h, "locale_gen", args("absent", "de_DE.UTF-8"), l)
		for _, state := range []string{"present", "absent"} {
			taskstest.MustChange(t, h, "locale_gen", args(state, "de_DE.UTF-8", "fr_FR.UTF-8"), l)
			taskstest.MustNotChange(t, h, "locale_gen", args(state, "de_DE.UTF-8", "fr_FR.UTF-8"), l)
		}
		want := "# a remark\n# de_DE.UTF-8 UTF-8\n# de_DE ISO-8859-1\n# fr_FR.UTF-8 UTF-8\n"
		if got := h.EtcFile(t, "locale.gen"); got != want {
			t.Errorf("%q", got)
		}
		taskstest.MustFail(t, h, "locale_gen", args("present", "xx_YY.UTF-8"), l, "this host cannot make the locale xx_YY.UTF-8")
		taskstest.MustWrite(t, dir+"/broken", "")
		taskstest.MustFail(t, h, "locale_gen", args("present", "de_DE.UTF-8"), l, "")
		if got := h.EtcFile(t, "locale.gen"); got != want {
			t.Errorf("after a failure it is %q", got)
		}
		for _, bad := range []string{"", "-x", "a b", "a\nb"} {
			if _, err := taskstest.ModuleNamed(t, "locale_gen").New(args("present", bad), l); err == nil {
				t.Errorf("%q is taken", bad)
			}
		}
	})
}
