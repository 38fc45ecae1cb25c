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

// NewTablespaceIn returns where a statement wants a new tablespace to lie.
func NewTablespaceIn(c Change) (location string, ok bool) {
	if x, is := c.(*createTablespace); is {
		return x.location, true
	}
	return "", false
}

// noDatabaseIn returns what the engine answers who wants a whole database in a tablespace: it looks for its directory in
// POLARDATA, where there is none.
func (s *State) noDatabaseIn(name string, database int64) error {
	space, there := s.Tablespaces[name]
	switch {
	case name == "" || name == "pg_default":
		return nil
	case !there:
		return Errorf("42704", "tablespace \"%s\" does not exist", name)
	}
	return Errorf("58P01", "could not create directory \"pg_tblspc/%d/PG_11_201809051/%d\": No such file or directory", space.OID, database)
}

type databaseTablespace struct{ name, tablespace string }

func (x *databaseTablespace) execute(_ *Context, s *State) (*Result, error) {
	d := s.Databases[x.name]
	if d == nil {
		return nil, Errorf("3D000", "database \"%s\" does not exist", x.name)
	}
	return &Result{Tag: "ALTER DATABASE"}, s.noDatabaseIn(x.tablespace, d.OID)
}

// TablespaceDatabases returns the OIDs of the databases that have a table in a tablespace.
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
