package sql

import (
	"strconv"
	"strings"
)

func parseAlter(p *parser) (*Statement, error) {
	p.i++
	switch {
	case p.words("system", "dma"):
		return p.dma()
	case p.words("system"):
		return p.alterSystem()
	case p.words("role"), p.words("user"):
		change, err := parseRole(p, false, false)
		return &Statement{Tag: "ALTER ROLE", Change: change}, err
	case p.words("table"):
		return p.alterTable()
	case p.words("database"):
		from := p.i
		if name, err := p.name(); err == nil && p.words("set", "tablespace") {
			space, err := p.name()
			return &Statement{Tag: "ALTER DATABASE", Change: &databaseTablespace{name, space}}, err
		}
		p.i = from
		fallthrough
	case p.words("extension"), p.words("schema"):
		tag := "ALTER " + strings.ToUpper(p.tokens[p.i-1].text)
		for t := p.peek(); t.kind != tokenEnd && t.text != ";"; t = p.peek() {
			p.i++
		}
		return &Statement{Tag: tag, Change: &nothing{tag: tag}}, nil
	}
	return nil, p.unexpected()
}

func (p *parser) alterSystem() (*Statement, error) {
	s := &Statement{Tag: "ALTER SYSTEM"}
	if p.words("reset") {
		if p.words("all") {
			s.Admin = &Admin{Words: "alter system reset", Name: "all"}
			return s, nil
		}
		name, err := p.settingName()
		s.Admin = &Admin{Words: "alter system reset", Name: name}
		return s, err
	}
	if err := p.expect("set"); err != nil {
		return nil, err
	}
	name, err := p.settingName()
	if err != nil {
		return nil, err
	}
	if !p.words("to") && !p.operator("=") {
		return nil, p.unexpected()
	}
	if p.words("default") {
		s.Admin = &Admin{Words: "alter system reset", Name: name}
		return s, nil
	}
	value, err := p.settingValue()
	s.Admin = &Admin{Words: "alter system set", Name: name, Values: []string{value}}
	return s, err
}

// dmaForms is the grammar of ALTER SYSTEM DMA. A is a quoted address, S a quoted number, N a bare number.
var dmaForms = []string{
	"add follower A", "add learner A", "drop follower A", "drop learner A",
	"change learner A to follower", "change follower A to learner",
	"change leader to A", "force change leader",
	"change node A weight to N", "change node A match index to S",
	"change to singleton mode", "change cluster to S",
	"purge logs", "purge logs before S", "force purge logs before S",
	"purge logs to Q", "force purge logs to Q",
}

// dma matches the longest form. Q is a number either way, of the dialect that has it; the server decides.
func (p *parser) dma() (*Statement, error) {
	start, furthest := p.i, p.i
	var best *Admin
	end := start
	for _, form := range dmaForms {
		p.i = start
		a, ok := p.form(form)
		furthest = max(furthest, p.i)
		if ok && p.i > end {
			best, end = a, p.i
		}
	}
	if best == nil || furthest > end {
		p.i = furthest
		return nil, p.unexpected()
	}
	p.i = end
	return &Statement{Tag: "ALTER SYSTEM", Admin: best}, nil
}

func (p *parser) form(form string) (*Admin, bool) {
	a := &Admin{Words: "alter system dma"}
	for _, word := range strings.Fields(form) {
		t := p.peek()
		switch word {
		case "A", "S", "N", "Q":
			isText := t.kind == tokenString && word != "N"
			isNumber := t.kind == tokenNumber && (word == "N" || word == "Q")
			if isNumber {
				if _, err := strconv.ParseInt(t.text, 10, 32); err != nil {
					return nil, false
				}
			}
			if !isText && !isNumber {
				return nil, false
			}
			a.Values = append(a.Values, t.text)
			p.i++
		default:
			if !p.words(word) {
				return nil, false
			}
			a.Words += " " + word
		}
	}
	return a, true
}

