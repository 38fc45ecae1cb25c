package preflight

import "fmt"

// checkStatus is the result of a check.
type checkStatus string

const (
	statusPass checkStatus = "PASS"
	statusWarn checkStatus = "WARN"
	statusFail checkStatus = "FAIL"
)

func (s checkStatus) rank() int {
	switch s {
	case statusFail:
		return 0
	case statusWarn:
		return 1
	}
	return 2
}

// checkRow is one line of the table.
type checkRow struct {
	Name               string
	Status             checkStatus
	Found, Wanted, Fix string
	Peer               string // the member that the check is about; empty: the host itself
}

type checkRows []checkRow

func (r *checkRows) add(name string, status checkStatus, found, wanted, fix string) {
	if status == statusPass {
		fix = ""
	}
	*r = append(*r, checkRow{Name: name, Status: status, Found: found, Wanted: wanted, Fix: fix})
}

// when adds a check that passes when good is true and otherwise has the other status.
func (r *checkRows) when(good bool, otherwise checkStatus, name, found, wanted, fix string) {
	if good {
		otherwise = statusPass
	}
	r.add(name, otherwise, found, wanted, fix)
}

func (r checkRows) with(s checkStatus) checkRows {
	var list checkRows
	for _, row := range r {
		if row.Status == s {
			list = append(list, row)
		}
	}
	return list
}

func (r checkRows) worst() checkStatus {
	worst := statusPass
	for _, row := range r {
		if row.Status.rank() < worst.rank() {
			worst = row.Status
		}
	}
	return worst
}

func (r checkRows) count() string {
	return fmt.Sprintf("%d PASS, %d WARN, %d FAIL", len(r.with(statusPass)), len(r.with(statusWarn)), len(r.with(statusFail)))
}

// values returns the rows as playbooks see them.
func (r checkRows) values() []any {
	list := make([]any, 0, len(r))
	for _, row := range r {
		m := map[string]any{"name": row.Name, "status": string(row.Status), "found": row.Found, "wanted": row.Wanted, "fix": row.Fix}
		if row.Peer != "" {
			m["peer"] = row.Peer
		}
		list = append(list, m)
	}
	return list
}
