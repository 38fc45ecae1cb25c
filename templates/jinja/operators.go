package jinja

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Operate applies an arithmetic operator as Python does.
func Operate(operator string, left, right any) (any, error) {
	if operator == "~" {
		if err := errors.Join(CheckDefined(left), CheckDefined(right)); err != nil {
			return nil, err
		}
		return joinTexts(Text(left), Text(right))
	}
	if result, err, ok := timeOperate(operator, left, right); ok {
		return result, err
	}
	li, lf, lInt, lNumber := Number(left)
	ri, rf, rInt, rNumber := Number(right)
	if lNumber && rNumber {
		if lInt && rInt {
			if result, err := operateInts(operator, li, ri); !errors.Is(err, errOverflow) {
				return result, err
			}
		}
		if x, ok := Big(left); ok {
			if y, ok := Big(right); ok {
				return operateWholes(operator, x, y)
			}
		}
		return OperateFloats(operator, lf, rf)
	}
	switch l := left.(type) {
	case string:
		switch operator {
		case "+":
			if r, ok := right.(string); ok {
				return joinTexts(l, r)
			}
		case "*":
			if rInt {
				return repeatText(l, ri)
			}
		case "%":
			return FormatPercent(l, right)
		}
	case []any:
		if r, ok := right.([]any); ok && operator == "+" {
			if len(l)+len(r) > MaximumItems {
				return nil, fmt.Errorf("the list becomes longer than %d items", MaximumItems)
			}
			return append(append(make([]any, 0, len(l)+len(r)), l...), r...), nil
		}
		if rInt && operator == "*" {
			return repeatItems(l, ri)
		}
	case Tuple:
		if r, ok := right.(Tuple); ok && operator == "+" {
			return append(append(make(Tuple, 0, len(l)+len(r)), l...), r...), nil
		}
		if rInt && operator == "*" {
			items, err := repeatItems(l, ri)
			return Tuple(items), err
		}
	}
	if lInt && operator == "*" {
		switch right.(type) {
		case string, []any, Tuple:
			return Operate("*", right, left)
		}
	}
	hint := ""
	if _, isText := left.(string); operator == "+" && (isText && rNumber || lNumber && TypeName(right) == "str") {
		hint = "; join texts with ~, or turn one side into a number with | int"
	}
	return nil, fmt.Errorf("%s cannot combine %s with %s%s", operator, Describe(left), Describe(right), hint)
}

// errOverflow means that a number does not fit an int.
var errOverflow = errors.New("the result does not fit 64 bits")

func joinTexts(a, b string) (any, error) {
	if len(a)+len(b) > MaximumText {
		return nil, fmt.Errorf("the text becomes larger than %d bytes", MaximumText)
	}
	return a + b, nil
}

// operateInts applies an arithmetic operator to numbers that fit an int, where what it comes to does too.
func operateInts(operator string, a, b int) (any, error) {
	switch operator {
	case "+":
		return addInts(a, b)
	case "-":
		return subtractInts(a, b)
	case "*":
		return multiplyInts(a, b)
	case "/":
		if b == 0 {
			return nil, errors.New("division by zero")
		}
		if max(a, -a, b, -b) >= 1<<53 || min(a, b) == math.MinInt {
			return nil, errOverflow // one of them is no float
		}
		return float64(a) / float64(b), nil
	case "//", "%":
		if b == 0 {
			return nil, errors.New("division by zero")
		}
		if b == -1 {
			if operator == "%" {
				return 0, nil
			}
			return subtractInts(0, a)
		}
		quotient, remainder := a/b, a%b
		if remainder != 0 && (remainder < 0) != (b < 0) {
			quotient--
			remainder += b
		}
		if operator == "//" {
			return quotient, nil
		}
		return remainder, nil
	}
	if b < 0 { // **
		if a == 0 {
			return nil, errors.New("division by zero")
		}
		return math.Pow(float64(a), float64(b)), nil
	}
	result := 1
	for base := a; ; {
		if b&1 == 1 {
			product, err := multiplyInts(result, base)
			if err != nil {
				return nil, err
			}
			result = product.(int)
		}
		if b >>= 1; b == 0 {
			return result, nil
		}
		square, err := multiplyInts(base, base)
		if err != nil {
			return nil, err
		}
		base = square.(int)
	}
}

// OperateFloats applies an arithmetic operator to floats.
func OperateFloats(operator string, a, b float64) (any, error) {
	switch operator {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "**":
		result := math.Pow(a, b)
		if math.IsNaN(result) && !math.IsNaN(a) && !math.IsNaN(b) || a == 0 && b < 0 {
			return nil, errors.New("the power of these numbers is not a number")
		}
		return result, nil
	}
	if b == 0 {
		return nil, errors.New("division by zero")
	}
	switch operator {
	case "/":
		return a / b, nil
	case "//":
		remainder := math.Mod(a, b)
		quotient := (a - remainder) / b
		if remainder != 0 && (remainder < 0) != (b < 0) {
			quotient--
		}
		whole := math.Floor(quotient)
		if quotient-whole > 0.5 { // it is less than a whole number by a rounding error
			whole++
		}
		if whole == 0 {
			return math.Copysign(0, a/b), nil
		}
		return whole, nil
	}
	remainder := math.Mod(a, b)
	switch {
	case remainder == 0:
		return math.Copysign(0, b), nil
	case (remainder < 0) != (b < 0):
		remainder += b
	}
	return remainder, nil
}

func addInts(a, b int) (any, error) {
	sum := a + b
	if (sum > a) != (b > 0) && b != 0 {
		return nil, errOverflow
	}
	return sum, nil
}

// subtractInts is a - b, or an error where that does not fit.
func subtractInts(a, b int) (any, error) {
	difference := a - b
	if (difference < a) != (b > 0) && b != 0 {
		return nil, errOverflow
	}
	return difference, nil
}

func multiplyInts(a, b int) (any, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	product := a * b
	if product/b != a || a == -1 && b == math.MinInt || b == -1 && a == math.MinInt {
		return nil, errOverflow
	}
	return product, nil
}

func repeatText(s string, times int) (any, error) {
	if times <= 0 || s == "" {
		return "", nil
	}
	if times > MaximumText/len(s) {
		return nil, fmt.Errorf("the text becomes larger than %d bytes", MaximumText)
	}
	return strings.Repeat(s, times), nil
}

// MaximumItems bounds the lists that a template can make.
const MaximumItems = 1_000_000

func repeatItems(items []any, times int) ([]any, error) {
	if times <= 0 || len(items) == 0 {
		return []any{}, nil
	}
	if times > MaximumItems/len(items) {
		return nil, fmt.Errorf("the list becomes longer than %d items", MaximumItems)
	}
	result := make([]any, 0, len(items)*times)
	for range times {
		result = append(result, items...)
	}
	return result, nil
}
