// Command summary reads `go test -json` and prints what a person wants of it: a line a package, the output of what
// failed, what was skipped and why, and the counts. It exits with 1 when something failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	output := map[string][]string{}
	var failed []string
	skipped := map[string][]string{}
	counts := map[string]int{}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // a build error
			continue
		}
		pkg := strings.TrimPrefix(e.Package, "github.com/polarbook/polarbook/")
		name := pkg + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			output[name] = append(output[name], e.Output)
		case "build-fail":
			fmt.Print(strings.Join(output[name], ""))
		case "pass", "fail", "skip":
			if e.Test == "" {
				if e.Action != "skip" { // a package without tests
					fmt.Printf("%-4s %s (%.1f s)\n", e.Action, pkg, e.Elapsed)
				}
				if e.Action == "fail" {
					failed = append(failed, name)
				}
			} else {
				counts[e.Action]++
				switch e.Action {
				case "fail":
					failed = append(failed, name)
				case "skip":
					skipped[reason(output[name])] = append(skipped[reason(output[name])], name)
				}
			}
			if e.Action != "fail" {
				delete(output, name)
			}
		}
	}
	for _, name := range failed {
		fmt.Printf("\n--- failed: %s\n%s", name, strings.Join(output[name], ""))
	}
	if len(skipped) > 0 {
		fmt.Println("\nskipped:")
	}
	for _, why := range keys(skipped) {
		fmt.Printf("  %s\n", why)
		for _, name := range skipped[why] {
			fmt.Printf("      %s\n", name)
		}
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", counts["pass"], counts["fail"], counts["skip"])
	if len(failed) > 0 || counts["pass"] == 0 {
		os.Exit(1)
	}
}

// reason returns what a skipped test said last before it was skipped.
func reason(lines []string) string {
	why := "no reason given"
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if l != "" && !strings.HasPrefix(l, "===") && !strings.HasPrefix(l, "---") {
			why = l
		}
	}
	if _, after, ok := strings.Cut(why, ".go:"); ok {
		if _, text, ok := strings.Cut(after, ": "); ok {
			why = text
		}
	}
	return why
}

func keys(m map[string][]string) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}
