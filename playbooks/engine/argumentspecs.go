package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/playbooks/argspec"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/ordered"
)

// validateArguments checks variables, and the arguments that the task gives besides, which win, against a specification. What is
// given and specified nowhere is refused; variables that are specified nowhere are not looked at.
func (s *taskRun) validateArguments(v *variables, args map[string]any) *outcome {
	spec, ok := args["argument_spec"].(*ordered.Map)
	if !ok {
		return s.failure(v, errors.New("validate_argument_spec: argument_spec has to be a mapping"))
	}
	given, ok := args["provided_arguments"].(*ordered.Map)
	if !ok && args["provided_arguments"] != nil {
		return s.failure(v, errors.New("validate_argument_spec: provided_arguments has to be a mapping"))
	}
	all := ordered.New(spec.Len())
	for _, name := range spec.Keys() {
		x, ok := v.Get(name)
		if !ok {
			continue
		}
		out, err := v.render(x)
		if err != nil {
			return s.failure(v, fmt.Errorf("the argument %s: %w", name, err))
		}
		if out, keep := withoutOmitted(trusted(out)); keep {
			all.Set(name, out)
		}
	}
	all.Update(given)
	argspec.Secrets(spec, all, func(x any) { v.r.noteIn("", true, x) })
	context, ok := args["validate_args_context"].(*ordered.Map)
	if !ok {
		context = ordered.New(0)
	}
	problems := argspec.Check(spec, all)
	if len(problems) == 0 {
		return s.success(v, target{v.h, v}, tasks.Result{Values: map[string]any{
			"msg": "all arguments are as specified", "validate_args_context": context}})
	}
	of := ""
	if name := text(context.Value("name")); name != "" {
		of = fmt.Sprintf(" of the role %s (entry point %s)", name, text(context.Value("argument_spec_name")))
	}
	return s.failure(v, &tasks.Failure{Msg: "the arguments" + of + " are not as specified: " + strings.Join(problems, "; "),
		Values: map[string]any{"argument_errors": anys(problems), "argument_spec_data": spec, "validate_args_context": context}})
}
