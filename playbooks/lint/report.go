package lint

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
)

// reported is a finding as JSON has it.
type reported struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
}

// JSON is a list of findings.
func JSON(found []Finding) ([]byte, error) {
	list := make([]reported, 0, len(found))
	for _, f := range found {
		list = append(list, reported{f.Rule, f.Severity, f.Pos.File, f.Pos.Line, f.Pos.Column, f.Message, f.Hint})
	}
	return json.MarshalIndent(list, "", "  ")
}

// The parts of SARIF 2.1.0 that are written: https://docs.oasis-open.org/sarif/sarif/v2.1.0/
type (
	sarif struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string       `json:"id"`
		Short         sarifText    `json:"shortDescription"`
		Help          sarifText    `json:"help"`
		Configuration sarifDefault `json:"defaultConfiguration"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
)

// SARIF is a log of findings in SARIF 2.1.0, as code hosts read it; version is polarbook's.
func SARIF(found []Finding, version string) ([]byte, error) {
	driver := sarifDriver{Name: "polarbook", Version: version}
	index := map[string]int{}
	for i, r := range Rules {
		index[r.ID] = i
		driver.Rules = append(driver.Rules, sarifRule{r.ID, sarifText{r.Summary}, sarifText{r.Why}, sarifDefault{string(r.Severity)}})
	}
	results := make([]sarifResult, 0, len(found))
	for _, f := range found {
		text := f.Message
		if f.Hint != "" {
			text += " (" + f.Hint + ")"
		}
		place := sarifPhysical{Artifact: sarifArtifact{uri(f.Pos.File)}}
		if f.Pos.Line > 0 {
			place.Region = &sarifRegion{f.Pos.Line, max(f.Pos.Column, 0)}
		}
		results = append(results, sarifResult{f.Rule, index[f.Rule], string(f.Severity), sarifText{text}, []sarifLocation{{place}}})
	}
	return json.MarshalIndent(sarif{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{{sarifTool{driver}, "unicodeCodePoints", results}},
	}, "", "  ")
}

// uri is a file's name as SARIF wants it: relative to where the command was run, or a file: one.
func uri(file string) string {
	u := url.URL{Path: filepath.ToSlash(file)}
	if strings.HasPrefix(u.Path, "/") {
		u.Scheme = "file"
		return "file://" + u.EscapedPath()
	}
	if filepath.VolumeName(file) != "" { // C:/dir, of Windows
		return "file:///" + u.EscapedPath()
	}
	return strings.TrimPrefix(u.String(), "./")
}
