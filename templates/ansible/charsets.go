package ansible

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"github.com/polarbook/polarbook/templates/jinja"
)

// toBase64 encodes the bytes that a text has in an encoding, UTF-8 unless another is named.
func toBase64(c *jinja.Invocation) (any, error) {
	if err := jinja.CheckDefined(c.Value); err != nil {
		return nil, err
	}
	alphabet := base64.StdEncoding
	if urlsafe, err := c.Truth("urlsafe", false); err != nil {
		return nil, err
	} else if urlsafe {
		alphabet = base64.URLEncoding
	}
	data, err := encoded(jinja.Text(c.Value), c.Text("encoding", "utf-8"))
	if err != nil {
		return nil, fmt.Errorf("b64encode: %w", err)
	}
	return alphabet.EncodeToString([]byte(data)), nil
}

// fromBase64 is the text of what is encoded. As Python does it passes over what is no sign of the alphabet.
func fromBase64(c *jinja.Invocation) (any, error) {
	if err := jinja.CheckDefined(c.Value); err != nil {
		return nil, err
	}
	text := jinja.Text(c.Value)
	if urlsafe, err := c.Truth("urlsafe", false); err != nil {
		return nil, err
	} else if urlsafe {
		text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	}
	var digits strings.Builder
	pads := 0
	for i := range len(text) {
		switch b := text[i]; {
		case b == '=':
			if pads++; digits.Len()%4 >= 2 && digits.Len()%4+pads >= 4 {
				text = ""
			}
		case isLetter(b) || b >= '0' && b <= '9' || b == '+' || b == '/':
			pads = 0
			digits.WriteByte(b)
		}
		if text == "" {
			break
		}
	}
	if text != "" && digits.Len()%4 != 0 {
		return nil, errors.New("b64decode: the text is not base64: its end is missing, or the signs = that fill it up")
	}
	data, err := base64.RawStdEncoding.DecodeString(digits.String())
	if err != nil {
		return nil, fmt.Errorf("b64decode: the text is not base64: %w", err)
	}
	decoded, err := decoded(string(data), c.Text("encoding", "utf-8"))
	if err != nil {
		return nil, fmt.Errorf("b64decode: %w", err)
	}
	return decoded, nil
}

// codecNames are names that only Python has for encodings.
var codecNames = map[string]string{
	"latin-1": "iso-8859-1", "latin1": "iso-8859-1", "l1": "iso-8859-1", "8859": "iso-8859-1", "cp819": "iso-8859-1", "iso8859": "iso-8859-1",
	"sjis": "shift_jis", "s-jis": "shift_jis", "shift-jis": "shift_jis", "eucjp": "euc-jp", "euckr": "euc-kr", "koi8r": "koi8-r",
}

var codecForms = []struct {
	form        *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`^cp(125[0-8])$`), "windows-$1"}, {regexp.MustCompile(`^cp(437|85[0258]|86[0235])$`), "ibm$1"},
	{regexp.MustCompile(`^iso-?8859-?(\d+)$`), "iso-8859-$1"},
}

// codec is an encoding by the names that Python has for it. nil stands for UTF-8.
func codec(name string) (encoding.Encoding, string, error) {
	plain := strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(name))
	switch strings.ReplaceAll(plain, "-", "") {
	case "utf8", "u8":
		return nil, plain, nil
	case "ascii", "usascii", "646":
		return charmap.ISO8859_1, "ascii", nil
	case "utf16", "u16":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), plain, nil
	case "utf16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), plain, nil
	case "utf16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), plain, nil
	case "utf32", "u32":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), plain, nil
	case "utf32le":
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), plain, nil
	case "utf32be":
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), plain, nil
	}
	if known, ok := codecNames[plain]; ok {
		plain = known
	}
	for _, f := range codecForms {
		plain = f.form.ReplaceAllString(plain, f.replacement)
	}
	if e, err := ianaindex.IANA.Encoding(plain); err == nil && e != nil {
		return e, plain, nil
	}
	return nil, "", fmt.Errorf("there is no encoding %q here; utf-8, utf-16, latin-1, cp1252, koi8-r, gbk, shift_jis and their like are", name)
}

// unused reports whether a character of a code page stands where Python has none.
func unused(r rune, name string) bool {
	return r == utf8.RuneError || name == "ascii" && r > 0x7f || strings.HasPrefix(name, "windows-") && r >= 0x80 && r < 0xa0
}

func encoded(text, name string) (string, error) {
	e, plain, err := codec(name)
	if err != nil || e == nil {
		return text, err
	}
	for _, r := range text {
		if unused(r, plain) {
			return "", fmt.Errorf("the encoding %s has no %q", name, r)
		}
	}
	data, err := e.NewEncoder().String(text)
	if err != nil {
		return "", fmt.Errorf("the text has characters that the encoding %s has not", name)
	}
	return data, nil
}

// decoded reads bytes as text. Bytes that mean nothing in a code page stay as they are, as they do in UTF-8.
func decoded(data, name string) (string, error) {
	e, plain, err := codec(name)
	if err != nil || e == nil {
		return data, err
	}
	if table, ok := e.(*charmap.Charmap); ok {
		var text strings.Builder
		for i := range len(data) {
			if r := table.DecodeByte(data[i]); unused(r, plain) {
				text.WriteByte(data[i])
			} else {
				text.WriteRune(r)
			}
		}
		return text.String(), nil
	}
	text, err := e.NewDecoder().String(data)
	if err != nil || strings.ContainsRune(text, utf8.RuneError) {
		return "", fmt.Errorf("what is encoded is no text in %s", name)
	}
	return text, nil
}
