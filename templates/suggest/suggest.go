// Package suggest finds the name that a mistyped word was probably meant to be. It imports nothing of the project, so that
// every part of it may use it.
package suggest

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the candidate that a word was probably meant to be: the one with the fewest letters to change, and among
// equals the first in alphabetical order; "" when none is near enough. In a word of up to four bytes one letter may differ,
// in one of up to eight two, and in a longer one a third. Case is ignored, and a candidate that equals the word is left out.
func Nearest(word string, candidates []string) string {
	allowed := len(word) / 3
	switch {
	case len(word) <= 4:
		allowed = 1
	case len(word) <= 8:
		allowed = 2
	}
	best, distance := "", allowed+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if c == word {
			continue
		}
		if d := changes(strings.ToLower(word), strings.ToLower(c), distance); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// Hint returns the question for the nearest candidate, `did you mean "x"?`, or "" when none is near.
func Hint(word string, candidates []string) string {
	if best := Nearest(word, candidates); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// Suffix returns Hint as the end of a sentence, `; did you mean "x"?`, or "" when none is near.
func Suffix(word string, candidates []string) string {
	if hint := Hint(word, candidates); hint != "" {
		return "; " + hint
	}
	return ""
}

// changes counts the insertions, deletions, substitutions and swaps of neighbours that turn a into b. It stops at limit:
// greater distances are limit too.
func changes(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if max(len(x)-len(y), len(y)-len(x)) >= limit {
		return limit
	}
	var before []int
	above := make([]int, len(y)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		if slices.Min(row) >= limit && (i == 1 || slices.Min(above) >= limit) {
			return limit
		}
		before, above = above, row
	}
	return min(above[len(y)], limit)
}
