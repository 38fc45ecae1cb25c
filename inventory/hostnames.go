package inventory

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// maximumHosts bounds what one range may stand for, so that a slip of the finger does not fill the
// memory.
const maximumHosts = 100_000

var hostNameForm = regexp.MustCompile(`^[\pL\pN_](?:[\pL\pN_.\-]*[\pL\pN_\-])?$`)

// expandHostPattern returns the names that node[1:3] stands for, and the port of a pattern like
// node1:2222 (0 without one).
func expandHostPattern(pattern string) ([]string, int, error) {
	name, port := pattern, 0
	if net.ParseIP(pattern) == nil {
		if address, text, ok := splitPort(pattern); ok {
			number, err := strconv.Atoi(text)
			if err != nil || number < 1 || number > 65535 {
				return nil, 0, fmt.Errorf("%q is not a port number", text)
			}
			name, port = address, number
		}
	}
	if inner := strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"); len(inner) == len(name)-2 && net.ParseIP(inner) != nil {
		name = inner
	}
	if net.ParseIP(name) != nil {
		return []string{name}, port, nil
	}
	names, err := expandRange(name)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		if !hostNameForm.MatchString(name) {
			return nil, 0, fmt.Errorf("%q cannot be the name of a host", name)
		}
	}
	return names, port, nil
}

// splitPort takes the port off a pattern; a colon within brackets belongs to a range.
func splitPort(pattern string) (string, string, bool) {
	colon := strings.LastIndexByte(pattern, ':')
	if colon <= 0 || strings.LastIndexByte(pattern, ']') > colon || strings.Count(pattern[:colon], "[") > strings.Count(pattern[:colon], "]") {
		return "", "", false
	}
	host, port := pattern[:colon], pattern[colon+1:]
	if strings.Contains(strings.ReplaceAll(host, "[", "]"), ":") && !strings.HasSuffix(host, "]") {
		// More than one colon outside a range: neither an address nor a name with a port.
		if !strings.Contains(host, "[") {
			return "", "", false
		}
	}
	return host, port, true
}

func expandRange(pattern string) ([]string, error) {
	open := strings.IndexByte(pattern, '[')
	if open < 0 {
		if strings.ContainsRune(pattern, ']') {
			return nil, fmt.Errorf("%q has a ] without a [", pattern)
		}
		return []string{pattern}, nil
	}
	closing := strings.IndexByte(pattern[open:], ']')
	if closing < 0 {
		return nil, fmt.Errorf("%q has a [ without a ]", pattern)
	}
	head, inner, tail := pattern[:open], pattern[open+1:open+closing], pattern[open+closing+1:]
	items, err := rangeItems(inner)
	if err != nil {
		return nil, fmt.Errorf("the range [%s] of %q: %w", inner, pattern, err)
	}
	tails, err := expandRange(tail)
	if err != nil {
		return nil, err
	}
	if len(items)*len(tails) > maximumHosts {
		return nil, fmt.Errorf("%q stands for more than %d hosts", pattern, maximumHosts)
	}
	names := make([]string, 0, len(items)*len(tails))
	for _, item := range items {
		for _, tail := range tails {
			names = append(names, head+item+tail)
		}
	}
	return names, nil
}

const asciiLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func rangeItems(inner string) ([]string, error) {
	bounds := strings.Split(inner, ":")
	if len(bounds) != 2 && len(bounds) != 3 {
		return nil, fmt.Errorf("a range is [first:last] or [first:last:step]")
	}
	first, last, step := bounds[0], bounds[1], 1
	if first == "" {
		first = "0"
	}
	if last == "" {
		return nil, fmt.Errorf("it has no last value")
	}
	if len(bounds) == 3 {
		var err error
		if step, err = strconv.Atoi(bounds[2]); err != nil || step < 1 {
			return nil, fmt.Errorf("%q is not a step", bounds[2])
		}
	}
	if len(first) == 1 && len(last) == 1 {
		from, to := strings.Index(asciiLetters, first), strings.Index(asciiLetters, last)
		if from >= 0 && to >= 0 {
			if from > to {
				return nil, fmt.Errorf("it begins after its end")
			}
			items := []string{}
			for at := from; at <= to; at += step {
				items = append(items, asciiLetters[at:at+1])
			}
			return items, nil
		}
	}
	width := 0
	if len(first) > 1 && first[0] == '0' {
		if width = len(first); width != len(last) {
			return nil, fmt.Errorf("with leading zeros both ends must be equally long")
		}
	}
	from, err := strconv.ParseUint(first, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("%q is neither a number nor one letter", first)
	}
	to, err := strconv.ParseUint(last, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("%q is neither a number nor one letter", last)
	}
	if from > to {
		return nil, fmt.Errorf("it begins after its end")
	}
	if (to-from)/uint64(step) >= maximumHosts {
		return nil, fmt.Errorf("it stands for more than %d hosts", maximumHosts)
	}
	items := []string{}
	for at := from; at <= to; at += uint64(step) {
		items = append(items, fmt.Sprintf("%0*d", width, at))
	}
	return items, nil
}
