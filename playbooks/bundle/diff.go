package bundle

import (
	"fmt"
	"slices"
	"strings"
)

// Difference is a file in which two bundles differ.
type Difference struct{ Path, Says string }

// Differences compares two bundles by what their manifests say.
func Differences(a, b *Manifest) []Difference {
	var all []Difference
	for _, f := range a.Files {
		g, there := b.Find(f.Path)
		switch {
		case !there:
			all = append(all, Difference{f.Path, "only in the first"})
		case f.SHA256 != g.SHA256:
			says := fmt.Sprintf("%d bytes, and %d in the second", f.Size, g.Size)
			if f.Version != g.Version {
				says = fmt.Sprintf("%s, and %s in the second", f.Version, g.Version)
			}
			all = append(all, Difference{f.Path, says})
		}
	}
	for _, g := range b.Files {
		if _, there := a.Find(g.Path); !there {
			all = append(all, Difference{g.Path, "only in the second"})
		}
	}
	slices.SortFunc(all, func(x, y Difference) int { return strings.Compare(x.Path, y.Path) })
	return all
}
