package jinja

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
)

// headerMark begins the first line of a template that sets options for the rest of it.
const headerMark = "#jinja2:"

// header reads the first line of a template where that sets options, and returns where the rest begins.
func header(source string, o FileOptions) (FileOptions, int, *syntaxError) {
	rest, ok := strings.CutPrefix(source, headerMark)
	if !ok {
		return o, 0, nil
	}
	line, _, ok := strings.Cut(rest, "\n")
	if !ok {
		return o, 0, &syntaxError{0, "the line with the template's options is not followed by another"}
	}
	at := len(headerMark)
	for pair := range strings.SplitSeq(line, ",") {
		if err := o.set(pair, at); err != nil {
			return o, 0, err
		}
		at += len(pair) + 1
	}
	return o, at, nil
}

// set sets one option, as in "trim_blocks: False". offset is where that stands.
func (o *FileOptions) set(pair string, offset int) *syntaxError {
	name, value, ok := strings.Cut(pair, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	fail := func(format string, arguments ...any) *syntaxError {
		return &syntaxError{offset + len(pair) - len(strings.TrimLeft(pair, " ")), fmt.Sprintf(format, arguments...)}
	}
	if !ok {
		return fail("expected an option and its value, such as trim_blocks: False")
	}
	switches := map[string]*bool{"trim_blocks": &o.TrimBlocks, "lstrip_blocks": &o.LeftStripBlocks, "keep_trailing_newline": &o.keepNewline}
	if to, ok := switches[name]; ok {
		switch value {
		case "True", "False":
			*to = value == "True"
			return nil
		}
		return fail("%s is True or False, not %s", name, value)
	}
	texts := map[string]*string{
		"newline_sequence": &o.NewlineSequence, "block_start_string": &o.BlockStart, "block_end_string": &o.BlockEnd,
		"variable_start_string": &o.VariableStart, "variable_end_string": &o.VariableEnd, "comment_start_string": &o.CommentStart,
		"comment_end_string": &o.CommentEnd, "line_statement_prefix": &o.LineStatement, "line_comment_prefix": &o.LineComment,
	}
	to, ok := texts[name]
	if !ok {
		known := slices.Concat(slices.Collect(maps.Keys(switches)), slices.Collect(maps.Keys(texts)))
		return fail("there is no option %q for a template%s", name, suggest.Suffix(name, known))
	}
	tokens, err := tokenize(value)
	text := ""
	if err == nil && len(tokens) == 2 {
		text, _ = tokens[0].value.(string)
	}
	switch {
	case value == "None" && strings.HasPrefix(name, "line_"):
	case text == "":
		return fail("%s is a text in quotes, not %s", name, value)
	case name == "newline_sequence" && text != "\n" && text != "\r" && text != "\r\n":
		return fail(`newline_sequence is '\n', '\r' or '\r\n', not %s`, value)
	}
	*to = text
	return nil
}
