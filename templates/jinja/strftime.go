package jinja

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Strftime formats a time as C does in the locale C, with the flags -, _, 0 and ^ of the GNU library.
func Strftime(format string, at time.Time) (string, error) { return strftime(format, at, true) }

// Strftime formats a moment; the name and the offset of its place are empty where it has none.
func (m Moment) Strftime(format string) (string, error) {
	if m.offset != nil {
		return strftime(format, m.instant().In(time.FixedZone("", *m.offset)), true)
	}
	return strftime(format, m.Time, false)
}

// moments of the year and day, by the letter: how many digits, what fills them.
type timeNumber struct {
	value, width int
	fill         byte
}

func timeNumbers(c byte, at time.Time) (timeNumber, bool) {
	week := func(first time.Weekday) int { // of the year, beginning with that day; 0 before the first one
		return (at.YearDay() + 6 - (int(at.Weekday())-int(first)+7)%7) / 7
	}
	year, isoWeek := at.ISOWeek()
	twelve := (at.Hour()+11)%12 + 1
	n, ok := map[byte]timeNumber{
		'Y': {at.Year(), 0, '0'}, 'm': {int(at.Month()), 2, '0'}, 'd': {at.Day(), 2, '0'}, 'H': {at.Hour(), 2, '0'}, 'M': {at.Minute(), 2, '0'},
		'S': {at.Second(), 2, '0'}, 'y': {at.Year() % 100, 2, '0'}, 'I': {twelve, 2, '0'}, 'e': {at.Day(), 2, ' '}, 'k': {at.Hour(), 2, ' '},
		'l': {twelve, 2, ' '}, 'f': {at.Nanosecond() / 1000, 6, '0'}, 'j': {at.YearDay(), 3, '0'}, 'w': {int(at.Weekday()), 0, '0'},
		'u': {(int(at.Weekday())+6)%7 + 1, 0, '0'}, 'V': {isoWeek, 2, '0'}, 'G': {year, 0, '0'}, 'g': {year % 100, 2, '0'},
		'C': {at.Year() / 100, 2, '0'}, 'U': {week(time.Sunday), 2, '0'}, 'W': {week(time.Monday), 2, '0'},
	}[c]
	return n, ok
}

var timeLayouts = map[byte]string{
	'B': "January", 'b': "Jan", 'h': "Jan", 'A': "Monday", 'a': "Mon", 'p': "PM", 'P': "pm", 'F': "2006-01-02",
	'T': "15:04:05", 'D': "01/02/06",
	'R': "15:04", 'r': "03:04:05 PM", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05",
}

func strftime(format string, at time.Time, placed bool) (string, error) {
	out := []byte{}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 >= len(format) {
			out = append(out, format[i])
			continue
		}
		i++
		flag := byte(0)
		if strings.IndexByte("-_0^", format[i]) >= 0 && i+1 < len(format) {
			flag = format[i]
			i++
		}
		c := format[i]
		if n, ok := timeNumbers(c, at); ok {
			switch flag {
			case '-':
				n.width = 0
			case '_':
				n.fill = ' '
			case '0':
				n.fill = '0'
			}
			digits := strconv.Itoa(n.value)
			out = append(out, strings.Repeat(string(n.fill), max(0, n.width-len(digits)))+digits...)
			continue
		}
		text := ""
		if layout, ok := timeLayouts[c]; ok {
			text = at.Format(layout)
		} else {
			switch c {
			case '%':
				text = "%"
			case 'n':
				text = "\n"
			case 't':
				text = "\t"
			case 's':
				seconds := at.Unix()
				if !placed {
					seconds = NewMoment(at).instant().Unix()
				}
				text = strconv.FormatInt(seconds, 10)
			case 'Z':
				if placed {
					text = at.Format("MST")
				}
			case 'z':
				if placed {
					text = at.Format("-0700")
				}
			default:
				return "", fmt.Errorf("the time format %q has %%%c, which is not known", format, c)
			}
		}
		if flag == '^' {
			text = strings.ToUpper(text)
		}
		out = append(out, text...)
	}
	return string(out), nil
}

// ParseMoment reads a time by a format of Python's strptime. What the format leaves out is that of 1900-01-01 00:00:00.
func ParseMoment(text, format string) (Moment, error) {
	p := &timeParser{rest: text, year: 1900, month: 1, day: 1}
	for i := 0; i < len(format); i++ {
		ok := false
		switch c := format[i]; {
		case c == '%' && i+1 < len(format):
			i++
			known := false
			if ok, known = p.directive(format[i]); !known {
				return Moment{}, fmt.Errorf("to_datetime does not know %%%c in the format %q", format[i], format)
			}
		case c == ' ' || c == '\t' || c == '\n':
			trimmed := strings.TrimLeft(p.rest, " \t\n")
			ok = trimmed != p.rest
			p.rest = trimmed
		default:
			p.rest, ok = strings.CutPrefix(p.rest, string(c))
		}
		if !ok {
			return Moment{}, fmt.Errorf("to_datetime cannot read %q by the format %q", text, format)
		}
	}
	if p.afternoon != nil {
		p.hour = p.hour%12 + map[bool]int{true: 12}[*p.afternoon]
	}
	at := time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, p.second, p.microsecond*1000, time.UTC)
	if p.yearDay > 0 {
		at = time.Date(p.year, 1, p.yearDay, p.hour, p.minute, p.second, p.microsecond*1000, time.UTC)
	}
	if p.rest != "" || p.yearDay == 0 && (at.Day() != p.day || int(at.Month()) != p.month) {
		return Moment{}, fmt.Errorf("to_datetime cannot read %q by the format %q", text, format)
	}
	return Moment{Time: at, offset: p.offset}, nil
}

