package daytwo

import (
	"testing"

	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }
