package site

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Dice are seeded by POLARBOOK_SEED, or by the clock, and say how to have the same again.
func Dice(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("POLARBOOK_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("POLARBOOK_SEED: %v", err)
		}
	}
	t.Logf("again with POLARBOOK_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
