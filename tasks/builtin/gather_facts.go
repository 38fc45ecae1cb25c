package builtin

import "github.com/polarbook/polarbook/tasks"

type gatherFactsArgs struct {
	setupArgs
	Parallel *bool `arg:"parallel" doc:"Accepted: there is one gatherer, which asks for all at once."`
}

var gatherFactsModule = tasks.Define(tasks.Module{
	Name: "gather_facts", Collections: []string{"ansible.builtin"},
	Summary: "Gather facts about a host, as a play does before its tasks",
	Notes:   []string{"It is setup by another name. Modules that the variable ansible_facts_modules names beside setup are not run."},
	Returns: setupModule.Returns,
	Examples: `
- gather_facts:
- gather_facts: {gather_subset: ["!all", network]}
  when: ansible_hostname is not defined
`,
}, func(a *gatherFactsArgs, _ tasks.Local) (tasks.Action, error) {
	return newSetup("gather_facts", &a.setupArgs)
})
