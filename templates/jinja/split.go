package jinja

import (
	"strings"
	"unicode"
)

// splitter cuts a template into text and tags, by the rules of Jinja2's lexer: which text a mark of white space control,
// trim_blocks or lstrip_blocks removes, what a raw block holds, and that the end of a tag does not count within its strings
// and brackets.
type splitter struct {
	source  string
	options FileOptions
	grammar *grammar
	at      int // where what has not been read begins
	// fresh is true where a line begins: at the beginning of the template, and after a tag that took the newline with it.
	fresh bool
}

type partKind int

const (
	partEnd     partKind = iota // the end of the template
	partText                    // text between tags, and raw blocks
	partOutput                  // {{ }}
	partTag                     // {% %}
	partComment                 // {# #}
)

// part is one piece from a splitter: a text, or the tokens of a tag.
type part struct {
	kind   partKind
	offset int // where it begins
	text   string
	tokens []token
}

func newSplitter(source string, begin int, options FileOptions) *splitter {
	if !options.keepNewline && begin < len(source) {
		source = strings.TrimSuffix(source, "\n")
	}
	return &splitter{source: source, options: options, grammar: grammarOf(options.Markers), at: begin, fresh: true}
}

// blank matches what Python's \s does.
const blank = `[\t-\r\x1c-\x1f\x{85}\p{Z}]`

func isBlank(c rune) bool { return unicode.IsSpace(c) || c >= 0x1c && c <= 0x1f }

// next returns the next part. Comments and empty texts are left out.
func (s *splitter) next() (part, *syntaxError) {
	for {
		what, begin, inner, found := s.grammar.find(s.source, s.at)
		if !found {
			text := part{kind: partText, offset: s.at, text: s.source[s.at:]}
			if text.text == "" {
				text.kind = partEnd
			}
			s.at = len(s.source)
			return text, nil
		}
		mark := byte(0)
		if inner < len(s.source) && (s.source[inner] == '-' || s.source[inner] == '+') {
			mark = s.source[inner]
			inner++
		}
		if text := s.before(s.at, begin, mark, what.kind == partOutput); text != "" {
			text := part{kind: partText, offset: s.at, text: text}
			s.at = begin
			return text, nil
		}
		s.at = begin
		switch {
		case what.line && what.kind == partComment:
			if end := strings.IndexByte(s.source[inner:], '\n'); end >= 0 {
				inner += end
			} else {
				inner = len(s.source)
			}
			s.at, s.fresh = inner, false
		case what.line:
			return s.line(begin, inner)
		case what.kind == partComment:
			end := strings.Index(s.source[inner:], s.grammar.CommentEnd)
			if end < 0 {
				return part{}, &syntaxError{begin, "this comment is not closed by " + s.grammar.CommentEnd}
			}
			mark := byte(0)
			if end > 0 {
				mark = s.source[inner+end-1]
			}
			s.after(inner+end+len(s.grammar.CommentEnd), mark, true)
		case what.kind == partOutput:
			return s.tag(partOutput, begin, inner)
		default:
			opening := s.grammar.rawBegin.FindStringSubmatch(s.source[begin:])
			if opening == nil {
				return s.tag(partTag, begin, inner)
			}
			s.after(begin+len(opening[0]), markOf(opening[1]), false)
			text, err := s.raw(begin)
			if err != nil || text.text != "" {
				return text, err
			}
		}
	}
}

func markOf(text string) byte {
	if text == "" {
		return 0
	}
	return text[0]
}

// before returns the text between from and a tag at to, without the white space that the tag removes.
func (s *splitter) before(from, to int, mark byte, output bool) string {
	text := s.source[from:to]
	switch {
	case mark == '-':
		return strings.TrimRightFunc(text, isBlank)
	case mark != '+' && s.options.LeftStripBlocks && !output:
		line := strings.LastIndexByte(text, '\n') + 1
		if (line > 0 || s.fresh) && strings.TrimLeftFunc(text[line:], isBlank) == "" {
			return text[:line]
		}
	}
	return text
}

// after goes on behind a tag that ends at end, and over the white space that the tag removes there. mark is the character before
// its closing braces, trim is whether trim_blocks concerns it.
func (s *splitter) after(end int, mark byte, trim bool) {
	switch {
	case mark == '-':
		end = len(s.source) - len(strings.TrimLeftFunc(s.source[end:], isBlank))
	case mark != '+' && trim && s.options.TrimBlocks && strings.HasPrefix(s.source[end:], "\n"):
		end++
	}
	s.at = end
	s.fresh = s.source[end-1] == '\n'
}

// raw reads the text of a raw block, up to and with the tag that ends it. begin is where the block begins.
func (s *splitter) raw(begin int) (part, *syntaxError) {
	place := s.grammar.rawEnd.FindStringSubmatchIndex(s.source[s.at:])
	if place == nil {
		return part{}, &syntaxError{begin, "the template ends before endraw"}
	}
	from, to, end := s.at, s.at+place[0], s.at+place[1]
	text := s.before(from, to, markOf(s.source[from+place[2]:from+place[3]]), false)
	s.after(end, markOf(s.source[from+place[4]:from+place[5]]), true)
	return part{kind: partText, offset: from, text: text}, nil
}

// line reads the tokens of a line statement; inner is where they begin.
func (s *splitter) line(begin, inner int) (part, *syntaxError) {
	w := &words{source: s.source, at: inner, line: true}
	tokens, err := w.all()
	if err != nil {
		return part{}, err
	}
	if len(tokens) == 1 {
		return part{}, &syntaxError{begin, "this tag is empty"}
	}
	if s.at = lineEnd(s.source, w.at); s.at < 0 {
		s.at = len(s.source)
	}
	s.fresh = true
	return part{kind: partTag, offset: begin, tokens: tokens}, nil
}

// tag reads the tokens of a tag; inner is where they begin.
func (s *splitter) tag(kind partKind, begin, inner int) (part, *syntaxError) {
	closing, empty := s.grammar.VariableEnd, "there is no expression between the braces"
	if kind == partTag {
		closing, empty = s.grammar.BlockEnd, "this tag is empty"
	}
	w := &words{source: s.source, at: inner, closing: closing, tag: kind == partTag, literal: s.options.literal && kind == partOutput}
	tokens, err := w.all()
	switch {
	case err != nil && closes(s.source[inner:], closing):
		return part{}, err
	case err != nil || w.at >= len(s.source):
		return part{}, &syntaxError{begin, "this tag is not closed by " + closing}
	case len(tokens) == 1:
		return part{}, &syntaxError{begin, empty}
	}
	mark := s.source[w.at]
	end := w.at + len(closing)
	if mark == '-' || mark == '+' {
		end++
	}
	s.after(end, mark, kind == partTag)
	return part{kind: kind, offset: begin, tokens: tokens}, nil
}

// closes tells, of a tag that cannot be read, whether it is closed at all beyond its strings and brackets: that it is not is then
// what is wrong with it.
func closes(text, closing string) bool {
	open := 0
	for at := 0; at < len(text); at++ {
		if open == 0 && strings.HasPrefix(text[at:], closing) {
			return true
		}
		switch c := text[at]; c {
		case '(', '[', '{':
			open++
		case ')', ']', '}':
			open = max(open-1, 0)
		case '\'', '"':
			for at++; at < len(text) && text[at] != c; at++ {
				if text[at] == '\\' {
					at++
				}
			}
		}
	}
	return false
}
