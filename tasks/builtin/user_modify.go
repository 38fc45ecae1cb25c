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
func (a *userAction) modify(said userFound, line []string, uid int, values map[string]any) (tasks.Plan, error) {
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
		if wanted := strings.Split(said.Group, ":"); len(wanted) >= 3 && wanted[2] != line[3] {
			differ("group", said.Primary, a.Group, "-g", wanted[2])
		}
	}
	if a.Groups != nil {
		a.compareGroups(said, differ)
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
	if a.Shell != nil && *a.Shell != line[6] {
		differ("shell", line[6], *a.Shell, "-s", *a.Shell)
	}
	text := script.Preamble
	event, err := a.compareShadow(said, differ, &text)
	if err != nil {
		return tasks.Plan{}, err
	}
	if len(words) > 0 {
		command := script.Words(slices.Concat([]string{"usermod"}, words, []string{a.Name}))
		text = script.Preamble + before + command + " || exit\n" + strings.TrimPrefix(text, script.Preamble)
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
	return tasks.Plan{
		Change: true, Event: event, Msg: "change " + files.ChangeNames(changes) + " of the account " + a.Name, Values: values, Script: text,
		Output: true, Diff: []tasks.Diff{files.AttributeDiff("account "+a.Name, changes)},
	}, nil
}

// compareGroups goes by whose members the account is among: its primary group counts only where it is named there, too.
func (a *userAction) compareGroups(said userFound, differ func(what, from, to string, option ...string)) {
	lacks := func(all []string) func(string) bool { return func(g string) bool { return !slices.Contains(all, g) } }
	missing, extra := slices.ContainsFunc(said.Wanted, lacks(said.Groups)), slices.ContainsFunc(said.Groups, lacks(said.Wanted))
	have, wanted := strings.Join(said.Groups, ","), strings.Join(said.Wanted, ",")
	switch {
	case a.Append && missing:
		all := slices.Concat(said.Groups, slices.DeleteFunc(slices.Clone(said.Wanted),
			func(g string) bool { return slices.Contains(said.Groups, g) }))
		differ("groups", have, strings.Join(all, ","), "-a", "-G", wanted)
	case !a.Append && (missing || extra):
		differ("groups", have, wanted, "-G", wanted)
	}
}

// compareShadow compares what only root may read. event: a lock is to be opened that usermod leaves, for want of a password.
func (a *userAction) compareShadow(
	said userFound, differ func(what, from, to string, option ...string), text *string,
) (event bool, err error) {
	password := a.Password != nil && a.UpdatePassword == "always"
	if !password && a.PasswordLock == nil && a.Expires == nil && a.ExpireMax == nil && a.ExpireMin == nil && a.ExpireWarn == nil &&
		a.Inactive == nil {
		return false, nil
	}
	if said.Password == "" {
		return false, &tasks.Failure{
			Msg:  fmt.Sprintf("the password of %s cannot be compared: this user may not read /etc/shadow", a.Name),
			Hint: "the task needs become: true",
		}
	}
	// A lock before the hash is no other password: the argument password_lock is what opens or closes it.
	lock := a.PasswordLock != nil && *a.PasswordLock != said.Locked
	if lock {
		words := map[bool]string{true: "locked", false: "unlocked"}
		differ("password lock", words[said.Locked], words[*a.PasswordLock])
	}
	switch {
	case password && said.Password != "same":
		differ("password", "(hidden)", "(hidden, another)")
		*text += a.setPassword()
	case lock && *a.PasswordLock:
		*text += "usermod -L " + remote.Quote(a.Name) + " || exit\n"
	case lock:
		event = said.Empty
		*text += "usermod -U " + remote.Quote(a.Name) + " || exit\n"
	}
	ages := append(strings.Split(said.Ages, ":"), "", "", "", "", "")
	if a.Expires != nil {
		days := ""
		if *a.Expires >= 0 {
			days = strconv.Itoa(int(*a.Expires) / 86400)
		}
		if days != ages[2] {
			differ("expires (days since 1970)", ages[2], days, "-e", expiryDate(*a.Expires))
		}
	}
	if a.Inactive != nil {
		if days := strconv.Itoa(*a.Inactive); days != ages[4] && (*a.Inactive >= 0 || ages[4] != "") {
			differ("days of grace after the password", ages[4], days, "-f", days)
		}
	}
	// differing returns the days where they are wanted and others.
	differing := func(what string, days *int, have string) *int {
		if days == nil || strconv.Itoa(*days) == have || *days < 0 && have == "" {
			return nil
		}
		differ(what, have, strconv.Itoa(*days))
		return days
	}
	least := differing("least days between passwords", a.ExpireMin, ages[0])
	most := differing("most days with a password", a.ExpireMax, ages[1])
	warn := differing("days of warning", a.ExpireWarn, ages[3])
	*text += a.ages(least, most, warn)
	return event, nil
}

// makeHome makes a home directory that is missing, as useradd would, but from within: above it another account may own.
func (a *userAction) makeHome(home string) string {
	skeleton := a.Skeleton
	if skeleton == "" {
		skeleton = "/etc/skel"
	}
	return scripts.Script("user_home", script.Values{
		"home": script.Path(home), "skeleton": script.Path(skeleton), "name": a.Name, "mask": a.Umask,
	})
}
