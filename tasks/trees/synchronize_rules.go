package trees

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

func timeOf(seconds int64) time.Time { return time.Unix(seconds, 0) }

// syncRule is a pattern of rsync's --exclude or --include.
type syncRule struct {
	include, dirs bool
	expression    *regexp.Regexp
}

func newSyncRule(pattern string, include bool) (syncRule, error) {
	r := syncRule{include: include}
	if pattern == "" || strings.ContainsAny(pattern, "\n") {
		return r, fmt.Errorf("holds an empty pattern, or one with a newline")
	}
	rest, anchored := strings.CutPrefix(pattern, "/")
	rest, r.dirs = strings.CutSuffix(rest, "/")
	var b strings.Builder
	b.WriteString("(?s)")
	if anchored {
		b.WriteString("^")
	} else {
		b.WriteString("(?:^|/)")
	}
	for i := 0; i < len(rest); i++ {
		switch {
		case strings.HasPrefix(rest[i:], "/***") && i+4 == len(rest):
			b.WriteString("(?:/.*)?")
			i += 3
		case strings.HasPrefix(rest[i:], "**"):
			b.WriteString(".*")
			i++
		case rest[i] == '*':
			b.WriteString("[^/]*")
		case rest[i] == '?':
			b.WriteString("[^/]")
		case rest[i] == '[':
			end := strings.IndexByte(rest[min(i+2, len(rest)):], ']')
			if end < 0 {
				return r, fmt.Errorf("holds the pattern %q, whose [ has no end", pattern)
			}
			set := strings.ReplaceAll(rest[i+1:i+2+end], "[", `\[`)
			if strings.HasPrefix(set, "!") {
				set = "^" + set[1:]
			}
			b.WriteString("[" + set + "]")
			i += end + 2
		case rest[i] == '\\' && i+1 < len(rest):
			i++
			fallthrough
		default:
			b.WriteString(regexp.QuoteMeta(rest[i : i+1]))
		}
	}
	b.WriteString("$")
	var err error
	if r.expression, err = regexp.Compile(b.String()); err != nil {
		return r, fmt.Errorf("holds the pattern %q, which cannot be understood", pattern)
	}
	return r, nil
}

func (r syncRule) matches(name string, dir bool) bool {
	return (dir || !r.dirs) && r.expression.MatchString(name)
}
