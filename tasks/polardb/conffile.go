package polardb

import "strings"

// confLine is a setting in a configuration file. Line counts from 1.
type confLine struct {
	Name, Value string
	Line        int
}

// readConf reads the text of a configuration file: name, an optional equals sign, a value, a comment (engine: guc-file.l). It
// leaves out lines that the engine would not accept, because the engine itself reports what is wrong with them.
func readConf(text string) []confLine {
	var list []confLine
	n := 0
	for line := range strings.Lines(text) {
		n++
		rest := strings.TrimSpace(line)
		end := strings.IndexFunc(rest, func(r rune) bool {
			return r != '_' && r != '.' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		})
		if end <= 0 {
			continue
		}
		name := strings.ToLower(rest[:end])
		rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest[end:]), "="))
		value, ok := confValue(rest)
		if ok {
			list = append(list, confLine{name, value, n})
		}
	}
	return list
}

func confValue(s string) (string, bool) {
	if !strings.HasPrefix(s, "'") {
		if end := strings.IndexAny(s, " \t#"); end >= 0 {
			s = s[:end]
		}
		return s, s != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			if at := strings.IndexByte("nrt", s[i]); at >= 0 {
				b.WriteByte("\n\r\t"[at])
			} else {
				b.WriteByte(s[i])
			}
		case s[i] == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
			b.WriteByte('\'')
		case s[i] == '\'':
			return b.String(), true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", false
}

// confSettings returns the settings of several files by name; the last that sets one wins.
func confSettings(texts ...string) map[string]confLine {
	all := map[string]confLine{}
	for _, text := range texts {
		for _, l := range readConf(text) {
			all[l.Name] = l
		}
	}
	return all
}

// withoutSettings returns the text of postgresql.auto.conf without some settings.
func withoutSettings(text string, names map[string]bool) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if l := readConf(line); len(l) == 1 && names[l[0].Name] {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}
