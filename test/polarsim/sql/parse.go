package sql

import (
	"strconv"
	"strings"
)

type parser struct {
	source string
	tokens []token
	i      int
}

// Parse reads a query string of any number of statements.
func Parse(source string) ([]*Statement, error) {
	tokens, err := tokenize(source)
	if err != nil {
		return nil, err
	}
	p := &parser{source: source, tokens: tokens}
	var out []*Statement
	for {
		for p.operator(";") {
		}
		if p.peek().kind == tokenEnd {
			return out, nil
		}
		start := p.peek().at
		statement, err := p.statement()
		if err != nil {
			return nil, err
		}
		if next := p.peek(); next.kind != tokenEnd && next.text != ";" {
			return nil, p.unexpected()
		}
		statement.Source = strings.TrimSpace(source[start:p.tokens[p.i-1].end])
		out = append(out, statement)
	}
}

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) peekAt(offset int) token {
	return p.tokens[min(p.i+offset, len(p.tokens)-1)]
}

func (p *parser) next() token {
	t := p.tokens[p.i]
	if t.kind != tokenEnd {
		p.i++
	}
	return t
}

func (p *parser) unexpected() *Error {
	t := p.peek()
	return syntaxError(p.source, t.at, t.end)
}

// words consumes the given key words if they all follow.
func (p *parser) words(words ...string) bool {
	for i, word := range words {
		if t := p.peekAt(i); t.kind != tokenWord || t.text != word {
			return false
		}
	}
	p.i += len(words)
	return true
}

func (p *parser) expect(words ...string) error {
	for _, word := range words {
		if !p.words(word) {
			return p.unexpected()
		}
	}
	return nil
}

func (p *parser) operator(text string) bool {
	if t := p.peek(); t.kind == tokenOperator && t.text == text {
		p.i++
		return true
	}
	return false
}

func (p *parser) expectOperator(text string) error {
	if !p.operator(text) {
		return p.unexpected()
	}
	return nil
}

var reserved = map[string]bool{
	"select": true, "from": true, "where": true, "group": true, "order": true, "having": true, "limit": true, "offset": true, "union": true,
	"and": true, "or": true, "not": true, "on": true, "using": true, "join": true, "left": true, "inner": true, "cross": true, "as": true,
	"case": true, "when": true, "then": true, "else": true, "end": true, "in": true, "is": true, "null": true, "with": true, "into": true,
	"returning": true, "desc": true, "asc": true, "distinct": true, "all": true, "to": true, "for": true,
	"table": true, "like": true, "ilike": true,
	"between": true, "values": true, "set": true, "filter": true, "except": true, "intersect": true,
	"fetch": true, "right": true, "full": true,
}

// name reads an identifier that is no reserved word.
func (p *parser) name() (string, error) {
	t := p.peek()
	if t.kind == tokenQuoted || t.kind == tokenWord && !reserved[t.text] {
		p.i++
		return t.text, nil
	}
	return "", p.unexpected()
}

func (p *parser) qualified() (schema, name string, err error) {
	name, err = p.name()
	if err == nil && p.operator(".") {
		schema = name
		name, err = p.name()
	}
	return schema, name, err
}

func (p *parser) text() (string, error) {
	if t := p.peek(); t.kind == tokenString {
		p.i++
		return t.text, nil
	}
	return "", p.unexpected()
}

func (p *parser) integer() (int64, error) {
	t := p.peek()
	if t.kind != tokenNumber {
		return 0, p.unexpected()
	}
	n, err := strconv.ParseInt(t.text, 10, 64)
	if err != nil {
		return 0, p.unexpected()
	}
	p.i++
	return n, nil
}

func (p *parser) names() ([]string, error) {
	var out []string
	for {
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		out = append(out, name)
		if !p.operator(",") {
			return out, nil
		}
	}
}

// verbs is the table of statements by first word. Adding a statement is adding a line here.
var verbs = map[string]func(*parser) (*Statement, error){
	"select": parseQuery, "values": parseQuery, "table": parseQuery, "with": parseQuery,
	"insert": parseInsert, "update": parseUpdate, "delete": parseDelete, "truncate": parseTruncate,
	"create": parseCreate, "drop": parseDrop, "alter": parseAlter, "grant": parseGrant, "revoke": parseGrant, "comment": parseComment,
	"begin": parseTransaction, "start": parseTransaction, "commit": parseTransaction, "end": parseTransaction,
	"rollback": parseTransaction, "abort": parseTransaction,
	"set": parseSet, "reset": parseSet, "show": parseShow, "checkpoint": parseSimple, "discard": parseSimple, "deallocate": parseSimple,
	"vacuum": parseSimple, "analyze": parseSimple, "lock": parseSimple, "listen": parseSimple, "unlisten": parseSimple,
}

