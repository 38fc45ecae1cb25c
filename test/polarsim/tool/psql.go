package tool

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/polarbook/polarbook/test/polarsim/client"
)

// terminal is one run of psql.
type terminal struct {
	*options
	conn      *client.Conn
	unaligned bool
	tuples    bool
	quiet     bool
	stop      bool // ON_ERROR_STOP
	separator string
	variables map[string]string
	prefix    string // of error messages: psql:file:line:
}

func psql(arguments []string) int {
	if askedVersion("psql", arguments) {
		return 0
	}
	o := newOptions("psql")
	connectionOptions(o)
	o.takes("command", "c")
	o.takes("file", "f")
	o.takes("set", "v", "variable")
	o.takes("field-separator", "F")
	o.takes("pset", "P")
	o.takes("output", "o")
	for _, f := range [][]string{
		{"no-psqlrc", "X"}, {"no-align", "A"}, {"tuples-only", "t"}, {"quiet", "q"}, {"echo-all", "a"}, {"echo-errors", "b"},
		{"single-transaction", "1"}, {"no-readline", "n"}, {"expanded", "x"},
	} {
		o.flag(f[0], f[1:]...)
	}
	if err := o.parse(arguments); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return complain("Try \"psql --help\" for more information.")
	}
	if len(o.rest) > 0 && !o.has("dbname") {
		o.values["dbname"] = []string{o.rest[0]}
	}
	if len(o.rest) > 1 && !o.has("username") {
		o.values["username"] = []string{o.rest[1]}
	}
	t := &terminal{options: o, unaligned: o.has("no-align"), tuples: o.has("tuples-only"), quiet: o.has("quiet"),
		separator: o.get("field-separator", "|"), variables: map[string]string{}}
	for _, pair := range o.values["set"] {
		name, value, _ := strings.Cut(pair, "=")
		t.variables[name] = value
	}
	switch strings.ToLower(t.variables["ON_ERROR_STOP"]) {
	case "1", "on", "true", "yes":
		t.stop = true
	}
	target, err := o.target()
	if err == nil {
		t.conn, err = client.Connect(context.Background(), target)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "psql: %v\n", err)
		return 2
	}
	defer t.conn.Close()
	t.conn.Notice = func(n *pgproto3.NoticeResponse) { t.showError((*pgproto3.ErrorResponse)(n)) }
	return t.runAll()
}

func (t *terminal) runAll() int {
	if !t.has("command") && !t.has("file") {
		return t.input(os.Stdin)
	}
	code := 0
	for _, command := range t.values["command"] {
		var ok, lost bool
		if strings.HasPrefix(command, "\\") {
			ok = t.meta(command) == 0
		} else {
			ok, lost = t.run(command)
		}
		if lost {
			return 2
		}
		if !ok {
			code = 1
			if t.stop {
				return 1
			}
		} else {
			code = 0
		}
	}
	for _, name := range t.values["file"] {
		if name == "-" {
			code = t.script(os.Stdin, "<stdin>")
		} else {
			file, err := os.Open(name)
			if err != nil {
				fmt.Fprintf(os.Stderr, "psql: %s: No such file or directory\n", name)
				return 1
			}
			code = t.script(file, name)
			_ = file.Close()
		}
		if code != 0 {
			return code
		}
	}
	return code
}

// input runs each statement as soon as its line has come: who writes them may wait for the answer.
func (t *terminal) input(r io.Reader) int {
	lines := bufio.NewReader(r)
	for text := ""; ; {
		line, err := lines.ReadString('\n')
		text += line
		whole := strings.TrimSpace(text)
		switch {
		case err == nil && !strings.HasSuffix(whole, ";") && !strings.HasPrefix(whole, "\\"):
			continue
		case whole != "":
			if code := t.script(strings.NewReader(text), ""); code != 0 || whole == "\\q" {
				return code
			}
		}
		if err != nil {
			return 0
		}
		text = ""
	}
}

// script runs the statements of a file one by one.
func (t *terminal) script(r io.Reader, name string) int {
	b, err := io.ReadAll(r)
	if err != nil {
		fmt.Fprintf(os.Stderr, "psql: %v\n", err)
		return 1
	}
	for _, statement := range split(string(b)) {
		if name != "" {
			t.prefix = fmt.Sprintf("psql:%s:%d: ", name, statement.line)
		}
		if strings.HasPrefix(statement.text, "\\") {
			if code := t.meta(statement.text); code < 0 {
				return 0
			}
			continue
		}
		ok, lost := t.run(t.interpolate(statement.text))
		if lost {
			return 2
		}
		if !ok && t.stop {
			return 3
		}
	}
	return 0
}

// meta runs the few backslash commands there are; -1 means quit.
func (t *terminal) meta(command string) int {
	fields := strings.Fields(command)
	switch fields[0] {
	case "\\q":
		return -1
	case "\\set":
		if len(fields) > 1 {
			value := strings.Join(fields[2:], "")
			t.variables[fields[1]] = strings.Trim(value, "'")
			t.stop = t.stop || fields[1] == "ON_ERROR_STOP" && value != "0" && value != "off"
		}
	case "\\echo":
		fmt.Println(strings.Join(fields[1:], " "))
	case "\\pset", "\\timing", "\\a", "\\t", "\\x":
	default:
		fmt.Fprintf(os.Stderr, "%sinvalid command %s\n", t.prefix, fields[0])
		return 1
	}
	return 0
}

// run sends one query string. lost means that the connection is gone.
func (t *terminal) run(query string) (ok, lost bool) {
	if err := t.conn.Send(&pgproto3.Query{String: query}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return false, true
	}
	ok = true
	var table *resultTable
	for {
		m, err := t.conn.Receive()
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s%v\n", t.prefix, err)
			fmt.Fprintln(os.Stderr, "connection to server was lost")
			return false, true
		}
		switch m := m.(type) {
		case *pgproto3.RowDescription:
			table = &resultTable{}
			for _, field := range m.Fields {
				table.names = append(table.names, string(field.Name))
				table.right = append(table.right, rightAligned[field.DataTypeOID])
			}
		case *pgproto3.DataRow:
			row := make([]string, len(m.Values))
			for i, v := range m.Values {
				row[i] = string(v)
			}
			table.rows = append(table.rows, row)
		case *pgproto3.CommandComplete:
			if table != nil {
				t.print(table)
				table = nil
			} else if !t.quiet {
				fmt.Println(string(m.CommandTag))
			}
		case *pgproto3.ErrorResponse:
			ok = false
			t.showError(m)
		case *pgproto3.ReadyForQuery:
			return ok, false
		}
	}
}

func (t *terminal) showError(e *pgproto3.ErrorResponse) {
	fmt.Fprintf(os.Stderr, "%s%s:  ", t.prefix, e.Severity)
	if strings.EqualFold(t.variables["VERBOSITY"], "verbose") {
		fmt.Fprintf(os.Stderr, "%s: ", e.Code)
	}
	fmt.Fprintln(os.Stderr, e.Message)
	if e.Detail != "" {
		fmt.Fprintf(os.Stderr, "DETAIL:  %s\n", e.Detail)
	}
	if e.Hint != "" {
		fmt.Fprintf(os.Stderr, "HINT:  %s\n", e.Hint)
	}
}
