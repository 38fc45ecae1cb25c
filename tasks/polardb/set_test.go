package polardb

import "testing"

func TestSetPlan(t *testing.T) {
	for name, c := range map[string]struct{ set, value, want string }{
		"another value": {"polar_dma_delay_election", "on", "polar_dma_delay_election off -> on"},
		"the same":      {"polar_dma_delay_election", "no", ""},
		"a restart":     {"max_connections", "200", "refuse: without a restart"},
		"unknown":       {"nosuch", "1", "refuse: has no setting nosuch"},
	} {
		a := &setAction{look: settingsAction{wanted: map[string]string{c.set: c.value}}}
		p, _, err := a.Plan(running())
		checkPlan(t, name, c.want, p, err)
	}
}
