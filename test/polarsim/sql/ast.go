package sql

// Statement is one parsed statement. Exactly one of the pointers is set.
type Statement struct {
	Source string // its own text, without the semicolon
	Tag    string // the command tag, without counts
	Select *Select
	Change Change // anything that alters replicated state
	Admin  *Admin // anything about the session or the server
}

// Change is a statement that alters replicated state.
type Change interface {
	execute(c *Context, s *State) (*Result, error)
}

// Admin is a statement the server executes itself. Words is the statement in lower case without its values,
// such as "set", "show", "begin", "alter system dma add follower".
type Admin struct {
	Words  string
	Name   string
	Values []string // string and number values, in order
	Quoted []bool   // whether each was a quoted string
}

// Select is a query.
type Select struct {
	Distinct bool
	Targets  []Target
	From     []Source
	Where    Expr
	Group    []Expr
	Having   Expr
	Order    []Ordering
	Limit    Expr
	Offset   Expr
	Union    *Select
	All      bool
	Values   [][]Expr
}

// Target is one output column.
type Target struct {
	Expr  Expr
	Name  string
	Star  bool
	Table string // of table.*
}

// Source is one item of FROM; all but the first are joined to what precedes.
type Source struct {
	Schema, Table string
	Function      *Call
	Query         *Select
	Alias         string
	Columns       []string
	Left          bool
	On            Expr
	Using         []string
}

// Ordering is one item of ORDER BY.
type Ordering struct {
	Expr       Expr
	Descending bool
	NullsFirst *bool
}

// Expr is an expression.
type Expr interface{}

type (
	// Literal is a constant; OID 705 (unknown) for a bare string.
	Literal struct {
		Value Value
		Type  uint32
	}
	// Column is a reference.
	Column struct{ Table, Name string }
	// Parameter is $n, 1-based.
	Parameter struct{ Number int }
	// Unary is not or -.
	Unary struct {
		Operator string
		X        Expr
	}
	// Binary covers comparison, arithmetic, and, or, ||, like.
	Binary struct {
		Operator string
		X, Y     Expr
	}
	// IsNull is x is [not] null.
	IsNull struct {
		X   Expr
		Not bool
	}
	// In is x [not] in (list or query) and x = any(array).
	In struct {
		X     Expr
		List  []Expr
		Query *Select
		Array Expr
		Not   bool
	}
	// Exists is exists (query).
	Exists struct{ Query *Select }
	// Scalar is a query used as a value.
	Scalar struct{ Query *Select }
	// Call is a function call.
	Call struct {
		Name      string
		Arguments []Expr
		Star      bool
		Distinct  bool
		Filter    Expr
		Order     []Ordering
	}
	// CastTo is x::type.
	CastTo struct {
		X    Expr
		Type uint32
	}
	// Case is both forms of CASE.
	Case struct {
		Subject Expr
		When    [][2]Expr
		Else    Expr
	}
	// Array is array[...].
	Array struct{ Items []Expr }
)

const unknown = 705
