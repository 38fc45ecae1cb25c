// Package pytext writes texts as Python does, on which what Ansible returns and what its templates make rest: lines, numbers,
// strings in quotes. It imports nothing of the project, so that every part of it may use it.
package pytext

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Size is a number of bytes as Ansible writes it: 1.00 GB is 2^30. unit is the letter of the one to write it in; empty: the largest that
// it fills. bits are written as such.
func Size(bytes float64, unit string, bits bool) string {
	base, suffix := "Bytes", "B"
	if bits {
		base, suffix = "bits", "b"
	}
	units := "YZEPTGMK"
	for at := range len(units) {
		limit := math.Pow(2, float64(10*(8-at)))
		letter := units[at : at+1]
		if unit == "" && bytes >= limit || unit != "" && strings.EqualFold(unit, letter) {
			return fmt.Sprintf("%.2f %s%s", bytes/limit, letter, suffix)
		}
	}
	return fmt.Sprintf("%.2f %s", bytes, base)
}

// Float is Python's repr of a float.
func Float(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	shortest := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, _ := strconv.Atoi(shortest[strings.IndexByte(shortest, 'e')+1:])
	if exponent < -4 || exponent >= 16 {
		return shortest
	}
	fixed := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(fixed, ".") {
		fixed += ".0"
	}
	return fixed
}

// JSONFloat is a float as json.dumps writes it.
func JSONFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case math.IsNaN(f):
		return "NaN"
	}
	return Float(f)
}

// Quoted is Python's repr of a string.
func Quoted(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var out strings.Builder
	out.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < ' ' || r == 0x7f || r < 0x100 && !unicode.IsPrint(r):
			fmt.Fprintf(&out, `\x%02x`, r)
		case !unicode.IsPrint(r) && r > 0xffff:
			fmt.Fprintf(&out, `\U%08x`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte(quote)
	return out.String()
}

// WriteJSON writes a string as json.dumps does, beyond ASCII as it is unless ascii is set.
func WriteJSON(out *strings.Builder, s string, ascii bool) {
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\b':
			out.WriteString(`\b`)
		case r == '\f':
			out.WriteString(`\f`)
		case r < ' ', ascii && r > 0x7e && r <= 0xffff:
			fmt.Fprintf(out, `\u%04x`, r)
		case ascii && r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}
