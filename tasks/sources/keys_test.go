package sources

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/polarbook/polarbook/tasks/taskstest"
)

// keyText reads a key of testdata that gpg has exported.
func keyText(t *testing.T, name string) string {
	t.Helper()
	return taskstest.Read(t, "testdata/keys/"+name+".asc")
}

// What gpg says that the fingerprints of the keys in testdata are.
const (
	onePrints = "898C8940E76BD4212A7E4DBB346C5BF5FD923033 CE7C0CE475B3A42486414F55C2DA6B7F712C59A8"
	onePrint  = "898C8940E76BD4212A7E4DBB346C5BF5FD923033"
	twoPrint  = "2F6188383E5BAF36978F394BFB6FA99408374DDF"
)

// keyServer answers with the first key, whatever it is asked.
func keyServer(t *testing.T) (address string, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.String())
		if strings.Contains(r.URL.Path, "none") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(taskstest.Read(t, "testdata/keys/one.asc")))
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func TestReadKeys(t *testing.T) {
	one, err := readKeys([]byte(keyText(t, "one")))
	if err != nil || len(one) != 1 || strings.Join(one[0].fingerprints, " ") != onePrints {
		t.Fatalf("%+v, %v", one, err)
	}
	for _, id := range []string{onePrint, onePrint[24:], onePrint[32:], strings.Fields(onePrints)[1][24:]} {
		if !one[0].has(id) {
			t.Errorf("it has no %s", id)
		}
	}
	if one[0].has(twoPrint[24:]) {
		t.Error("it has the id of another")
	}
	again, err := readKeys(one[0].packets)
	if err != nil || len(again) != 1 || again[0].id() != one[0].id() {
		t.Errorf("as packets: %+v, %v", again, err)
	}
	if both, err := readKeys([]byte(keyText(t, "one") + "\n" + keyText(t, "two"))); err != nil || len(both) != 2 {
		t.Errorf("both: %v, %v", both, err)
	}
	for _, bad := range []string{"KBXf", "\x00\x00\x00\x20\x01\x01\x00\x02KBXf....", "hello", string(one[0].packets[:40]),
		keyText(t, "one")[:300], "\xff", "\x99\x00\x00"} {
		if keys, err := readKeys([]byte(bad)); err == nil {
			t.Errorf("%q: %v", bad, keys)
		}
	}
}

func TestKeyTimes(t *testing.T) {
	const day = 24 * 60 * 60
	made := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for name, over := range map[string][2]bool{"expired": {false, true}, "prolonged": {false, false}, "one": {false, false}} {
		keys, err := readKeys([]byte(keyText(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		for i, now := range []int64{made + 9*day, made + 10*day} {
			if got := keys[0].expired(0, now); got != over[i] {
				t.Errorf("%s, %d days on: %v", name, 9+i, got)
			}
			if got := keys[0].counts(keys[0].id(), now); got == over[i] {
				t.Errorf("%s counts, %d days on: %v", name, 9+i, got)
			}
		}
	}
	for _, cut := range []string{"", "\x04", "\x04\x13\x00\x00\xff\xff", "\x04\x13\x00\x00\x00\x02\x09\x09\x00\x01\xff",
		"\x06\x13\x00\x00\x00"} {
		var none keyTime
		if none.take([]byte(cut), ""); none != (keyTime{}) {
			t.Errorf("%q: %+v", cut, none)
		}
	}
}

func FuzzReadKeys(f *testing.F) {
	text, err := os.ReadFile("testdata/keys/one.asc")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("\x99\x00\x01\x04\xc6\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, _ := readKeys(text)
		for _, k := range keys {
			if len(k.fingerprints) == 0 || k.id() == "" {
				t.Errorf("a key without an id: %+v", k)
			}
		}
	})
}
