package files

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Encoding is how a text is written in a file. Names are Python's; what Decode and Encode do not know, NewEncoding refuses.
type Encoding string

// The encodings that are known.
const (
	UTF8   Encoding = "utf-8"
	Latin1 Encoding = "latin-1"
	ASCII  Encoding = "ascii"
)

// NewEncoding finds an encoding by one of the names that Python has for it.
func NewEncoding(name string) (Encoding, error) {
	switch strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(name)) {
	case "", "utf-8", "utf8", "u8":
		return UTF8, nil
	case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "l1", "8859", "cp819":
		return Latin1, nil
	case "ascii", "us-ascii", "646":
		return ASCII, nil
	}
	return "", fmt.Errorf("is %q, and utf-8, latin-1 and ascii are known: convert the file with a command (iconv)", name)
}

// Decode returns the text that bytes stand for. Where they are none of the encoding it is an error.
func (e Encoding) Decode(b []byte) (string, error) {
	switch e {
	case Latin1:
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return string(runes), nil
	case ASCII:
		for i, c := range b {
			if c >= utf8.RuneSelf {
				return "", fmt.Errorf("byte %d is %#x, which is not ASCII", i, c)
			}
		}
	}
	return string(b), nil
}

// Encode returns a text in the encoding, or an error where it has a character that is not in it.
func (e Encoding) Encode(text string) ([]byte, error) {
	if e == UTF8 || e == "" {
		return []byte(text), nil
	}
	most := rune(0xff)
	if e == ASCII {
		most = utf8.RuneSelf - 1
	}
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r > most {
			return nil, fmt.Errorf("%q is not in the encoding %s", r, e)
		}
		out = append(out, byte(r))
	}
	return out, nil
}
