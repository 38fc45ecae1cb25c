package pattern

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// translator reads an expression of Python's and writes it in the syntax of regexp2. Groups are numbered as Python does, by where
// they open; their names are kept here.
type translator struct {
	source []rune
	at     int
	flags  Flags
	// verbose leaves out white space and comments, ascii has \w and its like mean ASCII alone.
	verbose, ascii bool
	groups         int
	names          map[string]int
	open           map[int]bool // groups that are not closed yet
	depth          int
}

// maximumDepth bounds how deep groups nest.
const maximumDepth = 200

func (t *translator) fail(at int, format string, arguments ...any) error {
	return fmt.Errorf("%s, at character %d", fmt.Sprintf(format, arguments...), at+1)
}

func (t *translator) peek() rune {
	if t.at < len(t.source) {
		return t.source[t.at]
	}
	return -1
}

// accept goes over a text where it is what comes next.
func (t *translator) accept(text string) bool {
	if strings.HasPrefix(string(t.source[t.at:min(len(t.source), t.at+len(text))]), text) {
		t.at += len([]rune(text))
		return true
	}
	return false
}

func (t *translator) all() (string, error) {
	t.open = map[int]bool{}
	if err := t.globalFlags(); err != nil {
		return "", err
	}
	translated, err := t.alternatives()
	if err == nil && t.at < len(t.source) {
		err = t.fail(t.at, "this ) closes nothing")
	}
	return translated, err
}

// globalFlags reads (?i) and its like, which stand at the beginning.
func (t *translator) globalFlags() error {
	for {
		end := t.at + 2
		for end < len(t.source) && strings.ContainsRune("aiLmsux", t.source[end]) {
			end++
		}
		if end == t.at+2 || end >= len(t.source) || t.source[end] != ')' || t.source[t.at] != '(' || t.source[t.at+1] != '?' {
			return nil
		}
		for _, c := range t.source[t.at+2 : end] {
			if err := t.flag(c, true); err != nil {
				return err
			}
		}
		t.at = end + 1
	}
}

func (t *translator) flag(c rune, on bool) error {
	switch c {
	case 'i':
		t.flags.IgnoreCase = on
	case 'm':
		t.flags.MultiLine = on
	case 's':
		t.flags.DotAll = on
	case 'x':
		t.verbose = on
	case 'a':
		t.ascii = on
	case 'u':
		t.ascii = false
	default:
		return t.fail(t.at, "the flag %c is not for texts", c)
	}
	return nil
}

// alternatives reads up to a closing parenthesis or the end.
func (t *translator) alternatives() (string, error) {
	if t.depth++; t.depth > maximumDepth {
		return "", t.fail(t.at, "groups nest deeper than %d", maximumDepth)
	}
	defer func() { t.depth-- }()
	branches := []string{}
	for {
		branch, err := t.sequence()
		if err != nil {
			return "", err
		}
		branches = append(branches, branch)
		if !t.accept("|") {
			return strings.Join(branches, "|"), nil
		}
	}
}

// piece is a part of a sequence, which may be repeated.
type piece struct {
	text string
	kind pieceKind
}

type pieceKind int

const (
	atom     pieceKind = iota
	anchor             // which cannot be repeated
	repeated           // which cannot be once more
	comment            // which is left out
)

func (t *translator) sequence() (string, error) {
	pieces := []piece{}
	for t.at < len(t.source) && t.peek() != '|' && t.peek() != ')' {
		if t.verbose && t.skipped() {
			continue
		}
		begin := t.at
		if least, most, ok := t.repetition(); ok {
			if len(pieces) == 0 || pieces[len(pieces)-1].kind == anchor {
				return "", t.fail(begin, "there is nothing to repeat")
			}
			last := &pieces[len(pieces)-1]
			if last.kind == repeated {
				return "", t.fail(begin, "what is repeated cannot be repeated once more without a group around it")
			}
			if most >= 0 && most < least {
				return "", t.fail(begin, "the least number of repetitions is above the most")
			}
			bounds := fmt.Sprintf("{%d,}", least)
			if most >= 0 {
				bounds = fmt.Sprintf("{%d,%d}", least, most)
			}
			last.kind = repeated
			last.text = "(?:" + last.text + ")" + bounds
			switch {
			case t.accept("?"):
				last.text += "?"
			case t.accept("+"):
				last.text = "(?>" + last.text + ")"
			}
			continue
		}
		next, err := t.piece()
		if err != nil {
			return "", err
		}
		if next.kind != comment {
			pieces = append(pieces, next)
		}
	}
	var out strings.Builder
	for _, p := range pieces {
		out.WriteString(p.text)
	}
	return out.String(), nil
}

