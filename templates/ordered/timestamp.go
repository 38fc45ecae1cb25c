package ordered

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Timestamp is a date, or a date and time, that stands unquoted in YAML: 2024-01-02, or 2024-01-02T10:11:12.500000+02:00 as ISO 8601
// has it. Templates make Python's date and datetime of it; for whoever writes it down or hands it to a module it is this text.
type Timestamp string

// yamlTimestamp is what YAML 1.1 reads as one.
var yamlTimestamp = regexp.MustCompile(`^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})` +
	`(?:(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?(?:[ \t]*(?:(Z)|([-+])([0-9]{1,2})(?::?([0-9]{2}))?))?)?$`)

var dateAlone = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

// ParseTimestamp reads a plain scalar of YAML 1.1 as PyYAML does. What is written as a date but is none, such as 2024-02-30, is none
// here; PyYAML refuses it.
func ParseTimestamp(text string) (Timestamp, bool) {
	if len(text) < len("2024-1-2") || text[4] != '-' {
		return "", false
	}
	match := yamlTimestamp.FindStringSubmatch(text)
	if match == nil || match[4] == "" && !dateAlone.MatchString(text) {
		return "", false
	}
	var numbers [12]int
	for at := 1; at < len(match); at++ {
		numbers[at], _ = strconv.Atoi(match[at])
	}
	fraction := match[7]
	fraction = (fraction + "000000")[:6]
	micro, _ := strconv.Atoi(fraction)
	at := time.Date(numbers[1], time.Month(numbers[2]), numbers[3], numbers[4], numbers[5], numbers[6], micro*1000, time.UTC)
	if at.Year() != numbers[1] || at.Day() != numbers[3] || at.Hour() != numbers[4] || at.Minute() != numbers[5] ||
		at.Second() != numbers[6] ||
		numbers[1] == 0 {
		return "", false
	}
	if match[4] == "" {
		return Timestamp(at.Format("2006-01-02")), true
	}
	written := at.Format("2006-01-02T15:04:05")
	if micro != 0 {
		written += fmt.Sprintf(".%06d", micro)
	}
	switch {
	case match[8] != "":
		written += "+00:00"
	case match[9] != "":
		if numbers[10] > 23 || numbers[11] > 59 {
			return "", false
		}
		sign := match[9]
		if numbers[10] == 0 && numbers[11] == 0 {
			sign = "+"
		}
		written += fmt.Sprintf("%s%02d:%02d", sign, numbers[10], numbers[11])
	}
	return Timestamp(written), true
}

// Text is what Python's str() makes of it.
func (t Timestamp) Text() string { return strings.Replace(string(t), "T", " ", 1) }

// TextOfTimestamps returns a value in which every Timestamp is its text.
func TextOfTimestamps(value any) any {
	switch v := value.(type) {
	case Timestamp:
		return v.Text()
	case []any:
		for at, item := range v {
			v[at] = TextOfTimestamps(item)
		}
	case *Map:
		for key, item := range v.All() {
			if changed := TextOfTimestamps(item); !isContainer(item) {
				v.Set(key, changed)
			}
		}
	}
	return value
}

func isContainer(value any) bool {
	switch value.(type) {
	case []any, *Map:
		return true
	}
	return false
}
