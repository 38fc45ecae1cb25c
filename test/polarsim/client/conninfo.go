package client

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseConninfo reads "name=value ..." as libpq does: a value ends at white space unless it stands in single quotes, and a
// backslash takes the next character as it is, in quotes and without (libpq: fe-connect.c).
func ParseConninfo(text string) (Target, error) {
	t := Target{Database: "replication", Replication: true}
	space := func(c byte) bool { return strings.IndexByte(" \t\n\v\f\r", c) >= 0 }
	i := 0
	for {
		for i < len(text) && space(text[i]) {
			i++
		}
		if i == len(text) {
			return t, nil
		}
		start := i
		for i < len(text) && text[i] != '=' && !space(text[i]) {
			i++
		}
		name := text[start:i]
		for i < len(text) && space(text[i]) {
			i++
		}
		if i == len(text) || text[i] != '=' {
			return t, fmt.Errorf("missing \"=\" after \"%s\" in connection info string", name)
		}
		for i++; i < len(text) && space(text[i]); {
			i++
		}
		var value strings.Builder
		quoted := i < len(text) && text[i] == '\''
		if quoted {
			i++
		}
		for ; ; i++ {
			if i == len(text) {
				if quoted {
					return t, fmt.Errorf("unterminated quoted string in connection info string")
				}
				break
			}
			if quoted && text[i] == '\'' {
				i++
				break
			}
			if !quoted && space(text[i]) {
				break
			}
			if text[i] == '\\' && i+1 < len(text) {
				i++
			}
			value.WriteByte(text[i])
		}
		switch name {
		case "host":
			t.Host = value.String()
		case "port":
			t.Port, _ = strconv.Atoi(value.String())
		case "user":
			t.User = value.String()
		case "password":
			t.Password = value.String()
		case "application_name":
			t.Application = value.String()
		case "sslmode":
			t.SSLMode = value.String()
		case "sslrootcert":
			t.SSLRootCert = value.String()
		default:
			return t, fmt.Errorf("invalid connection option \"%s\"", name)
		}
	}
}
