// Package hba takes lines of pg_hba.conf apart as the server does. It knows neither modules nor hosts.
package hba

import "strings"

// Field is a field of a line and where it stands, from and to in bytes; its quotes are kept as they are written.
type Field struct {
	From, To int
	Text     string
}

// Fields returns the fields of a line up to a comment, and the comment with its #. A list continues after a comma, with or without
// blanks (engine: hba.c, next_token and next_field_expand). open reports whether a quote has no end; the field ends with the line then.
func Fields(line string) (fields []Field, comment string, open bool) {
	const blanks = " \t\r\n"
	for i := 0; i < len(line); {
		if strings.IndexByte(blanks, line[i]) >= 0 {
			i++
			continue
		}
		start, quoted, hash := i, false, false
		for ; i < len(line) && (quoted || strings.IndexByte(blanks, line[i]) < 0); i++ {
			if hash = line[i] == '#' && !quoted; hash {
				break
			}
			if line[i] == '"' {
				quoted = !quoted
			}
		}
		open = open || quoted
		if last := len(fields) - 1; i > start && last >= 0 && strings.HasSuffix(fields[last].Text, ",") {
			fields[last].To, fields[last].Text = i, fields[last].Text+line[start:i]
		} else if i > start {
			fields = append(fields, Field{start, i, line[start:i]})
		}
		if hash {
			return fields, line[i:], open
		}
	}
	return fields, "", open
}
