package builtin

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/script"
)

type cronArgs struct {
	Name         string  `arg:"name,required" doc:"Name of the job, by which it is found again; with env, of the variable."`
	Job          *string `arg:"job" alias:"value" doc:"Command to run, or the variable's value; required for state: present."`
	User         string  `arg:"user" doc:"Whose table; with cron_file, the account that runs the job, required for state: present."`
	CronFile     string  `arg:"cron_file,path" doc:"File to edit instead of a user's table; a name without a directory is one in /etc/cron.d."`
	State        string  `arg:"state" default:"present" choices:"absent present" doc:"Whether the job or the variable is there."`
	Minute       string  `arg:"minute" default:"*" doc:"Minute, as cron takes it."`
	Hour         string  `arg:"hour" default:"*" doc:"Hour."`
	Day          string  `arg:"day" alias:"dom" default:"*" doc:"Day of the month."`
	Month        string  `arg:"month" default:"*" doc:"Month."`
	Weekday      string  `arg:"weekday" alias:"dow" default:"*" doc:"Day of the week."`
	SpecialTime  string  `arg:"special_time" choices:"annually daily hourly monthly reboot weekly yearly" doc:"Nickname instead of the five fields."`
	Disabled     bool    `arg:"disabled" default:"false" doc:"Keep the job as a comment."`
	Env          bool    `arg:"env" default:"false" doc:"Manage a variable of the table, not a job."`
	InsertAfter  string  `arg:"insertafter" doc:"Put a new variable behind this one; with env only."`
	InsertBefore string  `arg:"insertbefore" doc:"Put a new variable before this one; with env only."`
	Backup       bool    `arg:"backup" default:"false" doc:"Keep a copy of the table before a change: of a file beside it, of a user's in /tmp."`
}

var cronModule = tasks.Define(tasks.Module{
	Name: "cron", Collections: []string{"ansible.builtin"},
	Summary: "Manage jobs and variables of cron",
	Notes:   []string{"Needs the program crontab on the host, unless cron_file is given. /etc/crontab is not edited, as in Ansible."},
	Returns: []tasks.Return{
		{Name: "jobs", Type: "list", Doc: "names of the jobs of the table"},
		{Name: "envs", Type: "list", Doc: "names of its variables"},
		{Name: "cron_file", Type: "str", Doc: "as given"},
		{Name: "backup_file", Type: "str", Doc: "the copy, where backup is set and there was a change"},
	},
	Examples: `
- cron: {name: check the archive, minute: "0", hour: "5,17", job: /usr/local/bin/check-archive}
- cron: {name: PATH, env: true, job: /usr/local/bin:/usr/bin:/bin}
- cron: {name: nightly, special_time: daily, user: postgres, cron_file: backups, job: /usr/local/bin/backup}
- cron: {name: check the archive, state: absent}
`,
}, newCron)

func newCron(a *cronArgs, l tasks.Local) (tasks.Action, error) {
	problem := func(arg, text string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "cron", Arg: arg, Problem: text}
	}
	fields := []string{a.Minute, a.Hour, a.Day, a.Month, a.Weekday}
	present := a.State == "present"
	switch {
	case a.InsertAfter != "" && a.InsertBefore != "":
		return problem("insertafter", "and insertbefore exclude each other")
	case path.Clean(a.CronFile) == "/etc/crontab":
		return problem("cron_file", "cannot be /etc/crontab: use a file of your own in /etc/cron.d")
	case a.SpecialTime != "" && strings.Join(fields, "") != "*****":
		return problem("special_time", "excludes minute, hour, day, month and weekday")
	case present && a.CronFile != "" && a.User == "":
		return problem("user", "is required with cron_file: who runs the job")
	case present && a.Job == nil:
		return problem("job", "is required for state: present")
	case present && !a.Env && a.InsertAfter+a.InsertBefore != "":
		return problem("insertafter", "and insertbefore are for env: true")
	case a.Env && strings.ContainsAny(a.Name, " \t\n="):
		return problem("name", "of a variable has no blanks")
	case strings.Contains(a.Name, "\n"):
		return problem("name", "has more than one line")
	case strings.ContainsAny(a.User, " \t\n"):
		return problem("user", fmt.Sprintf("cannot be %q", a.User))
	}
	c := &cron{cronArgs: *a}
	c.rewrite = c.edited
	if err := c.begin("cron", l); err != nil {
		return nil, err
	}
	if c.file != nil {
		// As in Ansible, a file goes with its last job, and not with its last variable.
		c.file.Emptied = func(after string) bool { return a.State == "absent" && !a.Env && newCrontab(after).empty() }
	}
	return c, nil
}

// begin makes ready for the table that the arguments name, a file or a user's.
func (c *cron) begin(module string, l tasks.Local) error {
	c.asking, c.kept = l.Check(), files.BackupName("/tmp/crontab", time.Now())
	if c.CronFile == "" {
		return nil
	}
	if c.path = c.CronFile; !path.IsAbs(c.CronFile) {
		c.path = path.Join("/etc/cron.d", c.CronFile)
	}
	var err error
	if c.file, err = files.NewEdit(module, files.EditArgs{Path: c.path, Backup: c.Backup}, true, l); err != nil {
		return err
	}
	c.file.InDirectory = true
	c.file.Rewrite = func(text string, _ bool) (string, string, map[string]any, error) {
		after, msg, err := c.rewrite(text)
		return after, msg, nil, err
	}
	return nil
}

type cron struct {
	cronArgs
	asking bool
	path   string // of the file; empty: a user's table
	file   *files.Edit
	kept   string // where a user's table is kept before a change, with backup
	// rewrite returns the table as it is to be, and what changes it in words; empty: nothing.
	rewrite func(text string) (after, msg string, err error)
}

