package engine

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/playbooks"
	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates"
)

// ofTemplate are the variables that a template has of its own file. They win over others of their names, except ansible_managed.
func (l *controller) ofTemplate(f *tasks.TemplateFile) (map[string]any, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	changed := time.Now()
	if f.Info != nil && !f.Info.ModTime().IsZero() {
		changed = f.Info.ModTime()
	}
	of := untrustedEach(map[string]any{
		"template_host": host, "template_path": f.Name, "template_destpath": f.Dest, "template_uid": ownerOf(f),
		"template_fullpath": playbooks.Display(f.FS, f.Path),
		"template_mtime":    templates.Moment(changed), "template_run_date": templates.Moment(time.Now()),
	})
	if _, set := l.v.Get("ansible_managed"); set {
		return of, nil
	}
	managed, err := managedBy(cmp.Or(l.s.p.r.o.Defaults.Managed, "Ansible managed"), changed)
	if err != nil {
		return nil, err
	}
	of["ansible_managed"] = managed
	return of, nil
}

// ownerOf is the account that a template's file belongs to, by its number where it has no name.
func ownerOf(f *tasks.TemplateFile) any {
	if f.Info == nil {
		return 0
	}
	uid, ok := uidOf(f.Info)
	if !ok {
		return 0 // a file in the binary
	}
	if account, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return account.Username
	}
	return uid
}

// managedBy is ansible_managed as ansible.cfg has it: strftime's words are the time when the template was changed, and {host}, {uid}
// and {file} the variables of those names. Templates in it are rendered, for the file is the user's own.
func managedBy(text string, changed time.Time) (any, error) {
	var b strings.Builder
	for rest := text; rest != ""; {
		at := strings.IndexAny(rest, "{}")
		if at < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:at])
		rest = rest[at:]
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"): // which Python's format() takes for one
			b.WriteByte(rest[0])
			rest = rest[2:]
		case strings.HasPrefix(rest, "{"):
			word, after, closed := strings.Cut(rest[1:], "}")
			variable, known := map[string]string{"host": "template_host", "uid": "template_uid", "file": "template_path"}[word]
			if !closed || !known {
				return nil, fmt.Errorf("ansible.cfg: ansible_managed has {%s}; it may have {host}, {uid} and {file}", word)
			}
			b.WriteString("{{ " + variable + " }}")
			rest = after
		default:
			return nil, fmt.Errorf("ansible.cfg: ansible_managed has a } without a { before it; write }} for one")
		}
	}
	said, err := templates.Strftime(b.String(), changed)
	if err != nil {
		return nil, fmt.Errorf("ansible.cfg: ansible_managed: %w", err)
	}
	if strings.Contains(said, "{{") {
		return said, nil
	}
	return templates.Unsafe{Value: said}, nil
}
