package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates/ordered"
)

// ask puts vars_prompt to the user. Extra vars answer in advance.
func (r *run) ask(ctx context.Context, play *playbooks.Play) (*ordered.Map, error) {
	answers := ordered.New(len(play.VarsPrompt))
	for _, q := range play.VarsPrompt {
		if _, given := r.o.ExtraVars[q.Name]; given {
			continue
		}
		var def string
		if q.Default.Given() {
			v := &variables{r: r, noting: map[string]bool{}}
			x, err := v.render(q.Default.Raw)
			if err != nil {
				return nil, at(q.Pos, err)
			}
			def = text(x)
		}
		if r.o.Prompt == nil {
			if !q.Default.Given() {
				return nil, at(q.Pos, fmt.Errorf("no terminal to prompt for %s on: give it with --extra-vars %s=VALUE", q.Name, q.Name))
			}
			answer, err := r.encrypted(q, def)
			if err != nil {
				return nil, err
			}
			answers.Set(q.Name, answer)
			continue
		}
		question := q.Prompt
		if question == "" {
			question = q.Name
		}
		answer, err := r.prompt(ctx, Question{Text: question, Default: def, Private: q.Private, Confirm: q.Confirm})
		if err != nil {
			return nil, at(q.Pos, fmt.Errorf("ask for %s: %w", q.Name, err))
		}
		if answer == "" {
			answer = def
		}
		if q.Private {
			r.secret("", answer)
		}
		if answer, err = r.encrypted(q, answer); err != nil {
			return nil, err
		}
		if q.Unsafe {
			answers.Set(q.Name, untrusted(answer))
			continue
		}
		answers.Set(q.Name, answer)
	}
	return answers, nil
}

// encrypted is an answer as its question wants it: hashed, or as it was given.
func (r *run) encrypted(q playbooks.VarsPrompt, answer string) (string, error) {
	if q.Encrypt == "" {
		return answer, nil
	}
	v := (&variables{r: r, noting: map[string]bool{}}).with(map[string]any{
		"answer": untrusted(answer), "kind": q.Encrypt, "salt": q.Salt, "size": q.SaltSize,
	})
	out, err := r.o.Templates.Evaluate("answer | password_hash(kind, salt, salt_size=size)", v)
	if err != nil {
		return "", at(q.Pos, fmt.Errorf("encrypt the answer for %s: %w", q.Name, err))
	}
	hash := text(trusted(out))
	r.secret("", hash)
	return hash, nil
}

func (r *run) prompt(ctx context.Context, q Question) (string, error) {
	if r.o.Prompt == nil {
		return "", errors.New("no terminal to prompt on")
	}
	r.prompts.Lock()
	defer r.prompts.Unlock()
	return r.o.Prompt(ctx, q)
}
