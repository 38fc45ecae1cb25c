package remote

import (
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestStream(t *testing.T) {
	s := startSSHD(t).shell(t)
	var mu sync.Mutex
	var out, errs []string
	r, err := s.Stream(testContext(t), Command{
		Script: "echo one; printf 'two\\r'; printf '\\r\\nx\\r\\n' ; echo oops >&2; cat; printf last; exit 4",
		Env:    map[string]string{"A": "b"},
	}, strings.NewReader("fed 1\nfed 2\n"), func(l []byte) {
		out = append(out, string(l))
	}, func(l []byte) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, string(l))
	})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"one", "two", "", "x", "fed 1", "fed 2", "last"}; !reflect.DeepEqual(out, want) {
		t.Errorf("stdout lines %q, want %q", out, want)
	}
	if want := []string{"oops"}; !reflect.DeepEqual(errs, want) {
		t.Errorf("stderr lines %q, want %q", errs, want)
	}
	if r.Status != 4 {
		t.Errorf("status %d, want 4", r.Status)
	}
}

func TestStreamWithoutInputCollects(t *testing.T) {
	s := startSSHD(t).shell(t)
	r, err := s.Stream(testContext(t), Command{Script: "cat; pwd; echo e >&2", Dir: "/usr"}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Stdout) != "/usr\n" || string(r.Stderr) != "e\n" || r.Status != 0 {
		t.Errorf("got %q %q %d", r.Stdout, r.Stderr, r.Status)
	}
}
