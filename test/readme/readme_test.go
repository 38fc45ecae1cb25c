package readme

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const english, chinese = "README.md", "README.zh-CN.md"

// TestReadmes fails when one README has what the other lacks.
func TestReadmes(t *testing.T) {
	texts := map[string][]byte{}
	for _, name := range []string{english, chinese} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = text
		for _, link := range parse(text).links() {
			if _, err := os.Stat(filepath.Join("..", "..", link)); err != nil {
				t.Errorf("%s has a link to a file that is not there: %v", name, err)
			}
		}
	}
	said := compare(texts[english], texts[chinese])
	for _, line := range said {
		t.Error(line)
	}
	if len(said) > 0 {
		t.Errorf("%s and %s say the same: bring over what is named above, in the same order. Commands, output and other code are the "+
			"same in both; the sentences are translated, with the terms that are there", english, chinese)
	}
}

func TestCompare(t *testing.T) {
	const en = "# Name\n\n[other](README.zh-CN.md), see [below](#a-job)\n\nSome `text`, 2,000 of it.\n\n## A job\n\n    $ polarbook ping\n\n" +
		"- one `item`\n- two\n\n| variable | default |\n|---|---|\n| `a` | `1` |\n| `b` | |\n"
	const zh = "# Name\n\n[other](README.md)，见[下文](#一项工作)\n\n一些 `text`，共 2000 个。\n\n## 一项工作\n\n    $ polarbook ping\n\n" +
		"- 一个 `item`\n- 两个\n\n| 变量 | 默认值 |\n|---|---|\n| `a` | `1` |\n| `b` | |\n"
	for _, c := range []struct{ name, old, new, says string }{
		{"the same", "", "", ""},
		{"another sentence", "一些", "若干", ""},
		{"another code", "`text`", "`texts`", "README.md:5, README.zh-CN.md:5 (Name): "},
		{"another code, named", "`text`", "`texts`", "README.md alone has text; README.zh-CN.md alone has texts"},
		{"another command", "polarbook ping", "polarbook ping all", "the blocks of code differ: README.md has \"$ polarbook ping\""},
		{"another number", "2000", "3000", "README.md alone has 2000; README.zh-CN.md alone has 3000"},
		{"a missing paragraph", "一些 `text`，共 2000 个。\n\n", "", "README.md:5 (Name) has a paragraph \"Some `text`, 2,000 of it.\""},
		{"a missing section", "## 一项工作\n\n", "", "README.md:7 has a heading of level 2 \"A job\""},
		{"another level", "## 一项工作", "### 一项工作", "README.md:7 has a heading of level 2 \"A job\""},
		{"a missing item", "- 两个\n", "", "README.md:12 (A job) has a list item \"two\""},
		{"a missing row", "| `a` | `1` |\n", "", "README.md:16 (A job) has a cell of column 1 \"`a`\""},
		{"a missing last row", "| `b` | |\n", "", "README.md:17 (A job) has a cell of column 1 \"`b`\""},
		{"another default", "`1`", "`2`", "README.md alone has 1; README.zh-CN.md alone has 2"},
		{"a link that leads nowhere", "#一项工作", "#a-job", "README.zh-CN.md:3 (Name) has a link to #a-job, and no such heading"},
		{"a link to another place", "(#一项工作)", "(#name)", "README.md alone has the link to heading 2; README.zh-CN.md alone has the link to heading 1"},
		{"no link to the other", "(README.md)", "(README.zh-CN.md)", "README.zh-CN.md has no link to README.md"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(zh, c.old) {
				t.Fatalf("the text has no %q", c.old)
			}
			said := compare([]byte(en), []byte(strings.Replace(zh, c.old, c.new, 1)))
			if c.says == "" && len(said) > 0 || !strings.Contains(strings.Join(said, "\n"), c.says) {
				t.Errorf("wanted %q, got:\n%s", c.says, strings.Join(said, "\n"))
			}
		})
	}
}

// compare tells what one text has and the other lacks.
func compare(en, zh []byte) []string {
	a, b := parse(en), parse(zh)
	said := slices.Concat(a.lost(english, chinese), b.lost(chinese, english))
	for i := range max(len(a.sections), len(b.sections)) {
		x, y := a.section(i), b.section(i)
		if x == nil || y == nil || x[0].kind != y[0].kind {
			// From here on each section would be held against another one.
			return append(said, oneAlone(x, y, 0))
		}
		said = append(said, compareSection(x, y)...)
	}
	return said
}

func compareSection(x, y []block) (said []string) {
	kinds := func(list []block) (names []string) {
		for _, one := range list {
			names = append(names, one.kind)
		}
		return names
	}
	same := slices.Equal(kinds(x), kinds(y))
	for i := range max(len(x), len(y)) {
		if i >= len(x) || i >= len(y) || x[i].kind != y[i].kind {
			return append(said, oneAlone(x, y, i))
		}
		onlyX, onlyY := missing(x[i].same, y[i].same), missing(y[i].same, x[i].same)
		if len(onlyX)+len(onlyY) == 0 && x[i].code == y[i].code {
			continue
		}
		if !same {
			return append(said, oneAlone(x, y, i)) // the first that differs shows where something was put in
		}
		where := fmt.Sprintf("%s:%d, %s:%d (%s): ", english, x[i].line, chinese, y[i].line, x[0].text)
		if x[i].code != y[i].code {
			p, q := firstDifference(x[i].code, y[i].code)
			said = append(said, fmt.Sprintf("%sthe blocks of code differ: %s has %q, %s has %q", where, english, p, chinese, q))
			continue
		}
		var parts []string
		for _, only := range []struct {
			name string
			list []string
		}{{english, onlyX}, {chinese, onlyY}} {
			if len(only.list) > 0 {
				parts = append(parts, only.name+" alone has "+strings.Join(only.list, ", "))
			}
		}
		said = append(said, where+strings.Join(parts, "; "))
	}
	return said
}

// oneAlone tells of the first block of a section that has no counterpart.
func oneAlone(x, y []block, i int) string {
	describe := func(name string, list []block) string {
		switch {
		case list == nil:
			return name + " has no more sections"
		case i >= len(list):
			return fmt.Sprintf("%s has nothing more in that section (%s)", name, list[0].text)
		case i == 0:
			return fmt.Sprintf("%s:%d has a %s %q", name, list[i].line, list[i].kind, list[i].text)
		}
		return fmt.Sprintf("%s:%d (%s) has a %s %q", name, list[i].line, list[0].text, list[i].kind, shortened(list[i].text))
	}
	return describe(english, x) + " where " + describe(chinese, y)
}

func shortened(text string) string {
	const most = 100
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func missing(list, from []string) (lacking []string) {
	for _, one := range list {
		if !slices.Contains(from, one) && !slices.Contains(lacking, one) {
			lacking = append(lacking, one)
		}
	}
	return lacking
}

func firstDifference(a, b string) (x, y string) {
	p, q := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(p), len(q)) {
		x, y = "", ""
		if i < len(p) {
			x = p[i]
		}
		if i < len(q) {
			y = q[i]
		}
		if x != y {
			return x, y
		}
	}
	return "", ""
}
