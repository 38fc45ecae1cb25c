package pattern

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

type question struct {
	Expression, Text, Replacement string
	Limit                         int
	IgnoreCase, MultiLine         bool
}

type answer struct {
	Found      [][][2]int
	Match      *[2]int
	Text       string
	Count      int
	Bad, Error string
}

// Generated expressions find, match and replace what they do in Python. RE_EXPRESSIONS is how many (20000 takes 20 seconds), RE_SEED which.
func TestAsPython(t *testing.T) {
	interpreter := ""
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		// Possessive repetition is there from 3.11 on.
		if interpreter == "" && exec.Command(name, "-c", "import re; re.compile('a*+')").Run() == nil {
			interpreter = name
		}
	}
	if interpreter == "" {
		t.Skip("NOT COMPARED WITH PYTHON: there is no python3 of 3.11 or newer here")
	}
	timeout = 300 * time.Millisecond
	defer func() { timeout = Timeout }()
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	seed, many := number("RE_SEED", 1), number("RE_EXPRESSIONS", 3000)
	t.Logf("RE_SEED=%d RE_EXPRESSIONS=%d", seed, many)
	source := &expressions{Rand: rand.New(rand.NewSource(int64(seed)))}
	questions := []question{}
	for range many {
		questions = append(questions, source.question())
	}
	command := exec.Command(interpreter, "testdata/search.py")
	command.Stderr = os.Stderr
	in, _ := command.StdinPipe()
	out, _ := command.StdoutPipe()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer in.Close()
		encoder := json.NewEncoder(in)
		for _, q := range questions {
			_ = encoder.Encode(q)
		}
	}()
	answers := json.NewDecoder(bufio.NewReader(out))
	refused, differ, reasons := 0, 0, map[string]int{}
	for _, q := range questions {
		var python answer
		if err := answers.Decode(&python); err != nil {
			t.Fatalf("%v after %+v", err, q)
		}
		ours := ask(q)
		if python.Error != "" {
			refused++
		}
		if (ours.Error != "") != (python.Error != "") || (ours.Bad != "") != (python.Bad != "") || ours.Text != python.Text ||
			ours.Count != python.Count ||
			fmt.Sprint(ours.Found) != fmt.Sprint(python.Found) || (ours.Match == nil) != (python.Match == nil) || ours.Match != nil &&
			*ours.Match != *python.Match {
			if reason := known(q, ours, python); reason != "" {
				reasons[reason]++
				continue
			}
			if differ++; differ <= 20 {
				t.Errorf("%+v\n  Python %+v\n  ours   %+v", q, python, ours)
			}
		}
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	for reason, times := range reasons {
		t.Logf("%d: %s", times, reason)
	}
	t.Logf("%d expressions, %d of them refused by Python, %d differ", many, refused, differ)
}

// known returns why an answer may differ from Python's, "" where it may not.
func known(q question, ours, python answer) string {
	switch {
	case strings.Contains(python.Error, "look-behind requires fixed-width"), strings.Contains(python.Error, "cannot refer to"):
		return "look-behind may have any width here"
	case strings.Contains(ours.Error, "not complete here"):
		return "a choice asks about groups before it only"
	case strings.Contains(ours.Error, "took longer"), python.Error == "too long":
		return "the expression goes back and forth for too long"
	case possessive.MatchString(q.Expression):
		return "Python goes wrong where what is repeated without giving back may be empty"
	}
	return ""
}

var possessive = regexp.MustCompile(`[?*+}]\+`)

