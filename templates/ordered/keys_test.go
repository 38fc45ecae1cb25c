package ordered

import (
	"reflect"
	"testing"
)

func TestKeysThatAreNoTexts(t *testing.T) {
	m := New(0)
	m.SetAs("80", 80, "http")
	m.SetAs("a", "a", 1)
	m.SetAs("None", nil, 2)
	m.Set("80", "web")
	m.SetAs("a", 5, 3)
	want := []any{80, "a", nil}
	if got := m.KeyValues(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v", got)
	}
	more := New(0)
	more.Set("b", 1)
	more.Update(m)
	copied := more.Clone()
	copied.Delete("b")
	if got := copied.KeyValues(); !reflect.DeepEqual(got, want) || copied.Value("80") != "web" || copied.KeyOf("none such") != "none such" {
		t.Errorf("got %#v", got)
	}
	if !copied.Equal(m) || copied.Equal(Of("80", "web", "a", 3, "None", 2)) {
		t.Error("80 and \"80\" are two keys")
	}
}
