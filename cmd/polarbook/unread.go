package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates/suggest"
)

// ourPrefix begins the names of the built-in playbooks' variables.
const ourPrefix = "polardb_"

// warnOfUnread names the variables that look like the built-in playbooks' and that nothing reads: a misspelt one is
// otherwise left out without a word. What the playbooks of the run, those beside them and beside the inventory, or another
// variable speak of is none.
func (w *workplace) warnOfUnread(books []*playbooks.Playbook) error {
	known, err := playbooks.Documented()
	if err != nil {
		return err
	}
	var suspects []string
	places := map[string][]string{}
	suspect := func(name, place string) {
		ours := strings.HasPrefix(name, ourPrefix) || prefixMeant(name, known) != ""
		if !ours || slices.Contains(known, name) || slices.Contains(places[name], place) {
			return
		}
		if places[name] == nil {
			suspects = append(suspects, name)
		}
		places[name] = append(places[name], place)
	}
	w.inv.Each(func(name string, _ any, at inventory.Position) { suspect(name, at.String()) })
	for _, name := range sortedKeys(w.from) {
		suspect(name, w.from[name].String())
	}
	for _, p := range books {
		for _, d := range p.Defined {
			suspect(d.Name, d.Pos.String())
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	read := w.words(books)
	for _, name := range suspects {
		if read.Has(name) {
			continue
		}
		hint := "; polarbook playbooks lists what there is"
		if near := variableMeant(name, known); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		w.warn(fmt.Sprintf("nothing reads the variable %s (%s)%s", name, someOf(places[name]), hint))
	}
	return nil
}

// words gathers the names that the variables, the playbooks of the run and those of the project mention.
func (w *workplace) words(books []*playbooks.Playbook) *playbooks.Words {
	read := playbooks.Words{Vault: w.keys}
	w.inv.Each(func(_ string, value any, _ inventory.Position) { read.Value(value) })
	for _, value := range w.vars {
		read.Value(value)
	}
	dirs := w.inv.SourceDirs()
	for _, p := range books {
		read.Playbook(p)
		if !p.Builtin {
			dirs = append(dirs, filepath.Dir(p.Path))
		}
	}
	if here, err := os.Getwd(); err == nil {
		dirs = append(dirs, here)
	}
	var seen []string
	for _, dir := range dirs {
		if whole, err := filepath.Abs(dir); err == nil && !slices.Contains(seen, whole) {
			seen = append(seen, whole)
			read.Project(whole)
		}
	}
	return &read
}

// variableMeant is the variable that a name was probably meant to be; what all of them begin with says nothing of it.
func variableMeant(name string, known []string) string {
	if meant := prefixMeant(name, known); meant != "" {
		return meant
	}
	var rests []string
	for _, k := range known {
		if rest, ok := strings.CutPrefix(k, ourPrefix); ok {
			rests = append(rests, rest)
		}
	}
	if rest := suggest.Nearest(strings.TrimPrefix(name, ourPrefix), rests); rest != "" {
		return ourPrefix + rest
	}
	return ""
}

// prefixMeant is the variable that a name with a misspelt prefix was meant to be (polardp_port).
func prefixMeant(name string, known []string) string {
	prefix, rest, ok := strings.Cut(name, "_")
	if !ok || prefix+"_" == ourPrefix || suggest.Nearest(prefix, []string{strings.TrimSuffix(ourPrefix, "_")}) == "" {
		return ""
	}
	if meant := ourPrefix + rest; slices.Contains(known, meant) {
		return meant
	}
	return ""
}

// someOf lists the first of many places.
func someOf(places []string) string {
	const most = 3
	if more := len(places) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(places[:most], ", "), more)
	}
	return strings.Join(places, ", ")
}
