package remote

import (
	"embed"
	"strings"
)

//go:embed scripts/*.sh
var scripts embed.FS

// scriptText is the text of scripts/NAME.sh as it is sent.
func scriptText(name string) string {
	text, err := scripts.ReadFile("scripts/" + name + ".sh")
	if err != nil {
		panic(err)
	}
	return Compact(string(text))
}

// Compact is a script as it is sent: without lines that are comments, empty lines, and the tabs that lines begin with. So a
// text that goes over several lines must mean the same without those.
func Compact(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimLeft(line, "\t")
		if line != "\n" && !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// assign gives variables their values, whatever those hold, before a script: names and values in turn.
func assign(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(pairs[i] + "=" + quoteAlways(pairs[i+1]))
	}
	b.WriteByte('\n')
	return b.String()
}
