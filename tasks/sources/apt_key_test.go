package sources

import (
	"os"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

func TestAptKey(t *testing.T) {
	address, asked := keyServer(t)
	l, asks := &taskstest.FakeLocal{}, &taskstest.FakeLocal{Checking: true}
	taskstest.EachShell(t, func(t *testing.T, h *taskstest.LocalHost, dir string) {
		ring := dir + "/it's a ring.gpg"
		one := map[string]any{"url": address + "/key", "keyring": ring}
		if plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "apt_key", one, asks)); err != nil || !plan.Change {
			t.Fatalf("check mode: %+v, %v", plan, err)
		}
		if _, err := os.Lstat(ring); err == nil {
			t.Fatal("check mode wrote a keyring")
		}
		_, result := taskstest.MustChange(t, h, "apt_key", one, l)
		if v := result.Values; v["fp"] != onePrint[24:] || v["short_id"] != onePrint[32:] || len(v["before"].([]any)) != 0 ||
			len(v["after"].([]any)) != 2 {
			t.Errorf("%v", v)
		}
		taskstest.MustNotChange(t, h, "apt_key", one, l)
		n := len(*asked)
		taskstest.MustNotChange(t, h, "apt_key", map[string]any{"url": address + "/key", "id": "0x" + strings.ToLower(onePrint),
			"keyring": ring}, l)
		if len(*asked) != n {
			t.Error("a key that is there by its id was fetched")
		}
		taskstest.MustChange(t, h, "apt_key", map[string]any{"data": keyText(t, "two"), "keyring": ring, "id": twoPrint[32:]}, l)
		if out, err := taskstest.Sh(t, "command -v gpg >/dev/null || exit 0; gpg --batch --show-keys --with-colons '"+dir+"/it'\\''s a ring.gpg' 2>/dev/null | grep -c ^pub"); err != nil || out != "2\n" {
			t.Errorf("gpg finds %q keys, %v", out, err)
		}
		if info, err := os.Stat(ring); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%v, %v", info, err)
		}
		file := dir + "/two.asc"
		taskstest.Write(t, file, keyText(t, "two"), 0o644)
		taskstest.MustNotChange(t, h, "apt_key", map[string]any{"file": file, "keyring": ring}, l)
		taskstest.MustFail(t, h, "apt_key", map[string]any{"file": file, "keyring": ring, "id": strings.Repeat("A", 16)}, l, "none with the id")
		taskstest.MustFail(t, h, "apt_key", map[string]any{"url": address + "/none", "keyring": ring}, l, "HTTP Error 404")
		gone := map[string]any{"id": onePrint[24:], "keyring": ring, "state": "absent"}
		taskstest.MustChange(t, h, "apt_key", gone, l)
		taskstest.MustNotChange(t, h, "apt_key", gone, l)
		taskstest.MustNotChange(t, h, "apt_key", map[string]any{"file": file, "keyring": ring}, l)
		taskstest.MustChange(t, h, "apt_key", map[string]any{"keyserver": address, "id": onePrint, "keyring": ring}, l)
		if last := (*asked)[len(*asked)-1]; last != "/pks/lookup?op=get&options=mr&search=0x"+onePrint {
			t.Errorf("the server was asked %q", last)
		}
		armored := dir + "/armored.asc"
		taskstest.Write(t, armored, keyText(t, "two"), 0o644)
		taskstest.MustChange(t, h, "apt_key", map[string]any{"data": keyText(t, "one"), "keyring": armored}, l)
		if got := taskstest.Read(t, armored); !strings.HasPrefix(got, armorBegin) {
			t.Errorf("a keyring that is armored by its name holds %q", got)
		}
		taskstest.MustNotChange(t, h, "apt_key", map[string]any{"data": keyText(t, "one"), "keyring": armored}, l)
		old := map[string]any{"data": keyText(t, "expired"), "keyring": dir + "/old.gpg"}
		taskstest.MustFail(t, h, "apt_key", old, l, "has expired")
		keys, err := readKeys([]byte(keyText(t, "expired")))
		if err != nil {
			t.Fatal(err)
		}
		taskstest.Write(t, dir+"/old.gpg", string(keys[0].packets), 0o644)
		taskstest.MustFail(t, h, "apt_key", old, l, "has expired")
		taskstest.MustFail(t, h, "apt_key", map[string]any{"id": keys[0].id(), "keyring": dir + "/old.gpg"}, l, "there is no key with the id")
		prolonged := map[string]any{"data": keyText(t, "prolonged"), "id": keys[0].id(), "keyring": dir + "/old.gpg"}
		_, result = taskstest.MustChange(t, h, "apt_key", prolonged, l)
		if v := result.Values; len(v["before"].([]any)) != 0 || len(v["after"].([]any)) != 1 {
			t.Errorf("a key in the place of one that has expired: %v", v)
		}
		taskstest.MustNotChange(t, h, "apt_key", prolonged, l)
		taskstest.Write(t, dir+"/old.gpg", string(keys[0].packets), 0o644)
		taskstest.MustChange(t, h, "apt_key", map[string]any{"id": keys[0].id(), "keyring": dir + "/old.gpg", "state": "absent"}, l)
		alone, lost := map[string]any{"id": onePrint, "keyring": ring}, map[string]any{"file": dir + "/none", "id": onePrint, "keyring": ring}
		taskstest.MustNotChange(t, h, "apt_key", alone, l)
		taskstest.MustNotChange(t, h, "apt_key", lost, l)
		alone["keyring"], lost["keyring"] = dir+"/other.gpg", dir+"/other.gpg"
		taskstest.MustFail(t, h, "apt_key", alone, l, "there is no key with the id")
		taskstest.MustFail(t, h, "apt_key", lost, l, "none is not there")
		for _, args := range []map[string]any{alone, lost} {
			if plan, err := taskstest.PlanOn(t, h, taskstest.NewAction(t, "apt_key", args, asks)); err != nil || plan.Unknown == "" {
				t.Errorf("check mode of what is not there yet: %+v, %v", plan, err)
			}
		}
		taskstest.Write(t, ring, "hello", 0o644)
		taskstest.MustFail(t, h, "apt_key", gone, l, "no keyring")
		if got := taskstest.Read(t, ring); got != "hello" {
			t.Errorf("the keyring is %q after a refusal", got)
		}
	})
	taskstest.Apart(t, func(t *testing.T, h *taskstest.LocalHost) {
		for _, d := range []string{"/apt", "/apt/trusted.gpg.d"} {
			if err := os.MkdirAll(h.Etc+d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		taskstest.Write(t, h.Etc+"/apt/trusted.gpg.d/one.asc", keyText(t, "one"), 0o644)
		taskstest.Write(t, h.Etc+"/apt/trusted.gpg.d/both.asc", keyText(t, "one")+keyText(t, "two"), 0o644)
		gone := map[string]any{"id": onePrint[32:], "state": "absent"}
		taskstest.MustChange(t, h, "apt_key", gone, l)
		taskstest.MustNotChange(t, h, "apt_key", gone, l)
		if got := taskstest.Read(t, h.Etc+"/apt/trusted.gpg.d/both.asc"); got != keyText(t, "two") {
			t.Errorf("of both keys this is left: %s", got)
		}
		_ = os.Remove(h.Etc + "/apt/trusted.gpg.d/both.asc")
		if _, err := os.Lstat(h.Etc + "/apt/trusted.gpg.d/one.asc"); err == nil {
			t.Error("the key's file is left")
		}
		taskstest.MustChange(t, h, "apt_key", map[string]any{"data": keyText(t, "two")}, l)
		if keys, err := readKeys([]byte(taskstest.Read(t, h.Etc+"/apt/trusted.gpg"))); err != nil || len(keys) != 1 ||
			keys[0].fingerprints[0] != twoPrint {
			t.Errorf("%v, %v", keys, err)
		}
	})
}

func TestAptKeyRefuses(t *testing.T) {
	for problem, args := range map[string]map[string]any{
		"exclude":           {"url": "http://x/", "data": "y"},
		"with keyserver":    {"keyserver": "hkp://x"},
		"no key is given":   {"state": "absent"},
		"hexadecimal":       {"id": "AABBCC", "state": "absent"},
		"put quotes around": {"id": "102539075498496707301353036010098581413706933369", "state": "absent"},
		"hkp:, hkps:, http": {"keyserver": "ldap://x", "id": "AABBCCDD"},
	} {
		if _, err := taskstest.ModuleNamed(t, "apt_key").New(args, &taskstest.FakeLocal{}); err == nil ||
			!strings.Contains(err.Error(), problem) {
			t.Errorf("%v: %v", args, err)
		}
	}
	for server, want := range map[string]string{
		"keys.example.com": "http://keys.example.com:11371/pks/lookup?op=get&options=mr&search=0xAB", "hkps://k": "https://k/pks/lookup?op=get&options=mr&search=0xAB",
		"hkp://k:80": "http://k:80/pks/lookup?op=get&options=mr&search=0xAB",
	} {
		if got, err := keyserverURL(server, "AB"); got != want || err != nil {
			t.Errorf("%s: %s, %v", server, got, err)
		}
	}
}
