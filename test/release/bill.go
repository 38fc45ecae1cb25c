package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// module is one that a program is built of.
type module struct{ path, version, sum string }

// bill gathers what all programs are built of.
type bill struct {
	version   string
	time      time.Time
	main      string
	platforms []string
	modules   map[module][]string // the platforms that have it
}

// add takes what one program is built of. The library of Go is a module as well.
func (b *bill) add(platform string, info *debug.BuildInfo) {
	b.main = info.Main.Path
	b.platforms = append(b.platforms, platform)
	std := module{path: "std", version: strings.TrimPrefix(strings.Fields(info.GoVersion + " ")[0], "go")}
	b.modules[std] = append(b.modules[std], platform)
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		m := module{d.Path, d.Version, d.Sum}
		b.modules[m] = append(b.modules[m], platform)
	}
}

type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	URL        string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

// json is the bill in CycloneDX's form. Its serial number follows from what it says.
func (b *bill) json() ([]byte, error) {
	self := component{Type: "application", Name: b.main, Version: b.version, URL: purl(b.main, b.version)}
	self.Ref = self.URL
	d := document{
		Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{b.time.UTC().Format(time.RFC3339), self},
		Dependencies: []dependency{{Ref: self.Ref}},
	}
	for m, platforms := range b.modules {
		c := component{Type: "library", Name: m.path, Version: m.version, URL: purl(m.path, m.version)}
		c.Ref = c.URL
		if m.sum != "" {
			c.Properties = append(c.Properties, property{"polarbook:go.sum", m.sum})
		}
		if slices.Sort(platforms); len(platforms) < len(b.platforms) {
			c.Properties = append(c.Properties, property{"polarbook:platforms", strings.Join(platforms, " ")})
		}
		d.Components = append(d.Components, c)
	}
	slices.SortFunc(d.Components, func(a, b component) int { return strings.Compare(a.Ref, b.Ref) })
	for _, c := range d.Components {
		d.Dependencies[0].On = append(d.Dependencies[0].On, c.Ref)
	}
	says, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(says)
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8 of RFC 9562: of one's own making
	d.Serial = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err = e.Encode(d)
	return out.Bytes(), err
}

// purl is a package URL. A + of a version would be taken for a blank.
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}
