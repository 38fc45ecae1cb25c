package sql

type createTablespace struct{ name, location string }

func parseCreateTablespace(p *parser) (Change, error) {
	c := &createTablespace{}
	var err error
	if c.name, err = p.name(); err != nil {
		return nil, err
	}
	if err = p.expect("location"); err != nil {
		return nil, err
	}
	c.location, err = p.text()
	return c, err
}

func (x *createTablespace) execute(c *Context, s *State) (*Result, error) {
	if !c.IsSuper() {
		return nil, Errorf("42501", "permission denied to create tablespace \"%s\"", x.name)
	}
	if _, there := s.Tablespaces[x.name]; there {
		return nil, Errorf("42710", "tablespace \"%s\" already exists", x.name)
	}
	if s.Tablespaces == nil {
		s.Tablespaces = map[string]Tablespace{}
	}
	s.Tablespaces[x.name] = Tablespace{OID: s.oid(), Owner: c.User, Location: x.location}
	return &Result{Tag: "CREATE TABLESPACE"}, nil
}

// TablespaceDatabases are the OIDs of the databases that have a table in a tablespace.
func (s *State) TablespaceDatabases(oid int64) []int64 {
	var out []int64
	for _, name := range SortedKeys(s.Databases) {
		for _, t := range s.Databases[name].Tables {
			if space, ok := s.Tablespaces[t.Tablespace]; ok && space.OID == oid {
				out = append(out, s.Databases[name].OID)
				break
			}
		}
	}
	return out
}