func (p *parser) statement() (*Statement, error) {
	t := p.peek()
	if t.kind == tokenOperator && t.text == "(" {
		return parseQuery(p)
	}
	parse := verbs[t.text]
	if t.kind != tokenWord || parse == nil {
		return nil, p.unexpected()
	}
	return parse(p)
}

func parseQuery(p *parser) (*Statement, error) {
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	return &Statement{Tag: "SELECT", Select: q}, nil
}

func parseTransaction(p *parser) (*Statement, error) {
	word := p.next().text
	words, tag := map[string]string{"start": "begin", "end": "commit", "abort": "rollback"}[word], strings.ToUpper(word)
	if words == "" {
		words = word
	}
	if word == "end" {
		tag = "COMMIT"
	}
	if word == "abort" {
		tag = "ROLLBACK"
	}
	if word == "start" {
		tag = "START TRANSACTION"
		if err := p.expect("transaction"); err != nil {
			return nil, err
		}
	} else if !p.words("transaction") {
		p.words("work")
	}
	for t := p.peek(); t.kind == tokenWord || t.text == ","; t = p.peek() {
		p.i++ // isolation levels, read only: the stand-in has but one
	}
	return &Statement{Tag: tag, Admin: &Admin{Words: words}}, nil
}

func parseSimple(p *parser) (*Statement, error) {
	word := p.next().text
	tag := strings.ToUpper(word)
	if word == "discard" && p.words("all") {
		tag = "DISCARD ALL"
	}
	for t := p.peek(); t.kind != tokenEnd && t.text != ";"; t = p.peek() {
		p.i++
	}
	return &Statement{Tag: tag, Admin: &Admin{Words: word}}, nil
}

func parseSet(p *parser) (*Statement, error) {
	word := p.next().text
	a := &Admin{Words: word}
	if !p.words("session") {
		p.words("local")
	}
	if p.words("transaction") || p.words("characteristics") {
		for t := p.peek(); t.kind != tokenEnd && t.text != ";"; t = p.peek() {
			p.i++
		}
		return &Statement{Tag: "SET", Admin: &Admin{Words: "set transaction"}}, nil
	}
	if p.words("time", "zone") {
		a.Name = "timezone"
	} else {
		name, err := p.settingName()
		if err != nil {
			return nil, err
		}
		a.Name = name
		if word == "reset" {
			return &Statement{Tag: "RESET", Admin: a}, nil
		}
		if !p.words("to") && !p.operator("=") {
			return nil, p.unexpected()
		}
	}
	value, err := p.settingValue()
	if err != nil {
		return nil, err
	}
	a.Values = []string{value}
	return &Statement{Tag: "SET", Admin: a}, nil
}

func (p *parser) settingName() (string, error) {
	t := p.next()
	if t.kind != tokenWord && t.kind != tokenQuoted {
		p.i--
		return "", p.unexpected()
	}
	name := t.text
	for p.operator(".") {
		name += "." + p.next().text
	}
	return name, nil
}

func (p *parser) settingValue() (string, error) {
	var parts []string
	for {
		t := p.peek()
		sign := ""
		if t.kind == tokenOperator && t.text == "-" {
			p.i++
			sign, t = "-", p.peek()
		}
		switch t.kind {
		case tokenString, tokenNumber, tokenWord, tokenQuoted:
			parts = append(parts, sign+t.text)
			p.i++
		default:
			return "", p.unexpected()
		}
		if !p.operator(",") {
			return strings.Join(parts, ", "), nil
		}
	}
}

func parseShow(p *parser) (*Statement, error) {
	p.i++
	if p.words("transaction", "isolation", "level") {
		return &Statement{Tag: "SHOW", Admin: &Admin{Words: "show", Name: "transaction_isolation"}}, nil
	}
	if p.words("time", "zone") {
		return &Statement{Tag: "SHOW", Admin: &Admin{Words: "show", Name: "timezone"}}, nil
	}
	name, err := p.settingName()
	return &Statement{Tag: "SHOW", Admin: &Admin{Words: "show", Name: name}}, err
}
