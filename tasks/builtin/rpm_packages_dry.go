package builtin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

type dryOutcome int

const (
	dryNothing dryOutcome = iota
	dryChange
	dryRefused
)

var (
	dryCount   = regexp.MustCompile(`(?m)^\s*(Install|Upgrade|Remove|Downgrade|Reinstall|Updating|Erase)\s+\d+\s+(Dependent )?Packages?`)
	dryMissing = regexp.MustCompile(`(?m)^(?:Error: )?(?:Unable to find a match: (.+)|No match for argument: (.+)|` +
		`No package (.+) available\.|` +
		`Module or Group '(.+)' is not available\.|Warning: [Gg]roup (.+) does not exist\.)\s*$`)
)

// dryRun reads what the manager prints with --assumeno: whether it would change anything, and which packages it does not know.
func dryRun(said string, status int64) (dryOutcome, []string) {
	if dryCount.MatchString(said) {
		return dryChange, nil
	}
	if status == 0 || strings.Contains(said, "Operation aborted") || strings.Contains(said, "Exiting on user command") {
		return dryNothing, nil
	}
	var missing []string
	for _, m := range dryMissing.FindAllStringSubmatch(said, -1) {
		for i, group := range m[1:] {
			names := []string{group}
			if i == 0 {
				names = strings.Fields(group)
			}
			for _, n := range names {
				if n != "" && !slices.Contains(missing, n) {
					missing = append(missing, n)
				}
			}
		}
	}
	return dryRefused, missing
}

// unkeyed is how dnf ends where packages are checked and there is no key: with advice, and all settings of the repository.
var unkeyed = regexp.MustCompile(`(?s)^.*You have enabled checking of packages via GPG keys\..*Problem repository: \[?([^\]\s]+)`)

// refusal is why the manager would not do what it was asked to.
func refusal(said string) string {
	if m := unkeyed.FindStringSubmatch(said); m != nil {
		return "the repository " + m[1] + " has its packages checked (gpgcheck), and neither its gpgkey nor rpm has a key; rpm_key imports one"
	}
	return lastLines(said)
}

// lastLines returns the last eight lines of what a program printed, as one.
func lastLines(said string) string {
	var lines []string
	for line := range strings.SplitSeq(said, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "Last metadata expiration check") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-8):], "; ")
}

// rpmRows returns packages, or repositories, as Ansible's modules do.
func rpmRows(rows []string, list string) []any {
	results := []any{}
	for _, row := range rows {
		w := strings.Split(row, "|")
		switch {
		case list == "repos" || list == "repositories":
			results = append(results, map[string]any{"repoid": row, "state": "enabled"})
		case len(w) == 7:
			if w[1] == "(none)" {
				w[1] = "0"
			}
			envra := fmt.Sprintf("%s:%s-%s-%s.%s", w[1], w[0], w[2], w[3], w[4])
			results = append(results, map[string]any{
				"name":     w[0],
				"epoch":    w[1],
				"version":  w[2],
				"release":  w[3],
				"arch":     w[4],
				"repo":     w[5],
				"yumstate": w[6],
				"envra":    envra,
				"nevra":    envra,
			})
		}
	}
	return results
}
