package polardb

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks/hba"
)

// hbaName is an item of a list of databases or roles. In quotes, all and other keywords are names like any other.
type hbaName struct {
	name   string
	quoted bool
}

func hbaList(field string) []hbaName {
	var list []hbaName
	var one hbaName
	inside := false
	for i := 0; i <= len(field); i++ {
		switch {
		case i == len(field) || field[i] == ',' && !inside:
			if one.name != "" {
				list = append(list, one)
			}
			one = hbaName{}
		case field[i] == '"' && inside && i+1 < len(field) && field[i+1] == '"':
			one.name += `"`
			i++
		case field[i] == '"':
			inside, one.quoted = !inside, true
		default:
			one.name += field[i : i+1]
		}
	}
	return list
}

// hbaNamed reports whether a list names a database or role itself, and not only by all.
func hbaNamed(field, name string) bool {
	return slices.ContainsFunc(hbaList(field), func(n hbaName) bool { return n.name == name })
}

// hbaMeets reports whether a list is about a database or role, by name or by all.
func hbaMeets(field, name string) bool {
	return hbaNamed(field, name) || slices.Contains(hbaList(field), hbaName{name: "all"})
}

// hbaMethod returns the method of the first line of pg_hba.conf that applies to a login from the host itself: over a socket
// (local), or over 127.0.0.1 without TLS; empty: no line does.
func hbaMethod(text string, local bool, user, database string) string {
	loopback := netip.MustParseAddr("127.0.0.1")
	for line := range strings.Lines(text) {
		var f []string
		fields, _, _ := hba.Fields(line)
		for _, field := range fields {
			f = append(f, field.Text)
		}
		if len(f) < 4 || !hbaMeets(f[1], database) || !hbaMeets(f[2], user) {
			continue
		}
		switch rest := f[3:]; {
		case local && f[0] == "local":
			return rest[0]
		case local || f[0] != "host" && f[0] != "hostnossl" || len(rest) < 2:
		case rest[0] == "all", rest[0] == "samehost", rest[0] == "samenet", rest[0] == "localhost":
			return rest[1]
		default:
			prefix, err := netip.ParsePrefix(rest[0])
			method := rest[1]
			if address, errAddress := netip.ParseAddr(rest[0]); errAddress == nil && len(rest) > 2 {
				mask, errMask := netip.ParseAddr(rest[1])
				if errMask == nil && mask.Is4() && address.Is4() {
					ones := 0
					for _, b := range mask.As4() {
						for ; b&0x80 != 0; b <<= 1 {
							ones++
						}
					}
					prefix, err, method = netip.PrefixFrom(address, ones), nil, rest[2]
				}
			}
			if err == nil && prefix.Contains(loopback) {
				return method
			}
		}
	}
	return ""
}
