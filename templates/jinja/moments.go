package jinja

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"

	"github.com/polarbook/polarbook/templates/ordered"
)

// Moment is Python's datetime, the value of now() and to_datetime: it can be printed, compared, taken apart, and added to.
// What it holds is what a clock on the wall shows, as time in UTC whatever the place; it is cut to microseconds.
type Moment struct {
	time.Time
	kind   momentKind
	offset *int // from UTC in seconds, of one that was read with %z; nil: none is known
}

type momentKind int

const (
	dateAndTime momentKind = iota
	dateOnly
	timeOnly
)

// NewMoment returns what the clock shows at a time, in its place.
func NewMoment(at time.Time) Moment {
	return Moment{Time: time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond()/1000*1000, time.UTC)}
}

// MomentOf is the date, or the date and time, that stands in YAML.
func MomentOf(t ordered.Timestamp) Moment {
	m, err := fromISO(string(t))
	if err != nil { // which nothing in YAML is
		return Moment{kind: dateOnly}
	}
	if len(t) == len("2006-01-02") {
		m.kind = dateOnly
	}
	return m
}

// ISO is how the moment is written in JSON.
func (m Moment) ISO() string { return m.iso("T") }

func (m Moment) String() string { return m.iso(" ") }

// iso is Python's isoformat.
func (m Moment) iso(between string) string {
	day, clock := m.Format("2006-01-02"), m.Format("15:04:05")
	if m.Nanosecond() != 0 {
		clock = m.Format("15:04:05.000000")
	}
	switch m.kind {
	case dateOnly:
		return day
	case timeOnly:
		return clock
	}
	if m.offset != nil {
		clock += m.Time.In(time.FixedZone("", *m.offset)).Format("-07:00")
	}
	return day + between + clock
}

// instant is the time itself: that of the place of this machine where none is known.
func (m Moment) instant() time.Time {
	if m.offset != nil {
		return m.Add(-time.Duration(*m.offset) * time.Second)
	}
	return time.Date(m.Year(), m.Month(), m.Day(), m.Hour(), m.Minute(), m.Second(), m.Nanosecond(), time.Local)
}

// repr is Python's form of a moment within a list.
func (m Moment) repr() string {
	numbers := []int{m.Year(), int(m.Month()), m.Day(), m.Hour(), m.Minute(), m.Second(), m.Nanosecond() / 1000}
	name := "datetime.datetime"
	switch m.kind {
	case dateOnly:
		name, numbers = "datetime.date", numbers[:3]
	case timeOnly:
		name, numbers = "datetime.time", numbers[3:]
	}
	least := map[momentKind]int{dateAndTime: 5, dateOnly: 3, timeOnly: 2}[m.kind]
	for len(numbers) > least && numbers[len(numbers)-1] == 0 {
		numbers = numbers[:len(numbers)-1]
	}
	return name + "(" + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(numbers)), ", "), "[]") + ")"
}

// span is Python's timedelta, in microseconds.
type span int

const second, day = 1_000_000, 86400 * 1_000_000

// parts are whole days, rounded down, and the seconds and microseconds beyond them.
func (s span) parts() (days, seconds, microseconds int) {
	days = int(s) / day
	if int(s)%day < 0 {
		days--
	}
	rest := int(s) - days*day
	return days, rest / second, rest % second
}

// String is Python's form: 3 days, 1:02:03.
func (s span) String() string {
	days, seconds, microseconds := s.parts()
	clock := fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if microseconds != 0 {
		clock += fmt.Sprintf(".%06d", microseconds)
	}
	switch days {
	case 0:
		return clock
	case 1, -1:
		return fmt.Sprintf("%d day, %s", days, clock)
	}
	return fmt.Sprintf("%d days, %s", days, clock)
}

func (s span) repr() string {
	days, seconds, microseconds := s.parts()
	parts := []string{}
	for _, p := range []struct {
		name  string
		value int
	}{{"days", days}, {"seconds", seconds}, {"microseconds", microseconds}} {
		if p.value != 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", p.name, p.value))
		}
	}
	if len(parts) == 0 {
		parts = []string{"0"}
	}
	return "datetime.timedelta(" + strings.Join(parts, ", ") + ")"
}