// timeParser reads the parts of a time.
type timeParser struct {
	rest                                                         string
	year, month, day, hour, minute, second, microsecond, yearDay int
	afternoon                                                    *bool
	offset                                                       *int
}

// number reads up to so many digits.
func (p *timeParser) number(to *int, digits, least, most int) bool {
	end := 0
	for end < len(p.rest) && end < digits && p.rest[end] >= '0' && p.rest[end] <= '9' {
		end++
	}
	value, err := strconv.Atoi(p.rest[:end])
	if err == nil && value > most && end > 1 { // as an expression with alternatives would take fewer
		end--
		value, _ = strconv.Atoi(p.rest[:end])
	}
	if err != nil || value < least || value > most {
		return false
	}
	p.rest = p.rest[end:]
	*to = value
	return true
}

// name reads one of the names that a layout of Go's gives for the times, and returns its index.
func (p *timeParser) name(layout string, of []time.Time) (int, bool) {
	for at, t := range of {
		if name := t.Format(layout); len(p.rest) >= len(name) && strings.EqualFold(p.rest[:len(name)], name) {
			p.rest = p.rest[len(name):]
			return at, true
		}
	}
	return 0, false
}

func (p *timeParser) directive(c byte) (ok, known bool) {
	var months, days []time.Time
	for at := range 12 {
		months = append(months, time.Date(2024, time.Month(at+1), 1, 0, 0, 0, 0, time.UTC))
		days = append(days, time.Date(2024, 1, at%7+1, 0, 0, 0, 0, time.UTC))
	}
	each := func(formats string) bool {
		for i := range len(formats) {
			if formats[i] >= 'A' {
				if ok, _ := p.directive(formats[i]); !ok {
					return false
				}
			} else if p.rest, ok = strings.CutPrefix(p.rest, formats[i:i+1]); !ok {
				return false
			}
		}
		return true
	}
	switch c {
	case 'Y':
		return len(p.rest) >= 4 && p.number(&p.year, 4, 1, 9999), true
	case 'y':
		ok = p.number(&p.year, 2, 0, 99)
		if p.year += 1900; p.year < 1969 {
			p.year += 100
		}
		return ok, true
	case 'm':
		return p.number(&p.month, 2, 1, 12), true
	case 'd', 'e':
		return p.number(&p.day, 2, 1, 31), true
	case 'H':
		return p.number(&p.hour, 2, 0, 23), true
	case 'I':
		return p.number(&p.hour, 2, 1, 12), true
	case 'M':
		return p.number(&p.minute, 2, 0, 59), true
	case 'S':
		return p.number(&p.second, 2, 0, 61), true
	case 'j':
		return p.number(&p.yearDay, 3, 1, 366), true
	case 'f':
		before := p.rest
		ok = p.number(&p.microsecond, 6, 0, 999999)
		for range 6 - (len(before) - len(p.rest)) {
			p.microsecond *= 10
		}
		return ok, true
	case 'B', 'b', 'h':
		month := 0
		if month, ok = p.name(map[bool]string{true: "January", false: "Jan"}[c == 'B'], months); ok {
			p.month = month + 1
		}
		return ok, true
	case 'A', 'a':
		_, ok = p.name(map[bool]string{true: "Monday", false: "Mon"}[c == 'A'], days)
		return ok, true
	case 'p':
		half := 0
		half, ok = p.name("PM", []time.Time{{}, time.Time{}.Add(12 * time.Hour)})
		late := half == 1
		p.afternoon = &late
		return ok, true
	case 'z':
		return p.zone(), true
	case 'Z':
		for _, name := range []string{"UTC", "GMT"} {
			if rest, found := strings.CutPrefix(strings.ToUpper(p.rest), name); found {
				p.rest = p.rest[len(p.rest)-len(rest):]
				return true, true
			}
		}
		return false, true
	case 'T', 'X':
		return each("H:M:S"), true
	case 'F':
		return each("Y-m-d"), true
	case 'D', 'x':
		return each("m/d/y"), true
	case 'R':
		return each("H:M"), true
	case '%':
		p.rest, ok = strings.CutPrefix(p.rest, "%")
		return ok, true
	}
	return false, false
}

// zone reads +0200, +02:00 or Z.
func (p *timeParser) zone() bool {
	offset, sign := 0, 0
	switch {
	case strings.HasPrefix(p.rest, "Z"):
		p.rest = p.rest[1:]
	case strings.HasPrefix(p.rest, "+"), strings.HasPrefix(p.rest, "-"):
		hours, minutes := 0, 0
		sign = map[byte]int{'+': 1, '-': -1}[p.rest[0]]
		p.rest = p.rest[1:]
		if !p.number(&hours, 2, 0, 23) {
			return false
		}
		p.rest = strings.TrimPrefix(p.rest, ":")
		if !p.number(&minutes, 2, 0, 59) {
			return false
		}
		offset = sign * (hours*3600 + minutes*60)
	default:
		return false
	}
	p.offset = &offset
	return true
}

// fromISO reads what isoformat() writes.
func fromISO(text string) (Moment, error) {
	for _, format := range []string{"%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"} {
		for _, zone := range []string{"", "%z"} {
			if m, err := ParseMoment(strings.Replace(text, " ", "T", 1), format+zone); err == nil {
				return m, nil
			}
		}
	}
	return Moment{}, fmt.Errorf("fromisoformat() cannot read %q as a date and time, such as 2024-05-01T12:00:00", text)
}
