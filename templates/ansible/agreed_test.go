package ansible

import (
	"strings"
	"testing"

	"github.com/polarbook/polarbook/templates/jinja"
)

// agreed holds expressions and what Ansible prints for them: 2.14 and 2.19 alike. What begins with ! is a part of our error where
// both have one.
type agreed [][2]string

func (table agreed) check(t *testing.T) {
	t.Helper()
	engine := jinja.NewEngine(jinja.Options{}, All())
	vars := jinja.Map{"host": "node1"}
	for _, c := range table {
		got, err := engine.Render("{{ "+c[0]+" }}", vars)
		problem, fails := strings.CutPrefix(c[1], "!")
		switch {
		case fails:
			if err == nil || !strings.Contains(err.Error(), problem) {
				t.Errorf("%s: %v, %v, want an error with %q", c[0], got, err, problem)
			}
		case err != nil || jinja.Text(got) != c[1]:
			t.Errorf("%s: %s, %v, want %s", c[0], jinja.Text(got), err, c[1])
		}
	}
}

// A seed gives the numbers that Python's generator gives for it.
func TestRandomNumbersOfPython(t *testing.T) {
	agreed{
		{"100 | random(seed='node1')", "73"}, {"60 | random(seed=host)", "36"}, {"60 | random(seed=42)", "40"},
		{"1000000 | random(seed=-42)", "670487"}, {"1000000 | random(seed=3.5)", "318682"}, {"1000000 | random(seed=-0.1)", "954321"},
		{"1000000 | random(seed=1e300)", "274112"}, {"1000000 | random(seed=1e-300)", "458060"}, {"1000000 | random(seed=true)", "140891"},
		{"1000000 | random(seed='')", "476559"}, {"1000000 | random(seed=0)", "885440"}, {"10000000000 | random(seed='x')", "7004179923"},
		{"9000000000000000000 | random(seed='x')", "2906793547489037779"}, {"4294967296 | random(seed='x')", "2709212627"},
		{"59 | random(start=10, seed='é')", "36"}, {"59 | random(10, 7, seed='a')", "24"}, {"5 | random(10, -1, seed='a')", "8"},
		{"range(700) | list | shuffle(seed='big') | last", "578"}, {"range(6) | list | shuffle(seed=7) | join", "405312"},
		{"'abc' | shuffle(seed='q') | sort | join", "abc"}, {"5 | shuffle(seed='q')", "5"}, {"1 | random", "0"}, {"[1] | shuffle", "[1]"},
		{"lookup('random_choice', 'a', 'a')", "a"}, {"(range(9) | list | shuffle | sort) == range(9) | list", "True"},
		{"0 | random(seed='a')", "!no number from 0 up to 0"}, {"59 | random(10, -7, seed='a')", "!steps of -7"},
		{"5 | random(seed=[1])", "!a seed is a text or a number"}, {"[] | random(seed='x')", "!is empty"},
		{"[1, 2] | random(start=1, seed='x')", "!start and step with an integer only"}, {"2.5 | random(seed='x')", "!not a float"},
		{"{'a': 1} | random(seed='x')", "!write | list | random"},
	}.check(t)
}