// timeAttribute returns an attribute or method of a moment or a span.
func timeAttribute(value any, name string) (any, bool) {
	switch v := value.(type) {
	case span:
		days, seconds, microseconds := v.parts()
		switch name {
		case "days":
			return days, true
		case "seconds":
			return seconds, true
		case "microseconds":
			return microseconds, true
		case "total_seconds":
			return &Function{name: name, call: func(*Run, []any, *ordered.Map) (any, error) { return float64(v) / second, nil }}, true
		}
	case Moment:
		if part, ok := v.part(name); ok {
			return part, true
		}
		if method, ok := momentMethods[name]; ok {
			return &Function{name: name, call: func(r *Run, positional []any, named *ordered.Map) (any, error) {
				return method.run(r, name+"()", v, positional, named)
			}}, true
		}
	}
	return nil, false
}

// part is a number that the moment shows.
func (m Moment) part(name string) (any, bool) {
	parts := map[string]int{}
	if m.kind != timeOnly {
		parts["year"], parts["month"], parts["day"] = m.Year(), int(m.Month()), m.Day()
	}
	if m.kind != dateOnly {
		maps.Copy(parts, map[string]int{
			"hour": m.Hour(), "minute": m.Minute(), "second": m.Second(), "microsecond": m.Nanosecond() / 1000, "fold": 0,
		})
	}
	if part, ok := parts[name]; ok {
		return part, true
	}
	return nil, name == "tzinfo" && m.offset == nil && m.kind != dateOnly
}

// momentMethods are the methods of Python's datetime.
var momentMethods map[string]Callable

func init() {
	of := func(c *Invocation) Moment { return c.Value.(Moment) }
	simple := func(do func(m Moment) any) Callable {
		return Callable{Do: func(c *Invocation) (any, error) { return do(of(c)), nil }}
	}
	current := func(utc bool) Callable {
		return Callable{Do: func(c *Invocation) (any, error) {
			if at := c.Run.Now(); !utc {
				return NewMoment(at), nil
			}
			return NewMoment(c.Run.Now().UTC()), nil
		}}
	}
	momentMethods = map[string]Callable{
		"date": simple(func(m Moment) any {
			return Moment{Time: time.Date(m.Year(), m.Month(), m.Day(), 0, 0, 0, 0, time.UTC), kind: dateOnly}
		}),
		"time": simple(func(m Moment) any {
			return Moment{Time: time.Date(1900, 1, 1, m.Hour(), m.Minute(), m.Second(), m.Nanosecond(), time.UTC), kind: timeOnly}
		}),
		"weekday":    simple(func(m Moment) any { return (int(m.Weekday()) + 6) % 7 }),
		"isoweekday": simple(func(m Moment) any { return (int(m.Weekday())+6)%7 + 1 }),
		"isocalendar": simple(func(m Moment) any {
			year, week := m.ISOWeek()
			return Tuple{year, week, (int(m.Weekday())+6)%7 + 1}
		}),
		"toordinal": simple(func(m Moment) any {
			return int(m.Unix()-time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix())/86400 + 1
		}),
		"timestamp": simple(func(m Moment) any { return float64(m.instant().UnixMicro()) / second }),
		"ctime":     simple(func(m Moment) any { return m.Format("Mon Jan _2 15:04:05 2006") }),
		"today":     current(false), "now": current(false), "utcnow": current(true),
		"isoformat": {Parameters: "sep", Do: func(c *Invocation) (any, error) { return of(c).iso(c.Text("sep", "T")), nil }},
		"strftime":  {Parameters: "format!", Do: func(c *Invocation) (any, error) { return of(c).Strftime(c.Text("format", "")) }},
		"strptime": {Parameters: "date_string! format!", Do: func(c *Invocation) (any, error) {
			return ParseMoment(c.Text("date_string", ""), c.Text("format", ""))
		}},
		"fromisoformat": {Parameters: "date_string!", Do: func(c *Invocation) (any, error) {
			return fromISO(c.Text("date_string", ""))
		}},
		"fromtimestamp":    {Parameters: "t!", Do: func(c *Invocation) (any, error) { return fromTimestamp(c, time.Local) }},
		"utcfromtimestamp": {Parameters: "t!", Do: func(c *Invocation) (any, error) { return fromTimestamp(c, time.UTC) }},
		"replace":          {Parameters: "year month day hour minute second microsecond", Do: replaceMoment},
	}
}

