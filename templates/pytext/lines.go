package pytext

import "unicode/utf8"

// Lines cuts a text as str.splitlines does, which has more ends of lines than \n: what a program writes over a line again and
// again, with \r, is a line each time. The ends stay where they are kept. An end of the text is no line.
func Lines(text string, keep bool) []any {
	all := []any{}
	begin := 0
	for at, r := range text {
		switch r {
		case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
		default:
			continue
		}
		if at < begin { // the \n of \r\n
			continue
		}
		end := at + utf8.RuneLen(r)
		if r == '\r' && end < len(text) && text[end] == '\n' {
			end++
		}
		if keep {
			all = append(all, text[begin:end])
		} else {
			all = append(all, text[begin:at])
		}
		begin = end
	}
	if begin < len(text) {
		all = append(all, text[begin:])
	}
	return all
}
