package system

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/convert"
	"github.com/polarbook/polarbook/tasks/script"
)

type debconfArgs struct {
	Name     string `arg:"name,required" alias:"pkg" doc:"Name of the package."`
	Question string `arg:"question" alias:"selection setting" doc:"The question to answer beforehand; the answers that there are are returned where it is not given."`
	Vtype    string `arg:"vtype" choices:"boolean error multiselect note password seen select string text title" doc:"Type of the question."`
	Value    any    `arg:"value" alias:"answer" doc:"The answer; of multiselect a list too."`
	Unseen   bool   `arg:"unseen" default:"false" doc:"The question is asked all the same when the package is configured."`
}

var debconfModule = tasks.Define(tasks.Module{
	Name: "debconf", Collections: []string{"ansible.builtin"},
	Summary: "Answer the questions of Debian packages before they are asked",
	Notes: []string{
		"A package that is configured already is not configured again: notify a handler that runs dpkg-reconfigure.",
		"A password is compared with the one that debconf has, and masked; Ansible needs debconf-utils for that.",
	},
	Returns: []tasks.Return{
		{Name: "current", Type: "dict", Doc: "the answer as asked for, by its question; all answers of the package where nothing was to change"},
		{Name: "previous", Type: "dict", Doc: "the answer before the change"},
	},
	Examples: `
- debconf: {name: tzdata, question: tzdata/Areas, vtype: select, value: Asia}
- debconf: {name: locales, question: locales/locales_to_be_generated, vtype: multiselect, value: [en_US.UTF-8 UTF-8, zh_CN.UTF-8 UTF-8]}
- debconf: {name: tzdata}
  register: answers
`,
}, newDebconf)

func newDebconf(a *debconfArgs, l tasks.Local) (tasks.Action, error) {
	refuse := refusing("debconf")
	d := &debconf{debconfArgs: *a, asking: l.Check()}
	given := a.Question != ""
	switch {
	case !debianName.MatchString(a.Name):
		return refuse("name", "cannot be %q", a.Name)
	case given != (a.Vtype != "") || given != (a.Value != nil):
		return refuse("question", "needs vtype and value beside it, and they need it")
	case !given:
		return d, nil
	case strings.ContainsAny(a.Question, " \t\r\n"):
		return refuse("question", "cannot be %q", a.Question)
	}
	if list, is := a.Value.([]any); is && a.Vtype == "multiselect" {
		d.several = convert.Texts(list)
		slices.Sort(d.several)
		d.answer = strings.Join(d.several, ", ")
	} else {
		var err error
		if d.answer, err = convert.Text(a.Value); err != nil {
			return refuse("value", "%s", err)
		}
	}
	if a.Vtype == "boolean" {
		d.answer = strings.ToLower(d.answer)
		d.Value = d.answer // returned as it is compared
	}
	if a.Vtype == "password" && d.answer != "" {
		l.Secret(d.answer)
	}
	if strings.ContainsAny(d.answer, "\r\n\x00") {
		return refuse("value", "has to be one line")
	}
	return d, nil
}

type debconf struct {
	debconfArgs
	answer  string   // as debconf is told it
	several []string // of multiselect, sorted, where a list was given
	asking  bool
}

func (d *debconf) Probe() string {
	asked := ""
	if d.Vtype == "password" {
		asked = d.Question
	}
	return scripts.Script("debconf_look", script.Values{"name": d.Name, "question": asked})
}

func (d *debconf) Plan(found tasks.Found) (tasks.Plan, error) {
	var said struct {
		Tool   bool   `answer:"tool"`
		Shown  []byte `answer:"shown"`
		Secret []byte `answer:"secret"`
	}
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	if !said.Tool {
		return tasks.NotYet(d.asking, "this host has no debconf", "debconf is for Debian and its like")
	}
	answers := map[string]any{}
	for line := range strings.Lines(string(said.Shown)) {
		if question, answer, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			answers[strings.TrimSpace(strings.Trim(question, "*"))] = strings.TrimSpace(answer)
		}
	}
	before, known := answers[d.Question].(string)
	plan := tasks.Plan{Values: map[string]any{"current": answers}}
	if d.Question == "" || known && d.same(before, string(said.Secret)) {
		return plan, nil
	}
	words := []string{"debconf-set-selections"}
	if d.Unseen {
		words = append(words, "-u")
	}
	plan.Change, plan.Msg = true, fmt.Sprintf("answer %s of %s", d.Question, d.Name)
	plan.Script, plan.Stdin = script.Preamble+script.Words(words)+"\n", []byte(d.Name+" "+d.Question+" "+d.Vtype+" "+d.answer+"\n")
	plan.Diff = []tasks.Diff{{Before: d.Question + ": " + before + "\n", After: d.Question + ": " + d.answer + "\n"}}
	previous := answers
	if known {
		previous = map[string]any{d.Question: before}
	} else {
		previous[d.Question] = ""
	}
	plan.Made = map[string]any{"current": map[string]any{d.Question: d.Value}, "previous": previous}
	plan.Values = plan.Made
	return plan, nil
}

// same reports whether debconf has the answer; secret is what it has for a password, which it does not show otherwise.
func (d *debconf) same(before, secret string) bool {
	switch {
	case d.Vtype == "boolean":
		return strings.ToLower(before) == d.answer
	case d.Vtype == "password":
		return strings.TrimSuffix(secret, "\n") == d.answer
	case d.several != nil:
		have := strings.Split(before, ",")
		for i := range have {
			have[i] = strings.TrimSpace(have[i])
		}
		slices.Sort(have)
		return slices.Equal(have, d.several)
	}
	return before == d.answer
}
