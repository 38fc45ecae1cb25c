package tasks

import "strings"

// Nearest is the candidate that a word was probably meant to be, "" when none is near or the word is one of them.
func Nearest(word string, candidates []string) string {
	best, distance := "", max(len(word)/3, 1)+1
	for _, c := range candidates {
		if strings.EqualFold(c, word) {
			return ""
		}
		if d := editDistance(strings.ToLower(word), strings.ToLower(c)); d < distance || d == distance && best != "" && c < best {
			best, distance = c, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, substitutions and swaps of neighbours that make a into b.
func editDistance(a, b string) int {
	var before []int
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}

// Meant is "; did you mean X?", or nothing.
func Meant(word string, candidates []string) string {
	if best := Nearest(word, candidates); best != "" {
		return `; did you mean "` + best + `"?`
	}
	return ""
}
