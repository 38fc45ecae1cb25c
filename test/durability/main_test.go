package durability

import (
	"os"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }

// lasts is for how long operations are begun: POLARBOOK_DURABILITY says how long, as in 1h, when it is run by hand.
func lasts(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("POLARBOOK_DURABILITY")
	if text == "" {
		return 3 * time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("POLARBOOK_DURABILITY: %v", err)
	}
	return d
}
