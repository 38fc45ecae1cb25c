package jinja

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Whole numbers have no bounds in Python. Those that fit are int here; others are *big.Int, which nothing changes once it is a value.

// maximumBits bounds whole numbers at what Python is willing to write out, 4300 digits.
const maximumBits = 14_284

// ErrTooLarge means that a number has more digits than a template can hold.
var ErrTooLarge = errors.New("the result is a number of more than 4300 digits")

// Whole is a whole number as a value.
func Whole(i *big.Int) any {
	if i.IsInt64() {
		return int(i.Int64())
	}
	return i
}

// Big returns a value that is a whole number, or a boolean, as one of any length; it is not to be changed.
func Big(value any) (*big.Int, bool) {
	switch v := value.(type) {
	case bool:
		if v {
			return big.NewInt(1), true
		}
		return new(big.Int), true
	case int:
		return big.NewInt(int64(v)), true
	case *big.Int:
		return v, true
	}
	return nil, false
}

// IsWhole reports whether a value is Python's int, which no boolean is here.
func IsWhole(value any) bool {
	switch value.(type) {
	case int, *big.Int:
		return true
	}
	return false
}

// ParseWhole reads digits as Python's int() does, in a base as big.Int has it.
func ParseWhole(digits string, base int) (any, error) {
	if i, err := strconv.ParseInt(digits, base, 64); err == nil {
		return int(i), nil
	} else if !errors.Is(err, strconv.ErrRange) {
		return nil, err
	}
	if len(digits) > maximumBits {
		return nil, ErrTooLarge
	}
	i, ok := new(big.Int).SetString(digits, base)
	if !ok || i.BitLen() > maximumBits {
		return nil, ErrTooLarge
	}
	return i, nil
}

// Truncated is the whole part of a float that is finite.
func Truncated(f float64) any {
	if math.Abs(f) < 1<<63 {
		return int(f)
	}
	i, _ := big.NewFloat(f).Int(nil)
	return Whole(i)
}

// Negated is a whole number with the other sign.
func Negated(i *big.Int) any { return Whole(new(big.Int).Neg(i)) }

// RoundedWhole is a whole number to 10 to the power of digits, half of it to the even one.
func RoundedWhole(i *big.Int, digits int) any {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	rounded, rest := new(big.Int).DivMod(i, unit, new(big.Int))
	if half := rest.Lsh(rest, 1).Cmp(unit); half > 0 || half == 0 && rounded.Bit(0) == 1 {
		rounded.Add(rounded, big.NewInt(1))
	}
	return Whole(rounded.Mul(rounded, unit))
}

// operateWholes applies an arithmetic operator to whole numbers.
func operateWholes(operator string, a, b *big.Int) (any, error) {
	result := new(big.Int)
	switch operator {
	case "+":
		result.Add(a, b)
	case "-":
		result.Sub(a, b)
	case "*":
		result.Mul(a, b)
	case "**":
		return power(a, b)
	default:
		if b.Sign() == 0 {
			return nil, errors.New("division by zero")
		}
		if operator == "/" {
			return quotient(a, b)
		}
		remainder := new(big.Int)
		result.QuoRem(a, b, remainder)
		if remainder.Sign() != 0 && remainder.Sign() != b.Sign() {
			result.Sub(result, big.NewInt(1))
			remainder.Add(remainder, b)
		}
		if operator == "%" {
			return Whole(remainder), nil
		}
	}
	if result.BitLen() > maximumBits {
		return nil, ErrTooLarge
	}
	return Whole(result), nil
}

// quotient is the float that is nearest to a/b.
func quotient(a, b *big.Int) (any, error) {
	if a.Sign() == 0 {
		return math.Copysign(0, float64(b.Sign())), nil
	}
	f, _ := new(big.Rat).SetFrac(a, b).Float64()
	if math.IsInf(f, 0) {
		return nil, errors.New("the result of this division is too large for a float")
	}
	return f, nil
}

func power(a, b *big.Int) (any, error) {
	if b.Sign() < 0 {
		if a.Sign() == 0 {
			return nil, errors.New("division by zero")
		}
		base, _ := new(big.Float).SetInt(a).Float64()
		exponent, _ := new(big.Float).SetInt(b).Float64()
		return math.Pow(base, exponent), nil
	}
	if a.BitLen() > 1 && (!b.IsInt64() || b.Int64() > maximumBits || int64(a.BitLen()-1)*b.Int64() > maximumBits) {
		return nil, ErrTooLarge
	}
	if a.BitLen() <= 1 { // 0, 1 and -1, to any power
		b = new(big.Int).Add(new(big.Int).And(b, big.NewInt(1)), big.NewInt(int64(min(b.Sign(), 1))*2))
	}
	result := new(big.Int).Exp(a, b, nil)
	if result.BitLen() > maximumBits {
		return nil, ErrTooLarge
	}
	return Whole(result), nil
}

// integer formats a whole number.
func (f formatSpec) integer(i *big.Int) (string, error) {
	if f.precision >= 0 {
		return "", errors.New("integers have no precision")
	}
	base, prefix, upper := 10, "", false
	switch f.kind {
	case 'b':
		base, prefix = 2, "0b"
	case 'o':
		base, prefix = 8, "0o"
	case 'x':
		base, prefix = 16, "0x"
	case 'X':
		base, prefix, upper = 16, "0X", true
	case 'c':
		if !i.IsInt64() || i.Sign() < 0 || i.Int64() > 0x10ffff {
			return "", errors.New("this is not the number of a character")
		}
		return f.pad("", string(rune(i.Int64())), false), nil
	case 's':
		return "", errors.New("the format s is for strings")
	}
	body := new(big.Int).Abs(i).Text(base)
	if upper {
		body = strings.ToUpper(body)
	}
	if f.grouping != 0 {
		body = group(body, string(f.grouping))
	}
	if !f.alternate {
		prefix = ""
	}
	return f.pad(f.signOf(i.Sign() < 0)+prefix, body, true), nil
}
