package trees

import "github.com/polarbook/polarbook/tasks"

// Modules returns the modules of this package, in the order of the documentation. A module is a variable in the file of its name.
func Modules() []tasks.Module {
	return []tasks.Module{archiveModule, synchronizeModule}
}
