package postgresql

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/templates/ordered"
)

type hbaArgs struct {
	files.Attributes
	Dest       string  `arg:"dest,required,path" doc:"File pg_hba.conf. The target of a link is edited."`
	Type       *string `arg:"contype" choices:"local host hostnossl hostssl hostgssenc hostnogssenc" doc:"Connections that the rule is about. Without it, rules and comment, the file is read alone."`
	Address    string  `arg:"address" alias:"source src" default:"samehost" doc:"From where they come: a network such as 10.0.0.0/8, an address with netmask, a host's name, or all, samehost, samenet. Not for local."`
	Netmask    *string `arg:"netmask" doc:"Mask of the network whose address is address, such as 255.0.0.0."`
	Databases  string  `arg:"databases" default:"all" doc:"Databases, with commas: a rule is made of each."`
	Users      string  `arg:"users" default:"all" doc:"Roles, with commas: a rule is made of each."`
	Method     string  `arg:"method" default:"md5" choices:"cert gss ident krb5 ldap md5 pam password peer radius reject scram-sha-256 sspi trust" doc:"How they show who they are."`
	Options    *string `arg:"options" doc:"Options of the method, NAME=VALUE, with blanks between them; quotes go around one that has a blank."`
	Comment    *string `arg:"comment" doc:"Comment behind the rule; without contype a line of its own."`
	State      string  `arg:"state" default:"present" choices:"absent present" doc:"Have the rule, or none for these connections."`
	Rules      []any   `arg:"rules" doc:"Several rules: dicts with contype, address, netmask, databases, users, method, options, comment and state."`
	Behavior   string  `arg:"rules_behavior" default:"conflict" choices:"combine conflict" doc:"What arguments beside rules are for such keys: their defaults (combine), or refused."`
	Overwrite  bool    `arg:"overwrite" default:"false" doc:"These rules are all that the file has: others go, and what is wrong in the file is no matter."`
	Sort       bool    `arg:"sort_rules" default:"true" doc:"Sort a file that changes, narrower rules before wider ones: the first that fits a connection counts."`
	Create     bool    `arg:"create" default:"false" doc:"Make the file where it is missing."`
	Backup     bool    `arg:"backup" default:"false" doc:"Keep a copy of the file before, beside it."`
	BackupFile string  `arg:"backup_file" doc:"Refused: the copy is kept beside the file, and its name returned as backup_file."`
	Order      string  `arg:"order" default:"sdu" choices:"sdu" doc:"By what is sorted first: the source, then databases, then users. Others, which older Ansible took, are refused."`
	Keep       *bool   `arg:"keep_comments_at_rules" doc:"Of no effect, as in newer Ansible: a comment behind a rule stays there."`
}

var hbaModule = tasks.Define(tasks.Module{
	Name: "postgresql_pg_hba", Collections: collection,
	Summary: "Add, change or remove rules in pg_hba.conf",
	Notes: []string{
		"What newer Ansible does (community.postgresql 4): rules are about the same connections when type, databases, users and source are " +
			"alike, a bare address needs a netmask, comments stay where they are and go to the top when the file is sorted, with includes at the " +
			"end.",
		"The order of rules decides who is let in: with sort_rules the file's own order is given up as soon as one rule changes.",
		"A file that is new has mode 0600, and one that is there keeps its own. mode, owner and group hold in any case; Ansible looks at them " +
			"when a rule changes. A mask such as 0.0.0.255, which Ansible takes for one of eight bits, is refused.",
		"The server reads the file when it is told to: reload it in a handler. A PolarDB cluster's rules are polardb_hba in the inventory.",
	},
	Returns: []tasks.Return{
		{Name: "pg_hba", Type: "list", Doc: "the rules, each with type, db, usr, src, method and options"},
		{Name: "pg_hba_string", Type: "str", Doc: "the file's text"},
		{Name: "msgs", Type: "list", Doc: "what was done, by the rule"},
		{Name: "backup_file", Type: "str", Doc: "copy of the file before"},
	},
	Examples: `
- postgresql_pg_hba: {dest: /var/lib/pgsql/data/pg_hba.conf, contype: hostssl, databases: app, users: app, address: 10.0.0.0/8, method: scram-sha-256}
- postgresql_pg_hba:
    dest: /var/lib/pgsql/data/pg_hba.conf
    overwrite: true
    rules:
      - {contype: local, users: postgres, method: peer}
      - {contype: host, address: all, method: scram-sha-256, comment: everybody else}
`,
}, func(a *hbaArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "postgresql_pg_hba", Arg: arg, Problem: problem}
	}
	if a.BackupFile != "" {
		return refuse("backup_file", "is not there: backup keeps the copy beside the file")
	}
	w := &pgHBA{hbaArgs: a, asking: l.Check()}
	if arg, problem := w.read(); arg != "" {
		return refuse(arg, problem)
	}
	e, err := files.NewEdit("postgresql_pg_hba", files.EditArgs{Attributes: a.Attributes, Path: a.Dest, Backup: a.Backup}, true, l)
	if err != nil {
		return nil, err
	}
	e.InDirectory = true
	w.edit = e
	return w, nil
})

