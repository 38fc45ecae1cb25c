package templates

// New returns an engine with the filters, tests and lookups of Ansible.
func New(o Options) *Engine { return NewEngine(o, All()) }
