package jinja

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

func expandTabs(s string, size int) string {
	var out strings.Builder
	column := 0
	for _, c := range s {
		switch c {
		case '\t':
			for size > 0 {
				out.WriteByte(' ')
				if column++; column%size == 0 {
					break
				}
			}
		case '\n', '\r':
			out.WriteRune(c)
			column = 0
		default:
			out.WriteRune(c)
			column++
		}
	}
	return out.String()
}

// Capitalize is Python's str.capitalize.
func Capitalize(s string) string {
	runes := []rune(strings.ToLower(s))
	if len(runes) > 0 {
		runes[0] = unicode.ToTitle(runes[0])
	}
	return string(runes)
}

// pythonTitle makes the first letter of each run of letters upper case.
func pythonTitle(s string) string {
	within := false
	return strings.Map(func(c rune) rune {
		letter := unicode.IsLetter(c)
		defer func() { within = letter }()
		if letter && within {
			return unicode.ToLower(c)
		}
		return unicode.ToTitle(c)
	}, s)
}

// ReplaceText replaces the first count occurrences, all where count is below zero.
func ReplaceText(s, from, to string, count int) (string, error) {
	if len(to) > len(from) {
		times := strings.Count(s, from)
		if count >= 0 {
			times = min(times, count)
		}
		if times > 0 && len(to)-len(from) > MaximumText/times {
			return "", fmt.Errorf("the text becomes larger than %d bytes", MaximumText)
		}
	}
	return strings.Replace(s, from, to, count), nil
}

// SplitMethod is Python's str.split and, from the end, str.rsplit.
func SplitMethod(c *Invocation, fromRight bool) (any, error) {
	s := c.Value.(string)
	limit, err := c.Integer("maxsplit", -1)
	if err != nil {
		return nil, err
	}
	separator, given := c.Bound["sep"]
	if !given || separator == nil {
		return splitBlank(s, limit, fromRight), nil
	}
	sep, ok := separator.(string)
	if !ok || sep == "" {
		return nil, errors.New("the separator must be a string that is not empty")
	}
	if limit < 0 {
		return stringItems(strings.Split(s, sep)), nil
	}
	if !fromRight {
		return stringItems(strings.SplitN(s, sep, limit+1)), nil
	}
	parts := strings.Split(s, sep)
	if extra := len(parts) - limit - 1; extra > 0 {
		parts = append([]string{strings.Join(parts[:extra+1], sep)}, parts[extra+1:]...)
	}
	return stringItems(parts), nil
}

func splitBlank(s string, limit int, fromRight bool) []any {
	if limit < 0 {
		return stringItems(strings.Fields(s))
	}
	parts := []string{}
	for {
		s = strings.TrimSpace(s)
		if s == "" {
			break
		}
		at := strings.IndexFunc(s, unicode.IsSpace)
		if fromRight {
			at = strings.LastIndexFunc(s, unicode.IsSpace)
		}
		if at < 0 || len(parts) >= limit {
			parts = append(parts, s)
			break
		}
		if fromRight {
			parts = append(parts, strings.TrimSpace(s[at:]))
			s = s[:at]
		} else {
			parts = append(parts, s[:at])
			s = s[at:]
		}
	}
	if fromRight {
		for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
			parts[i], parts[j] = parts[j], parts[i]
		}
	}
	return stringItems(parts)
}

func stringItems(parts []string) []any {
	items := make([]any, len(parts))
	for at, part := range parts {
		items[at] = part
	}
	return items
}

func partition(c *Invocation, last bool) (any, error) {
	s, sep := c.Value.(string), c.Text("sep", "")
	if sep == "" {
		return nil, errors.New("the separator is empty")
	}
	at := strings.Index(s, sep)
	if last {
		at = strings.LastIndex(s, sep)
	}
	switch {
	case at >= 0:
		return Tuple{s[:at], sep, s[at+len(sep):]}, nil
	case last:
		return Tuple{"", "", s}, nil
	}
	return Tuple{s, "", ""}, nil
}
