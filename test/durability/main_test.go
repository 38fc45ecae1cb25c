package durability

import (
	"os"
	"testing"
	"time"

	"github.com/polarbook/polarbook/test/site"
)

func TestMain(m *testing.M) { site.Main(m) }

// duration returns for how long operations are begun: POLARBOOK_DURABILITY, such as 1h, or three minutes, or one in
// the short form.
func duration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("POLARBOOK_DURABILITY")
	if text == "" {
		if testing.Short() {
			return time.Minute
		}
		return 3 * time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("POLARBOOK_DURABILITY: %v", err)
	}
	return d
}
