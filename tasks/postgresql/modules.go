package postgresql

import "github.com/polarbook/polarbook/tasks"

// Modules returns the modules for PostgreSQL, in the order of the documentation.
func Modules() []tasks.Module {
	return []tasks.Module{
		pingModule, queryModule, dbModule, userModule, privsModule, extModule, schemaModule, tableModule, membershipModule, tablespaceModule,
		setModule, infoModule, ownerModule, hbaModule,
	}
}

var collection = []string{"community.postgresql"}

// session is documentation of what every module that changes something returns.
var queriesReturn = tasks.Return{Name: "queries", Type: "list", Doc: "the statements that made the change, without passwords"}