// ask answers as testdata/search.py does, in characters.
func ask(q question) answer {
	p, err := Compile(q.Expression, Flags{IgnoreCase: q.IgnoreCase, MultiLine: q.MultiLine})
	if err != nil {
		return answer{Error: err.Error()}
	}
	a := answer{Found: [][][2]int{}}
	characters := func(offset int) int {
		if offset < 0 {
			return -1
		}
		return utf8.RuneCountInString(q.Text[:offset])
	}
	all, err := p.FindAll(q.Text, 0)
	if err != nil {
		return answer{Error: err.Error()}
	}
	for _, match := range all {
		spans := [][2]int{}
		for pair := range slices.Chunk(match, 2) {
			spans = append(spans, [2]int{characters(pair[0]), characters(pair[1])})
		}
		a.Found = append(a.Found, spans)
	}
	match, err := p.Match(q.Text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	if match != nil {
		a.Match = &[2]int{characters(match[0]), characters(match[1])}
	}
	if a.Text, a.Count, err = p.Replace(q.Text, q.Replacement, q.Limit); err != nil {
		a.Bad = err.Error()
	}
	return a
}

type expressions struct{ *rand.Rand }

func (e *expressions) one(of ...string) string { return of[e.Intn(len(of))] }

func (e *expressions) question() question {
	q := question{Limit: e.Intn(6) / 3, IgnoreCase: e.Intn(5) == 0, MultiLine: e.Intn(4) == 0}
	q.Expression = e.one("", "", "", "", "", "(?i)", "(?m)", "(?s)", "(?x)", "(?a)") + e.alternatives(3)
	if e.Intn(8) == 0 && q.Expression != "" { // with a mistake
		at := e.Intn(len(q.Expression))
		q.Expression = q.Expression[:at] + e.one("(", ")", "[", "]", "{", "*", "?", "\\", "|", "+", "(?", "-", "^") + q.Expression[at:]
		if !utf8.ValidString(q.Expression) {
			q.Expression = "a"
		}
	}
	for range e.Intn(10) {
		q.Text += e.one("a", "b", "ab", "1", "A", "_", " ", "\n", "é", "x", "-", "foo", "ü", "٣", "[", "]", ".", "b1")
	}
	for range e.Intn(4) {
		q.Replacement += e.one("x", "\\1", "\\2", "\\g<1>", "\\g<0>", "\\g<n>", "<", "\\n", "\\.", "\\\\", "\\g<2>", "$1", "&",
			"\\0", "\\q", "\\101")
	}
	return q
}

func (e *expressions) alternatives(depth int) string {
	text := e.sequence(depth)
	for e.Intn(4) == 0 {
		text += "|" + e.sequence(depth)
	}
	return text
}

func (e *expressions) sequence(depth int) string {
	text := ""
	for range e.Intn(4) {
		text += e.atom(depth)
		if e.Intn(3) == 0 {
			text += e.one("*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,1}?", "{,2}", "{1,}", "*+", "++", "?+", "{x}", "{", "{1,2}+")
		}
	}
	return text
}

func (e *expressions) atom(depth int) string {
	if depth == 0 || e.Intn(2) == 0 {
		return e.one("a", "b", "a", "b", "ab", "1", ".", "^", "$", `\b`, `\B`, `\d`, `\w`, `\s`, `\W`, `\D`, `\S`, `\A`, `\Z`, "[ab]", "[^a]", `[\w-]`,
			`[a-c\d]`, "[]a]", "[^]a]", "[a-]", "[-a]", `[\]\[]`, "[[]", `\.`, `\-`, "é", `\x61`, `\n`, " ", "#", `[\b]`, `\1`, `\101`, "(?P=n)", `[^\W\d]`, `\u00e9`, "]", "}")
	}
	inner := e.alternatives(depth - 1)
	return e.one("(", "(", "(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:", "(?s:", "(?m-s:", "(?P<n>", "(?P<m>", "(?(1)",
		"(?x:", "(?#") + inner + ")"
}

// A search ends with an error, and offsets are of bytes also where those are no characters.
func TestSearch(t *testing.T) {
	p, err := Compile(`(?P<word>\w+)=(?!no)(?:(x)|(y))`, Flags{})
	if err != nil {
		t.Fatal(err)
	}
	text := "é\xff=y ü=y"
	if match, err := p.Find(text); err != nil || fmt.Sprint(match) != "[6 10 6 8 -1 -1 9 10]" {
		t.Errorf("%v, %v", match, err)
	}
	if number, ok := p.Group("word"); number != 1 || !ok || p.Groups() != 3 {
		t.Error(number, ok, p.Groups())
	}
	timeout = 10 * time.Millisecond
	slow, err := Compile("(a+)+(b+)+$", Flags{IgnoreCase: true})
	timeout = Timeout
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Find(strings.Repeat("a", 60)); err == nil || !strings.Contains(err.Error(), "took longer than") {
		t.Error(err)
	}
	for expression, problem := range map[string]string{
		"(a": "this group is not closed, at character 1", "a)": "this ) closes nothing, at character 2", "[a": "this [ is not closed",
		"*a": "there is nothing to repeat", "a**": "cannot be repeated once more", `\q`: `\q means nothing`, `\p{L}`: `\p means nothing`,
		`(a)\2`: "no group 2 before this", "(?<n>a)": "(?< means nothing", "a(?i)": "at its beginning", "[z-a]": "the range z-a", "a{3,2}": "above the most",
		"(?P<n>a)(?P<n>b)": `a group "n" already`, `a\`: "ends with a backslash",
	} {
		if _, err := Compile(expression, Flags{}); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v, want %s", expression, err, problem)
		}
	}
}
