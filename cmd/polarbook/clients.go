package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/inventory"
	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/templates/suggest"
)

// checkClients refuses what makes no sense in polardb_clients, wherever it is set, before a host is contacted: a mistake there lets the
// wrong ones in or shuts the right ones out. What is a template is left to the run.
func (w *workplace) checkClients(books []*playbooks.Playbook) error {
	if !slices.ContainsFunc(books, func(p *playbooks.Playbook) bool { return p.Builtin }) {
		return nil
	}
	const name = "polardb_clients"
	var problems []error
	check := func(value any, at inventory.Position) {
		if problem := clientsProblem(value); problem != "" {
			problems = append(problems, fmt.Errorf("%s: %s %s", at, name, problem))
		}
	}
	w.inv.Each(func(n string, value any, at inventory.Position) {
		if n == name {
			check(value, at)
		}
	})
	if value, given := w.vars[name]; given {
		check(value, w.from[name])
	}
	return errors.Join(problems...)
}

// someTexts are one text or a list of them.
type someTexts []string

func (s *someTexts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*s = someTexts{one}
		return nil
	}
	var list []string
	err := json.Unmarshal(data, &list)
	*s = list
	return err
}

// clientsProblem says what is wrong with the list, as the end of a sentence; "": nothing.
func clientsProblem(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	if isTemplate(string(data)) && data[0] == '"' {
		return ""
	}
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		return "must be a list, such as [{networks: [10.1.0.0/16], users: [app], databases: [app]}]"
	}
	for _, entry := range list {
		var network string
		if json.Unmarshal(entry, &network) == nil {
			if problem := networkProblem(network); problem != "" {
				return problem
			}
			continue
		}
		if problem := clientProblem(entry); problem != "" {
			return problem
		}
	}
	return ""
}

func clientProblem(entry json.RawMessage) string {
	var keys map[string]json.RawMessage
	if json.Unmarshal(entry, &keys) != nil {
		return fmt.Sprintf("has the entry %s, which is neither a network nor a dict", entry)
	}
	known := []string{"networks", "users", "databases"}
	for _, key := range sortedKeys(keys) {
		if !slices.Contains(known, key) {
			return fmt.Sprintf("has an entry with %q%s; it may have %s", key, suggest.Suffix(key, known), strings.Join(known, ", "))
		}
	}
	var c struct{ Networks, Users, Databases someTexts }
	if json.NewDecoder(bytes.NewReader(entry)).Decode(&c) != nil {
		return fmt.Sprintf("has the entry %s: networks, users and databases are names, or lists of them", entry)
	}
	if len(c.Networks) == 0 {
		return "has an entry without networks; write [0.0.0.0/0] if it is meant to be everybody"
	}
	for _, network := range c.Networks {
		if problem := networkProblem(network); problem != "" {
			return problem
		}
	}
	for key, names := range map[string]someTexts{"users": c.Users, "databases": c.Databases} {
		if _, given := keys[key]; given && len(names) == 0 {
			return fmt.Sprintf("has an entry with no %s at all; leave %s out if it is meant to be all of them", key, key)
		}
		for _, name := range names {
			switch {
			case name == "" || name == "+" || strings.ContainsAny(name, "\n\r\x00"):
				return fmt.Sprintf("has %q among its %s, which is no name", name, key)
			case key == "databases" && name == "replication":
				return "has the database replication: who replicates copies the whole cluster, and members are let in anyway"
			}
		}
	}
	return ""
}

func networkProblem(text string) string {
	if isTemplate(text) {
		return ""
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return ""
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return fmt.Sprintf("has %q, which is neither an address nor a network such as 10.1.0.0/16", text)
	case p != p.Masked():
		return fmt.Sprintf("has %s, which is no network: it would be %s", text, p.Masked())
	}
	return ""
}

func isTemplate(text string) bool {
	return strings.Contains(text, "{{") || strings.Contains(text, "{%")
}
