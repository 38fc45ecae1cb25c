package ansible

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/polarbook/polarbook/templates/jinja"
)

// timeFilters concern moments.
func timeFilters() map[string]jinja.Callable {
	return map[string]jinja.Callable{
		"strftime": {Parameters: "second utc", Do: func(c *jinja.Invocation) (any, error) {
			utc, err := c.Truth("utc", false)
			if err != nil {
				return nil, err
			}
			at := c.Run.Now()
			if given, ok := c.Given("second"); ok && given != nil {
				converted, err := toFloat(&jinja.Invocation{Value: given, Bound: map[string]any{"default": nil}})
				seconds, isFloat := converted.(float64)
				if err != nil || !isFloat || math.Abs(seconds) > 1e12 {
					return nil, errors.Join(err, fmt.Errorf("strftime needs seconds since 1970, not %s", jinja.Repr(given)))
				}
				whole, fraction := math.Modf(seconds)
				at = time.Unix(int64(whole), int64(fraction*1e9)).In(at.Location())
			}
			if utc {
				at = at.In(time.FixedZone("GMT", 0)) // as C calls it
			}
			return jinja.Strftime(jinja.Text(c.Value), at)
		}},
		"to_datetime": {Parameters: "format", Do: func(c *jinja.Invocation) (any, error) {
			return jinja.ParseMoment(jinja.Text(c.Value), c.Text("format", "%Y-%m-%d %H:%M:%S"))
		}},
	}
}
