package postgresql

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
)

type setArgs struct {
	Login
	Name  string  `arg:"name,required" doc:"Setting."`
	Value *string `arg:"value" doc:"Value; default takes back what ALTER SYSTEM had set, as reset does."`
	Reset bool    `arg:"reset" default:"false" doc:"Take back what ALTER SYSTEM had set."`
	DB    string  `arg:"login_db" alias:"db" doc:"Database to connect to. Default: that of login_user's name."`
}

var setModule = tasks.Define(tasks.Module{
	Name: "postgresql_set", Collections: collection,
	Summary: "Change a setting of a server (ALTER SYSTEM)",
	Notes: append([]string{
		"A value that is in postgresql.auto.conf and waits for a restart is no change again, as it is in Ansible. Sizes and times are compared " +
			"by what they mean.",
		"It is not there with nodes, for it changes one server alone: put settings of a PolarDB cluster into polardb_settings, and run " +
			"reconfigure.yml.",
	}, loginNotes[:2]...),
	Returns: []tasks.Return{
		{Name: "name", Type: "str", Doc: "the setting"}, {Name: "restart_required", Type: "bool", Doc: "whether it takes a restart"},
		{Name: "prev_val_pretty", Type: "str", Doc: "its value before, as people write it"},
		{Name: "value_pretty", Type: "str", Doc: "its value after, likewise"},
		{Name: "value", Type: "dict", Doc: "value and unit as the server counts"},
		{Name: "context", Type: "str", Doc: "who can change it and when, as in pg_settings"}, queriesReturn,
	},
	Examples: `
- postgresql_set: {name: work_mem, value: 64MB}
  become: true
  become_user: postgres
- postgresql_set: {name: shared_buffers, value: 4GB}
  become: true
  become_user: postgres
  register: buffers
- postgresql_set: {name: work_mem, reset: true}
  become: true
  become_user: postgres
`,
}, func(a *setArgs, l tasks.Local) (tasks.Action, error) {
	refuse := func(arg, problem string) (tasks.Action, error) {
		return nil, &tasks.ArgError{Module: "postgresql_set", Arg: arg, Problem: problem}
	}
	if err := a.check("postgresql_set", l, a.Name, orEmpty(a.Value)); err != nil {
		return nil, err
	}
	switch {
	case a.Nodes != nil:
		return refuse("nodes", "is not there: this changes one server alone; put the setting into polardb_settings and run reconfigure.yml")
	case !settingName.MatchString(a.Name):
		return refuse("name", "is not the name of a setting")
	case a.Value != nil && a.Reset:
		return refuse("reset", "and value exclude each other")
	case a.Value == nil && !a.Reset:
		return refuse("value", "or reset is required")
	case a.Name == "shared_preload_libraries" && a.Value != nil && *a.Value == "":
		return refuse("value", "cannot be empty for shared_preload_libraries, which ALTER SYSTEM writes wrongly: use reset")
	}
	if a.Value != nil { // what a boolean of YAML is as a text
		if word, is := map[string]string{"True": "on", "False": "off"}[*a.Value]; is {
			a.Value = &word
		}
	}
	s := &setting{work{module: "postgresql_set", login: &a.Login, database: a.DB, check: l.Check(), named: "setting " + a.Name}, a}
	s.questions = asks(
		"select name, setting, coalesce(unit, ''), context, coalesce(boot_val, ''), vartype, current_setting(name)," +
			" has_function_privilege('pg_show_all_file_settings()', 'execute'), current_setting('server_version_num') from pg_catalog.pg_settings" +
			" where lower(name) = lower(" + literal(a.Name) + ")")
	s.more = func(found []answer) []question {
		if found[0].text(0, 7) != "t" {
			return nil
		}
		return asks("select setting from pg_catalog.pg_file_settings where lower(name) = lower(" + literal(a.Name) +
			") and sourcefile like '%/postgresql.auto.conf' order by seqno desc")
	}
	s.decide = a.decide
	return tasks.AskApply(s), nil
})

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*$`)

// setting is a work whose change may take a moment until sessions see it.
type setting struct {
	work
	args *setArgs
}

// lists are settings whose value is a list of names, each of which is quoted by itself.
var lists = []string{"local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces"}

func (a *setArgs) decide(found []answer) (change, error) {
	c := change{apart: true, untold: true}
	have := found[0]
	if !have.known() {
		return c, &tasks.Failure{Msg: "No such parameter: " + a.Name, Hint: "is it spelled so, and there in this release of the server?"}
	}
	name, raw, unit, context, boot, kind, pretty := have.text(0, 0), have.text(0, 1), have.text(0, 2), have.text(0, 3), have.text(0, 4),
		have.text(0, 5), have.text(0, 6)
	if context == "internal" {
		return c, &tasks.Failure{Msg: a.Name + ": cannot be changed (internal context)"}
	}
	restart := context == "postmaster"
	var shownValue, shownUnit any = raw, nil
	if unit != "" {
		shownUnit = unit
	}
	if factor := map[string]int{"kB": 1 << 10, "MB": 1 << 20}[unit]; factor > 0 {
		shownUnit = "b"
		if n, err := strconv.Atoi(raw); err == nil && n > 0 {
			shownValue = n * factor
		}
	}
	c.values = map[string]any{
		"name": a.Name, "context": context, "restart_required": restart, "prev_val_pretty": pretty, "value_pretty": pretty,
		"value": map[string]any{"value": shownValue, "unit": shownUnit},
	}
	release, _ := strconv.Atoi(have.text(0, 8))
	isList := slices.Contains(lists, strings.ToLower(name)) || release >= 140000 && name == "unix_socket_directories"
	quoted, err := qualified(name, 9)
	if err != nil {
		return c, err
	}
	readable := len(found) > 1
	written := readable && found[1].known()
	if a.Reset || orEmpty(a.Value) == "default" {
		if written || !readable && raw != boot {
			shown := "ALTER SYSTEM RESET " + name
			if !a.Reset {
				shown = "ALTER SYSTEM SET " + name + " = DEFAULT"
			}
			c.statements = append(c.statements, statement{sql: "ALTER SYSTEM RESET " + quoted, shown: shown})
			c.settled = !readable
		}
	} else {
		wanted := *a.Value
		same := func(has string, inUnits bool) bool { return sameSetting(wanted, has, kind, unit, isList, inUnits) }
		if written && !same(found[1].text(0, 0), false) || !written && !same(pretty, false) && !same(raw, true) {
			sql := literal(upperUnit(wanted))
			if isList && wanted != "" {
				var each []string
				for _, item := range strings.Split(wanted, ",") {
					each = append(each, literal(strings.Trim(item, `" `)))
				}
				sql = strings.Join(each, ",")
			}
			c.statements = append(c.statements, statement{sql: "ALTER SYSTEM SET " + quoted + " = " + sql, shown: "ALTER SYSTEM SET " +
				name + " = " + sql})
			c.settled = !readable
		}
		if len(c.statements) > 0 || restart { // sessions have the old one until then
			c.values["value_pretty"] = wanted
		}
	}
	if len(c.statements) > 0 {
		c.msg, c.values["queries"] = c.statements[0].text(), c.queries() // the reload that follows is none of them
		if restart {
			c.warnings = []string{"Restart of PostgreSQL is required for setting " + a.Name}
		} else {
			c.add("select pg_reload_conf()")
		}
	}
	return c, nil
}

