package sql

func parseInsert(p *parser) (*Statement, error) {
	p.i++
	if err := p.expect("into"); err != nil {
		return nil, err
	}
	i := &insert{}
	var err error
	if i.schema, i.table, err = p.qualified(); err != nil {
		return nil, err
	}
	if p.operator("(") {
		if i.names, err = p.names(); err != nil {
			return nil, err
		}
		if err = p.expectOperator(")"); err != nil {
			return nil, err
		}
	}
	if p.words("default", "values") {
		i.query = &Select{Values: [][]Expr{{}}}
	} else if i.query, err = p.query(); err != nil {
		return nil, err
	}
	if p.words("on", "conflict") {
		i.conflict = true
		if p.operator("(") {
			if i.target, err = p.names(); err != nil {
				return nil, err
			}
			if err = p.expectOperator(")"); err != nil {
				return nil, err
			}
		}
		if err = p.expect("do"); err != nil {
			return nil, err
		}
		if !p.words("nothing") {
			if err = p.expect("update", "set"); err != nil {
				return nil, err
			}
			if i.set, err = p.assignments(); err != nil {
				return nil, err
			}
		}
	}
	i.returning, err = p.returning()
	return &Statement{Tag: "INSERT", Change: i}, err
}

func (p *parser) returning() ([]Target, error) {
	if !p.words("returning") {
		return nil, nil
	}
	return p.targets()
}

func (p *parser) assignments() ([]assignment, error) {
	var out []assignment
	for {
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		if err := p.expectOperator("="); err != nil {
			return nil, err
		}
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		out = append(out, assignment{name, x})
		if !p.operator(",") {
			return out, nil
		}
	}
}

func (p *parser) alias(table string) (string, error) {
	if p.words("as") || p.peek().kind == tokenQuoted || p.peek().kind == tokenWord && !reserved[p.peek().text] {
		return p.name()
	}
	return table, nil
}

func (p *parser) where() (Expr, error) {
	if p.words("where") {
		return p.expr()
	}
	return nil, nil
}

func parseUpdate(p *parser) (*Statement, error) {
	p.i++
	u := &update{}
	var err error
	if u.schema, u.table, err = p.qualified(); err != nil {
		return nil, err
	}
	if u.alias, err = p.alias(u.table); err != nil {
		return nil, err
	}
	if err = p.expect("set"); err != nil {
		return nil, err
	}
	if u.set, err = p.assignments(); err != nil {
		return nil, err
	}
	if u.where, err = p.where(); err != nil {
		return nil, err
	}
	u.returning, err = p.returning()
	return &Statement{Tag: "UPDATE", Change: u}, err
}

func parseDelete(p *parser) (*Statement, error) {
	p.i++
	d := &update{remove: true}
	err := p.expect("from")
	if err != nil {
		return nil, err
	}
	if d.schema, d.table, err = p.qualified(); err != nil {
		return nil, err
	}
	if d.alias, err = p.alias(d.table); err != nil {
		return nil, err
	}
	if d.where, err = p.where(); err != nil {
		return nil, err
	}
	d.returning, err = p.returning()
	return &Statement{Tag: "DELETE", Change: d}, err
}

func parseTruncate(p *parser) (*Statement, error) {
	p.i++
	p.words("table")
	schema, table, err := p.qualified()
	for p.words("restart", "identity") || p.words("cascade") || p.words("restrict") {
	}
	return &Statement{Tag: "TRUNCATE TABLE", Change: &truncate{schema, table}}, err
}

// object is what CREATE or DROP is about: the words after the verb, and what parses the rest.
type object struct {
	words []string
	parse func(*parser) (Change, error)
	tag   string
}

var creations = []object{
	{[]string{"table"}, parseCreateTable, "CREATE TABLE"},
	{[]string{"unlogged", "table"}, parseCreateTable, "CREATE TABLE"},
	{[]string{"temp", "table"}, parseCreateTable, "CREATE TABLE"},
	{[]string{"temporary", "table"}, parseCreateTable, "CREATE TABLE"},
	{[]string{"index"}, parseCreateIndex, "CREATE INDEX"},
	{[]string{"unique", "index"}, parseCreateIndex, "CREATE INDEX"},
	{[]string{"schema"}, parseCreateSchema, "CREATE SCHEMA"},
	{[]string{"database"}, parseCreateDatabase, "CREATE DATABASE"},
	{[]string{"tablespace"}, parseCreateTablespace, "CREATE TABLESPACE"},
	{[]string{"extension"}, parseCreateExtension, "CREATE EXTENSION"},
	{[]string{"role"}, func(p *parser) (Change, error) { return parseRole(p, false, true) }, "CREATE ROLE"},
	{[]string{"user"}, func(p *parser) (Change, error) { return parseRole(p, true, true) }, "CREATE ROLE"},
}

