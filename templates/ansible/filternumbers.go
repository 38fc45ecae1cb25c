package ansible

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
	"github.com/polarbook/polarbook/templates/pytext"
)

// toInt is Jinja2's filter int: what is no number gives the default, 0.
func toInt(c *jinja.Invocation) (any, error) {
	otherwise := c.Get("default", 0)
	base, err := c.Integer("base", 10)
	if err != nil {
		return nil, err
	}
	switch v := c.Value.(type) {
	case bool:
		i, _, _, _ := jinja.Number(v)
		return i, nil
	case int, *big.Int:
		return v, nil
	case float64:
		return truncated(v, otherwise)
	case string:
		s := strings.TrimSpace(v)
		if parsed, err := parsePythonInt(s, base); err == nil {
			return parsed, nil
		}
		if base == 10 {
			if f, ok := pythonFloat(s); ok {
				return truncated(f, otherwise)
			}
		}
	}
	return otherwise, nil
}

func truncated(f float64, otherwise any) (any, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return otherwise, nil
	}
	return jinja.Truncated(f), nil
}

var integerText = regexp.MustCompile(`^[-+]?[0-9a-zA-Z]+(?:_[0-9a-zA-Z]+)*$`)

func parsePythonInt(s string, base int) (any, error) {
	if base != 0 && (base < 2 || base > 36) {
		return nil, fmt.Errorf("the base %d is not between 2 and 36", base)
	}
	if !integerText.MatchString(s) {
		return nil, fmt.Errorf("%q is not an integer", s)
	}
	digits := strings.ReplaceAll(strings.ToLower(s), "_", "")
	sign := ""
	if digits[0] == '-' || digits[0] == '+' {
		sign, digits = digits[:1], digits[1:]
	}
	prefix := map[int]string{2: "0b", 8: "0o", 16: "0x"}[base]
	if prefix != "" {
		digits = strings.TrimPrefix(digits, prefix)
	}
	return jinja.ParseWhole(sign+digits, base)
}

var floatText_ = regexp.MustCompile(`^[-+]?(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][-+]?[0-9]+)?$`)

