package jinja

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Moment is the result of to_datetime: it can be printed, compared, subtracted and taken apart.
type Moment struct{ time.Time }

func (m Moment) String() string {
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
	constant := func(result any) *Function {
		return &Function{name: name, call: func(*Run, []any, *ordered.Map) (any, error) { return result, nil }}
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
	case Moment:
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
			return &Function{name: name, call: func(_ *Run, arguments []any, _ *ordered.Map) (any, error) {
				if len(arguments) != 1 {
					return nil, errors.New("strftime() takes a format")
				}
				return Strftime(Text(arguments[0]), v.Time)
			}}, true
		}
	}
	return nil, false
}

// timeOperate subtracts moments.
func timeOperate(operator string, left, right any) (any, bool) {
	a, isMoment := left.(Moment)
	b, also := right.(Moment)
	if isMoment && also && operator == "-" {
		return span(a.Sub(b.Time)), true
	}
	return nil, false
}

// Strftime formats a time as C does.
func Strftime(format string, at time.Time) (string, error) {
	simple := map[byte]string{
		'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'B': "January", 'b': "Jan", 'h': "Jan",
		'A': "Monday", 'a': "Mon", 'p': "PM", 'I': "03", 'Z': "MST", 'z': "-0700", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06",
		'R': "15:04", 'e': "_2", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05",
	}
	out := []byte{}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 >= len(format) {
			out = append(out, format[i])
			continue
		}
		i++
		c := format[i]
		if layout, ok := simple[c]; ok {
			out = append(out, at.Format(layout)...)
			continue
		}
		switch c {
		case '%':
			out = append(out, '%')
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 's':
			out = fmt.Appendf(out, "%d", at.Unix())
		case 'f':
			out = fmt.Appendf(out, "%06d", at.Nanosecond()/1000)
		case 'j':
			out = fmt.Appendf(out, "%03d", at.YearDay())
		case 'w':
			out = fmt.Appendf(out, "%d", int(at.Weekday()))
		case 'u':
			out = fmt.Appendf(out, "%d", (int(at.Weekday())+6)%7+1)
		case 'V':
			_, week := at.ISOWeek()
			out = fmt.Appendf(out, "%02d", week)
		case 'G':
			year, _ := at.ISOWeek()
			out = fmt.Appendf(out, "%d", year)
		case 'C':
			out = fmt.Appendf(out, "%02d", at.Year()/100)
		default:
			return "", fmt.Errorf("the time format %q has %%%c, which is not known", format, c)
		}
	}
	return string(out), nil
}
