package playbooks

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  Error
		want string
	}{
		{Error{Msg: "no such playbook"}, "no such playbook"},
		{Error{Pos: Position{File: "a.yml"}, Msg: "it is empty", Hint: "fill it"}, "a.yml: it is empty\nhint: fill it"},
		{
			Error{Pos: Position{"a.yml", 12, 5}, Msg: "bad", Line: "    name: x", Width: 4},
			"a.yml:12:5: bad\n  12 |     name: x\n     |     ^^^^",
		},
		{
			Error{Pos: Position{"a.yml", 7, 4}, Msg: "bad", Line: "\tx: 1", Width: 1},
			"a.yml:7:4: bad\n   7 | \tx: 1\n     | \t  ^",
		},
		{
			Error{Pos: Position{"a.yml", 12345, 4}, Msg: "bad", Line: "口令: 错误", Width: 2},
			"a.yml:12345:4: bad\n12345 | 口令: 错误\n      |     " + " ^^^",
		},
		{
			Error{Pos: Position{"a.yml", 1, 501}, Msg: "bad", Line: strings.Repeat("x", 500) + "HERE" + strings.Repeat("y", 500), Width: 4},
			"a.yml:1:501: bad\n   1 | …" + strings.Repeat("x", 78) + "HERE" + strings.Repeat("y", 76) + "…\n     | " +
				strings.Repeat(" ", 79) + "^^^^",
		},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
		}
	}
}

func TestErrorsAreShownUpToALimit(t *testing.T) {
	var all Errors
	for i := range maxShown + 5 {
		all = append(all, &Error{Pos: Position{"a.yml", i + 1, 1}, Msg: fmt.Sprintf("problem %d", i+1)})
	}
	text := all.Error()
	if strings.Contains(text, "problem 21") || !strings.Contains(text, "problem 20") || !strings.HasSuffix(text, "and 5 more") {
		t.Errorf("the limit of %d is not kept:\n%s", maxShown, text)
	}
	var one *Error
	if !errors.As(fmt.Errorf("load: %w", all), &one) || one.Msg != "problem 1" {
		t.Errorf("the first problem is not found in the chain, but %v", one)
	}
}
