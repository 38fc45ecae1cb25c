package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type manCmd struct{}

// Run prints the manual page, which is made of what --help is made of.
func (*manCmd) Run(t *terminal, app *kong.Kong) error {
	return t.print([]byte(manualPage(app.Model)))
}

// manualPage is polarbook(1) for man, in the macros that groff and mandoc know.
func manualPage(app *kong.Application) string {
	m := &manual{}
	m.line(`.TH POLARBOOK 1 "" "polarbook %s"`, roff(version))
	m.section("NAME", "polarbook \\- "+roff(lowerFirst(strings.TrimSuffix(app.Help, "."))))
	m.section("SYNOPSIS", ".B polarbook\n.I command\n[\n.I option\n\\&... ] [\n.I argument\n\\&... ]")
	m.section("DESCRIPTION", roff(manDescription))
	m.section("COMMANDS")
	common := commonFlags()
	m.commands(app.Node, common)
	m.section("OPTIONS OF COMMANDS THAT READ AN INVENTORY")
	for _, f := range flagsNamed(app.Node, common) {
		m.flag(f)
	}
	for _, part := range manTables {
		m.section(part.head)
		for _, row := range part.rows {
			m.line(".TP\n.B %s\n%s", roff(row[0]), roff(row[1]))
		}
	}
	m.section("SEE ALSO", ".BR ssh (1),\n.BR ssh_config (5),\n.BR systemd (1)\n.PP\n"+
		roff("polarbook doc explains the modules, polarbook playbooks the built-in playbooks."))
	return m.b.String()
}

const manDescription = "polarbook takes Linux hosts to a three-node cluster of PolarDB for PostgreSQL (X-Paxos) over SSH and looks after " +
	"it. Its playbooks are Ansible's YAML and Jinja2, and its modules Ansible's. Hosts need sshd and a POSIX shell, and no Python. " +
	"A second run changes nothing, and a run that was killed is finished by running it again."

var manTables = []struct {
	head string
	rows [][2]string
}{
	{"EXIT STATUS", [][2]string{
		{"0", "Done."}, {"1", "The command line, a file or the inventory is not in order, or polarbook failed itself."},
		{"2", "A host failed; with status: the cluster is not what the inventory wants."},
		{"3", "Changes are pending (run --check --detailed-exitcode)."},
		{"4", "A host could not be reached."}, {"5", "Somebody else is at work on a host."},
		{"6", "Stopped by the user, or nobody reads what is printed."}, {"7", "Done, but the output or the journal could not be written."},
	}},
	{"FILES", [][2]string{
		{"inventory.yml", "The inventory, looked for in the working directory unless -i names another."},
		{"ansible.cfg", "Settings, where Ansible looks for them. The ANSIBLE_* environment is read too."},
		{"~/.ssh/config, ~/.ssh/known_hosts", "How hosts are reached, and their keys."},
		{"~/.local/state/polarbook/runs", "The journals of runs, readable by their owner alone."},
	}},
}

// manual is a page that is being written.
type manual struct{ b strings.Builder }

func (m *manual) line(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

func (m *manual) section(head string, paragraphs ...string) {
	m.line(".SH %s", roff(head))
	for _, p := range paragraphs {
		m.line("%s", p)
	}
}

// commands writes all commands beneath a node, each with the options that are its own.
func (m *manual) commands(n *kong.Node, common []string) {
	for _, c := range n.Children {
		if c.Hidden {
			continue
		}
		names := []string{c.Name}
		for up := c.Parent; up != nil && up.Type == kong.CommandNode; up = up.Parent {
			names = append([]string{up.Name}, names...)
		}
		arguments := ""
		for _, p := range c.Positional {
			arguments += " " + p.Summary()
		}
		m.line(".SS %s", roff("polarbook "+strings.Join(names, " ")+arguments))
		m.line("%s", roff(c.Help))
		for _, p := range c.Positional {
			m.line(".TP\n.I %s\n%s", roff(p.Name), roff(p.Help))
		}
		for _, f := range c.Flags {
			if !f.Hidden && !slices.Contains(common, f.Name) {
				m.flag(f)
			}
		}
		m.commands(c, common)
	}
}

func (m *manual) flag(f *kong.Flag) {
	name := "--" + f.Name
	if f.Short != 0 {
		name = "-" + string(f.Short) + ", " + name
	}
	m.line(".TP")
	if f.IsBool() || f.IsCounter() {
		m.line(".B %s", roff(name))
	} else {
		m.line(`.BI "%s=" "%s"`, roff(name), roff(f.FormatPlaceHolder()))
	}
	m.line("%s", roff(f.Help))
}

// commonFlags are the options of every command that reaches hosts.
func commonFlags() []string {
	app := kong.Must(&struct {
		Common struct{ hostOptions } `cmd:""`
	}{})
	var names []string
	for _, f := range app.Model.Children[0].Flags {
		names = append(names, f.Name)
	}
	return names
}

// flagsNamed finds flags by their names, in the first command that has all of them.
func flagsNamed(n *kong.Node, names []string) []*kong.Flag {
	for _, c := range n.Children {
		var found []*kong.Flag
		for _, f := range c.Flags {
			if slices.Contains(names, f.Name) && !f.Hidden {
				found = append(found, f)
			}
		}
		if len(found) > len(names)/2 {
			return found
		}
	}
	return nil
}

// roff is a text as it stands in a page: nothing of it is taken for a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\(rs`, "-", `\-`, "\n", " ", "\"", `\(dq`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
