package jinja

// expression is a node of a parsed expression. offset is where it begins in its template.
type expression interface{ offset() int }

type at int

func (a at) offset() int { return int(a) }

type (
	constant struct {
		at
		value any
	}
	name struct {
		at
		name string
	}
	list struct {
		at
		items []expression
		tuple bool
	}
	dictionary struct {
		at
		keys, values []expression
	}
	attribute struct {
		at
		of   expression
		name string
	}
	item struct {
		at
		of, key expression
	}
	slice struct {
		at
		start, stop, step expression // nil where left out
	}
	arguments struct {
		positional []expression
		names      []string
		named      []expression
		list, dict expression // *list and **dict, nil where there is none
	}
	call struct {
		at
		function  expression
		arguments arguments
	}
	filtered struct {
		at
		of        expression // nil in {% filter %} and {% set x | f %}
		name      string
		arguments arguments
	}
	tested struct {
		at
		of        expression
		name      string
		arguments arguments
		negated   bool
	}
	unary struct {
		at
		operator string // not, -, +
		of       expression
	}
	binary struct {
		at
		operator    string
		left, right expression
	}
	logical struct {
		at
		or          bool
		left, right expression
	}
	comparison struct {
		at
		first     expression
		operators []string
		others    []expression
	}
	conditional struct {
		at
		condition, then, otherwise expression // otherwise is nil without else
	}
)
