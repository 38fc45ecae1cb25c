package tasks

import "testing"

func init() { knowing(builtinModules()) }

func TestPlans(t *testing.T) { plansOf(t) }