// skipped goes over white space or a comment of a verbose expression.
func (t *translator) skipped() bool {
	switch c := t.peek(); {
	case strings.ContainsRune(" \t\n\r\v\f", c):
		t.at++
	case c == '#':
		for t.at < len(t.source) && t.source[t.at] != '\n' {
			t.at++
		}
	default:
		return false
	}
	return true
}

// repetition reads *, +, ? or {2,3}; most is -1 without limit.
func (t *translator) repetition() (least, most int, ok bool) {
	switch t.peek() {
	case '*':
		most = -1
	case '+':
		least, most = 1, -1
	case '?':
		most = 1
	case '{':
		return t.bounds()
	default:
		return 0, 0, false
	}
	t.at++
	return least, most, true
}

// bounds reads {2}, {2,}, {,3} and {2,3}. Other braces stand for themselves.
func (t *translator) bounds() (least, most int, ok bool) {
	at := t.at + 1
	number := func() string {
		begin := at
		for at < len(t.source) && t.source[at] >= '0' && t.source[at] <= '9' {
			at++
		}
		return string(t.source[begin:at])
	}
	low := number()
	high, comma := low, false
	if at < len(t.source) && t.source[at] == ',' {
		at++
		high, comma = number(), true
	}
	if at >= len(t.source) || t.source[at] != '}' || low == "" && !comma {
		return 0, 0, false
	}
	t.at = at + 1
	most = -1
	if low != "" {
		least, _ = strconv.Atoi(low)
	}
	if high != "" {
		most, _ = strconv.Atoi(high)
	}
	return least, most, true
}

func (t *translator) piece() (piece, error) {
	begin := t.at
	c := t.peek()
	t.at++
	switch c {
	case '.':
		return piece{".", atom}, nil
	case '^', '$':
		return piece{string(c), anchor}, nil
	case '(':
		return t.group(begin)
	case '[':
		text, err := t.class(begin)
		return piece{text, atom}, err
	case '\\':
		return t.escape(begin)
	}
	return piece{literal(c), atom}, nil
}

