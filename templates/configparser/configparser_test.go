package configparser

import (
	"slices"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	f := File{Interpolate: true, AllowNoValue: true}
	err := f.Read("[DEFAULT]\nHome = /srv\n\n# a remark\n[one]\nURL: %(home)s/x%%\n  more\nalone\n[two]\nhome=/opt\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Sections(); !slices.Equal(got, []string{"one", "two"}) || !f.Has("DEFAULT") || f.Has("three") {
		t.Errorf("the sections are %q", got)
	}
	if own, all := f.Own("one"), f.Names("one"); !slices.Equal(own, []string{"url", "alone"}) ||
		!slices.Equal(all, []string{"home", "url", "alone"}) {
		t.Errorf("the names are %q, and %q with Default's", own, all)
	}
	for _, c := range []struct{ section, name, want string }{
		{"one", "url", "/srv/x%\nmore"}, {"one", "HOME", "/srv"}, {"two", "home", "/opt"},
	} {
		if value, has, err := f.Get(c.section, c.name); err != nil || !has || *value != c.want {
			t.Errorf("%s of [%s] is %v, %v, want %q", c.name, c.section, value, err, c.want)
		}
	}
	if value, has, err := f.Get("one", "alone"); value != nil || !has || err != nil {
		t.Errorf("a name alone is %v, %v, %v", value, has, err)
	}
	for text, want := range map[string]string{
		"a=1\n": "line 1 stands before any section", "[a]\nb=1\nB=2\n": "line 3: b is there twice", "[a]\n[a]\n": "line 2: the section [a] is there twice",
		"[a]\n=1\n": "line 2 has no name",
	} {
		if err := new(File).Read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := new(File).Read("[a]\nb\n"); err == nil {
		t.Error("a name without a value is taken unasked")
	}
}
