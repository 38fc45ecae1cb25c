package playbooks

// unchecked accepts every template; the caller's Checker reads them.
type unchecked struct{}

func (unchecked) Check(string) error          { return nil }
func (unchecked) CheckCondition(string) error { return nil }

func ownChecker() Checker { return unchecked{} }