// literal writes a character that stands for itself.
func literal(c rune) string {
	if strings.ContainsRune(`\*+?|{}[]()^$.#-`, c) {
		return `\` + string(c)
	}
	if unicode.IsSpace(c) || c < ' ' {
		return fmt.Sprintf(`\u%04x`, c)
	}
	return string(c)
}

func (t *translator) group(begin int) (piece, error) {
	if t.peek() != '?' {
		return t.capture(begin, "")
	}
	t.at++
	switch {
	case t.accept("P<"):
		name, err := t.name(">")
		if err != nil {
			return piece{}, err
		}
		return t.capture(begin, name)
	case t.accept("P="):
		name, err := t.name(")")
		if err != nil {
			return piece{}, err
		}
		number, ok := t.names[name]
		if !ok {
			return piece{}, t.fail(begin, "there is no group %q before this", name)
		}
		return t.reference(begin, number)
	case t.accept("#"):
		for t.at < len(t.source) && t.peek() != ')' {
			t.at++
		}
		return piece{"", comment}, t.close(begin)
	case t.accept("("):
		return t.choice(begin)
	}
	for _, opening := range []string{":", "=", "!", "<=", "<!", ">"} {
		if t.accept(opening) {
			return t.within(begin, "(?"+opening)
		}
	}
	return t.scoped(begin)
}

// within reads what a group encloses, and closes it.
func (t *translator) within(begin int, opening string) (piece, error) {
	inner, err := t.alternatives()
	if err == nil {
		err = t.close(begin)
	}
	return piece{opening + inner + ")", atom}, err
}

func (t *translator) close(begin int) error {
	if !t.accept(")") {
		return t.fail(begin, "this group is not closed")
	}
	return nil
}

func (t *translator) capture(begin int, name string) (piece, error) {
	t.groups++
	number := t.groups
	if name != "" {
		if _, taken := t.names[name]; taken {
			return piece{}, t.fail(begin, "there is a group %q already", name)
		}
		t.names[name] = number
	}
	t.open[number] = true
	p, err := t.within(begin, fmt.Sprintf("(?<%d>", number))
	delete(t.open, number)
	return p, err
}

// name reads the name of a group up to what ends it.
func (t *translator) name(end string) (string, error) {
	begin := t.at
	for t.at < len(t.source) {
		if name := string(t.source[begin:t.at]); t.accept(end) {
			for at, c := range name {
				if c != '_' && !unicode.IsLetter(c) && (at == 0 || !unicode.IsDigit(c)) {
					return "", t.fail(begin, "%q cannot be the name of a group", name)
				}
			}
			if name == "" {
				return "", t.fail(begin, "the name of a group is missing")
			}
			return name, nil
		}
		t.at++
	}
	return "", t.fail(begin, "the name of this group is not closed by %s", end)
}

func (t *translator) reference(begin, number int) (piece, error) {
	switch {
	case number > t.groups:
		return piece{}, t.fail(begin, "there is no group %d before this", number)
	case t.open[number]:
		return piece{}, t.fail(begin, "the group %d is not closed here yet", number)
	}
	return piece{fmt.Sprintf(`\k<%d>`, number), atom}, nil
}

// choice reads (?(1)yes|no).
func (t *translator) choice(begin int) (piece, error) {
	name := ""
	for t.at < len(t.source) && t.peek() != ')' {
		name += string(t.peek())
		t.at++
	}
	t.at++
	number, err := strconv.Atoi(name)
	if err != nil {
		known := false
		if number, known = t.names[name]; !known {
			return piece{}, t.fail(begin, "there is no group %q before this", name)
		}
	}
	if number < 1 || number > t.groups || t.open[number] {
		return piece{}, t.fail(begin, "this choice asks about the group %d, which is not complete here", number)
	}
	inner, err := t.alternatives()
	if err == nil && strings.Count(inner, "|") > 1 && t.branches(inner) > 2 {
		err = t.fail(begin, "this choice has more than two branches")
	}
	if err == nil {
		err = t.close(begin)
	}
	return piece{fmt.Sprintf("(?(%d)%s)", number, inner), atom}, err
}

// branches counts the alternatives of a translated text that are not within groups or classes.
func (t *translator) branches(text string) int {
	count, depth, class := 1, 0, false
	for at := 0; at < len(text); at++ {
		switch c := text[at]; {
		case c == '\\':
			at++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			count++
		}
	}
	return count
}

// scoped reads (?i-s:...).
func (t *translator) scoped(begin int) (piece, error) {
	flags, verbose, ascii := t.flags, t.verbose, t.ascii
	on, seen := true, false
	for ; t.at < len(t.source) && strings.ContainsRune("aiLmsux-", t.peek()); t.at++ {
		if t.peek() == '-' {
			if !on || !strings.ContainsRune("imsx", t.source[min(t.at+1, len(t.source)-1)]) {
				return piece{}, t.fail(begin, "a flag is missing behind this -")
			}
			on = false
			continue
		}
		seen = true
		if err := t.flag(t.peek(), on); err != nil {
			return piece{}, err
		}
	}
	if seen && t.peek() == ')' {
		return piece{}, t.fail(begin, "flags for the whole expression stand at its beginning")
	}
	if !seen || !t.accept(":") {
		return piece{}, t.fail(begin, "(?%c means nothing", max(t.peek(), ' '))
	}
	letters := [2]string{}
	for letter, on := range map[string]bool{"i": t.flags.IgnoreCase, "m": t.flags.MultiLine, "s": t.flags.DotAll} {
		letters[map[bool]int{true: 0, false: 1}[on]] += letter
	}
	p, err := t.within(begin, "(?"+letters[0]+"-"+letters[1]+":")
	p.text = strings.Replace(p.text, "-:", ":", 1)
	t.flags, t.verbose, t.ascii = flags, verbose, ascii
	return p, err
}
