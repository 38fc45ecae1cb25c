package polardb

import "testing"

func TestLocaleKnown(t *testing.T) {
	host := []string{"C", "C.utf8", "POSIX", "en_US.utf8", "zh_CN.gb18030", "de_DE@euro"}
	for name, want := range map[string]bool{
		"C": true, "POSIX": true, "C.UTF-8": true, "en_US.UTF-8": true, "en_US": false, "zh_CN.GB18030": true, "zh_CN.UTF-8": false,
		"de_DE@euro": true, "": false,
	} {
		if LocaleKnown(host, name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

// TestEncodingProblem: what initdb of 11.9 takes and refuses.
func TestEncodingProblem(t *testing.T) {
	for _, c := range []struct {
		encoding, locale, codeset string
		good                      bool
	}{
		{"UTF8", "C", "ANSI_X3.4-1968", true}, {"utf-8", "C.UTF-8", "UTF-8", true}, {"unicode", "zh_CN.UTF-8", "UTF-8", true},
		{"EUC_CN", "C", "", true}, {"GB18030", "zh_CN.gb18030", "GB18030", true}, {"GBK", "zh_CN.gbk", "GBK", true},
		{"EUC_CN", "zh_CN", "GB2312", true},
		{"LATIN1", "en_US", "ISO-8859-1", true}, {"LATIN9", "de_DE@euro", "ISO-8859-15", true},
		{"WIN1251", "ru_RU.cp1251", "CP1251", true}, {"KOI8R", "ru_RU.koi8r", "KOI8-R", true},
		{"SQL_ASCII", "zh_CN.UTF-8", "UTF-8", true}, {"UTF8", "th_TH", "TIS-620", true},
		{"EUC_CN", "C.UTF-8", "UTF-8", false}, {"UTF8", "en_US", "ISO-8859-1", false}, {"UTF8", "zh_TW", "BIG5", false},
		{"BIG5", "C", "", false}, {"UTF", "C", "", false}, {"GB2312", "C", "", false}, {"", "C", "", false},
	} {
		if problem, wanted := EncodingProblem(c.encoding, c.locale, c.codeset); (problem == "") != c.good {
			t.Errorf("%v: %q, wanted %q", c, problem, wanted)
		}
	}
}
