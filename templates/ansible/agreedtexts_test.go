package ansible

import "testing"

// Addresses, encodings, sums, identifiers and paths of Windows are Python's.
func TestTextsOfPython(t *testing.T) {
	agreed{
		{"'https://a.test/b' is url", "True"}, {"'a:b' is uri", "True"}, {"'just words' is uri", "True"}, {"'just words' is url", "False"},
		{"'mailto:x@y' is uri(['mailto', 'http'])", "True"}, {"'ftp://h' is url(['http', 'https'])", "False"}, {"'http:///x' is url", "False"},
		{"'file:///x' is url", "True"}, {"'//h/x' is url", "True"}, {"'http://[::1/' is uri", "False"}, {"'URN:isbn:1' is urn", "True"},
		{"5 is uri", "False"}, {"none is uri", "True"}, {"none is url", "False"}, {"'<' | e is escaped", "True"}, {"'<' is escaped", "False"},
		{"'/' is mount", "!cannot look at files here"}, {"'é' | b64encode(encoding='latin-1')", "6Q=="}, {"'é' | b64encode('utf-16-le')", "6QA="},
		{"'é' | b64encode(encoding='utf-16')", "//7pAA=="}, {"'é' | b64encode(encoding='ascii')", "!has no 'é'"},
		{"'é' | b64encode(encoding='none')", `!no encoding "none"`}, {"'6Q==' | b64decode(encoding='iso8859-1')", "é"},
		{"'AGE=' | b64decode(encoding='utf-16-be')", "a"}, {"'//5hAA==' | b64decode(encoding='utf-16')", "a"}, {"'gA==' | b64decode('cp1252')", "€"},
		{"'gA==' | b64decode(encoding='koi8_r')", "─"}, {"'Y!W Jj' | b64decode", "abc"}, {"'YWI' | b64decode", "!its end is missing"},
		{"'abc' | to_uuid", "27dc713b-d72c-5825-88f3-9f240e739319"}, {"5 | to_uuid", "1912f288-223d-54fb-b725-190e32747866"},
		{"'abc' | to_uuid('6BA7B810-9dad-11d1-80b4-00c04fd430c8')", "6cb8e707-0fc5-5f55-88d4-d4fed43e64a8"}, {"'abc' | to_uuid('x')", "!is no UUID such as"},
		{"'abc' | hash('sha3_256') | truncate(9, true, '')", "3a985da74"}, {"'abc' | hash('SHA512_256') | truncate(9, true, '')", "53048e268"},
		{"'abc' | hash('blake2b') | truncate(9, true, '')", "ba80a53f9"}, {"'abc' | hash('crc')", "!not \"crc\""},
		{`'C:\a\b.txt' | win_basename`, "b.txt"}, {`'C:\a\b.txt' | win_dirname`, `C:\a`}, {`('C:\a' | win_splitdrive)[1]`, `\a`},
		{`('//srv/share/dir' | win_splitdrive)[0]`, "//srv/share"}, {`'c:x' | win_basename`, "x"}, {`'\\srv\share\d\f' | win_dirname`, `\\srv\share\d`},
		{"{'a': 1, 'b': none, 'c': '<\"'} | xmlattr", ` a="1" c="&lt;&#34;"`}, {"{'a b': 1} | xmlattr", "!no name of an attribute"},
		{"'/proc/../tmp/none/./x' | realpath", "/tmp/none/x"},
	}.check(t)
}

func TestRekeyOnMember(t *testing.T) {
	agreed{
		{"[{'n': 'a', 'v': 1}, {'n': 'b', 'v': 2}] | rekey_on_member('n') | string", "{'a': {'n': 'a', 'v': 1}, 'b': {'n': 'b', 'v': 2}}"},
		{"({'x': {'n': 'a'}} | rekey_on_member('n')).a.n", "a"},
		{"([{'n': 1, 'v': 1}, {'n': 1, 'v': 2}] | rekey_on_member('n', duplicates='overwrite')).values() | map(attribute='v') | first", "2"},
		{"[{'n': 1}, {'n': 1}] | rekey_on_member('n')", "!duplicates='overwrite'"}, {"[{'n': 1}] | rekey_on_member('m')", `!has no "m"`},
		{"[{'n': 1}] | rekey_on_member('n', 'x')", "!error or overwrite"}, {"['a'] | rekey_on_member('n')", "!needs mappings"},
	}.check(t)
}

// The hash of a password is what passlib makes of it.
func TestPasswordHash(t *testing.T) {
	agreed{
		{"'abc' | password_hash('sha256', 'saltsalt', rounds=5000)", "$5$saltsalt$yq1e3uCn05golCpAZpAtIJ0t3Ir9d/WUXXo2ps/jrkD"},
		{"'abc' | password_hash('sha512', 'saltsalt', rounds=1234)",
			"$6$rounds=1234$saltsalt$es7IZSbRhOG/eeQWxrTykiIbs1B5Fz3FlOKTlWtjXyYyH8UHWf.Syo9nCaHttnzxaH4VaC8D1PQA3GGzjvlo3."},
		{"'abc' | password_hash('md5', 'saltsalt')", "$1$saltsalt$7fq7ZEc75157blrz18yX./"},
		{"'abc' | password_hash('blowfish', 'abcdefghijklmnopqrstux', rounds=5, ident='2a')",
			"$2a$05$abcdefghijklmnopqrstuuRWUgMyyCUnsDr8evYotXg5ZXVF/HhzS"},
		{"'abc' | password_hash('sha256', rounds=1000) | length", "75"}, {"'abc' | password_hash('md5', salt_size=4) | length", "30"},
		{"'abc' | password_hash('sha512', 'salt!')", "!other characters"}, {"'abc' | password_hash('sha512', 'saltsaltsaltsalts')", "!at most 16"},
		{"'abc' | password_hash('crypt', 'salt')", `!not "crypt"`}, {"123 | password_hash", "!write | string before it"},
		{"'abc' | password_hash('bcrypt', 'short')", "!22 characters"}, {"'abc' | password_hash('sha512', rounds=10)", "!between 1000"},
	}.check(t)
}