// upperUnit writes units as the server wants them: 1mb is 1MB.
func upperUnit(value string) string {
	m := sizeOf.FindStringSubmatch(value)
	if m == nil {
		return value
	}
	switch unit := strings.ToLower(m[2]); unit {
	case "mb", "gb", "tb", "b":
		return m[1] + strings.ToUpper(unit)
	}
	return value
}

var sizeOf = regexp.MustCompile(`^\s*(-?\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$`)

// units are what a number may be counted in: bytes or microseconds.
var units = map[string]float64{
	"B": 1, "kB": 1 << 10, "8kB": 8 << 10, "16kB": 16 << 10, "MB": 1 << 20, "16MB": 16 << 20, "GB": 1 << 30, "TB": 1 << 40,
	"us": 1, "ms": 1e3, "s": 1e6, "min": 60e6, "h": 3600e6, "d": 86400e6,
}

// sameSetting reports whether two spellings mean one value; inUnits: the second is a number of the setting's own unit.
func sameSetting(wanted, has, kind, unit string, isList, inUnits bool) bool {
	if wanted == has {
		return true
	}
	switch {
	case isList:
		bare := func(text string) string {
			items := strings.Split(text, ",")
			for i := range items {
				items[i] = strings.Trim(items[i], `" '`)
			}
			return strings.Join(items, ",")
		}
		return bare(wanted) == bare(has)
	case kind == "bool":
		return truth(wanted) != "" && truth(wanted) == truth(has)
	case kind == "enum":
		return strings.EqualFold(wanted, has)
	case kind != "integer" && kind != "real":
		return false
	}
	number := func(text string) (float64, bool) {
		if m := sizeOf.FindStringSubmatch(upperUnit(text)); m != nil {
			n, err := strconv.ParseFloat(m[1], 64)
			return n * units[m[2]], err == nil && units[m[2]] != 0
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if factor := units[unit]; factor != 0 && n != -1 {
			n *= factor
		}
		return n, err == nil
	}
	a, okA := number(wanted)
	b, okB := number(has)
	return okA && okB && a == b
}

func truth(text string) string {
	switch strings.ToLower(text) {
	case "on", "true", "yes", "1", "t", "y":
		return "on"
	case "off", "false", "no", "0", "f", "n":
		return "off"
	}
	return ""
}

// Apply makes the change, and waits until new sessions have it: the server tells its processes to read their files again.
func (s *setting) Apply(ctx context.Context, h tasks.Host, p tasks.Plan, c change) (tasks.Result, error) {
	r, err := s.work.Apply(ctx, h, p, c)
	if err != nil {
		return r, err
	}
	const patience = 5 * time.Second
	for end := time.Now().Add(patience); ; {
		after, err := s.Ask(ctx, h, tasks.Found{})
		if err != nil {
			return r, err
		}
		now, _, err := s.Plan(after)
		if err != nil {
			return r, err
		}
		r.Values = map[string]any{}
		for _, key := range []string{"value", "value_pretty"} {
			r.Values[key] = now.Values[key]
		}
		waits := now.Values["context"] != "postmaster" && fmt.Sprint(now.Values["value_pretty"]) == fmt.Sprint(p.Values["prev_val_pretty"])
		if !waits || time.Now().After(end) {
			return r, nil
		}
		if err := tasks.Sleep(ctx, 100*time.Millisecond); err != nil {
			return r, err
		}
	}
}
