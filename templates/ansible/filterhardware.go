package ansible

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/templates/jinja"
)

// slaac is the address that a host with this hardware address gives itself in a network.
func slaac(c *jinja.Invocation) (any, error) {
	n, ok := networkIn(wholeText(c.Value))
	if !ok || n.version != 6 {
		return false, nil
	}
	mac, ok := parseHardware(c.Text("query", ""))
	if !ok {
		return false, nil
	}
	id := mac.value
	if mac.bits == 48 {
		id = id>>24<<40 | 0xfffe000000 | id&0xffffff
	}
	id ^= 1 << 57
	sum := new(big.Int).Add(n.first(), new(big.Int).SetUint64(id))
	if sum.BitLen() > 128 {
		return nil, errors.New("slaac: the result is no address")
	}
	return addressText(6, sum), nil
}

// hardware is an address of a network card: EUI-48, known as MAC, or EUI-64.
type hardware struct {
	value uint64
	bits  int
}

// hardwareForms are how they are written: how many groups there are, how long they may be, and what is between them.
var hardwareForms = []struct {
	bits, groups, least, most int
	between                   string
}{
	{48, 6, 1, 2, ":"}, {48, 6, 1, 2, "-"}, {48, 3, 1, 4, ":"}, {48, 3, 1, 4, "-"}, {48, 3, 1, 4, "."}, {48, 2, 5, 6, "-"}, {48, 2, 5, 6, ":"},
	{48, 1, 11, 12, ""}, {64, 8, 1, 2, ":"}, {64, 8, 1, 2, "-"}, {64, 4, 1, 4, ":"}, {64, 4, 1, 4, "-"}, {64, 4, 1, 4, "."},
	{64, 1, 16, 16, ""},
}

func parseHardware(text string) (hardware, bool) {
	for _, bits := range []int{48, 64} {
		for _, form := range hardwareForms {
			if form.bits != bits {
				continue
			}
			groups := []string{text}
			if form.between != "" {
				groups = strings.Split(text, form.between)
			}
			value, ok := uint64(0), len(groups) == form.groups
			for _, group := range groups {
				number, err := strconv.ParseUint(group, 16, 64)
				ok = ok && err == nil && len(group) >= form.least && len(group) <= form.most && group[0] != '+'
				value = value<<(bits/form.groups) | number
			}
			if ok {
				return hardware{value, bits}, true
			}
		}
		if whole, err := parsePythonInt(strings.TrimSpace(text), 10); err == nil {
			if i, ok := jinja.Big(whole); ok && i.Sign() >= 0 && i.BitLen() <= bits {
				return hardware{i.Uint64(), bits}, true
			}
		}
	}
	return hardware{}, false
}

// hardwareDialects are how a hardware address can be written: by groups of so many bits, in a form, with this in between.
var hardwareDialects = map[string]struct {
	bits          int
	form, between string
}{
	"bare": {48, "%012X", ""}, "cisco": {16, "%04x", "."}, "eui48": {8, "%02X", "-"}, "win": {8, "%02X", "-"}, "linux": {8, "%02x", ":"},
	"unix": {8, "%x", ":"}, "pgsql": {24, "%06x", ":"}, "postgresql": {24, "%06x", ":"}, "psql": {24, "%06x", ":"},
}

func hardwareAddress(c *jinja.Invocation) (any, error) {
	text, query := wholeText(c.Value), c.Text("query", "")
	h, ok := parseHardware(text)
	if !ok && query != "" && query != "bool" {
		return nil, fmt.Errorf("%s: %q is no hardware address", c.Name, text)
	}
	dialect, known := hardwareDialects[query]
	switch {
	case !ok:
		return nil, nil
	case query == "":
		return text, nil
	case query == "bool":
		return true, nil
	case query == "int":
		return jinja.Whole(new(big.Int).SetUint64(h.value)), nil
	case !known:
		return nil, fmt.Errorf("%s: there is no query %q of hardware addresses", c.Name, query)
	case h.value>>48 != 0:
		return nil, fmt.Errorf("%s: %q has 64 bits, and %s is for 48", c.Name, text, query)
	}
	var groups []string
	for shift := 48 - dialect.bits; shift >= 0; shift -= dialect.bits {
		groups = append(groups, fmt.Sprintf(dialect.form, h.value>>shift&(1<<dialect.bits-1)))
	}
	return strings.Join(groups, dialect.between), nil
}
