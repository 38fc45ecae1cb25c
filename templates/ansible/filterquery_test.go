package ansible

import "testing"

// json_query answers what Python's jmespath answers, in the order in which mappings were written.
func TestJSONQuery(t *testing.T) {
	_, render := lookupsIn(t, nil)
	const data = "{'s': [{'n': 'b', 'p': '80', 'up': true, 'w': 2}, {'n': 'a', 'p': 443, 'up': false, 'w': 0}, {'n': 'c', 't': ['x', 'y']}], 'm': {'z': 1, 'a': {'q': 2}}}"
	table := agreed{}
	for _, c := range [][2]string{
		{"s[*].n", "['b', 'a', 'c']"}, {"s[?up].n | [0]", "b"}, {"s[?n==`a`].p", "[443]"}, {"s[?n==`\\\"a\\\"`].p", "[443]"}, {"s[?w >= `0`].{k: n, w: w}", "[{'k': 'b', 'w': 2}, {'k': 'a', 'w': 0}]"},
		{"s[?!up].n", "['a', 'c']"}, {"s[?w == `0` || t].n", "['a', 'c']"}, {"s[-1].t[0]", "x"}, {"s[9]", "None"}, {"s[::-1].n", "['c', 'a', 'b']"}, {"s[:2].n", "['b', 'a']"},
		{"s[*].t[]", "['x', 'y']"}, {"m.*", "[1, {'q': 2}]"}, {"keys(m)", "['z', 'a']"}, {"s[?contains(n, 'b')].up", "[True]"}, {"sort_by(s, &n)[*].n", "['a', 'b', 'c']"},
		{"max_by(s[:2], &w).n", "b"}, {"sum(s[*].w)", "2"}, {"avg(s[*].w)", "1.0"}, {"join('-', s[*].n)", "b-a-c"}, {"to_string(m)", `{"z":1,"a":{"q":2}}`},
		{"merge(m, `{\\\"z\\\": 3}`)", "{'z': 3, 'a': {'q': 2}}"}, {"map(&w, s)", "[2, 0, None]"}, {"not_null(x, m.z)", "1"}, {"type(@)", "object"}, {"m.x.y", "None"},
		{"s[?up == `1`]", "[]"}, {"reverse('abc')", "cba"}, {"to_number('1.5')", "1.5"}, {"length(s)", "3"}, {"`foo bar`", "foo bar"},
		{"s[?", "!cannot read"}, {"nope(@)", "!there is no function nope()"}, {"length()", "!takes 1 arguments and got 0"}, {"length(m.z)", "!takes string or array or object, not 1"},
		{"m.z + m.z", "!no part of JMESPath"}, {"sort(`[1, \\\"a\\\"]`)", "!takes array-string or array-number"}, {"contains('a', `1`)", "!looks for a text in a text"},
	} {
		table = append(table, [2]string{data + ` | community.general.json_query("` + c[0] + `")`, c[1]})
	}
	table = append(table, [2]string{"[{'n': 1}] | json_query('[0].n')", "1"}, [2]string{"[] | json_query(5)", "!a query in a text"})
	table.checkIn(t, render)
}