// The kinds of versions order what comes before a release, and what is only a label of it.
func TestVersionTypes(t *testing.T) {
	agreed{
		{"'1.0.0-rc1' is version('1.0.0', '<', version_type='semver')", "True"},
		{"'1.0.0-rc1' is version('1.0.0', '>', version_type='semantic')", "False"},
		{"'1.0.0+b1' is version('1.0.0+b2', '==', version_type='semver')", "True"},
		{"'1.0.0-alpha.2' is version('1.0.0-alpha.10', '<', version_type='semver')", "True"},
		{"'1.0.0-alpha.beta' is version('1.0.0-alpha.10', '>', version_type='semver')", "True"},
		{"'1.0.0-alpha' is version('1.0.0-alpha.1', '<', version_type='semver')", "True"},
		{"'1.0' is version('1.0.0', '<', version_type='semver')", `!"1.0" is not a semantic version`},
		{"'1.0.0-01' is version('1.0.0', '<', version_type='semver')", "!is not a semantic version"},
		{"'1.0' is version('1.0.0', '==', strict=true)", "True"}, {"'1.0a1' is version('1.0', '<', strict=True)", "True"},
		{"'1.0b1' is version('1.0a5', '>', version_type='strict')", "True"},
		{"'1.0c1' is version('1.0a5', '>', version_type='strict')", `!"1.0c1" is not a version of two or three numbers`},
		{"'1.0' is version('1.0', strict=False, version_type='loose')", "!strict or version_type, not both"},
		{"'1.0' is version('1.0', version_type='x')", "!no version_type \"x\"; there are loose,"},
		{"'1.0' is version('1.0.0')", "False"}, {"'1.10rc1' is version('1.10', '>')", "True"},
		{"'1.rc1' is version('1.1', '>')", "!of different kinds"}, {"0 is version('1.0', '<')", "!one is empty"},
		{"'18446744073709551617' is version('18446744073709551616', '>')", "True"},
		{"'2.0rc1' is version('2.0', '<', version_type='pep440')", "True"},
		{"'2.0.dev1' is version('2.0a1', '<', version_type='pep440')", "True"},
		{"'2.0-1' is version('2.0', '>', version_type='pep440')", "True"},
		{"'2.0.post1.dev1' is version('2.0.post1', '<', version_type='pep440')", "True"},
		{"'1.0.post1.dev1' is version('1.0', '>', version_type='pep440')", "True"},
		{"'1.0.dev1' is version('1.0a1.dev1', '<', version_type='pep440')", "True"},
		{"'2.0+local.1' is version('2.0+local.b', '>', version_type='pep440')", "True"},
		{"'2.0+1' is version('2.0+local.b', '>', version_type='pep440')", "True"},
		{"'1!2.0' is version('3.0', '>', version_type='pep440')", "True"}, {"'2.0' is version('2.0.0', '==', version_type='pep440')", "True"},
		{"'2.0-Beta_3' is version('2.0b3', '==', version_type='pep440')", "True"},
		{"'abc' is version('2.0rc1', '==', version_type='pep440')", `!"abc" is not a version as PEP 440 has them`},
	}.check(t)
}