func fromTimestamp(c *Invocation, place *time.Location) (any, error) {
	_, seconds, _, ok := Number(c.Bound["t"])
	if !ok || math.Abs(seconds) > 1e11 {
		return nil, fmt.Errorf("%s needs seconds since 1970, not %s", c.Name, Repr(c.Bound["t"]))
	}
	return NewMoment(time.UnixMicro(int64(math.RoundToEven(seconds * second))).In(place)), nil
}

func replaceMoment(c *Invocation) (any, error) {
	m := c.Value.(Moment)
	numbers := []int{m.Year(), int(m.Month()), m.Day(), m.Hour(), m.Minute(), m.Second(), m.Nanosecond() / 1000}
	for at, name := range []string{"year", "month", "day", "hour", "minute", "second", "microsecond"} {
		number, err := c.Integer(name, numbers[at])
		if err != nil {
			return nil, err
		}
		numbers[at] = number
	}
	n := numbers
	m.Time = time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]*1000, time.UTC)
	if m.Year() != n[0] || int(m.Month()) != n[1] || m.Day() != n[2] || m.Hour() != n[3] || m.Minute() != n[4] || m.Second() != n[5] {
		return nil, errors.New("replace() gives no date and time that exist")
	}
	return m, nil
}

// timeOperate adds and subtracts moments and spans.
func timeOperate(operator string, left, right any) (any, error, bool) {
	a, isMoment := left.(Moment)
	b, rightMoment := right.(Moment)
	x, isSpan := left.(span)
	y, rightSpan := right.(span)
	li, lf, lInt, lNumber := Number(left)
	ri, rf, rInt, rNumber := Number(right)
	switch {
	case isMoment && rightMoment && operator == "-":
		if (a.offset == nil) != (b.offset == nil) {
			return nil, errors.New("a time with an offset and one without cannot be subtracted from one another"), true
		}
		if a.offset != nil {
			a.Time, b.Time = a.instant(), b.instant()
		}
		return span(a.UnixMicro() - b.UnixMicro()), nil, true
	case isMoment && rightSpan && operator == "+":
		return a.moved(y), nil, true
	case isMoment && rightSpan && operator == "-":
		return a.moved(-y), nil, true
	case isSpan && rightMoment && operator == "+":
		return b.moved(x), nil, true
	case isSpan && rightSpan && operator == "+":
		return x + y, nil, true
	case isSpan && rightSpan && operator == "-":
		return x - y, nil, true
	case isSpan && rightSpan && (operator == "/" || operator == "//" || operator == "%"):
		if operator == "/" {
			result, err := OperateFloats(operator, float64(x), float64(y))
			return result, err, true
		}
		result, err := operateInts(operator, int(x), int(y))
		if rest, ok := result.(int); ok && operator == "%" {
			result = span(rest)
		}
		return result, err, true
	case isSpan && rInt && operator == "*":
		return x * span(ri), nil, true
	case lInt && rightSpan && operator == "*":
		return span(li) * y, nil, true
	case isSpan && rNumber && operator == "*":
		return span(math.RoundToEven(float64(x) * rf)), nil, true
	case lNumber && rightSpan && operator == "*":
		return span(math.RoundToEven(lf * float64(y))), nil, true
	case isSpan && rNumber && operator == "/" && rf != 0:
		return span(math.RoundToEven(float64(x) / rf)), nil, true
	case isSpan && rInt && operator == "//" && ri != 0:
		result, err := operateInts("//", int(x), ri)
		if err != nil {
			return nil, err, true
		}
		return span(result.(int)), nil, true
	}
	return nil, nil, false
}

func (m Moment) moved(by span) Moment {
	days, seconds, microseconds := by.parts()
	m.Time = m.AddDate(0, 0, days)
	if m.kind != dateOnly {
		m.Time = m.Add(time.Duration(seconds)*time.Second + time.Duration(microseconds)*time.Microsecond)
	}
	return m
}
