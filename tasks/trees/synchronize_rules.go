package trees

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

func timeOf(seconds int64) time.Time { return time.Unix(seconds, 0) }

// syncRule is a pattern of rsync's --exclude or --include, read as rsync does (rsync(1), PATTERN MATCHING RULES).
type syncRule struct {
	include, dirs bool
	below         bool // it ends with ***: a directory's name is taken with a slash, and what is below it
	anywhere      bool // it begins with **: a name is taken with a slash before it
	expression    *regexp.Regexp
}

func newSyncRule(pattern string, include bool) (syncRule, error) {
	r := syncRule{include: include}
	switch {
	case pattern == "" || strings.ContainsAny(pattern, "\n"):
		return r, fmt.Errorf("holds an empty pattern, or one with a newline")
	case strings.Contains(pattern, "[["):
		return r, fmt.Errorf("holds the pattern %q: classes of characters by name are not done here", pattern)
	}
	rest, anchored := strings.CutPrefix(pattern, "/")
	rest, r.dirs = strings.CutSuffix(rest, "/")
	r.below, r.anywhere = strings.HasSuffix(rest, "***"), !anchored && strings.HasPrefix(rest, "**")
	begin := "(?:^|/)"
	if anchored || r.anywhere {
		begin = "^"
	}
	body, err := wildcards(rest)
	if err != nil {
		return r, fmt.Errorf("holds the pattern %q, %w", pattern, err)
	}
	if r.expression, err = regexp.Compile("(?s)" + begin + body + "$"); err != nil {
		return r, fmt.Errorf("holds the pattern %q, which cannot be understood", pattern)
	}
	return r, nil
}

// wildcards is a pattern as a regular expression. A backslash is one like any other character where no wildcard is.
func wildcards(pattern string) (string, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		return regexp.QuoteMeta(pattern), nil
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(".*")
			i++
		case pattern[i] == '*':
			b.WriteString("[^/]*")
		case pattern[i] == '?':
			b.WriteString("[^/]")
		case pattern[i] == '[':
			end := strings.IndexByte(pattern[min(i+2, len(pattern)):], ']')
			if end < 0 {
				return "", errors.New("whose [ has no end")
			}
			set := pattern[i+1 : i+2+end]
			if set[0] == '!' || set[0] == '^' {
				set = "^/" + set[1:]
			}
			b.WriteString("[" + set + "]")
			i += end + 2
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
			fallthrough
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return b.String(), nil
}

func (r syncRule) matches(name string, dir bool) bool {
	if r.dirs && !dir {
		return false
	}
	if r.below && dir {
		name += "/"
	}
	if r.anywhere {
		name = "/" + name
	}
	return r.expression.MatchString(name)
}
