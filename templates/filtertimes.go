package templates

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/polarbook/polarbook/templates/ordered"
)

// timeFilters concern moments.
func timeFilters() map[string]callable {
	return map[string]callable{
		"strftime": {"second utc", func(c *invocation) (any, error) {
			utc, err := c.truth("utc", false)
			if err != nil {
				return nil, err
			}
			at := c.run.session.now()
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
		"to_datetime": {"format", func(c *invocation) (any, error) {
			return parseMoment(text(c.value), c.text("format", "%Y-%m-%d %H:%M:%S"))
		}, false},
	}
}

// moment is what to_datetime gives: it can be printed, compared, subtracted and taken apart.
type moment struct{ time.Time }

func (m moment) String() string {
	if m.Nanosecond() != 0 {
		return m.Format("2006-01-02 15:04:05.000000")
	}
	return m.Format("2006-01-02 15:04:05")
}

// span is the difference of two moments.
type span time.Duration

// String is Python's form: 3 days, 1:02:03.
func (s span) String() string {
	days, seconds := s.parts()
	clock := fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	switch days {
	case 0:
		return clock
	case 1, -1:
		return fmt.Sprintf("%d day, %s", days, clock)
	}
	return fmt.Sprintf("%d days, %s", days, clock)
}

// parts are whole days, rounded down, and the seconds beyond them.
func (s span) parts() (days, seconds int) {
	total := int(math.Floor(time.Duration(s).Seconds()))
	days = total / 86400
	if total%86400 < 0 {
		days--
	}
	return days, total - days*86400
}

// timeAttribute returns an attribute or method of a moment or a span.
func timeAttribute(value any, name string) (any, bool) {
	constant := func(result any) *function {
		return &function{name: name, call: func(*run, []any, *ordered.Map) (any, error) { return result, nil }}
	}
	switch v := value.(type) {
	case span:
		days, seconds := v.parts()
		switch name {
		case "days":
			return days, true
		case "seconds":
			return seconds, true
		case "total_seconds":
			return constant(time.Duration(v).Seconds()), true
		}
	case moment:
		parts := map[string]int{
			"year": v.Year(), "month": int(v.Month()), "day": v.Day(), "hour": v.Hour(), "minute": v.Minute(), "second": v.Second(),
			"microsecond": v.Nanosecond() / 1000,
		}
		if part, ok := parts[name]; ok {
			return part, true
		}
		switch name {
		case "timestamp":
			return constant(float64(v.UnixMicro()) / 1e6), true
		case "isoformat":
			return constant(strings.Replace(v.String(), " ", "T", 1)), true
		case "strftime":
			return &function{name: name, call: func(_ *run, arguments []any, _ *ordered.Map) (any, error) {
				if len(arguments) != 1 {
					return nil, errors.New("strftime() takes a format")
				}
				return strftime(text(arguments[0]), v.Time)
			}}, true
		}
	}
	return nil, false
}

// timeOperate subtracts moments.
func timeOperate(operator string, left, right any) (any, bool) {
	a, isMoment := left.(moment)
	b, also := right.(moment)
	if isMoment && also && operator == "-" {
		return span(a.Sub(b.Time)), true
	}
	return nil, false
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
	return moment{at}, nil
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
