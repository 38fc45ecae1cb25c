package sources

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// fakeRPM keeps keys in files of $STATE/db.
const fakeRPM = `mkdir -p "$STATE/db"
case $1 in
-q) cat "$STATE"/db/* 2>/dev/null || { echo "package gpg-pubkey is not installed"; exit 1; } ;;
--import) cp "$2" "$STATE/db/$(cksum < "$2" | cut -d' ' -f1)" ;;
--erase) echo "$3" >> "$STATE/erased"; rm -f "$STATE"/db/* ;;
esac
`

func TestRPMKey(t *testing.T) {
	address, _ := keyServer(t)
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		taskstest.Pretend(t, dir, map[string]string{"rpm": fakeRPM})
		l := &taskstest.FakeLocal{}
		one := map[string]any{"key": address + "/key", "fingerprint": []any{twoPrint}}
		taskstest.MustFail(t, h, "rpm_key", one, l, "does not match any key fingerprints")
		one["fingerprint"] = strings.ToLower(onePrint[:4]) + " " + onePrint[4:]
		taskstest.MustChange(t, h, "rpm_key", one, l)
		taskstest.MustNotChange(t, h, "rpm_key", one, l)
		taskstest.MustNotChange(t, h, "rpm_key", map[string]any{"key": "0x" + onePrint[32:]}, l)
		taskstest.MustFail(t, h, "rpm_key", map[string]any{"key": twoPrint[32:]}, l, "a valid file must be given")
		two := dir + "/it's two"
		taskstest.MustFail(t, h, "rpm_key", map[string]any{"key": two}, l, "Not a valid key")
		taskstest.Write(t, two, "hello", 0o644)
		taskstest.MustFail(t, h, "rpm_key", map[string]any{"key": two}, l, "no public key")
		taskstest.Write(t, two, keyText(t, "two"), 0o644)
		taskstest.MustChange(t, h, "rpm_key", map[string]any{"key": two}, l)
		taskstest.MustNotChange(t, h, "rpm_key", map[string]any{"key": two}, l)
		taskstest.MustFail(t, h, "rpm_key", map[string]any{"key": address + "/none"}, l, "HTTP Error 404")
		gone := map[string]any{"key": two, "state": "absent"}
		taskstest.MustChange(t, h, "rpm_key", gone, l)
		taskstest.MustNotChange(t, h, "rpm_key", gone, l)
		if got := taskstest.Read(t, dir+"/erased"); got != "gpg-pubkey-"+strings.ToLower(twoPrint[32:])+"\n" {
			t.Errorf("erased %q", got)
		}
	})
	if _, err := taskstest.ModuleNamed(t, "rpm_key").New(map[string]any{"key": "/k", "fingerprint": "xyz"},
		&taskstest.FakeLocal{}); err == nil {
		t.Error("a fingerprint of other than digits is taken")
	}
}
