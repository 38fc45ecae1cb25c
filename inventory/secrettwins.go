package inventory

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What templates make of secrets is endless: slices, letters in another order, hashes, words of it. Such outcomes are
// found by what they depend on, not by what was done. A template that read a secret is rendered once more with the twin
// of each secret, a text of the same shape. Where the two outcomes agree, they tell nothing of the secret; where they do
// not, and masking what is known does not make them agree, the outcome is a secret, too.

// Lengths in bytes that decide what becomes of an outcome. Shorter ones than minimumFollowed are words that are anywhere:
// they are masked where they stand alone; what is shorter than minimumWhole says too little.
const (
	minimumFollowed = 6
	minimumWhole    = 3
)

// maximumFollowed and maximumFollowedBytes bound what a loop over very many items can add.
const (
	maximumFollowed      = 50_000
	maximumFollowedBytes = 32 << 20
)

// twin returns a text of the same shape and length, every letter, digit and sign of it another one.
func twin(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case r < utf8.RuneSelf:
			out.WriteByte(twins[r])
		case r == utf8.RuneError && size == 1:
			out.WriteByte(text[at] ^ 1)
		default:
			out.WriteRune(twinRune(r))
		}
		at += size
	}
	return out.String()
}

// twinRune is another character of the same kind.
func twinRune(r rune) rune {
	for x := rune(1); x < 64; x++ {
		other := r ^ x
		kind := unicode.IsLetter(other) == unicode.IsLetter(r) && unicode.IsUpper(other) == unicode.IsUpper(r)
		if kind && utf8.RuneLen(other) == utf8.RuneLen(r) && unicode.IsPrint(other) == unicode.IsPrint(r) {
			return other
		}
	}
	return r ^ 1
}

// twins holds what each ASCII character becomes. Blanks, quotes and backslashes stay: they decide how a text is written
// and where its lines end. No digit becomes 0, with which no number begins.
var twins = func() (to [utf8.RuneSelf]byte) {
	for i := range to {
		to[i] = byte(i)
	}
	for _, cycle := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "123456789", "!#$%&()*+,-./:;<=>?@[]^_`{|}~"} {
		for i := range cycle {
			to[cycle[i]] = cycle[(i+1)%len(cycle)]
		}
	}
	to['0'] = '4'
	return to
}()

// TwinOf is Twin for a text that is a value by itself, which may be too short to be found in others.
func (s *Secrets) TwinOf(value string) string {
	s.mutex.RLock()
	alone := s.whole[bare(value)]
	s.mutex.RUnlock()
	if alone {
		return twin(value)
	}
	return s.Twin(value)
}

// Twin returns the text with every secret in it replaced by its twin; a text without secrets as it is.
func (s *Secrets) Twin(text string) string {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if s.texts.known == nil {
		return text
	}
	var out strings.Builder
	data, from, end := []byte(text), 0, 0 // from is where what is not written yet begins, end where the secret at hand does
	for at := 0; at+MinimumSecret <= len(data); at++ {
		length, _ := s.texts.at(data[at:])
		if length == 0 {
			continue
		}
		if at > end {
			out.WriteString(twin(text[from:end]))
			out.WriteString(text[end:at])
			from = at
		} else if end == 0 {
			from = at
		}
		end = max(end, at+length)
	}
	if end == 0 {
		return text
	}
	out.WriteString(twin(text[from:end]))
	return out.String() + text[end:]
}

// Follow is told of a text that a template made of secrets, and of what it makes of their twins. It adds what the two
// differ in. public holds texts that the template read and that are no secrets: what is found in them is none either.
func (s *Secrets) Follow(outcome, twin string, public []string) {
	if outcome == twin || len(outcome) < minimumWhole {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	f := follower{s: s, public: public}
	f.checksums(outcome)
	lines, others := strings.Split(outcome, "\n"), strings.Split(twin, "\n")
	if s.whole[bare(outcome)] || len(lines) == 1 && s.texts.mask(outcome) == s.twins.mask(twin) {
		return
	}
	if len(lines) == 1 && len(strings.TrimSpace(outcome)) < minimumFollowed {
		f.alone(outcome)
		return
	}
	first, last := 0, len(lines) // where there are not as many lines, all between the first and the last that differ do
	if len(lines) != len(others) {
		end := len(others)
		for first < last && first < end && lines[first] == others[first] {
			first++
		}
		for last > first && end > first && lines[last-1] == others[end-1] {
			last--
			end--
		}
	}
	var run []string // neighbouring lines, some of them too short to be masked by themselves
	short := false
	ended := func() {
		if len(run) > 1 && short {
			f.add(strings.Join(run, "\n"))
		}
		run, short = run[:0], false
	}
	for i, line := range lines {
		other, same := "", i < first || i >= last
		if len(lines) == len(others) {
			other, same = others[i], line == others[i]
		}
		if same {
			ended()
			continue
		}
		run = append(run, line)
		if s.texts.mask(line) != s.twins.mask(other) {
			short = !f.line(line, other) || short
		}
	}
	ended()
}

// follower adds what depends on secrets.
type follower struct {
	s      *Secrets
	public []string
}

// line adds what a line differs in, and says whether that is masked wherever it stands.
func (f follower) line(line, other string) bool {
	if len(line) >= minimumFollowed && f.isPublic(line) {
		return true
	}
	from, to := differing(line, other)
	if part := strings.TrimSpace(line[from:to]); len(part) >= minimumFollowed && f.add(part) {
		return true
	}
	if f.add(strings.TrimSpace(line)) {
		return true
	}
	f.alone(line)
	return false
}

// differing returns where a text begins and ends to be another one than its twin.
func differing(text, other string) (from, to int) {
	for from < len(text) && from < len(other) && text[from] == other[from] {
		from++
	}
	to, end := len(text), len(other)
	for to > from && end > from && text[to-1] == other[end-1] {
		to--
		end--
	}
	for from > 0 && from < len(text) && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	return from, to
}

// add has a text of some length masked wherever it stands, if it is long enough for that.
func (f follower) add(text string) bool {
	s := f.s
	if len(text) < minimumFollowed || len(text) < minimumNumber && strings.Trim(text, "0123456789") == "" {
		return false
	}
	if f.isPublic(text) || s.texts.known[text] {
		return true
	}
	if s.followed >= maximumFollowed || s.bytes+len(text) > maximumFollowedBytes {
		return true
	}
	s.followed++
	s.bytes += len(text)
	s.texts.add(text)
	s.twins.add(twin(text))
	return true
}

// checksums adds those of a file with nothing else in it: what is short or guessed in part is soon found by them.
func (f follower) checksums(text string) {
	if len(text) < minimumFollowed || f.isPublic(text) {
		return
	}
	for _, sum := range checksums(text) {
		f.add(sum)
	}
}

func (f follower) alone(text string) {
	if text = bare(text); len(text) < minimumWhole || f.s.whole[text] || f.s.followed >= maximumFollowed {
		return
	}
	for _, one := range f.public {
		if bare(one) == text {
			return
		}
	}
	f.s.followed++
	f.s.addWhole(text)
}

func (f follower) isPublic(text string) bool {
	for _, one := range f.public {
		if strings.Contains(one, text) {
			return true
		}
	}
	return false
}
