package ordered

import "testing"

// The texts are what PyYAML reads as dates, and what Python's isoformat() makes of them.
func TestTimestampsAsPyYAML(t *testing.T) {
	for text, want := range map[string]Timestamp{
		"2024-01-02":                      "2024-01-02",
		"2024-01-02 10:11:12":             "2024-01-02T10:11:12",
		"2024-1-2 3:04:05":                "2024-01-02T03:04:05",
		"2024-01-02t10:11:12.5":           "2024-01-02T10:11:12.500000",
		"2024-01-02T10:11:12Z":            "2024-01-02T10:11:12+00:00",
		"2024-01-02 10:11:12 +2":          "2024-01-02T10:11:12+02:00",
		"2024-01-02 10:11:12.123456-0530": "2024-01-02T10:11:12.123456-05:30",
		"2024-1-2":                        "", // a text for PyYAML
		"2024-02-30":                      "",
		"2024-01-02 25:00:00":             "",
		"2024-01-02 10:11":                "",
		"x2024-01-02":                     "",
		"":                                "",
	} {
		if got, ok := ParseTimestamp(text); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", text, got, ok, want)
		}
	}
}
