package builtin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
)

type pamLimitsArgs struct {
	Domain  string `arg:"domain,required" doc:"Domain as in limits.conf(5): a user, @group, * and others."`
	Type    string `arg:"limit_type,required" choices:"hard soft -" doc:"Kind of limit; - is both."`
	Item    string `arg:"limit_item,required" choices:"core data fsize memlock nofile rss stack cpu nproc as maxlogins maxsyslogins priority locks sigpending msgqueue nice rtprio chroot" doc:"Resource to limit."`
	Value   string `arg:"value,required" doc:"Limit: a number, unlimited, infinity or -1."`
	Dest    string `arg:"dest,path" default:"/etc/security/limits.conf" doc:"File to edit; those in /etc/security/limits.d win over it."`
	Comment string `arg:"comment" doc:"Comment to write behind the limit."`
	Backup  bool   `arg:"backup" default:"false" doc:"Keep a copy of the file before the change."`
	UseMin  bool   `arg:"use_min" default:"false" doc:"Keep a limit that is smaller."`
	UseMax  bool   `arg:"use_max" default:"false" doc:"Keep a limit that is larger."`
}

var pamLimitsModule = tasks.Define(tasks.Module{
	Name: "pam_limits", Collections: []string{"community.general"},
	Summary: "Manage limits of users' resources",
	Notes:   []string{"The limit holds from the next login on. Services have LimitNOFILE and the like in their units instead."},
	Returns: []tasks.Return{
		{Name: "backup_file", Type: "str", Doc: "copy of the file before"},
		{Name: "msg", Type: "str", Doc: "what was done"},
	},
	Examples: `
- pam_limits: {domain: polardb, limit_type: "-", limit_item: nofile, value: 65536, dest: /etc/security/limits.d/90-polardb.conf}
- pam_limits: {domain: "@dba", limit_type: soft, limit_item: memlock, value: unlimited}
`,
}, func(a *pamLimitsArgs, l tasks.Local) (tasks.Action, error) {
	if strings.ContainsAny(a.Domain, " \t\n#") || a.Domain == "" {
		return nil, &tasks.ArgError{Module: "pam_limits", Arg: "domain", Problem: fmt.Sprintf("cannot be %q", a.Domain)}
	}
	if a.UseMin && a.UseMax {
		return nil, &tasks.ArgError{Module: "pam_limits", Arg: "use_max", Problem: "and use_min exclude each other"}
	}
	if problem := limitProblem(a.Item, a.Value); problem != "" {
		return nil, &tasks.ArgError{Module: "pam_limits", Arg: "value", Problem: problem}
	}
	e, err := files.NewEdit("pam_limits", files.EditArgs{Path: a.Dest, Backup: a.Backup}, true, l)
	if err != nil {
		return nil, err
	}
	e.Rewrite, e.InDirectory, e.Replace = a.rewrite, true, true
	return e, nil
})

// limitProblem returns what is wrong with a limit of an item, or nothing.
func limitProblem(item, value string) string {
	if item == "nice" || item == "priority" {
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err != nil || n < -20 || n > 19 {
			return fmt.Sprintf("must be a number from -20 to 19 for %s, not %q", item, value)
		}
		return ""
	}
	if !unlimited(value) && (value == "" || strings.Trim(value, "0123456789") != "") {
		return fmt.Sprintf("must be a number, unlimited, infinity or -1, not %q", value)
	}
	return ""
}

func unlimited(value string) bool {
	return value == "unlimited" || value == "infinity" || value == "-1"
}

// rewrite sets the limit wherever the file has it, or at its end. Like Ansible it refuses a file with a limit that is none, and
// where no comment is wanted it takes the first one that it meets behind a limit, its line's end included.
func (a *pamLimitsArgs) rewrite(text string, exists bool) (string, string, map[string]any, error) {
	var out strings.Builder
	found, value, comment := false, a.Value, a.Comment
	add := func() {
		if comment != "" {
			comment = "\t#" + comment
		}
		out.WriteString(a.Domain + "\t" + a.Type + "\t" + a.Item + "\t" + value + comment + "\n")
	}
	for _, line := range files.KeepLines(text) {
		setting, behind, _ := strings.Cut(line, "#")
		f := strings.Fields(setting)
		if !strings.HasPrefix(line, "#") && comment == "" {
			comment = behind
		}
		if len(f) != 4 {
			out.WriteString(line)
			continue
		}
		if problem := limitProblem(f[2], f[3]); problem != "" {
			return "", "", nil, &tasks.Failure{
				Msg: fmt.Sprintf("%s has the limit %q, whose value %s", a.Dest, files.Bare(line), problem), Hint: "correct or remove that line first",
			}
		}
		if f[0] != a.Domain || f[1] != a.Type || f[2] != a.Item {
			out.WriteString(line)
			continue
		}
		found = true
		if a.Value != f[3] {
			value = a.chosen(value, f[3])
		}
		if a.Value == f[3] || value == f[3] {
			out.WriteString(line)
			continue
		}
		add()
	}
	if !found {
		if text != "" && !strings.HasSuffix(text, "\n") {
			out.WriteString("\n")
		}
		add()
	}
	if after := out.String(); after != text || !exists {
		return after, fmt.Sprintf("limit %s of %s to %s (%s)", a.Item, a.Domain, value, a.Type), nil, nil
	}
	return text, "", nil, nil
}

// chosen returns the limit to have where the file has another: the given one, or with use_max and use_min one of the two.
func (a *pamLimitsArgs) chosen(value, have string) string {
	larger, smaller := have, a.Value
	switch n, m := limitNumber(a.Value), limitNumber(have); {
	case unlimited(have) && unlimited(a.Value):
		smaller = have
	case unlimited(have):
	case unlimited(a.Value), n > m:
		larger, smaller = a.Value, have
	}
	switch {
	case a.UseMax:
		return plainLimit(larger)
	case a.UseMin:
		return plainLimit(smaller)
	}
	return value
}

// limitNumber returns a limit that is a number.
func limitNumber(value string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(value))
	return n
}

// plainLimit writes a number without zeros before it.
func plainLimit(value string) string {
	if unlimited(value) {
		return value
	}
	return strconv.Itoa(limitNumber(value))
}