// pgHBA is a postgresql_pg_hba with its rules read.
type pgHBA struct {
	*hbaArgs
	asking bool
	edit   *files.Edit
	wanted []wantedHBA
}

type wantedHBA struct {
	rule   *hbaRule
	absent bool
}

// hbaItem is an item of rules, or the module's own arguments.
type hbaItem struct {
	kind, address, netmask, databases, users, method, comment, state string
	options                                                          any
}

// hbaDefaults are what an item of rules has by itself.
var hbaDefaults = hbaItem{address: "samehost", databases: "all", users: "all", method: "md5", state: "present"}

// read reads the rules. It returns which argument is wrong and how.
func (w *pgHBA) read() (arg, problem string) {
	own := hbaItem{
		kind: orEmpty(w.Type), address: w.Address, netmask: orEmpty(w.Netmask), databases: w.Databases, users: w.Users, method: w.Method,
		comment: orEmpty(w.Comment), state: w.State, options: orEmpty(w.Options),
	}
	plain := own
	plain.options = nil
	switch {
	case len(w.Rules) == 0 && own.kind == "" && own.comment == "":
		return "", ""
	case len(w.Rules) == 0:
		if err := w.add(own); err != nil {
			return "contype", "makes a rule that " + err.Error()
		}
		return "", ""
	case w.Behavior == "conflict" && (plain != hbaDefaults || own.options != ""):
		return "rules", "and arguments of a single rule exclude each other, unless rules_behavior is combine"
	}
	for i, item := range w.Rules {
		one := own
		if w.Behavior == "conflict" {
			one = hbaDefaults
		}
		err := one.fill(item)
		if err == nil {
			err = w.add(one)
		}
		if err != nil {
			return "rules", fmt.Sprintf("has a rule, the %d., that %v", i+1, err)
		}
	}
	return "", ""
}

// fill reads the keys of a dict.
func (o *hbaItem) fill(item any) error {
	dict, ok := ordered.Plain(item).(map[string]any)
	if !ok {
		return errors.New("is no dict")
	}
	address := ""
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		value := dict[key]
		into := map[string]*string{
			"contype": &o.kind, "netmask": &o.netmask, "databases": &o.databases, "users": &o.users, "method": &o.method, "comment": &o.comment,
			"state": &o.state, "address": &o.address, "source": &o.address, "src": &o.address,
		}[key]
		switch {
		case key == "options":
			o.options = value
			continue
		case into == nil:
			return fmt.Errorf("has the unknown key %q", key)
		case into == &o.address && address != "":
			return fmt.Errorf("has both %s and %s", address, key)
		case into == &o.address:
			address = key
		}
		text, err := convert.Text(value)
		if value == nil {
			text, err = "", nil
		}
		if err != nil {
			return fmt.Errorf("has a value for %s that is no text", key)
		}
		*into = text
	}
	return nil
}

// add makes the rules of an item: one of each database and each user.
func (w *pgHBA) add(o hbaItem) error {
	for _, text := range []string{o.databases, o.users, o.comment} {
		if strings.ContainsAny(text, "\n\r\x00") || strings.HasSuffix(text, `\`) {
			return errors.New("has a text of several lines")
		}
	}
	absent := o.state == "absent"
	if !absent && o.state != "present" {
		return fmt.Errorf("has the state %q", o.state)
	}
	comment := strings.TrimSpace(o.comment)
	if o.kind == "" {
		if comment == "" {
			return errors.New("has neither contype nor comment")
		}
		comment = "#" + strings.TrimPrefix(comment, "#")
		w.wanted = append(w.wanted, wantedHBA{&hbaRule{line: comment, comment: comment}, absent})
		return nil
	}
	options, err := hbaOptions(o.options)
	if err != nil {
		return err
	}
	for _, database := range hbaNames(o.databases) {
		for _, user := range hbaNames(o.users) {
			for what, name := range map[string]string{"database": database, "user": user} {
				if words, more, err := hbaWords(name); err != nil || len(words) != 1 || more != "" {
					return fmt.Errorf("has %q for a %s", name, what)
				}
			}
			r := &hbaRule{databases: sortedNames(database), users: sortedNames(user), comment: comment}
			if o.kind != "local" {
				if err := r.setAddress(o.address, o.netmask); err != nil {
					return err
				}
			}
			if err := r.complete(o.kind, o.method, options); err != nil {
				return err
			}
			w.wanted = append(w.wanted, wantedHBA{r, absent})
		}
	}
	return nil
}

func hbaNames(list string) []string {
	if strings.HasPrefix(list, `"`) {
		return []string{list}
	}
	return strings.Split(list, ",")
}

// hbaOptions reads options, which are a text, a list or a dict.
func hbaOptions(value any) ([]string, error) {
	var list []string
	switch v := ordered.Plain(value).(type) {
	case nil:
		return nil, nil
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text, err := convert.Text(v[key])
			if err != nil {
				return nil, fmt.Errorf("has a value for the option %s that is no text", key)
			}
			list = append(list, key+"="+text)
		}
	case []any:
		for _, item := range v {
			text, err := convert.Text(item)
			if err != nil {
				return nil, errors.New("has an option that is no text")
			}
			list = append(list, text)
		}
	default:
		text, err := convert.Text(v)
		if err != nil {
			return nil, errors.New("has options that are no text")
		}
		words, more, err := hbaWords(text)
		if err != nil || more != "" {
			return nil, errors.New("has options that are no list of NAME=VALUE")
		}
		list = words
	}
	for _, option := range list {
		if strings.ContainsAny(option, "\n\r\x00") {
			return nil, errors.New("has an option of several lines")
		}
	}
	return list, nil
}

