package tool

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type scriptStatement struct {
	text string
	line int // where it ends
}

// split cuts a script into statements the way psql does: at semicolons outside quotes and comments, and at the
// ends of backslash lines.
func split(script string) []scriptStatement {
	var out []scriptStatement
	var b strings.Builder
	line := 1
	flush := func() {
		if text := strings.TrimSpace(b.String()); text != "" {
			out = append(out, scriptStatement{text, line})
		}
		b.Reset()
	}
	for i := 0; i < len(script); i++ {
		c := script[i]
		switch {
		case c == '\n':
			line++
			b.WriteByte(c)
		case c == ';':
			b.WriteByte(c)
			flush()
		case c == '\\' && strings.TrimSpace(b.String()) == "":
			end := strings.IndexByte(script[i:], '\n')
			if end < 0 {
				end = len(script) - i
			}
			b.WriteString(script[i : i+end])
			flush()
			i += end - 1
		case c == '-' && strings.HasPrefix(script[i:], "--"):
			for i+1 < len(script) && script[i+1] != '\n' {
				i++
			}
		case c == '\'' || c == '"':
			end := i + 1
			for end < len(script) && script[end] != c {
				if script[end] == '\n' {
					line++
				}
				end++
			}
			end = min(end, len(script)-1)
			b.WriteString(script[i : end+1])
			i = end
		case c == '$' && dollarTag(script[i:]) != "":
			tag := dollarTag(script[i:])
			end := strings.Index(script[i+len(tag):], tag)
			if end < 0 {
				b.WriteString(script[i:])
				i = len(script)
				continue
			}
			whole := script[i : i+len(tag)*2+end]
			line += strings.Count(whole, "\n")
			b.WriteString(whole)
			i += len(whole) - 1
		default:
			b.WriteByte(c)
		}
	}
	flush()
	return out
}

func dollarTag(s string) string {
	end := strings.IndexByte(s[1:], '$')
	if end < 0 {
		return ""
	}
	for _, c := range s[1 : end+1] {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	return s[:end+2]
}

// interpolate replaces :name, :'name' and :"name" by variables.
func (t *terminal) interpolate(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\'' {
			end := strings.IndexByte(text[i+1:], '\'')
			if end >= 0 {
				b.WriteString(text[i : i+end+2])
				i += end + 1
				continue
			}
		}
		if text[i] != ':' || i+1 >= len(text) || text[i+1] == ':' || i > 0 && text[i-1] == ':' {
			b.WriteByte(text[i])
			continue
		}
		quote := ""
		start := i + 1
		if text[start] == '\'' || text[start] == '"' {
			quote = string(text[start])
			start++
		}
		end := start
		for end < len(text) && (text[end] == '_' || text[end] >= 'a' && text[end] <= 'z' || text[end] >= 'A' && text[end] <= 'Z' ||
			text[end] >= '0' && text[end] <= '9') {
			end++
		}
		value, known := t.variables[text[start:end]]
		if !known || quote != "" && (end >= len(text) || string(text[end]) != quote) {
			b.WriteByte(text[i])
			continue
		}
		if quote != "" {
			value = quote + strings.ReplaceAll(value, quote, quote+quote) + quote
			end++
		}
		b.WriteString(value)
		i = end - 1
	}
	return b.String()
}

var rightAligned = map[uint32]bool{20: true, 21: true, 23: true, 26: true, 700: true, 701: true, 1700: true}

type resultTable struct {
	names []string
	right []bool
	rows  [][]string
}

func (t *terminal) print(table *resultTable) {
	footer := fmt.Sprintf("(%d rows)", len(table.rows))
	if len(table.rows) == 1 {
		footer = "(1 row)"
	}
	if t.unaligned {
		if !t.tuples {
			fmt.Println(strings.Join(table.names, t.separator))
		}
		for _, row := range table.rows {
			fmt.Println(strings.Join(row, t.separator))
		}
		if !t.tuples {
			fmt.Println(footer)
		}
		return
	}
	widths := make([]int, len(table.names))
	for i, name := range table.names {
		widths[i] = utf8.RuneCountInString(name)
		if t.tuples {
			widths[i] = 0
		}
		for _, row := range table.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	if !t.tuples {
		var heads, rules []string
		for i, name := range table.names {
			space := widths[i] - utf8.RuneCountInString(name)
			heads = append(heads, " "+strings.Repeat(" ", space/2)+name+strings.Repeat(" ", space-space/2)+" ")
			rules = append(rules, strings.Repeat("-", widths[i]+2))
		}
		fmt.Println(strings.Join(heads, "|"))
		fmt.Println(strings.Join(rules, "+"))
	}
	for _, row := range table.rows {
		var cells []string
		for i, value := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(value))
			if table.right[i] {
				cells = append(cells, " "+space+value+" ")
			} else {
				cells = append(cells, " "+value+space+" ")
			}
		}
		line := strings.Join(cells, "|")
		if n := len(row); n > 0 && !table.right[n-1] {
			line = strings.TrimRight(line, " ")
		}
		fmt.Println(line)
	}
	if !t.tuples {
		fmt.Println(footer)
	}
	fmt.Println()
}
