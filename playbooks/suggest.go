package playbooks

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean is a hint that names the candidate nearest to a word, or nothing when none is near.
func didYouMean(word string, candidates []string) string {
	best := nearest(word, candidates)
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// Nearest is the candidate that a word was probably meant to be, "" when none is near.
func Nearest(word string, candidates []string) string { return nearest(word, candidates) }

// nearest is the candidate nearest to a word, "" when none is near.
func nearest(word string, candidates []string) string {
	best, distance := "", max(len(word)/3, 1)+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if c == word {
			continue
		}
		if d := editDistance(strings.ToLower(word), strings.ToLower(c), distance); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, substitutions and swaps of neighbours that make a into b. Distances
// of limit and more are all limit.
func editDistance(a, b string, limit int) int {
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
