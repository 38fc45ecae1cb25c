package builtin

import (
	"fmt"
	"strings"

	"github.com/polarbook/polarbook/templates/ordered"
)

// localFact is a file of /etc/ansible/facts.d, which a host's owner puts there: JSON, ini, or a program that prints one of these.
type localFact struct {
	Name   string `answer:"local"`
	Status int    `answer:"local_status"`
	Text   []byte `answer:"local_text"`
	// Refused: root does not run what another account could have put there.
	Refused bool `answer:"local_refused"`
}

// value is what the file says, or what is wrong with it, as Ansible has it.
func (f localFact) value() any {
	switch {
	case f.Refused:
		return fmt.Sprintf("not run: others than root can write %s.fact or a directory above it", f.Name)
	case f.Status != 0:
		return fmt.Sprintf("the program %s.fact ended with status %d", f.Name, f.Status)
	}
	if x, err := ordered.DecodeJSON(f.Text); err == nil {
		return withNumbers(x)
	}
	if x, ok := iniFacts(string(f.Text)); ok {
		return x
	}
	return fmt.Sprintf("%s.fact is neither JSON nor ini", f.Name)
}

// iniFacts reads sections of names and values, as Python's configparser does.
func iniFacts(text string) (*ordered.Map, bool) {
	all, defaults := ordered.New(0), ordered.New(0)
	var section *ordered.Map
	last := ""
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(line)
		switch {
		case bare == "" || bare[0] == '#' || bare[0] == ';':
			continue
		case (line[0] == ' ' || line[0] == '\t') && last != "":
			section.Set(last, fmt.Sprint(section.Value(last))+"\n"+bare)
			continue
		case bare[0] == '[' && strings.HasSuffix(bare, "]"):
			last, section = "", defaults
			if name := bare[1 : len(bare)-1]; name != "DEFAULT" {
				if all.Has(name) {
					return nil, false
				}
				section = ordered.New(0)
				all.Set(name, section)
			}
			continue
		}
		at := strings.IndexAny(bare, "=:")
		if at <= 0 || section == nil {
			return nil, false
		}
		last = strings.ToLower(strings.TrimSpace(bare[:at]))
		if section.Has(last) {
			return nil, false
		}
		section.Set(last, strings.TrimSpace(bare[at+1:]))
	}
	for _, x := range all.All() {
		section := x.(*ordered.Map)
		for name, value := range defaults.All() {
			if !section.Has(name) {
				section.Set(name, value)
			}
		}
	}
	return all, true
}
