package templates

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

var errTooLarge = errors.New("the result does not fit 64 bits")

// operate applies an arithmetic operator as Python does.
func operate(operator string, left, right any) (any, error) {
	if operator == "~" {
		if err := errors.Join(checkDefined(left), checkDefined(right)); err != nil {
			return nil, err
		}
		return joinTexts(text(left), text(right))
	}
	if result, ok := timeOperate(operator, left, right); ok {
		return result, nil
	}
	li, lf, lInt, lNumber := number(left)
	ri, rf, rInt, rNumber := number(right)
	if lNumber && rNumber {
		if lInt && rInt {
			return operateInts(operator, li, ri)
		}
		return operateFloats(operator, lf, rf)
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
			return formatPercent(l, right)
		}
	case []any:
		if r, ok := right.([]any); ok && operator == "+" {
			if len(l)+len(r) > maximumItems {
				return nil, fmt.Errorf("the list becomes longer than %d items", maximumItems)
			}
			return append(append(make([]any, 0, len(l)+len(r)), l...), r...), nil
		}
		if rInt && operator == "*" {
			return repeatItems(l, ri)
		}
	case tuple:
		if r, ok := right.(tuple); ok && operator == "+" {
			return append(append(make(tuple, 0, len(l)+len(r)), l...), r...), nil
		}
		if rInt && operator == "*" {
			items, err := repeatItems(l, ri)
			return tuple(items), err
		}
	}
	if lInt && operator == "*" {
		switch right.(type) {
		case string, []any, tuple:
			return operate("*", right, left)
		}
	}
	hint := ""
	if _, isText := left.(string); operator == "+" && (isText && rNumber || lNumber && typeName(right) == "str") {
		hint = "; join texts with ~, or turn one side into a number with | int"
	}
	return nil, fmt.Errorf("%s cannot combine %s with %s%s", operator, describe(left), describe(right), hint)
}

func joinTexts(a, b string) (any, error) {
	if len(a)+len(b) > maximumText {
		return nil, fmt.Errorf("the text becomes larger than %d bytes", maximumText)
	}
	return a + b, nil
}

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

func operateFloats(operator string, a, b float64) (any, error) {
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
			return nil, errors.New("the power of these numbers is no number")
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
		return math.Round(quotient), nil
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
		return nil, errTooLarge
	}
	return sum, nil
}

func subtractInts(a, b int) (any, error) {
	difference := a - b
	if (difference < a) != (b > 0) && b != 0 {
		return nil, errTooLarge
	}
	return difference, nil
}

func multiplyInts(a, b int) (any, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	product := a * b
	if product/b != a || a == -1 && b == math.MinInt || b == -1 && a == math.MinInt {
		return nil, errTooLarge
	}
	return product, nil
}

func repeatText(s string, times int) (any, error) {
	if times <= 0 || s == "" {
		return "", nil
	}
	if times > maximumText/len(s) {
		return nil, fmt.Errorf("the text becomes larger than %d bytes", maximumText)
	}
	return strings.Repeat(s, times), nil
}

// maximumItems bounds the lists that a template can make.
const maximumItems = 1_000_000

func repeatItems(items []any, times int) ([]any, error) {
	if times <= 0 || len(items) == 0 {
		return []any{}, nil
	}
	if times > maximumItems/len(items) {
		return nil, fmt.Errorf("the list becomes longer than %d items", maximumItems)
	}
	result := make([]any, 0, len(items)*times)
	for range times {
		result = append(result, items...)
	}
	return result, nil
}
