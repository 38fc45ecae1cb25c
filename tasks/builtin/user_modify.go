package builtin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/files"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
)

// modify compares an account that exists, field by field, with what is wanted. line is its line in passwd.
func (a *userAction) modify(said userFound, line []string, uid, gid int, others []string, values map[string]any) (tasks.Plan, error) {
	var words []string
	var changes []files.Change
	differ := func(what, from, to string, option ...string) {
		changes = append(changes, files.Change{What: what, From: from, To: to})
		words = append(words, option...)
	}
	if a.UID != nil && *a.UID != uid {
		differ("uid", line[2], strconv.Itoa(*a.UID), "-u", strconv.Itoa(*a.UID))
		if a.NonUnique {
			words = append(words, "-o")
		}
	}
	if a.Group != "" {
		if wanted := strings.Split(said.Group, ":"); len(wanted) < 3 || wanted[2] != line[3] {
			differ("group", said.Primary, a.Group, "-g", a.Group)
		}
	}
	if a.Groups != nil {
		a.compareGroups(said, others, differ)
	}
	if a.Comment != nil && *a.Comment != line[4] {
		differ("comment", line[4], *a.Comment, "-c", *a.Comment)
	}
	home, before := line[5], ""
	if a.Home != "" && a.Home != home {
		differ("home", home, a.Home, "-d", a.Home)
		home = a.Home
		if a.MoveHome {
			words = append(words, "-m")
			before = scripts.Script("user_move", script.Values{"from": script.Path(line[5]), "to": script.Path(a.Home)})
		}
	}
	if a.Shell != "" && a.Shell != line[6] {
		differ("shell", line[6], a.Shell, "-s", a.Shell)
	}
	text := script.Preamble
	if err := a.compareShadow(said, differ, &text); err != nil {
		return tasks.Plan{}, err
	}
	if len(words) > 0 {
		command := script.Words(slices.Concat([]string{"usermod"}, words, []string{a.Name}))
		text = script.Preamble + before + command + " || exit 1\n" + strings.TrimPrefix(text, script.Preamble)
	}
	if a.CreateHome && (!said.Home || home != line[5]) && !slices.Contains(words, "-m") {
		if home == line[5] {
			changes = append(changes, files.Change{What: "home", From: "absent", To: home})
		}
		text += a.makeHome(home)
	}
	if len(changes) == 0 {
		return tasks.Plan{Values: values}, nil
	}
	return tasks.Plan{Change: true, Msg: "change " + files.ChangeNames(changes) + " of the account " + a.Name, Values: values, Script: text,
		Diff: []tasks.Diff{files.AttributeDiff("account "+a.Name, changes)}}, nil
}

func (a *userAction) compareGroups(said userFound, have []string, differ func(what, from, to string, option ...string)) {
	wanted := slices.DeleteFunc(slices.Clone(a.Groups), func(g string) bool { return g == said.Primary && g != a.Group })
	missing := slices.DeleteFunc(slices.Clone(wanted), func(g string) bool { return slices.Contains(have, g) || g == said.Primary })
	extra := slices.DeleteFunc(slices.Clone(have), func(g string) bool { return slices.Contains(wanted, g) })
	switch {
	case a.Append && len(missing) > 0:
		all := slices.Concat(have, missing)
		differ("groups", strings.Join(have, ","), strings.Join(all, ","), "-a", "-G", strings.Join(missing, ","))
	case !a.Append && (len(missing) > 0 || len(extra) > 0):
		differ("groups", strings.Join(have, ","), strings.Join(wanted, ","), "-G", strings.Join(wanted, ","))
	}
}

// compareShadow compares what only root may read.
func (a *userAction) compareShadow(said userFound, differ func(what, from, to string, option ...string), text *string) error {
	password := a.Password != "" && a.UpdatePassword == "always"
	if !password && a.PasswordLock == nil && a.Expires == nil && a.ExpireMax == nil && a.ExpireMin == nil {
		return nil
	}
	if said.Password == "" {
		return &tasks.Failure{
			Msg:  fmt.Sprintf("the password of %s cannot be compared: this user may not read /etc/shadow", a.Name),
			Hint: "the task needs become: true",
		}
	}
	same := said.Password == "same" || a.PasswordLock != nil && said.Password == "under_lock"
	if password && !same {
		differ("password", "(hidden)", "(hidden, another)")
		*text += a.setPassword()
	}
	if a.PasswordLock != nil && *a.PasswordLock != said.Locked || password && !same && a.PasswordLock != nil && *a.PasswordLock {
		flag, to := "-U", "unlocked"
		if *a.PasswordLock {
			flag, to = "-L", "locked"
		}
		differ("password lock", map[bool]string{true: "locked", false: "unlocked"}[said.Locked], to)
		*text += "usermod " + flag + " " + remote.Quote(a.Name) + " || exit 1\n"
	}
	ages := append(strings.Split(said.Ages, ":"), "", "", "")
	if a.Expires != nil {
		days := ""
		if *a.Expires >= 0 {
			days = strconv.Itoa(int(*a.Expires) / 86400)
		}
		if days != ages[2] {
			differ("expires (days since 1970)", ages[2], days, "-e", expiryDate(*a.Expires))
		}
	}
	least, most := a.ExpireMin, a.ExpireMax
	if least != nil && strconv.Itoa(*least) == ages[0] {
		least = nil
	}
	if most != nil && strconv.Itoa(*most) == ages[1] {
		most = nil
	}
	if least != nil {
		differ("least days between passwords", ages[0], strconv.Itoa(*least))
	}
	if most != nil {
		differ("most days with a password", ages[1], strconv.Itoa(*most))
	}
	*text += a.ages(least, most)
	return nil
}

// makeHome makes a home directory that is missing, as useradd would, but from within: above it another account may own.
func (a *userAction) makeHome(home string) string {
	skeleton := a.Skeleton
	if skeleton == "" {
		skeleton = "/etc/skel"
	}
	return scripts.Script("user_home", script.Values{"home": script.Path(home), "skeleton": script.Path(skeleton), "name": a.Name})
}
