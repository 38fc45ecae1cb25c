package ansible

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// lookupRandomString makes a text of random characters: community.general's.
func lookupRandomString(r *jinja.Run, _ []any, options map[string]any) ([]any, error) {
	if err := onlyOptions(options, "length", "upper", "lower", "numbers", "special", "min_numeric", "min_upper", "min_lower", "min_special",
		"override_special", "override_all", "base64"); err != nil {
		return nil, err
	}
	length, err := number(options, "length", 8)
	o := given(options)
	special := signsOfPunctuation
	if own := o.Text("override_special", ""); own != "" {
		special = own
	}
	choice, text := o.Text("override_all", ""), []any{}
	if choice == "" {
		for _, kind := range []struct{ option, least, signs string }{
			{"numbers", "min_numeric", "0123456789"},
			{"lower", "min_lower", "abcdefghijklmnopqrstuvwxyz"},
			{"upper", "min_upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
			{"special", "min_special", special},
		} {
			wanted, e1 := yes(options, kind.option, true)
			least, e2 := number(options, kind.least, 0)
			err = errors.Join(err, e1, e2)
			if wanted {
				choice += kind.signs
			}
			if least > jinja.MaximumWidth {
				return nil, jinja.ErrTooLarge
			}
			text = append(text, drawn(r, kind.signs, least)...)
		}
	}
	encode, e := yes(options, "base64", false)
	if err = errors.Join(err, e); err != nil {
		return nil, err
	}
	if length > jinja.MaximumWidth {
		return nil, jinja.ErrTooLarge
	}
	if choice == "" {
		return nil, errors.New("no characters are left to choose from: allow some of upper, lower, numbers and special")
	}
	text = append(text, drawn(r, choice, length-len(text))...)
	var made strings.Builder
	for _, sign := range shuffled(text, fresh{r}) {
		made.WriteString(sign.(string))
	}
	if encode {
		return []any{base64.StdEncoding.EncodeToString([]byte(made.String()))}, nil
	}
	return []any{made.String()}, nil
}

// drawn are so many characters of a text; none where the number is below one.
func drawn(r *jinja.Run, signs string, count int) []any {
	choice, from := []rune(signs), fresh{r}
	text := make([]any, max(count, 0))
	for at := range text {
		text[at] = string(choice[from.below(uint64(len(choice)))])
	}
	return text
}

// lookupRandomChoice picks one of the terms.
func lookupRandomChoice(r *jinja.Run, terms []any, _ map[string]any) ([]any, error) {
	if len(terms) == 0 {
		return terms, nil
	}
	return []any{terms[r.Random().IntN(len(terms))]}, nil
}
