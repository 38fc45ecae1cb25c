package sql

import (
	"strings"

	"github.com/polarbook/polarbook/tasks/dma"
)

type roleChange struct {
	name    string
	create  bool
	set     map[string]bool // option to value
	limit   *int64
	pass    *string
	null    bool // PASSWORD NULL
	rename  string
	ignored bool // ALTER ROLE ... SET
	inRoles []string
}

var roleOptions = map[string]string{
	"superuser": "superuser", "createdb": "createdb", "createrole": "createrole", "inherit": "inherit", "login": "login",
	"replication": "replication", "bypassrls": "bypassrls",
}

func parseRole(p *parser, login, create bool) (Change, error) {
	r := &roleChange{create: create, set: map[string]bool{}}
	if login {
		r.set["login"] = true
	}
	var err error
	if p.words("current_user") || p.words("session_user") {
		r.name = ""
	} else if r.name, err = p.name(); err != nil {
		return nil, err
	}
	if !create && p.words("rename", "to") {
		r.rename, err = p.name()
		return r, err
	}
	if !create && (p.words("set") || p.words("reset")) {
		for t := p.peek(); t.kind != tokenEnd && t.text != ";"; t = p.peek() {
			p.i++
		}
		r.ignored = true
		return r, nil
	}
	p.words("with")
	for t := p.peek(); t.kind == tokenWord; t = p.peek() {
		p.i++
		option, value := t.text, true
		if len(option) > 2 && option[:2] == "no" && roleOptions[option[2:]] != "" {
			option, value = option[2:], false
		}
		switch {
		case roleOptions[option] != "":
			r.set[option] = value
		case option == "encrypted":
		case option == "password":
			if p.words("null") {
				r.null = true
				continue
			}
			text, err := p.text()
			if err != nil {
				return nil, err
			}
			r.pass = &text
		case option == "connection" && p.words("limit"):
			sign := int64(1)
			if p.operator("-") {
				sign = -1
			}
			n, err := p.integer()
			if err != nil {
				return nil, err
			}
			n *= sign
			r.limit = &n
		case option == "valid" && p.words("until"):
			if _, err := p.text(); err != nil {
				return nil, err
			}
		case option == "in" && (p.words("role") || p.words("group")), option == "role", option == "admin":
			names, err := p.names()
			if err != nil {
				return nil, err
			}
			r.inRoles = append(r.inRoles, names...)
		default:
			p.i--
			return nil, syntaxError(p.source, t.at, t.end)
		}
	}
	return r, nil
}

func (r *roleChange) execute(c *Context, s *State) (*Result, error) {
	tag := "ALTER ROLE"
	name := r.name
	if name == "" {
		name = c.User
	}
	self := s.Roles[c.User]
	allowed := self != nil && (self.Super || self.CreateRole && !r.set["superuser"] && !r.set["replication"])
	role := s.Roles[name]
	if r.create {
		tag = "CREATE ROLE"
		if !allowed {
			if r.set["superuser"] {
				return nil, Errorf("42501", "must be superuser to create superusers")
			}
			return nil, Errorf("42501", "permission denied to create role")
		}
		if len(name) > 3 && name[:3] == "pg_" {
			return nil, &Error{Code: "42939", Message: "role name \"" + name + "\" is reserved",
				Detail: "Role names starting with \"pg_\" are reserved."}
		}
		if role != nil {
			return nil, Errorf("42710", "role \"%s\" already exists", name)
		}
		role = &Role{Name: name, OID: s.oid(), Inherit: true, ConnectionLimit: -1, MemberOf: map[string]bool{}}
		s.Roles[name] = role
	} else {
		if role == nil {
			return nil, Errorf("42704", "role \"%s\" does not exist", name)
		}
		onlyOwnPassword := name == c.User && len(r.set) == 0 && r.rename == ""
		if !allowed && !onlyOwnPassword || role.Super && !self.Super {
			return nil, Errorf("42501", "permission denied")
		}
	}
	if r.rename != "" {
		if s.Roles[r.rename] != nil {
			return nil, Errorf("42710", "role \"%s\" already exists", r.rename)
		}
		delete(s.Roles, name)
		role.Name = r.rename
		if dma.PasswordEncryption(role.Password) == dma.MD5 {
			role.Password = "" // salted with the name
		}
		s.Roles[r.rename] = role
		return &Result{Tag: tag}, nil
	}
	for option, value := range r.set {
		switch option {
		case "superuser":
			role.Super = value
		case "createdb":
			role.CreateDB = value
		case "createrole":
			role.CreateRole = value
		case "inherit":
			role.Inherit = value
		case "login":
			role.Login = value
		case "replication":
			role.Replicates = value
		}
	}
	if r.limit != nil {
		role.ConnectionLimit = *r.limit
	}
	if r.pass != nil {
		stored, err := StoredPassword(c.Encryption, *r.pass, name, c.Salt)
		if err != nil {
			return nil, Errorf("XX000", "%v", err)
		}
		role.Password = stored
	}
	if r.null {
		role.Password = ""
	}
	for _, in := range r.inRoles {
		if s.Roles[in] == nil {
			return nil, Errorf("42704", "role \"%s\" does not exist", in)
		}
		role.MemberOf[in] = true
	}
	return &Result{Tag: tag}, nil
}

