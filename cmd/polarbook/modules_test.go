package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks/all"
	"github.com/polarbook/polarbook/test/golden"
)

// TestReadmeListsTheModules: the READMEs' tables of modules, by collection, are what the registry and the engine have; those that begin
// with polardb_ are left to polarbook doc.
func TestReadmeListsTheModules(t *testing.T) {
	for file, head := range map[string]string{"../../README.md": "| collection | modules |", "../../README.zh-CN.md": "| 集合 | 模块 |"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		table := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(head) + `\n\|---\|---\|\n(\|.*\n)*`)
		if found := table.FindAllString(string(text), -1); len(found) != 1 {
			t.Fatalf("%s: the table that begins with %s is there %d times", file, head, len(found))
		}
		golden.Check(t, file, table.ReplaceAllLiteralString(string(text), head+"\n|---|---|\n"+moduleTable()))
	}
}

// moduleTable has a row for each collection, in the order of the registry.
func moduleTable() string {
	var collections []string
	modules := map[string][]string{}
	for _, m := range all.All() {
		if len(m.Collections) == 0 {
			continue // of polarbook's own
		}
		of := "`" + m.Collections[0] + "`"
		if modules[of] == nil {
			collections = append(collections, of)
		}
		modules[of] = append(modules[of], m.Name)
	}
	for _, m := range playbooks.BuiltinActions() {
		modules["`ansible.builtin`"] = append(modules["`ansible.builtin`"], m.Name)
	}
	var b strings.Builder
	for _, of := range collections {
		fmt.Fprintf(&b, "| %s | %s |\n", of, strings.Join(modules[of], ", "))
	}
	return b.String()
}
