package jinja

import (
	"regexp"
	"regexp/syntax"
	"testing"
)

// What is looked for at the beginning of the rest of a template must not be looked for in all of it: a long template would
// take time by the square of its length.
func TestTheLexerLooksOnlyWhereItStands(t *testing.T) {
	for _, form := range []*regexp.Regexp{floatForm, integerForm} {
		tree, err := syntax.Parse(form.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		program, err := syntax.Compile(tree.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if program.StartCond()&syntax.EmptyBeginText == 0 {
			t.Errorf("%s is looked for in all that follows", form)
		}
	}
}
