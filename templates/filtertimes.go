package templates

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// timeFilters concern moments.
func timeFilters() map[string]callable {
	return map[string]callable{
		"strftime": {"second utc", func(c *invocation) (any, error) {
			utc, err := c.truth("utc", false)
			if err != nil {
				return nil, err
			}
			at := c.run.session.engine.options.Now()
			if given, ok := c.given("second"); ok && given != nil {
				converted, err := toFloat(&invocation{value: given, bound: map[string]any{"default": nil}})
				seconds, isFloat := converted.(float64)
				if err != nil || !isFloat || math.Abs(seconds) > 1e12 {
					return nil, errors.Join(err, fmt.Errorf("strftime needs seconds since 1970, not %s", repr(given)))
				}
				whole, fraction := math.Modf(seconds)
				at = time.Unix(int64(whole), int64(fraction*1e9)).In(at.Location())
			}
			if utc {
				at = at.UTC()
			}
			return strftime(text(c.value), at)
		}, false},
		"to_datetime": {"format", func(*invocation) (any, error) {
			return nil, errors.New("to_datetime is not supported: compare times as seconds since 1970")
		}, false},
	}
}
