package ansible

import (
	"errors"
	"fmt"
	"math"
	"strings"
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
				at = at.UTC()
			}
			return jinja.Strftime(jinja.Text(c.Value), at)
		}},
		"to_datetime": {Parameters: "format", Do: func(c *jinja.Invocation) (any, error) {
			return parseMoment(jinja.Text(c.Value), c.Text("format", "%Y-%m-%d %H:%M:%S"))
		}},
	}
}

// parseMoment reads a time by a format of C's strptime.
func parseMoment(s, format string) (any, error) {
	layout, err := timeLayout(format)
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(layout, s)
	if err != nil {
		return nil, fmt.Errorf("to_datetime cannot read %q by the format %q", s, format)
	}
	return jinja.Moment{Time: at}, nil
}

func timeLayout(format string) (string, error) {
	layouts := map[byte]string{
		'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'B': "January", 'b': "Jan", 'A': "Monday",
		'a': "Mon", 'p': "PM", 'I': "03", 'z': "-0700", 'Z': "MST", 'f': "999999", 'j': "002", '%': "%",
	}
	var out strings.Builder
	for at := 0; at < len(format); at++ {
		if format[at] != '%' || at+1 >= len(format) {
			out.WriteByte(format[at])
			continue
		}
		at++
		layout, ok := layouts[format[at]]
		if !ok {
			return "", fmt.Errorf("to_datetime does not know %%%c in the format %q", format[at], format)
		}
		out.WriteString(layout)
	}
	return out.String(), nil
}
