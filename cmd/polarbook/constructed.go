package main

import (
	"github.com/polarbook/polarbook/templates"
	"github.com/polarbook/polarbook/templates/ordered"
)

// expressions are the engine of templates for constructed inventories.
type expressions struct{ engine *templates.Engine }

// Evaluate works out an expression; what it finds undefined is an error.
func (e expressions) Evaluate(expression string, vars *ordered.Map) (any, error) {
	return e.engine.Evaluate(expression, vars)
}

// Condition works out a condition.
func (e expressions) Condition(condition string, vars *ordered.Map) (bool, error) {
	return e.engine.Condition(condition, vars)
}

// Render renders a text.
func (e expressions) Render(text string, vars *ordered.Map) (any, error) {
	return e.engine.Render(text, vars)
}
