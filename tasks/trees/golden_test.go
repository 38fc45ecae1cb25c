package trees

import (
	"os"
	"testing"

	"github.com/polarbook/polarbook/tasks/taskstest"
	_ "github.com/polarbook/polarbook/test/golden" // there are no golden files here, but the flag that writes them is for all packages
)

func TestMain(m *testing.M) {
	taskstest.Knowing(Modules())
	os.Exit(m.Run())
}
