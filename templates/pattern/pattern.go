// Package pattern has regular expressions as Python's module re has them: look-around, references back, groups by name, Unicode
// classes, the flags (?aimsux), possessive and lazy repetition, and what an empty match does in a search for all.
//
// What Python refuses is refused here, too, but look-behind may have any width. A search that takes longer than Timeout is an error.
// Matches are offsets in bytes: those of the whole first, then two of each group, -1 where the group took no part.
package pattern

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// Flags are re's flags that callers can set beside those in the expression.
type Flags struct {
	IgnoreCase bool // re.I
	MultiLine  bool // re.M: ^ and $ match at every line
	DotAll     bool // re.S: . matches a newline
	// ASCII is re.A, and what Python has for bytes: \w, \d, \s and \b know letters and digits of ASCII alone.
	ASCII bool
}

// Timeout is how long one search may take: an expression that goes back and forth over its text could take for ever.
const Timeout = 20 * time.Second

var timeout = Timeout // the test that generates expressions has less patience

// Pattern is an expression that has been read. It is safe for use from many goroutines.
type Pattern struct {
	source string
	groups int
	names  map[string]int
	search *regexp2.Regexp
	// onward finds what does not end where the search begins; match finds at the beginning
	// of the text only, full the whole of it.
	onward, match, full func() (*regexp2.Regexp, error)
}

type cacheKey struct {
	expression string
	flags      Flags
}

// maximumCached bounds how many expressions are kept.
const maximumCached = 500

var (
	mutex sync.Mutex
	cache = map[cacheKey]*Pattern{}
)

// Compile reads an expression. Its error says what is wrong and at which character.
func Compile(expression string, flags Flags) (*Pattern, error) {
	key := cacheKey{expression, flags}
	mutex.Lock()
	known, ok := cache[key]
	mutex.Unlock()
	if ok {
		return known, nil
	}
	t := &translator{source: []rune(expression), flags: flags, ascii: flags.ASCII, names: map[string]int{}}
	translated, err := t.all()
	if err != nil {
		return nil, err
	}
	options := regexp2.None
	for option, on := range map[regexp2.RegexOptions]bool{
		regexp2.IgnoreCase: t.flags.IgnoreCase, regexp2.Multiline: t.flags.MultiLine, regexp2.Singleline: t.flags.DotAll,
	} {
		if on {
			options |= option
		}
	}
	compile := func(form string) (*regexp2.Regexp, error) {
		re, err := regexp2.Compile(fmt.Sprintf(form, translated), options)
		if err != nil {
			return nil, fmt.Errorf("this expression cannot be read: %w", err)
		}
		re.MatchTimeout = timeout
		return re, nil
	}
	p := &Pattern{source: expression, groups: t.groups, names: t.names}
	if p.search, err = compile("%s"); err != nil {
		return nil, err
	}
	p.onward = sync.OnceValues(func() (*regexp2.Regexp, error) { return compile(`(?:%s)(?!\G)`) })
	p.match = sync.OnceValues(func() (*regexp2.Regexp, error) { return compile(`\A(?:%s)`) })
	p.full = sync.OnceValues(func() (*regexp2.Regexp, error) { return compile(`\A(?:%s)\z`) })
	mutex.Lock()
	defer mutex.Unlock()
	if len(cache) >= maximumCached {
		cache = map[cacheKey]*Pattern{}
	}
	cache[key] = p
	return p, nil
}

// String is the expression as it was written.
func (p *Pattern) String() string { return p.source }

// Groups is how many groups there are beside the whole match.
func (p *Pattern) Groups() int { return p.groups }

// Group returns the number of a group by its name.
func (p *Pattern) Group(name string) (int, bool) { n, ok := p.names[name]; return n, ok }

// Names are the groups' names by their numbers, "" for those that have none and for the whole match, which is the first.
func (p *Pattern) Names() []string {
	names := make([]string, p.groups+1)
	for name, n := range p.names {
		names[n] = name
	}
	return names
}

// Find is re.search: the first match, nil where there is none.
func (p *Pattern) Find(text string) ([]int, error) { return newSubject(text).find(p, p.search, 0) }

// Match is re.match: the match at the beginning of the text, nil where there is none.
func (p *Pattern) Match(text string) ([]int, error) {
	re, err := p.match()
	if err != nil {
		return nil, err
	}
	return newSubject(text).find(p, re, 0)
}

// FullMatch is re.fullmatch: the match of the whole text, nil where there is none.
func (p *Pattern) FullMatch(text string) ([]int, error) {
	re, err := p.full()
	if err != nil {
		return nil, err
	}
	return newSubject(text).find(p, re, 0)
}

// FindAll is re.finditer: all matches one behind the other, up to most of them; 0 is without limit. A match that is empty may
// stand right behind one that is not.
func (p *Pattern) FindAll(text string, most int) ([][]int, error) {
	s := newSubject(text)
	found := [][]int{}
	re, at := p.search, 0
	for most == 0 || len(found) < most {
		match, err := s.find(p, re, at)
		if err != nil || match == nil {
			return found, err
		}
		found = append(found, match)
		at, re = s.runeAt(match[1]), p.search
		if match[0] == match[1] {
			if re, err = p.onward(); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// Replace is re.subn: up to count matches are replaced, 0 is all. It returns the text and how many were.
func (p *Pattern) Replace(text, replacement string, count int) (string, int, error) {
	matches, err := p.FindAll(text, count)
	if err != nil {
		return "", 0, err
	}
	t, err := p.Template(replacement)
	if err != nil {
		return "", 0, err
	}
	var out strings.Builder
	last := 0
	for _, match := range matches {
		out.WriteString(text[last:match[0]])
		t.expand(&out, text, match)
		last = match[1]
	}
	out.WriteString(text[last:])
	return out.String(), len(matches), nil
}

// subject is a text that is searched.
type subject struct {
	runes   []rune
	offsets []int // of each rune in bytes; nil where every one has one
}

func newSubject(text string) *subject {
	s := &subject{runes: []rune(text)}
	if len(s.runes) == len(text) && utf8.ValidString(text) {
		return s
	}
	s.offsets = make([]int, 0, len(s.runes)+1)
	for at := range text {
		s.offsets = append(s.offsets, at)
	}
	s.offsets = append(s.offsets, len(text))
	return s
}

func (s *subject) byteAt(at int) int {
	if s.offsets == nil {
		return at
	}
	return s.offsets[at]
}

// runeAt is byteAt the other way round.
func (s *subject) runeAt(offset int) int {
	if s.offsets == nil {
		return offset
	}
	low, high := 0, len(s.offsets)-1
	for low < high {
		if middle := (low + high) / 2; s.offsets[middle] < offset {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

func (s *subject) find(p *Pattern, re *regexp2.Regexp, at int) ([]int, error) {
	match, err := re.FindRunesMatchStartingAt(s.runes, at)
	if err != nil {
		return nil, fmt.Errorf("the expression %q took longer than %s on a text of %d characters", p.source, timeout, len(s.runes))
	}
	if match == nil {
		return nil, nil
	}
	result := make([]int, 0, 2*p.groups+2)
	for number := range p.groups + 1 {
		group := match.GroupByNumber(number)
		if group == nil || len(group.Captures) == 0 {
			result = append(result, -1, -1)
			continue
		}
		result = append(result, s.byteAt(group.Index), s.byteAt(group.Index+group.Length))
	}
	return result, nil
}

// Escape is re.escape.
func Escape(text string) string {
	var out strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`\.+*?()|[]{}^$-&~# `+"\t\n\r\v\f", r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}
