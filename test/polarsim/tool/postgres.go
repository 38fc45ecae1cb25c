package tool

import (
	"fmt"
	"os"
	"strings"

	"github.com/polarbook/polarbook/test/polarsim/config"
	"github.com/polarbook/polarbook/test/polarsim/server"
)

func postgres(arguments []string) int {
	if askedVersion("postgres", arguments) {
		return 0
	}
	if len(arguments) == 1 && arguments[0] == "--describe-config" {
		for _, name := range config.Names() {
			if s := config.Lookup(name); !s.Hidden && s.Context != "internal" {
				fmt.Printf("%s\t%s\t\t%s\t%s\t\t\t\t\n", name, s.Context, strings.ToUpper(s.Kind), s.Default)
			}
		}
		return 0
	}
	single := len(arguments) > 0 && arguments[0] == "--single"
	database := ""
	if single {
		if isRoot() {
			return complain("\"root\" execution of the PostgreSQL server is not permitted.")
		}
		arguments = arguments[1:]
		if last := len(arguments) - 1; last >= 0 && !strings.HasPrefix(arguments[last], "-") {
			arguments, database = arguments[:last], arguments[last]
		}
	}
	pgdata, asked := os.Getenv("PGDATA"), ""
	var overrides []config.Override
	set := func(name, value string) { overrides = append(overrides, config.Override{Name: name, Value: value}) }
	short := map[byte]string{'p': "port", 'h': "listen_addresses", 'k': "unix_socket_directories", 'N': "max_connections",
		'B': "shared_buffers", 'd': "log_min_messages"}
	for i := 0; i < len(arguments); i++ {
		a := arguments[i]
		if len(a) < 2 || a[0] != '-' {
			fmt.Fprintf(os.Stderr, "postgres: invalid argument: \"%s\"\nTry \"postgres --help\" for more information.\n", a)
			return 1
		}
		if strings.HasPrefix(a, "--") {
			name, value, ok := strings.Cut(a[2:], "=")
			if !ok {
				fmt.Fprintf(os.Stderr, "postgres: --%s requires a value\n", name)
				return 1
			}
			set(strings.ReplaceAll(name, "-", "_"), value)
			continue
		}
		value := a[2:]
		next := func() string {
			if value == "" && i+1 < len(arguments) {
				i++
				value = arguments[i]
			}
			return value
		}
		switch a[1] {
		case 'D':
			pgdata = next()
		case 'C':
			asked = next()
		case 'c':
			name, v, ok := strings.Cut(next(), "=")
			if !ok {
				fmt.Fprintf(os.Stderr, "postgres: -c %s requires a value\n", name)
				return 1
			}
			set(strings.ReplaceAll(strings.TrimSpace(name), "-", "_"), strings.TrimSpace(v))
		case 'i', 'F', 'e', 'S', 'O', 'j':
		default:
			name, ok := short[a[1]]
			if !ok {
				fmt.Fprintf(os.Stderr, "postgres: invalid option -- '%c'\nTry \"postgres --help\" for more information.\n", a[1])
				return 1
			}
			set(name, next())
		}
	}
	if pgdata == "" {
		fmt.Fprint(os.Stderr, "postgres does not know where to find the server configuration file.\n"+
			"You must specify the --config-file or -D invocation option or set the PGDATA environment variable.\n")
		return 2
	}
	if asked != "" {
		return server.Setting(pgdata, asked, overrides)
	}
	if single {
		return server.Single(pgdata, database, overrides, os.Stdin)
	}
	return server.Main(pgdata, overrides)
}
