package builtin

import (
	"fmt"
	"slices"

	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/templates/configparser"
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
		return convert.Numbers(x)
	}
	if x, ok := iniFacts(string(f.Text)); ok {
		return x
	}
	return fmt.Sprintf("%s.fact is neither JSON nor ini", f.Name)
}

// iniFacts are the sections of an ini file with what each has, Default's values last, as Ansible has them.
func iniFacts(text string) (*ordered.Map, bool) {
	file := configparser.File{Interpolate: true}
	if file.Read(text) != nil {
		return nil, false
	}
	all := ordered.New(0)
	for _, name := range file.Sections() {
		section := ordered.New(0)
		for _, option := range slices.Concat(file.Own(name), file.Own(configparser.Default)) {
			value, _, err := file.Get(name, option)
			if err != nil {
				return nil, false
			}
			section.Set(option, *value)
		}
		all.Set(name, section)
	}
	return all, true
}
