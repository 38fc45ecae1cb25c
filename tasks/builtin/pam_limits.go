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
	if _, numeric := limitNumber(a.Value); !numeric {
		return nil, &tasks.ArgError{
			Module:  "pam_limits",
			Arg:     "value",
			Problem: fmt.Sprintf("must be a number, unlimited, infinity or -1, not %q", a.Value),
		}
	}
	e, err := files.NewEdit("pam_limits", files.EditArgs{Path: a.Dest, Backup: a.Backup}, true, l)
	if err != nil {
		return nil, err
	}
	e.Rewrite = a.rewrite
	return e, nil
})

// limitNumber returns a limit as a number, of which no limit is the largest, and whether it is one.
func limitNumber(text string) (int64, bool) {
	switch text {
	case "unlimited", "infinity", "-1":
		return 1<<63 - 1, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// rewrite sets the limit where the file has it, and drops repetitions.
func (a *pamLimitsArgs) rewrite(text string, _ bool) (string, string, map[string]any, error) {
	var out []string
	found := false
	value := a.Value
	for _, line := range files.KeepLines(text) {
		setting, comment, _ := strings.Cut(files.Bare(line), "#")
		f := strings.Fields(setting)
		if len(f) != 4 || f[0] != a.Domain || f[2] != a.Item || f[1] != a.Type {
			// A limit of both kinds replaces those of one kind.
			if len(f) == 4 && f[0] == a.Domain && f[2] == a.Item && a.Type == "-" {
				continue
			}
			out = append(out, line)
			continue
		}
		if found {
			continue
		}
		found = true
		have, ok := limitNumber(f[3])
		want, _ := limitNumber(value)
		if ok && (a.UseMin && have < want || a.UseMax && have > want) {
			value = f[3]
		}
		if f[3] == value && (a.Comment == "" || strings.TrimSpace(comment) == a.Comment) {
			out = append(out, line)
			continue
		}
		out = append(out, a.line(value))
	}
	if !found {
		if n := len(out); n > 0 && !strings.HasSuffix(out[n-1], "\n") {
			out[n-1] += "\n"
		}
		out = append(out, a.line(value))
	}
	after := strings.Join(out, "")
	if after == text {
		return text, "", nil, nil
	}
	return after, fmt.Sprintf("limit %s of %s to %s (%s)", a.Item, a.Domain, value, a.Type), nil, nil
}

func (a *pamLimitsArgs) line(value string) string {
	line := a.Domain + "\t" + a.Type + "\t" + a.Item + "\t" + value
	if a.Comment != "" {
		line += "\t#" + a.Comment
	}
	return line + "\n"
}
