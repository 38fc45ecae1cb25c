package lab

import (
	"os"
	"strings"
)

// AllFlavours names every kind of host that there is: a flavour, with the release of Debian it is made of where that is
// not the usual one.
var AllFlavours = []string{"debian", "debian-bullseye", "debian-trixie", "rhel", "busybox"}

// Flavours returns those that a suite is to run on: what POLARBOOK_LAB_FLAVOURS lists, separated by commas (all: every one),
// or the suite's own sample where it is not set.
func Flavours(sample ...string) []string {
	switch list := os.Getenv("POLARBOOK_LAB_FLAVOURS"); list {
	case "":
		return sample
	case "all":
		return AllFlavours
	default:
		return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	}
}

// Of returns the host as one of a flavour, by a name such as AllFlavours has.
func (s Spec) Of(flavour string) Spec {
	s.Flavour, s.Release, _ = strings.Cut(flavour, "-")
	return s
}