var removals = []object{
	{[]string{"table"}, parseDropper("table"), "DROP TABLE"},
	{[]string{"schema"}, parseDropper("schema"), "DROP SCHEMA"},
	{[]string{"database"}, parseDropper("database"), "DROP DATABASE"},
	{[]string{"tablespace"}, parseDropper("tablespace"), "DROP TABLESPACE"},
	{[]string{"extension"}, parseDropper("extension"), "DROP EXTENSION"},
	{[]string{"role"}, parseDropper("role"), "DROP ROLE"},
	{[]string{"user"}, parseDropper("role"), "DROP ROLE"},
}

func (p *parser) object(list []object) (*Statement, error) {
	p.i++
	for _, o := range list {
		if p.words(o.words...) {
			change, err := o.parse(p)
			return &Statement{Tag: o.tag, Change: change}, err
		}
	}
	if p.peek().kind == tokenWord {
		switch p.peek().text {
		case "view", "function", "sequence", "trigger", "type", "or", "materialized", "publication", "group", "policy", "rule":
			return nil, unsupported("how to make or drop a " + p.peek().text)
		}
	}
	return nil, p.unexpected()
}

func parseCreate(p *parser) (*Statement, error) { return p.object(creations) }
func parseDrop(p *parser) (*Statement, error)   { return p.object(removals) }

func parseDropper(kind string) func(*parser) (Change, error) {
	return func(p *parser) (Change, error) {
		d := &drop{kind: kind, ifExists: p.words("if", "exists")}
		for {
			schema, name, err := p.qualified()
			if err != nil {
				return nil, err
			}
			d.names = append(d.names, [2]string{schema, name})
			if !p.operator(",") {
				break
			}
		}
		for p.words("cascade") || p.words("restrict") {
		}
		return d, nil
	}
}

func parseCreateIndex(p *parser) (Change, error) {
	i := &createIndex{unique: p.tokens[p.i-2].text == "unique"}
	p.words("concurrently")
	i.ifNotExists = p.words("if", "not", "exists")
	var err error
	if !p.words("on") {
		if i.name, err = p.name(); err != nil {
			return nil, err
		}
		if err = p.expect("on"); err != nil {
			return nil, err
		}
	}
	if i.schema, i.table, err = p.qualified(); err != nil {
		return nil, err
	}
	if err = p.expectOperator("("); err != nil {
		return nil, err
	}
	if i.columns, err = p.names(); err != nil {
		return nil, err
	}
	return i, p.expectOperator(")")
}

func parseCreateSchema(p *parser) (Change, error) {
	c := &createSchema{ifNotExists: p.words("if", "not", "exists")}
	var err error
	if !p.words("authorization") {
		if c.name, err = p.name(); err != nil {
			return nil, err
		}
		if !p.words("authorization") {
			return c, nil
		}
	}
	c.owner, err = p.name()
	if c.name == "" {
		c.name = c.owner
	}
	return c, err
}

func parseCreateDatabase(p *parser) (Change, error) {
	c := &createDatabase{}
	var err error
	if c.name, err = p.name(); err != nil {
		return nil, err
	}
	p.words("with")
	for p.peek().kind == tokenWord {
		option := p.next().text
		p.operator("=")
		t := p.next()
		switch option {
		case "owner":
			c.owner = t.text
		case "encoding":
			c.encoding = t.text
		case "template":
			c.template = t.text
		case "tablespace":
			c.tablespace = t.text
		case "lc_collate", "lc_ctype", "connection", "allow_connections", "is_template":
		default:
			p.i -= 2
			return nil, p.unexpected()
		}
	}
	return c, nil
}

func parseCreateExtension(p *parser) (Change, error) {
	c := &createExtension{ifNotExists: p.words("if", "not", "exists")}
	var err error
	if c.name, err = p.name(); err != nil {
		return nil, err
	}
	for p.words("with") || p.words("cascade") || p.peek().text == "schema" || p.peek().text == "version" {
		if p.words("schema") || p.words("version") {
			p.i++
		}
	}
	return c, nil
}

func parseComment(p *parser) (*Statement, error) {
	for t := p.peek(); t.kind != tokenEnd && t.text != ";"; t = p.peek() {
		p.i++
	}
	return &Statement{Tag: "COMMENT", Change: &nothing{tag: "COMMENT"}}, nil
}
