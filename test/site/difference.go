package site

import (
	"slices"
	"strings"
)

// Difference lists the lines that only one of two texts has, with - where it is the first; empty: none.
func Difference(before, after string) string {
	had, have := strings.Split(before, "\n"), strings.Split(after, "\n")
	var lines []string
	for _, l := range had {
		if !slices.Contains(have, l) {
			lines = append(lines, "- "+l)
		}
	}
	for _, l := range have {
		if !slices.Contains(had, l) {
			lines = append(lines, "+ "+l)
		}
	}
	return strings.Join(lines, "\n")
}