// Dates and times are Python's datetime and timedelta.
func TestMoments(t *testing.T) {
	agreed{
		{"now().year > 2000", "True"}, {"now(utc=true).strftime('%Y') | int > 2000", "True"},
		{"now(fmt='%Y') == now().strftime('%Y')", "True"}, {"now().strptime('2024','%Y').year", "2024"},
		{"now().fromtimestamp(0).strftime('%s')", "0"}, {"'2024-03-01 10:20:30' | to_datetime", "2024-03-01 10:20:30"},
		{"('2024-03-01 10:20:30' | to_datetime).isoformat()", "2024-03-01T10:20:30"},
		{"('2024-03-01 10:20:30' | to_datetime).date()", "2024-03-01"}, {"('2024-03-01 10:20:30' | to_datetime).time()", "10:20:30"},
		{"['2024-03-01 10:20:00' | to_datetime] | string", "[datetime.datetime(2024, 3, 1, 10, 20)]"},
		{"[('2024-03-01 10:20:30' | to_datetime).date()] | string", "[datetime.date(2024, 3, 1)]"},
		{"['2024-03-01 10:00:00' | to_datetime - '2024-02-01 10:20:30' | to_datetime] | string", "[datetime.timedelta(days=28, seconds=85170)]"},
		{"('2024-03-01 10:00:00' | to_datetime - '2024-02-01 10:20:30' | to_datetime).total_seconds()", "2504370.0"},
		{"('2024-02-01 10:00:00' | to_datetime - '2024-02-01 10:20:30' | to_datetime).days", "-1"},
		{"('2024-02-01' | to_datetime('%Y-%m-%d')).weekday()", "3"},
		{"('2024-2-1 1:2' | to_datetime('%Y-%m-%d %H:%M')).strftime('%j %U %W %V %a %A %b %B %p %I %y %e %-d %_d|%Z|%z|')",
			"032 04 05 05 Thu Thursday Feb February AM 01 24  1 1  1|||"},
		{"'2024-02-01T10:00:00+0200' | to_datetime('%Y-%m-%dT%H:%M:%S%z')", "2024-02-01 10:00:00+02:00"},
		{"'2024-02-01T10:00:00.5' | to_datetime('%Y-%m-%dT%H:%M:%S.%f')", "2024-02-01 10:00:00.500000"},
		{"'Feb  1 10:00:00 2024 GMT' | to_datetime('%b %d %H:%M:%S %Y %Z')", "2024-02-01 10:00:00"},
		{"'2024-02-30' | to_datetime('%Y-%m-%d')", "!cannot read"}, {"'2024-02-01x' | to_datetime('%Y-%m-%d')", "!cannot read"},
		{"('2024-02-01 03 PM' | to_datetime('%Y-%m-%d %I %p')).hour", "15"},
		{"('2024-02-01 10:00:00' | to_datetime).replace(hour=3).hour", "3"},
		{"(('2024-02-03' | to_datetime('%Y-%m-%d') - '2024-02-02' | to_datetime('%Y-%m-%d')) / 7) | string", "3:25:42.857143"},
		{"('2024-02-28' | to_datetime('%Y-%m-%d') + ('2024-02-03' | to_datetime('%Y-%m-%d') - '2024-02-01' | to_datetime('%Y-%m-%d'))).day", "1"},
		{"'%Y-%m-%d %H:%M:%S %Z' | strftime('1700000000', true)", "2023-11-14 22:13:20 GMT"}, {"'%Y' | strftime('x')", "!seconds since 1970"},
	}.check(t)
}

// Regular expressions are Python's.
func TestRegularExpressions(t *testing.T) {
	agreed{
		{`'key=val' | regex_search('(?<==)\w+')`, "val"}, {`'abc' | regex_search('(b)(z)?', '\1', '\2')`, "['b', None]"},
		{`'abc' | regex_search('(?P<n>b)', '\g<n>')`, "['b']"}, {`'abc' | regex_search('(?P<n>b)', '\g<x>')`, `!has none for`},
		{`'abc' | regex_search('z', '\1')`, "None"}, {`'foo bar' | regex_replace('(?P<a>\w+) (?P<b>\w+)', '\g<b>-\g<a>')`, "bar-foo"},
		{`'aaa' | regex_replace('a*', 'x')`, "xx"}, {`'abc' | regex_replace('', '-')`, "-a-b-c-"}, {`'abab' | regex_replace('(ab)\1', 'x')`, "x"},
		{`'foo' | regex_replace('o', '\q')`, `!\q, which means nothing`}, {`'foo' | regex_replace('o', '\2')`, "!has the group 2"},
		{`'a.b' | regex_replace('\.', '\.')`, `a\.b`}, {`'été' | regex_findall('\w+')`, "['été']"},
		{`'abc' is regex('abc', match_type='fullmatch')`, "True"}, {`'abc' is regex('b', match_type='match')`, "False"},
		{`'1.2.3' | regex_replace('(?<!\d)1\.', 'v')`, "v2.3"}, {`'foo123' is match('^foo(?!bar)')`, "True"},
		{`'a' | regex_findall('(?=(a))')`, "['a']"}, {`'foo' | regex_replace('(', 'x')`, "!this group is not closed, at character 1"},
		{`'a+b.c' | regex_escape`, `a\+b\.c`}, {`'x-y_z' | regex_replace('[^\W_]+$', '')`, "x-y_"},
	}.check(t)
}

func TestTestsOfResultsAndFiles(t *testing.T) {
	agreed{
		{"{'timedout': {'period': 3}} is timedout", "True"}, {"{'failed': true} is timedout", "False"},
		{"'/' is same_file('/')", "!cannot look at files here"},
	}.check(t)
}
