package builtin

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks"
)

type cronvarArgs struct {
	Name         string  `arg:"name,required" doc:"Name of the variable."`
	Value        *string `arg:"value" doc:"Its value, which is written as it is; required for state: present."`
	InsertAfter  string  `arg:"insertafter" doc:"Put a new variable behind this one; at the beginning otherwise."`
	InsertBefore string  `arg:"insertbefore" doc:"Put a new variable before this one."`
	State        string  `arg:"state" default:"present" choices:"absent present" doc:"Whether the variable is there."`
	User         string  `arg:"user" doc:"Whose table; by default that of the task's user."`
	CronFile     string  `arg:"cron_file,path" doc:"File to edit instead of a user's table; a name without a directory is one in /etc/cron.d."`
	Backup       bool    `arg:"backup" default:"false" doc:"Keep a copy of the table before a change: of a file beside it, of a user's in /tmp."`
}

var cronvarModule = tasks.Define(tasks.Module{
	Name: "cronvar", Collections: []string{"community.general"},
	Summary: "Manage variables of cron",
	Notes: []string{
		"Needs the program crontab on the host, unless cron_file is given. Check mode tells what would change, where Ansible skips the task.",
		"A value with blanks is found again as it is written; Ansible loses the blanks when it looks, and writes it at every run.",
		"A variable that insertafter or insertbefore names has to be there: Ansible says changed then, and writes nothing.",
	},
	Returns: []tasks.Return{
		{Name: "vars", Type: "list", Doc: "names of the variables of the table"}, {Name: "cron_file", Type: "str", Doc: "as given"},
		{Name: "backup_file", Type: "str", Doc: "the copy, where backup is set and there was a change"},
	},
	Examples: `
- cronvar: {name: MAILTO, value: dba@example.com, user: postgres}
- cronvar: {name: LOGFILE, value: /var/log/backup.log, cron_file: backups, user: root}
- cronvar: {name: LEGACY, state: absent}
`,
}, func(a *cronvarArgs, l tasks.Local) (tasks.Action, error) {
	problem := func(arg, text string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "cronvar", Arg: arg, Problem: text}
	}
	switch {
	case a.InsertAfter != "" && a.InsertBefore != "":
		return problem("insertafter", "and insertbefore exclude each other")
	case a.State == "present" && a.Value == nil:
		return problem("value", "is required for state: present")
	case a.Name == "" || strings.ContainsAny(a.Name, " \t\r\n=\"'#"):
		return problem("name", "of a variable has no blanks, quotes, # or =")
	case a.Value != nil && strings.ContainsAny(*a.Value, "\r\n"):
		return problem("value", "has more than one line")
	case strings.ContainsAny(a.User, " \t\n"):
		return problem("user", fmt.Sprintf("cannot be %q", a.User))
	}
	v := &cronvar{cronvarArgs: a, cron: &cron{
		cronArgs: cronArgs{Name: a.Name, User: a.User, CronFile: a.CronFile, State: a.State, Backup: a.Backup},
	}}
	v.cron.rewrite = v.edited
	return v, v.begin("cronvar", l)
})

// cronvar is a variable of a table, which it reads and writes as cron does.
type cronvar struct {
	*cron
	*cronvarArgs
}

var cronVariable = regexp.MustCompile(`^\s*([^\s="'#]+)\s*=(.*)$`)

// edited is the table with the variable as it is to be.
func (v *cronvar) edited(text string) (after, msg string, err error) {
	table := newCrontab(text)
	wanted := v.cronvarArgs.State == "present"
	name := v.cronvarArgs.Name
	line, value := "", ""
	if wanted {
		if value = *v.Value; value == "" {
			value = `""` // cron takes no line that ends after the sign
		}
		line = name + "=" + value
	}
	var kept []string
	there, same, place := false, false, -1
	for _, l := range table.lines {
		m := cronVariable.FindStringSubmatch(l)
		if m == nil || m[1] != name {
			if m != nil && m[1] == v.InsertBefore+v.InsertAfter && place < 0 {
				place = len(kept)
			}
			kept = append(kept, l)
			continue
		}
		// The first counts, and a change is of all.
		if !there {
			same = wanted && strings.TrimSpace(m[2]) == strings.TrimSpace(value)
		}
		there = true
		if wanted {
			kept = append(kept, line)
		}
	}
	switch {
	case there && same, !there && !wanted:
		return text, "", nil
	case there && !wanted:
		msg = "remove"
	case there:
		msg = "change"
	default:
		msg = "add"
		if beside := v.InsertAfter + v.InsertBefore; beside != "" && place < 0 {
			return "", "", &tasks.Failure{Msg: fmt.Sprintf("the table has no variable %s beside which %s is to stand", beside, name)}
		}
		place = max(place, 0)
		if v.InsertAfter != "" {
			place++
		}
		kept = append(kept[:place:place], append([]string{line}, kept[place:]...)...)
	}
	table.lines = kept
	return table.text(), msg + " the variable " + name, nil
}

func (v *cronvar) Plan(found tasks.Found) (tasks.Plan, error) {
	plan, text, err := v.plan(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	if plan.Values == nil {
		plan.Values = map[string]any{}
	}
	names := []any{}
	for _, l := range newCrontab(text).lines {
		if m := cronVariable.FindStringSubmatch(l); m != nil {
			names = append(names, m[1])
		}
	}
	plan.Values["vars"] = names
	if v.cronvarArgs.CronFile != "" {
		plan.Values["cron_file"] = v.cronvarArgs.CronFile
	}
	return plan, nil
}
