package ordered

// Unsafe is a value that is never rendered, whatever it contains: what a host sent back, and what YAML tags as !unsafe.
type Unsafe struct{ Value any }
