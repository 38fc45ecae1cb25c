package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/polarbook/polarbook/playbooks/engine/session"
	"github.com/polarbook/polarbook/tasks"
)

// checkMethods refuses a way of becoming another user that there is not, as the plays begin with it, before any host is
// connected to. What cannot be known before is an error of the task that meets it.
func (r *run) checkMethods() error {
	hosts, wheres := map[string][]string{}, map[string]string{} // by what is wrong with them
	r.eachHost(func(p *playRun, h *host) {
		if where, what := p.checkMethod(h); what != "" && !slices.Contains(hosts[where+what], h.name) {
			hosts[where+what] = append(hosts[where+what], h.name)
			wheres[where+what] = where
		}
	})
	var problems []error
	for _, problem := range keys(hosts) {
		where := wheres[problem]
		problems = append(problems, fmt.Errorf("%s%s: %s", where, session.Enumerate(hosts[problem]), strings.TrimPrefix(problem, where)))
	}
	return errors.Join(problems...)
}

// checkMethod returns what is wrong with a host's method, and where that is written; "": nothing.
func (p *playRun) checkMethod(h *host) (where, what string) {
	v, err := p.vars(h, p.scope, nil)
	if err != nil {
		return "", "" // said when the play begins
	}
	keyword := p.play.BecomeMethod
	name, value := "become_method", keyword.Raw
	if keyword.Given() && keyword.Pos.Line > 0 {
		where = fmt.Sprintf("%s:%d: ", keyword.Pos.File, keyword.Pos.Line)
	}
	if x, ok := v.Get("ansible_become_method"); ok && x != nil {
		name, value, where = "ansible_become_method", x, ""
		if at := p.r.o.Inventory.Where(h.name, name); at.Line > 0 {
			where = fmt.Sprintf("%s:%d:%d: ", at.File, at.Line, at.Column)
		}
	}
	if value == nil {
		return "", ""
	}
	out, err := v.render(value)
	if err != nil {
		return "", "" // it may be known later
	}
	if method := text(trusted(out)); !slices.Contains(tasks.BecomeMethods, method[strings.LastIndex(method, ".")+1:]) {
		return where, fmt.Sprintf("%s is %q: polarbook becomes another user by %s", name, method, strings.Join(tasks.BecomeMethods, " or "))
	}
	return "", ""
}