func (p *parser) alterTable() (*Statement, error) {
	a := &alterTable{ifExists: p.words("if", "exists")}
	p.words("only")
	var err error
	if a.schema, a.table, err = p.qualified(); err != nil {
		return nil, err
	}
	switch {
	case p.words("add"):
		p.words("column")
		p.words("if", "not", "exists")
		a.add, _, err = p.columnDefinition()
	case p.words("drop"):
		p.words("column")
		p.words("if", "exists")
		a.drop, err = p.name()
	case p.words("owner", "to"):
		a.owner, err = p.name()
	case p.words("rename", "to"):
		a.rename, err = p.name()
	case p.words("set", "tablespace"):
		a.tablespace, err = p.name()
	default:
		return nil, p.unexpected()
	}
	return &Statement{Tag: "ALTER TABLE", Change: a}, err
}

func parseCreateTable(p *parser) (Change, error) {
	c := &createTable{ifNotExists: p.words("if", "not", "exists")}
	var err error
	if c.schema, c.name, err = p.qualified(); err != nil {
		return nil, err
	}
	if p.words("as") {
		c.query, err = p.query()
		return c, err
	}
	if err = p.expectOperator("("); err != nil {
		return nil, err
	}
	for !p.operator(")") {
		switch {
		case p.words("primary", "key"), p.words("unique"):
			primary := p.tokens[p.i-1].text == "key"
			if err = p.tableKey(c, primary); err != nil {
				return nil, err
			}
		case p.words("constraint"):
			if _, err = p.name(); err != nil {
				return nil, err
			}
			continue
		default:
			column, unique, err := p.columnDefinition()
			if err != nil {
				return nil, err
			}
			c.columns = append(c.columns, *column)
			if unique {
				c.unique = append(c.unique, []string{column.Name})
			}
		}
		if !p.operator(",") {
			if err = p.expectOperator(")"); err != nil {
				return nil, err
			}
			break
		}
	}
	if p.words("with") {
		if err = p.expectOperator("("); err != nil {
			return nil, err
		}
		for !p.operator(")") {
			if p.next().kind == tokenEnd {
				return nil, p.unexpected()
			}
		}
	}
	if p.words("tablespace") {
		c.tablespace, err = p.name()
	}
	return c, err
}

func (p *parser) tableKey(c *createTable, primary bool) error {
	if err := p.expectOperator("("); err != nil {
		return err
	}
	names, err := p.names()
	if err != nil {
		return err
	}
	c.unique = append(c.unique, names)
	for i := range c.columns {
		if primary && contains(names, c.columns[i].Name) {
			c.columns[i].NotNull = true
		}
	}
	return p.expectOperator(")")
}

func (p *parser) columnDefinition() (*TableColumn, bool, error) {
	name, err := p.name()
	if err != nil {
		return nil, false, err
	}
	column := &TableColumn{Name: name}
	serial := strings.Contains(p.peek().text, "serial")
	if column.Type, err = p.typeName(); err != nil {
		return nil, false, err
	}
	if serial {
		column.Default, column.NotNull = "serial", true
	}
	unique := false
	for {
		switch {
		case p.words("not", "null"):
			column.NotNull = true
		case p.words("null"):
		case p.words("primary", "key"):
			column.NotNull, unique = true, true
		case p.words("unique"):
			unique = true
		case p.words("default"):
			start := p.peek().at
			if _, err = p.binary(3); err != nil {
				return nil, false, err
			}
			column.Default = p.source[start:p.tokens[p.i-1].end]
		case p.words("generated"):
			for !p.words("identity") {
				if p.next().kind == tokenEnd {
					return nil, false, p.unexpected()
				}
			}
			column.Default = "serial"
		case p.words("collate"):
			p.i++
		case p.words("check"):
			return nil, false, unsupported("CHECK constraints")
		case p.words("references"):
			return nil, false, unsupported("foreign keys")
		default:
			return column, unique, nil
		}
	}
}