func pythonFloat(s string) (float64, bool) {
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "inf", "infinity":
		if strings.HasPrefix(s, "-") {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	case "nan":
		return math.NaN(), true
	}
	if !floatText_.MatchString(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return f, err == nil || math.IsInf(f, 0)
}

func toFloat(c *jinja.Invocation) (any, error) {
	if _, f, _, ok := jinja.Number(c.Value); ok {
		return f, nil
	}
	if s, ok := c.Value.(string); ok {
		if f, ok := pythonFloat(strings.TrimSpace(s)); ok {
			return f, nil
		}
	}
	return c.Get("default", 0.0), nil
}

func absolute(value any) (any, error) {
	if i, ok := jinja.Big(value); ok {
		return jinja.Whole(new(big.Int).Abs(i)), nil
	}
	_, f, _, ok := jinja.Number(value)
	if !ok {
		return nil, fmt.Errorf("abs needs a number, this is %s", jinja.Describe(value))
	}
	return math.Abs(f), nil
}

// round rounds half to even, as Python does on the exact value.
func round(c *jinja.Invocation) (any, error) {
	precision, err := c.Integer("precision", 0)
	if err != nil {
		return nil, err
	}
	_, f, _, ok := jinja.Number(c.Value)
	if !ok {
		return nil, fmt.Errorf("round needs a number, this is %s", jinja.Describe(c.Value))
	}
	if precision > 300 || precision < -300 || math.IsInf(f, 0) || math.IsNaN(f) {
		return f, nil
	}
	scale := math.Pow(10, float64(precision))
	switch method := c.Text("method", "common"); method {
	case "ceil":
		return math.Ceil(f*scale) / scale, nil
	case "floor":
		return math.Floor(f*scale) / scale, nil
	case "common":
		if i, ok := jinja.Big(c.Value); ok {
			return jinja.RoundedWhole(i, max(-precision, 0)), nil
		}
	default:
		return nil, fmt.Errorf("round knows common, ceil and floor, not %q", method)
	}
	if precision >= 0 {
		rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', precision, 64), 64)
		return rounded, err
	}
	return math.RoundToEven(f/math.Pow(10, float64(-precision))) * math.Pow(10, float64(-precision)), nil
}

func logarithm(c *jinja.Invocation) (any, error) {
	_, f, _, ok := jinja.Number(c.Value)
	if !ok || f <= 0 {
		return nil, errors.New("log needs a positive number")
	}
	base, given := c.Given("base")
	if !given {
		return math.Log(f), nil
	}
	_, b, _, ok := jinja.Number(base)
	if !ok || b <= 0 || b == 1 {
		return nil, errors.New("log needs a positive base")
	}
	if b == 10 {
		return math.Log10(f), nil
	}
	return math.Log(f) / math.Log(b), nil
}

func root(c *jinja.Invocation) (any, error) {
	_, f, _, ok := jinja.Number(c.Value)
	_, base, _, baseOK := jinja.Number(c.Get("base", 2))
	if !ok || !baseOK || f < 0 || base == 0 {
		return nil, errors.New("root needs a number that is not negative")
	}
	if base == 2 {
		return math.Sqrt(f), nil
	}
	result := math.Pow(f, 1/base)
	if whole := math.Round(result); math.Pow(whole, base) == f {
		return whole, nil
	}
	return result, nil
}

// ipv4Int reads an IPv4 address as the unsigned number of its four bytes, the first the highest:
// 10.0.0.1 is 167772161.
func ipv4Int(value any) (any, error) {
	s, ok := value.(string)
	if !ok {
		return nil, fmt.Errorf("ipv4_int needs an IPv4 address, this is %s", jinja.Describe(value))
	}
	address, err := netip.ParseAddr(s)
	if err != nil || !address.Is4() {
		return nil, fmt.Errorf("ipv4_int needs an IPv4 address such as 10.0.0.1, %q is none", s)
	}
	bytes := address.As4()
	return int(bytes[0])<<24 | int(bytes[1])<<16 | int(bytes[2])<<8 | int(bytes[3]), nil
}

var sizeForm = regexp.MustCompile(`^\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-zA-Z]*)\s*$`)

// humanToBytes reads 10G, 1.5 MB, 512. With bits the unit is b.
func humanToBytes(c *jinja.Invocation) (any, error) {
	bits, err := c.Truth("isbits", false)
	if err != nil {
		return nil, err
	}
	s := jinja.Text(c.Value)
	match := sizeForm.FindStringSubmatch(s)
	if match == nil {
		return nil, fmt.Errorf("human_to_bytes cannot read %q as a size such as 10G", s)
	}
	unit := match[2]
	if unit == "" {
		unit = c.Text("default_unit", "")
	}
	shift := 0
	if unit != "" {
		first := strings.ToUpper(unit[:1])
		at := strings.Index("BKMGTPEZY", first)
		rest := unit[1:]
		suffix := "B"
		if bits {
			suffix = "b"
		}
		words := map[string]bool{"": true, suffix: true, "byte": !bits, "bytes": !bits, "bit": bits, "bits": bits}
		valid := words[rest] || words[strings.ToLower(unit)] && at >= 0
		if at == 0 {
			valid = unit == suffix || unit == "B" && !bits || words[strings.ToLower(unit)]
		}
		if at < 0 || !valid {
			return nil, fmt.Errorf("human_to_bytes does not know the unit %q of %q", unit, s)
		}
		shift = at * 10
	}
	amount, ok := new(big.Rat).SetString(match[1])
	if !ok {
		return nil, fmt.Errorf("human_to_bytes cannot read %q", s)
	}
	amount.Mul(amount, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(shift))))
	f, _ := amount.Float64()
	if math.IsInf(f, 0) {
		return nil, jinja.ErrTooLarge
	}
	return jinja.Truncated(math.RoundToEven(f)), nil
}

// humanReadable writes bytes as 1.00 KB.
func humanReadable(c *jinja.Invocation) (any, error) {
	bits, err := c.Truth("isbits", false)
	if err != nil {
		return nil, err
	}
	_, size, _, ok := jinja.Number(c.Value)
	if !ok {
		parsed, err := humanToBytes(&jinja.Invocation{Name: c.Name, Value: c.Value, Bound: map[string]any{}})
		if err != nil {
			return nil, err
		}
		_, size, _, _ = jinja.Number(parsed)
	}
	return pytext.Size(size, c.Text("unit", ""), bits), nil
}
