package templates

import "strings"

// keepBackslashes doubles the backslashes in the string literals of a playbook's {{ expressions }}, as Ansible does before
// Jinja2 reads them: '\1' in a regular expression is then a group, and not the character with the number 1. Template
// files are left as they are.
func keepBackslashes(text string) string {
	if !strings.Contains(text, `\`) || !strings.Contains(text, "{{") {
		return text
	}
	var out strings.Builder
	inside, quote := false, byte(0)
	for at := 0; at < len(text); at++ {
		c := text[at]
		switch {
		case !inside && strings.HasPrefix(text[at:], "{{"):
			inside = true
		case !inside:
		case quote == 0 && strings.HasPrefix(text[at:], "}}"):
			inside = false
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote != 0 && c == '\\' && at+1 < len(text) && text[at+1] == quote:
			// An escaped quote stays one: doubled, it would end the string.
			out.WriteByte(c)
			at++
			c = text[at]
		case quote != 0 && c == '\\':
			out.WriteByte(c)
			if at+1 < len(text) && text[at+1] == '\\' {
				out.WriteString(`\\`)
				at++
			}
		case c == quote:
			quote = 0
		}
		out.WriteByte(c)
	}
	return out.String()
}
