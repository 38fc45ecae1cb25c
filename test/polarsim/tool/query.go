package tool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/test/polarsim/client"
)

func currentUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// connectionOptions are what psql, pg_isready and pg_basebackup have in common.
func connectionOptions(o *options) {
	o.takes("host", "h")
	o.takes("port", "p")
	o.takes("username", "U")
	o.takes("dbname", "d")
	o.flag("no-password", "w")
	o.flag("password", "W")
}

func (o *options) target() (client.Target, error) {
	t := client.Target{Host: o.get("host", environment("PGHOST", "/tmp")),
		User: o.get("username", environment("PGUSER", currentUser())), Application: environment("PGAPPNAME", o.program)}
	port := o.get("port", environment("PGPORT", "5432"))
	t.Database = o.get("dbname", os.Getenv("PGDATABASE"))
	if strings.Contains(t.Database, "=") {
		given := t.Database
		t.Database = ""
		for _, pair := range strings.Fields(given) {
			name, value, _ := strings.Cut(pair, "=")
			value = strings.Trim(value, "'")
			switch name {
			case "host", "hostaddr":
				t.Host = value
			case "port":
				port = value
			case "user":
				t.User = value
			case "dbname":
				t.Database = value
			case "password":
				t.Password = value
			case "application_name":
				t.Application = value
			case "sslmode":
				t.SSLMode = value
			case "sslrootcert":
				t.SSLRootCert = value
			}
		}
	}
	if t.Database == "" {
		t.Database = t.User
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return t, fmt.Errorf("invalid port number: \"%s\"", port)
	}
	t.Port = n
	if t.Password == "" {
		t.Password = client.Password(t)
	}
	return t, nil
}

func isReady(arguments []string) int {
	if askedVersion("pg_isready", arguments) {
		return 0
	}
	o := newOptions("pg_isready")
	connectionOptions(o)
	o.takes("timeout", "t")
	o.flag("quiet", "q")
	if err := o.parse(arguments); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	t, err := o.target()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	say := func(text string) {
		if !o.has("quiet") {
			fmt.Printf("%s:%d - %s\n", t.Host, t.Port, text)
		}
	}
	c, err := client.Connect(context.Background(), t)
	if err == nil {
		c.Close()
		say("accepting connections")
		return 0
	}
	var refused *client.ServerError
	switch {
	case errors.As(err, &refused) && refused.Response.Code == "57P03":
		say("rejecting connections")
		return 1
	case errors.As(err, &refused), strings.Contains(err.Error(), "no password supplied"):
		say("accepting connections")
		return 0
	}
	say("no response")
	return 2
}
