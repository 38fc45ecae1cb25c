package jinja

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/polarbook/polarbook/templates/pytext"
)

// formatSpec is Python's format specification: [[fill]align][sign][#][0][width][,][.precision][type].
type formatSpec struct {
	fill      string
	align     byte // < > ^ = or 0
	sign      byte // + - or space
	alternate bool
	width     int
	grouping  byte
	precision int // -1 without
	kind      byte
}

// MaximumWidth bounds the width that a format can ask for.
const MaximumWidth = 10_000

func parseSpec(text string) (formatSpec, error) {
	spec := formatSpec{fill: " ", sign: '-', precision: -1}
	whole := text
	first, size := utf8.DecodeRuneInString(text)
	switch {
	case len(text) > size && strings.IndexByte("<>^=", text[size]) >= 0:
		spec.fill, spec.align, text = string(first), text[size], text[size+1:]
	case text != "" && strings.IndexByte("<>^=", text[0]) >= 0:
		spec.align, text = text[0], text[1:]
	}
	take := func(set string) byte {
		if text != "" && strings.IndexByte(set, text[0]) >= 0 {
			c := text[0]
			text = text[1:]
			return c
		}
		return 0
	}
	digits := func() (int, bool, error) {
		end := 0
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		if end == 0 {
			return 0, false, nil
		}
		value, err := strconv.Atoi(text[:end])
		if err != nil || value > MaximumWidth {
			return 0, false, fmt.Errorf("the width %s is too large", text[:end])
		}
		text = text[end:]
		return value, true, nil
	}
	if c := take("+- "); c != 0 {
		spec.sign = c
	}
	spec.alternate = take("#") != 0
	if take("0") != 0 && spec.align == 0 {
		spec.fill, spec.align = "0", '='
	}
	var err error
	if spec.width, _, err = digits(); err != nil {
		return spec, err
	}
	spec.grouping = take(",_")
	if take(".") != 0 {
		value, ok, err := digits()
		if err != nil || !ok {
			return spec, errors.Join(err, fmt.Errorf("the format %q has no digits after its dot", whole))
		}
		spec.precision = value
	}
	spec.kind = take("bcdeEfFgGnosxX%")
	if text != "" {
		return spec, fmt.Errorf("%q is not a format", whole)
	}
	return spec, nil
}

// pad brings a text to the width; sign is what stays in front of zeros.
func (f formatSpec) pad(sign, body string, numeric bool) string {
	missing := f.width - utf8.RuneCountInString(sign+body)
	if missing <= 0 {
		return sign + body
	}
	align := f.align
	if align == 0 {
		align = '<'
		if numeric {
			align = '>'
		}
	}
	switch align {
	case '=':
		return sign + strings.Repeat(f.fill, missing) + body
	case '>':
		return strings.Repeat(f.fill, missing) + sign + body
	case '^':
		return strings.Repeat(f.fill, missing/2) + sign + body + strings.Repeat(f.fill, missing-missing/2)
	}
	return sign + body + strings.Repeat(f.fill, missing)
}

// formatValue is Python's format(value, spec).
func formatValue(value any, text_ string) (string, error) {
	if text_ == "" {
		return Text(value), nil
	}
	spec, err := parseSpec(text_)
	if err != nil {
		return "", err
	}
	if s, ok := value.(string); ok {
		if spec.kind != 0 && spec.kind != 's' || spec.align == '=' || spec.grouping != 0 || spec.alternate || spec.sign != '-' {
			return "", fmt.Errorf("the format %q is not for strings", text_)
		}
		if runes := []rune(s); spec.precision >= 0 && len(runes) > spec.precision {
			s = string(runes[:spec.precision])
		}
		return spec.pad("", s, false), nil
	}
	_, f, _, isNumber := Number(value)
	if !isNumber {
		return "", fmt.Errorf("the format %q is not for %s", text_, Describe(value))
	}
	if i, ok := Big(value); ok && strings.IndexByte("eEfFgG%", spec.kind) < 0 {
		return spec.integer(i)
	}
	return spec.float(f)
}

func (f formatSpec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '-':
		return ""
	}
	return string(f.sign)
}

func group(digits, separator string) string {
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + separator + digits[at:]
	}
	return digits
}

func (f formatSpec) float(value float64) (string, error) {
	precision := f.precision
	kind := f.kind
	if kind != 0 && strings.IndexByte("eEfFgGn%", kind) < 0 {
		return "", fmt.Errorf("the format %c is not for floats", kind)
	}
	magnitude := math.Abs(value)
	negative := math.Signbit(value) && !math.IsNaN(value)
	suffix := ""
	var body string
	if math.IsInf(value, 0) || math.IsNaN(value) {
		body = pytext.Float(magnitude)
		return f.pad(f.signOf(negative), body, true), nil
	}
	switch kind {
	case '%':
		magnitude *= 100
		suffix = "%"
		kind = 'f'
	case 'F':
		kind = 'f'
	case 'n':
		kind = 'g'
	}
	switch {
	case kind == 0 && precision < 0:
		body = pytext.Float(magnitude)
	case kind == 0:
		body = general(magnitude, precision, false)
		if !strings.ContainsAny(body, ".e") {
			body += ".0"
		}
	case kind == 'g' || kind == 'G':
		if precision < 0 {
			precision = 6
		}
		body = general(magnitude, precision, f.alternate)
		if kind == 'G' {
			body = strings.ToUpper(body)
		}
	default:
		if precision < 0 {
			precision = 6
		}
		body = strconv.FormatFloat(magnitude, kind, precision, 64)
	}
	if f.grouping != 0 {
		whole, rest := body, ""
		if at := strings.IndexAny(body, ".eE"); at >= 0 {
			whole, rest = body[:at], body[at:]
		}
		body = group(whole, string(f.grouping)) + rest
	}
	return f.pad(f.signOf(negative), body+suffix, true), nil
}

// general is the format g: exponents for the very small and the very large.
func general(value float64, precision int, keepZeros bool) string {
	precision = max(precision, 1)
	if value == 0 {
		return "0"
	}
	scientific := strconv.FormatFloat(value, 'e', precision-1, 64)
	at := strings.IndexByte(scientific, 'e')
	exponent, _ := strconv.Atoi(scientific[at+1:])
	trim := func(s string) string {
		if keepZeros || !strings.Contains(s, ".") {
			return s
		}
		return strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if exponent < -4 || exponent >= precision {
		return trim(scientific[:at]) + scientific[at:]
	}
	return trim(strconv.FormatFloat(value, 'f', precision-1-exponent, 64))
}
