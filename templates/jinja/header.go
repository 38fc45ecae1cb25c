package jinja

import (
	"fmt"
	"strings"
)

// headerMark begins the first line of a template that sets options for the rest of it.
const headerMark = "#jinja2:"

// header reads the first line of a template where that sets options, and returns where the rest begins.
func header(source string, o FileOptions) (FileOptions, int, *syntaxError) {
	rest, ok := strings.CutPrefix(source, headerMark)
	if !ok {
		return o, 0, nil
	}
	line, _, _ := strings.Cut(rest, "\n")
	at := len(headerMark)
	for pair := range strings.SplitSeq(line, ",") {
		if err := o.set(pair, at); err != nil {
			return o, 0, err
		}
		at += len(pair) + 1
	}
	return o, min(at, len(source)), nil
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
	if name == "newline_sequence" {
		tokens, err := tokenize(value)
		if err != nil || len(tokens) != 2 || tokens[0].value != "\n" && tokens[0].value != "\r" && tokens[0].value != "\r\n" {
			return fail(`newline_sequence is '\n', '\r' or '\r\n', not %s`, value)
		}
		o.NewlineSequence = tokens[0].value.(string)
		return nil
	}
	return fail("the option %s is not supported in the first line of a template: trim_blocks, lstrip_blocks, newline_sequence and keep_trailing_newline are", name)
}
