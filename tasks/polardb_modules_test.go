package tasks

import "testing"

func init() { knowing(polardbModules()) }

func TestPolardbPlans(t *testing.T) { plansOf(t) }