// Probe reads the file.
func (w *pgHBA) Probe() string { return w.edit.Probe() }

func (w *pgHBA) Plan(found tasks.Found) (tasks.Plan, error) {
	edit := *w.edit
	var said files.Read
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if !said.File.Exists() && edit.Mode == "" {
		edit.Mode = "0600" // who may come in is nobody else's business
	}
	values := map[string]any{}
	edit.Rewrite = func(text string, exists bool) (string, string, map[string]any, error) {
		rules, msgs, err := w.rewrite(text)
		if err != nil {
			return "", "", nil, err
		}
		changed := len(msgs) > 0
		after := text
		if changed {
			after = renderHBA(rules)
			msgs = append(w.said(msgs), "Changed")
			if w.Backup && exists && !w.asking {
				msgs = append(msgs, "Creating Backup")
			}
			if !w.asking {
				msgs = append(msgs, "Writing")
			}
		}
		if changed && !exists && !w.Create && !w.asking {
			return "", "", nil, &tasks.Failure{Msg: w.Dest + " does not exist", Hint: "create: true makes it"}
		}
		values["msgs"], values["pg_hba_string"], values["pg_hba"] = anys(msgs), after, hbaValues(rules)
		msg := ""
		if changed {
			msg = "change the rules in " + w.Dest
		}
		return after, msg, nil, nil
	}
	plan, err := edit.Plan(found)
	if err != nil || plan.Unknown != "" {
		return plan, err
	}
	if plan.Values == nil {
		plan.Values = map[string]any{}
	}
	maps.Copy(plan.Values, values)
	if plan.Change {
		if plan.Made == nil {
			plan.Made = map[string]any{}
		}
		maps.Copy(plan.Made, values)
	}
	return plan, nil
}

// said are the messages about rules: of a file that is written anew there are none.
func (w *pgHBA) said(msgs []string) []string {
	if w.Overwrite {
		return nil
	}
	return msgs
}

// rewrite returns the file's lines as they are to be, and what is done; nothing where nothing is.
func (w *pgHBA) rewrite(text string) ([]*hbaRule, []string, error) {
	var rules []*hbaRule
	if text != "" {
		var err error
		if rules, err = readHBA(text); err != nil && !w.Overwrite {
			return nil, nil, &tasks.Failure{Msg: w.Dest + ": " + err.Error(), Hint: "mend the file, or replace all of it with overwrite: true"}
		}
	}
	if w.Overwrite {
		return w.overwrite(rules)
	}
	var msgs []string
	for _, want := range w.wanted {
		at := slices.IndexFunc(rules, want.rule.same)
		switch {
		case at < 0 && !want.absent:
			msgs = append(msgs, "Adding rule "+want.rule.text())
			rules = append(rules, want.rule)
		case at >= 0 && !want.absent && !rules[at].identical(want.rule):
			msgs = append(msgs, "Updating rule "+want.rule.text())
			rules[at] = want.rule
		case at >= 0 && want.absent:
			msgs = append(msgs, "Removing rule "+want.rule.text())
			rules = slices.Delete(rules, at, at+1)
		}
	}
	if len(msgs) > 0 && w.Sort {
		rules = sortHBA(rules)
	}
	return rules, msgs, nil
}

func (w *pgHBA) overwrite(have []*hbaRule) ([]*hbaRule, []string, error) {
	var rules []*hbaRule
	for _, want := range w.wanted {
		if want.absent {
			return nil, nil, &tasks.Failure{Msg: "overwrite and a rule that is to be absent exclude each other"}
		}
		rules = append(rules, want.rule)
	}
	if w.Sort {
		rules = sortHBA(rules)
	}
	if slices.EqualFunc(have, rules, (*hbaRule).identical) {
		return have, nil, nil
	}
	return rules, []string{"Replacing all rules"}, nil
}

func renderHBA(rules []*hbaRule) string {
	lines := make([]string, len(rules))
	for i, r := range rules {
		lines[i] = r.text()
	}
	return strings.Join(lines, "\n")
}

func hbaValues(rules []*hbaRule) []any {
	list := []any{}
	for _, r := range rules {
		if !r.special() {
			list = append(list, r.value())
		}
	}
	return list
}
