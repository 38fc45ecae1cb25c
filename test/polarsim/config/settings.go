package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Setting describes one parameter, as pg_settings does.
type Setting struct {
	Name    string
	Kind    string // bool, integer, real, string, enum
	Unit    string // "", kB, 8kB, MB, ms, s, min
	Context string // internal, postmaster, sighup, superuser, user
	Default string
	Min     int64
	Max     int64
	Hidden  bool // not in pg_settings, not changeable by ALTER SYSTEM
	Command bool // only on the command line
	Unseen  bool // not in pg_settings, otherwise ordinary
}

// Lookup finds a setting, nil when there is none.
func Lookup(name string) *Setting { return table()[strings.ToLower(name)] }

// Names lists all settings.
func Names() []string {
	var out []string
	for _, line := range strings.Split(strings.TrimSpace(definitions), "\n") {
		out = append(out, strings.Fields(line)[0])
	}
	return out
}

var table = sync.OnceValue(func() map[string]*Setting {
	out := map[string]*Setting{}
	for _, line := range strings.Split(strings.TrimSpace(definitions), "\n") {
		fields := strings.SplitN(line, " ", 6)
		s := &Setting{Name: fields[0], Kind: fields[1], Unit: strings.Trim(fields[2], "-"), Context: fields[3], Max: math.MaxInt32}
		for _, flag := range strings.Split(fields[4], ",") {
			switch {
			case flag == "hidden":
				s.Hidden = true
			case flag == "command":
				s.Command, s.Hidden = true, true
			case flag == "unseen":
				s.Unseen = true
			case strings.HasPrefix(flag, "min"):
				s.Min, _ = strconv.ParseInt(flag[3:], 10, 64)
			case strings.HasPrefix(flag, "max"):
				s.Max, _ = strconv.ParseInt(flag[3:], 10, 64)
			}
		}
		if len(fields) == 6 {
			s.Default = strings.Trim(fields[5], "'")
		}
		out[s.Name] = s
	}
	return out
})

// enums are the values that settings of that kind take.
var enums = map[string][]string{
	"archive_mode": {"always", "on", "off"}, "huge_pages": {"off", "on", "try"}, "password_encryption": {"md5", "scram-sha-256", "on"},
	"synchronous_commit": {"local", "remote_write", "remote_apply", "on", "off"}, "wal_level": {"minimal", "replica", "logical"},
}

var units = map[string]map[string]float64{
	"kB": {"B": 1.0 / 1024, "kB": 1, "MB": 1024, "GB": 1 << 20, "TB": 1 << 30}, "8kB": {"kB": 1.0 / 8, "MB": 128,
		"GB": 1 << 17, "TB": 1 << 27},
	"MB": {"kB": 1.0 / 1024, "MB": 1, "GB": 1024, "TB": 1 << 20}, "ms": {"ms": 1, "s": 1000, "min": 60000, "h": 3600000, "d": 86400000},
	"s": {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}, "min": {"s": 1.0 / 60, "min": 1, "h": 60, "d": 1440},
}

// Normalise checks a value and brings it into the setting's own unit.
func Normalise(name, value string) (string, error) {
	s := Lookup(name)
	if s == nil {
		return value, nil
	}
	invalid := fmt.Errorf("invalid value for parameter \"%s\": \"%s\"", s.Name, value)
	switch s.Kind {
	case "bool":
		switch strings.ToLower(value) {
		case "on", "true", "yes", "1", "t", "y", "tr", "tru":
			return "on", nil
		case "off", "false", "no", "0", "f", "n", "of", "fa", "fal", "fals":
			return "off", nil
		}
		return "", fmt.Errorf("parameter \"%s\" requires a Boolean value", s.Name)
	case "integer":
		digits := strings.TrimRight(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
		unit := strings.TrimSpace(value[len(digits):])
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 0, 64)
		if err != nil {
			return "", invalid
		}
		if unit != "" {
			factor, ok := units[s.Unit][unit]
			if !ok {
				return "", invalid
			}
			n = int64(float64(n) * factor)
		}
		if n < s.Min && !(s.Name == "polar_dma_election_timeout" && n > 0) || n > s.Max {
			return "", fmt.Errorf("%d is outside the valid range for parameter \"%s\" (%d .. %d)", n, s.Name, s.Min, s.Max)
		}
		return strconv.FormatInt(n, 10), nil
	case "enum":
		known := enums[s.Name]
		if known != nil && !slices.Contains(known, strings.ToLower(value)) &&
			(!slices.Contains(known, "on") || !slices.Contains([]string{"true", "yes", "1", "false", "no", "0"}, strings.ToLower(value))) {
			return "", fmt.Errorf("%w\nHINT:  Available values: %s.", invalid, strings.Join(known, ", "))
		}
	case "real":
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return "", invalid
		}
	}
	return value, nil
}

var ladder = map[string][]struct {
	name   string
	factor int64
}{
	"kB": {{"TB", 1 << 30}, {"GB", 1 << 20}, {"MB", 1024}, {"kB", 1}}, "8kB": {{"TB", 1 << 27}, {"GB", 1 << 17}, {"MB", 128}},
	"MB": {{"TB", 1 << 20}, {"GB", 1024}, {"MB", 1}}, "ms": {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}},
	"s": {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}}, "min": {{"d", 1440}, {"h", 60}, {"min", 1}},
}

// Display returns what SHOW prints for a normalised value.
func Display(name, text string) string {
	s := Lookup(name)
	if s == nil || s.Kind != "integer" || s.Unit == "" {
		return text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return text
	}
	for _, step := range ladder[s.Unit] {
		if n%step.factor == 0 {
			return strconv.FormatInt(n/step.factor, 10) + step.name
		}
	}
	if s.Unit == "8kB" {
		return strconv.FormatInt(n*8, 10) + "kB"
	}
	return text + s.Unit
}
