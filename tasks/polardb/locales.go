package polardb

import (
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
)

// PlainLocale returns the one spelling of a locale's name by which names are compared: en_US.UTF-8 and en_US.utf8 are one.
func PlainLocale(name string) string {
	name, modifier, modified := strings.Cut(name, "@")
	language, charset, coded := strings.Cut(name, ".")
	if language == "POSIX" {
		language = "C"
	}
	if coded {
		language += "." + strings.ToLower(strings.ReplaceAll(charset, "-", ""))
	}
	if modified {
		language += "@" + strings.ToLower(modifier)
	}
	return language
}

// LocaleKnown reports whether a host has a locale, however its name is spelled; known are the lines of locale -a.
func LocaleKnown(known []string, wanted string) bool {
	if PlainLocale(wanted) == "C" {
		return true
	}
	return slices.ContainsFunc(known, func(k string) bool { return PlainLocale(k) == PlainLocale(wanted) })
}

// serverEncodings lists the encodings that databases can have (engine: pg_wchar.h; GBK and GB18030 are PolarDB's).
var serverEncodings = strings.Fields(`SQL_ASCII EUC_JP EUC_CN EUC_KR EUC_TW EUC_JIS_2004 UTF8 MULE_INTERNAL
	LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 LATIN10
	WIN1256 WIN1258 WIN866 WIN874 KOI8R KOI8U WIN1251 WIN1252 ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8
	WIN1250 WIN1253 WIN1254 WIN1255 WIN1257 GBK GB18030`)

// PlainEncoding returns the one spelling of an encoding's name by which names are compared: letters and digits, and one name
// for those that mean the same (engine: encnames.c).
func PlainEncoding(name string) string {
	plain := lettersAndDigits(name)
	if is, ok := otherEncodings[plain]; ok {
		return is
	}
	return strings.Replace(plain, "windows", "win", 1)
}

func lettersAndDigits(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

var otherEncodings = map[string]string{
	"unicode": "utf8", "alt": "win866", "win": "win1251", "koi8": "koi8r", "abc": "win1258", "tcvn": "win1258",
	"tcvn5712": "win1258", "vscii": "win1258",
	"win936": "gbk", "windows936": "gbk",
	"iso88591": "latin1", "iso88592": "latin2", "iso88593": "latin3", "iso88594": "latin4", "iso88599": "latin5", "iso885910": "latin6",
	"iso885913": "latin7", "iso885914": "latin8", "iso885915": "latin9", "iso885916": "latin10",
}

// ofCodeset returns the encoding of a locale's codeset, which is named as locale charmap names it; "": the engine does not know
// the codeset either and accepts any encoding (engine: chklocale.c).
func ofCodeset(codeset string) string {
	plain := lettersAndDigits(codeset)
	switch {
	case plain == "gb2312":
		return "euccn"
	case plain == "cp936":
		return "gbk"
	case plain == "ansix341968" || plain == "usascii":
		return "sqlascii"
	case slices.Contains([]string{"sjis", "shiftjis", "pck", "big5", "big5hkscs", "uhc", "johab", "cp932", "cp949", "cp950"}, plain):
		return "a client's" // which no database can have
	}
	if code, ok := strings.CutPrefix(plain, "cp"); ok {
		plain = "win" + code
	}
	if of := PlainEncoding(plain); slices.ContainsFunc(serverEncodings, func(e string) bool { return PlainEncoding(e) == of }) {
		return of
	}
	return ""
}

// EncodingProblem returns why initdb would refuse an encoding with a locale whose text is in a codeset ("": not known), and
// what to use instead. An empty problem means that initdb takes it.
func EncodingProblem(encoding, locale, codeset string) (problem, wanted string) {
	is := PlainEncoding(encoding)
	if !slices.ContainsFunc(serverEncodings, func(e string) bool { return PlainEncoding(e) == is }) {
		if near := suggest.Nearest(encoding, serverEncodings); near != "" {
			return encoding + " is not an encoding that databases can have", near
		}
		return encoding + " is not an encoding that databases can have", "one of " + strings.Join(serverEncodings, " ")
	}
	of := ofCodeset(codeset)
	if PlainLocale(locale) == "C" || of == "" || of == "sqlascii" || is == "sqlascii" || is == of {
		return "", ""
	}
	return encoding + ", and text of the locale " + locale + " is in " + codeset, codeset
}