func (c *cron) Probe() string {
	if c.file != nil {
		return c.file.Probe()
	}
	return scripts.Script("cron_look", script.Values{"user": c.User})
}

// line is the job as the table has it.
func (c *cron) line() string {
	var words []string
	if c.SpecialTime != "" {
		words = append(words, "@"+c.SpecialTime)
	} else {
		words = append(words, c.Minute, c.Hour, c.Day, c.Month, c.Weekday)
	}
	if c.CronFile != "" {
		words = append(words, c.User)
	}
	line := strings.Join(append(words, strings.Trim(*c.Job, "\r\n")), " ")
	if c.Disabled {
		line = "#" + line
	}
	return line
}

// edited is the table with the job or variable as it is to be.
func (c *cron) edited(text string) (after, msg string, err error) {
	table := newCrontab(text)
	what := "job"
	if c.Env {
		what = "variable"
		msg, err = c.rewriteVariable(table)
	} else {
		msg = c.rewriteJob(table)
	}
	switch {
	case err != nil:
		return "", "", err
	case msg != "":
		return table.text(), msg + " the " + what + " " + c.Name, nil
	case text != "" && !strings.HasSuffix(text, "\n"):
		return table.text(), "end the last line", nil
	}
	return text, "", nil
}

func (c *cron) rewriteJob(table *crontab) string {
	if c.State == "absent" {
		if _, found, _ := table.job(c.Name, ""); !found {
			return ""
		}
		table.setJob(c.Name, nil)
		return "remove"
	}
	line := c.line()
	switch have, found, named := table.job(c.Name, line); {
	case !found:
		table.lines = append(table.lines, cronMark+c.Name, line)
		return "add"
	case have != line:
		table.setJob(c.Name, &line)
		return "change"
	case named:
		return "name"
	}
	return ""
}

func (c *cron) rewriteVariable(table *crontab) (string, error) {
	at := table.variable(c.Name)
	if c.State == "absent" {
		if at < 0 {
			return "", nil
		}
		table.setVariable(c.Name, nil)
		return "remove", nil
	}
	line := fmt.Sprintf(`%s="%s"`, c.Name, *c.Job)
	switch {
	case at >= 0 && table.lines[at] == line:
		return "", nil
	case at >= 0:
		table.setVariable(c.Name, &line)
		return "change", nil
	}
	place := 0
	if beside := c.InsertAfter + c.InsertBefore; beside != "" {
		if place = table.variable(beside); place < 0 {
			return "", &tasks.Failure{Msg: fmt.Sprintf("the table has no variable %s beside which %s is to stand", beside, c.Name)}
		}
		if c.InsertAfter != "" {
			place++
		}
	}
	table.insert(place, line)
	return "add", nil
}

var cronFileName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (c *cron) Plan(found tasks.Found) (tasks.Plan, error) {
	plan, text, err := c.plan(found)
	if err != nil {
		return tasks.Plan{}, err
	}
	if plan.Values == nil {
		plan.Values = map[string]any{}
	}
	plan.Values["jobs"], plan.Values["envs"] = newCrontab(text).names()
	if c.CronFile != "" {
		plan.Values["cron_file"] = c.CronFile
		if !cronFileName.MatchString(path.Base(c.CronFile)) {
			plan.Warnings = append(plan.Warnings,
				"cron_file "+c.CronFile+": cron reads files only whose names have letters, digits, underscores and hyphens alone")
		}
	}
	if c.State == "present" && strings.ContainsAny(strings.Trim(*c.Job, "\r\n"), "\r\n") {
		plan.Warnings = append(plan.Warnings, "job has more than one line, which cron does not understand")
	}
	return plan, nil
}

// plan returns the plan and the text that the table will have.
func (c *cron) plan(found tasks.Found) (tasks.Plan, string, error) {
	if c.file != nil {
		return c.planFile(found)
	}
	var said struct {
		Missing bool   `answer:"missing"`
		Text    []byte `answer:"text"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, "", err
	}
	if said.Missing {
		plan, err := tasks.NotYet(c.asking, "the program crontab is not installed", "install cron (Debian) or cronie (RHEL)")
		return plan, "", err
	}
	before := newCrontab(string(said.Text)).text()
	if !strings.HasSuffix(string(said.Text), "\n") {
		before = strings.TrimSuffix(before, "\n")
	}
	after, msg, err := c.rewrite(before)
	if err != nil || msg == "" {
		return tasks.Plan{}, after, err
	}
	header := "crontab"
	if c.User != "" {
		header += " of " + c.User
	}
	plan := tasks.Plan{Change: true, Msg: msg, Stdin: []byte(after),
		Diff: []tasks.Diff{{Before: before, After: after, BeforeHeader: header, AfterHeader: header}},
	}
	values := script.Values{"user": c.User, "sum": files.SumOf(said.Text)}
	if c.Backup {
		values["backup"] = script.Path(c.kept)
		plan.Made = map[string]any{"backup_file": c.kept}
	}
	plan.Script = scripts.Script("cron_write", values)
	return plan, after, nil
}

func (c *cron) planFile(found tasks.Found) (tasks.Plan, string, error) {
	var said files.Read
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, "", err
	}
	if !said.File.Exists() && c.State == "absent" { // state is absent then, also of what was there before the change
		return tasks.Plan{Values: files.FileValues(said.File)}, "", nil
	}
	plan, err := c.file.Plan(found)
	if err != nil {
		return tasks.Plan{}, "", err
	}
	after, _, err := c.rewrite(string(said.Content))
	return plan, after, err
}