// grant covers GRANT and REVOKE of roles to roles, and of anything on a table; other objects are accepted.
type grant struct {
	revoke bool
	roles  []string
	tables [][2]string
	to     []string
	other  bool
}

func parseGrant(p *parser) (*Statement, error) {
	g := &grant{revoke: p.next().text == "revoke"}
	tag := "GRANT"
	if g.revoke {
		tag = "REVOKE"
	}
	var words []string
	for t := p.peek(); t.kind != tokenEnd && t.text != ";" && t.text != "on" && t.text != "to" && t.text != "from"; t = p.peek() {
		if t.kind == tokenWord || t.kind == tokenQuoted {
			words = append(words, t.text)
		}
		p.i++
	}
	if p.words("on") {
		switch {
		case p.words("schema"), p.words("database"), p.words("function"), p.words("sequence"), p.words("all"),
			p.words("language"), p.words("tablespace"):
			g.other = true
			for t := p.peek(); t.kind != tokenEnd && t.text != "to" && t.text != "from"; t = p.peek() {
				p.i++
			}
		default:
			p.words("table")
			for {
				schema, name, err := p.qualified()
				if err != nil {
					return nil, err
				}
				g.tables = append(g.tables, [2]string{schema, name})
				if !p.operator(",") {
					break
				}
			}
		}
	} else {
		g.roles = words
	}
	if !p.words("to") && !p.words("from") {
		return nil, p.unexpected()
	}
	var err error
	if g.to, err = p.names(); err != nil {
		return nil, err
	}
	p.words("with", "grant", "option")
	p.words("with", "admin", "option")
	p.words("cascade")
	return &Statement{Tag: tag, Change: g}, nil
}

func (g *grant) execute(c *Context, s *State) (*Result, error) {
	tag := "GRANT"
	if g.revoke {
		tag = "REVOKE"
	}
	d, err := c.database()
	if err != nil {
		return nil, err
	}
	for _, to := range g.to {
		if to != "public" && s.Roles[to] == nil {
			return nil, Errorf("42704", "role \"%s\" does not exist", to)
		}
	}
	for _, role := range g.roles {
		if s.Roles[role] == nil {
			return nil, Errorf("42704", "role \"%s\" does not exist", role)
		}
		for _, to := range g.to {
			if s.Roles[to].MemberOf == nil {
				s.Roles[to].MemberOf = map[string]bool{}
			}
			s.Roles[to].MemberOf[role] = !g.revoke
		}
	}
	for _, name := range g.tables {
		t := d.table(name[0], name[1])
		if t == nil {
			if d.HasMonitor() && strings.HasPrefix(name[1], "polar_dma_") { // a view, which no session has while this is applied
				if d.Grants == nil {
					d.Grants = map[string]bool{}
				}
				for _, to := range g.to {
					d.Grants[name[1]+" "+to] = !g.revoke
				}
				continue
			}
			if r, err := c.relation(name[0], name[1]); err == nil && r != nil {
				continue // a catalog or view
			}
			return nil, undefinedTable(name[0], name[1])
		}
		if !c.IsMember(t.Owner) {
			return nil, Errorf("42501", "permission denied for table %s", t.Name)
		}
		for _, to := range g.to {
			t.Grants[to] = !g.revoke
		}
	}
	return &Result{Tag: tag}, nil
}
