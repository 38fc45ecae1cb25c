package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// debianReleases are the suites by which a Debian mirror is told from any other in apt's configuration.
var debianReleases = []string{"bullseye", "bookworm", "trixie", "oldoldstable", "oldstable", "stable", "testing", "sid"}

// mirror returns where a release's packages come from: what the environment says (POLARBOOK_LAB_MIRROR_BULLSEYE
// before POLARBOOK_LAB_MIRROR), else the mirror this machine's apt uses for Debian, else "": mmdebstrap's own.
func mirror(release, aptRoot string) string {
	for _, variable := range []string{"POLARBOOK_LAB_MIRROR_" + strings.ToUpper(release), "POLARBOOK_LAB_MIRROR"} {
		if value := os.Getenv(variable); value != "" {
			return value
		}
	}
	lists, _ := filepath.Glob(filepath.Join(aptRoot, "sources.list.d", "*.list"))
	for _, path := range append([]string{filepath.Join(aptRoot, "sources.list")}, lists...) {
		if text, err := os.ReadFile(path); err == nil {
			if uri := mirrorInList(string(text)); uri != "" {
				return uri
			}
		}
	}
	stanzas, _ := filepath.Glob(filepath.Join(aptRoot, "sources.list.d", "*.sources"))
	for _, path := range stanzas {
		if text, err := os.ReadFile(path); err == nil {
			if uri := mirrorInStanzas(string(text)); uri != "" {
				return uri
			}
		}
	}
	return ""
}

// mirrorInList reads the one-line form: deb [options] URI suite component...
func mirrorInList(text string) string {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, isPackages := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !isPackages {
			continue
		}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			_, rest, _ = strings.Cut(rest, "]")
		}
		fields := strings.Fields(rest)
		if len(fields) >= 3 && isDebian(fields[1:2], fields[2:]) {
			return fields[0]
		}
	}
	return ""
}

// mirrorInStanzas reads the deb822 form: fields, each of which may go on in indented lines, in paragraphs.
func mirrorInStanzas(text string) string {
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := map[string][]string{}
		var field string
		for line := range strings.Lines(stanza) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
				field, line, _ = strings.Cut(line, ":")
				field = strings.ToLower(strings.TrimSpace(field))
			}
			fields[field] = append(fields[field], strings.Fields(line)...)
		}
		if enabled := fields["enabled"]; len(enabled) > 0 && strings.EqualFold(enabled[0], "no") {
			continue
		}
		if len(fields["uris"]) > 0 && slices.Contains(fields["types"], "deb") && isDebian(fields["suites"], fields["components"]) {
			return fields["uris"][0]
		}
	}
	return ""
}

func isDebian(suites, components []string) bool {
	if !slices.Contains(components, "main") {
		return false
	}
	for _, release := range debianReleases {
		if slices.Contains(suites, release) {
			return true
		}
	}
	return false
}
