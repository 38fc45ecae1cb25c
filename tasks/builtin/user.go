package builtin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/tasks/remote"
	"github.com/polarbook/polarbook/tasks/script"
	"github.com/polarbook/polarbook/tasks/sshkey"
)

type userArgs struct {
	Name           string   `arg:"name,required" alias:"user" doc:"Name of the account."`
	State          string   `arg:"state" default:"present" choices:"absent present" doc:"Create the account, or remove it."`
	UID            *int     `arg:"uid" doc:"Number of the account."`
	NonUnique      bool     `arg:"non_unique" default:"false" doc:"Allow a uid that another account has."`
	UIDMin         *int     `arg:"uid_min" doc:"Lowest number that a new account gets, instead of UID_MIN of /etc/login.defs."`
	UIDMax         *int     `arg:"uid_max" doc:"Highest number that a new account gets, instead of UID_MAX of /etc/login.defs."`
	Group          string   `arg:"group" doc:"Primary group, by name or number."`
	Groups         []string `arg:"groups" doc:"Other groups, by name or number. An empty list removes it from all."`
	Append         bool     `arg:"append" default:"false" doc:"Add it to groups; without append it is also removed from all others."`
	Comment        *string  `arg:"comment" doc:"Description (GECOS)."`
	Home           string   `arg:"home,path" doc:"Home directory."`
	MoveHome       bool     `arg:"move_home" default:"false" doc:"Move the content of the old home directory to the new one."`
	CreateHome     bool     `arg:"create_home" alias:"createhome" default:"true" doc:"Create the home directory if it is missing."`
	Skeleton       string   `arg:"skeleton,path" doc:"Directory whose files are copied to a new home; /etc/skel by default."`
	Umask          string   `arg:"umask" doc:"Umask of the home directory of a new account, such as 0077; that of /etc/login.defs by default."`
	Shell          *string  `arg:"shell" doc:"Login shell."`
	Password       *string  `arg:"password,secret" doc:"Hash of the password, from mkpasswd or openssl passwd -6; ! locks it."`
	UpdatePassword string   `arg:"update_password" default:"always" choices:"always on_create" doc:"Set it always, or only on a new account."`
	PasswordLock   *bool    `arg:"password_lock" doc:"Lock the password, so that only keys open the account."`
	Expires        *float64 `arg:"expires" doc:"End of the account in seconds since 1970; negative: never."`
	ExpireMax      *int     `arg:"password_expire_max" doc:"Most days until the password must be changed."`
	ExpireMin      *int     `arg:"password_expire_min" doc:"Least days between changes of the password."`
	ExpireWarn     *int     `arg:"password_expire_warn" doc:"Days before the password must be changed on which a warning is shown."`
	Inactive       *int     `arg:"password_expire_account_disable" doc:"Days after the password had to be changed until the account is closed."`
	System         bool     `arg:"system" default:"false" doc:"Give a new account a number from the range for the system."`
	SELinuxUser    string   `arg:"seuser" doc:"SELinux user of a new account."`
	Local          bool     `arg:"local" default:"false" doc:"Look for the account in /etc/passwd and for groups in /etc/group alone, not in a directory of the network."`
	Remove         bool     `arg:"remove" default:"false" doc:"With absent: also remove the home directory."`
	Force          bool     `arg:"force" default:"false" doc:"With absent: remove it even if somebody is logged in. With generate_ssh_key: make the key anew."`
	Key            bool     `arg:"generate_ssh_key" default:"false" doc:"Make an SSH key pair for the account. One that is there stays, unless force is given."`
	KeyBits        int      `arg:"ssh_key_bits" default:"0" doc:"Bits of the key; 0 is ssh-keygen's choice: 3072 for rsa, 256 for the others."`
	KeyType        string   `arg:"ssh_key_type" default:"rsa" choices:"rsa ecdsa ed25519 dsa ecdsa-sk ed25519-sk" doc:"Type of the key. The last three are refused: nothing takes dsa any more, and the others need a token."`
	KeyFile        string   `arg:"ssh_key_file,path" doc:"File of the private key, below the account's home where it does not begin with /; .ssh/id_TYPE by default."`
	KeyComment     *string  `arg:"ssh_key_comment" doc:"Comment of the key; ansible-generated on HOSTNAME by default."`
	KeyPassphrase  string   `arg:"ssh_key_passphrase,secret" doc:"Passphrase with which the private key is encrypted."`
	Hidden         *bool    `arg:"hidden" doc:"Unused: of macOS."`
	LoginClass     *string  `arg:"login_class" doc:"Unused: of the BSDs."`
	Profile        *string  `arg:"profile" doc:"Unused: of Solaris."`
	Authorization  *string  `arg:"authorization" doc:"Unused: of Solaris."`
	Role           *string  `arg:"role" doc:"Unused: of Solaris."`
}

var userModule = tasks.Define(tasks.Module{
	Name: "user", Collections: []string{"ansible.builtin"},
	Summary: "Manage user accounts",
	Notes: []string{
		"The hash of the password is never on a command line, and is compared on the host: it is not read from there.",
		"move_home works below directories that only root can change, since the host's usermod moves homes by their paths. " +
			"Below others it is refused.",
		"The SSH key is made here and travels through the connection: the host needs no ssh-keygen, and a passphrase is on no command line.",
	},
	Returns: []tasks.Return{
		{Name: "name", Type: "str", Doc: "its name"},
		{Name: "uid", Type: "int", Doc: "its number"},
		{Name: "group", Type: "int", Doc: "number of its primary group"},
		{Name: "groups", Type: "str", Doc: "the groups that were asked for, with commas; else those that it is in"},
		{Name: "home", Type: "str", Doc: "its home directory"},
		{Name: "shell", Type: "str", Doc: "its login shell"},
		{Name: "comment", Type: "str", Doc: "its description"},
		{Name: "state", Type: "str", Doc: "present or absent"},
		{Name: "append", Type: "bool", Doc: "as asked for"},
		{Name: "create_home", Type: "bool", Doc: "as asked for"},
		{Name: "move_home", Type: "bool", Doc: "as asked for"},
		{Name: "system", Type: "bool", Doc: "as asked for"},
		{Name: "ssh_key_file", Type: "str", Doc: "file of the private key, with generate_ssh_key"},
		{Name: "ssh_public_key", Type: "str", Doc: "the public key, likewise"},
		{Name: "ssh_fingerprint", Type: "str", Doc: "its fingerprint, as ssh-keygen -l prints it"},
	},
	Examples: `
- user:
    name: polardb
    uid: 1500
    group: polardb
    groups: [wheel, dba]
    append: true
    shell: /bin/bash
    home: /home/polardb
- user: {name: dba, password: "{{ dba_password_hash }}", update_password: on_create}
- user: {name: backup, generate_ssh_key: true, ssh_key_type: ed25519}
- user: {name: old, state: absent, remove: true}
`,
}, func(a *userArgs, l tasks.Local) (tasks.Action, error) {
	if err := accountName("user", "name", a.Name); err != nil {
		return nil, err
	}
	if a.Groups != nil {
		a.Groups = slices.DeleteFunc(a.Groups, func(g string) bool { return g == "" })
		for _, g := range a.Groups {
			if err := accountName("user", "groups", g); err != nil {
				return nil, err
			}
		}
	}
	if a.Password != nil && strings.ContainsAny(*a.Password, ":\n") {
		return nil, &tasks.ArgError{Module: "user", Arg: "password", Problem: "holds a colon or a newline, and no hash does"}
	}
	for name, given := range map[string]bool{"umask": a.Umask != "", "uid_min": a.UIDMin != nil, "uid_max": a.UIDMax != nil} {
		if a.Local && given {
			return nil, &tasks.ArgError{Module: "user", Arg: name, Problem: "and local exclude each other"}
		}
	}
	if _, err := sshkey.Bits(a.KeyType, a.KeyBits); a.Key && err != nil {
		return nil, &tasks.ArgError{Module: "user", Arg: "ssh_key_type", Problem: "and ssh_key_bits: " + err.Error()}
	}
	if a.KeyComment != nil && strings.ContainsAny(*a.KeyComment, "\r\n") || strings.ContainsAny(a.KeyFile, "\r\n") {
		return nil, &tasks.ArgError{Module: "user", Arg: "ssh_key_comment", Problem: "and ssh_key_file have to be one line"}
	}
	return &userAction{*a, l.Check()}, nil
})

type userAction struct {
	userArgs
	asking bool
}

// Probe describes the account. Whether the password is the one wanted is told by the host; test is a builtin of every
// shell, so the hash is on no command line.
func (a *userAction) Probe() string {
	values := script.Values{"u": a.Name, "group": a.Group, "local": a.Local}
	if a.Password != nil {
		values["wanted"] = *a.Password
	}
	if a.Key {
		return "(\n" + scripts.Script("user_look", values, a.Groups...) + ")\n" + scripts.Script("user_key_look", a.keyValues())
	}
	return scripts.Script("user_look", values, a.Groups...)
}

// userFound is the answer of the probe of a userAction.
type userFound struct {
	Passwd    string   `answer:"passwd"`       // the account's line
	Group     string   `answer:"wanted_group"` // the line of its group
	SameGroup bool     `answer:"same_group"`   // there is a group of the account's name
	Wanted    []string `answer:"wanted"`       // the names of the groups that are asked for
	Missing   []string `answer:"missing"`      // those of them that are not there
	Primary   string   `answer:"primary"`
	Groups    []string `answer:"member"` // whose members it is among
	Home      bool     `answer:"home"`
	Ages      string   `answer:"ages"`     // least and most days, the day on which it ends, days of warning and of grace
	Password  string   `answer:"password"` // same or other, locks aside; empty when shadow may not be read
	Locked    bool     `answer:"locked"`
	Empty     bool     `answer:"empty"` // there is no hash, but maybe a lock
}

func (a *userAction) Plan(found tasks.Found) (tasks.Plan, error) {
	plan, err := a.account(found)
	if err != nil || !a.Key || a.State == "absent" || plan.Unknown != "" {
		return plan, err
	}
	return a.withKey(plan, found)
}

// account plans for all but the SSH key.
func (a *userAction) account(found tasks.Found) (tasks.Plan, error) {
	var said userFound
	if err := found.Decode(&said); err != nil {
		return tasks.Plan{}, err
	}
	values := map[string]any{"name": a.Name, "state": a.State}
	line := strings.Split(said.Passwd, ":")
	exists := len(line) >= 7
	if a.State == "absent" {
		if !exists {
			return tasks.Plan{Values: values}, nil
		}
		command := "userdel"
		if a.Remove {
			command += " -r"
		}
		if a.Force {
			command += " -f"
		}
		values["remove"], values["force"] = a.Remove, a.Force
		return tasks.Plan{
			Change: true,
			Msg:    "remove the account " + a.Name,
			Values: values,
			Script: script.Preamble + command + " " + remote.Quote(a.Name) + "\n",
			Output: true,
		}, nil
	}
	values["append"], values["create_home"], values["move_home"], values["system"] = a.Append, a.CreateHome, a.MoveHome, a.System
	if a.Password != nil {
		values["password"] = "NOT_LOGGING_PASSWORD" // Ansible's words
	}
	if a.Group != "" && said.Group == "" {
		return tasks.NotYet(a.asking, fmt.Sprintf("the group %s for %s does not exist", a.Group, a.Name),
			"create it with the group module first")
	}
	if len(said.Missing) > 0 {
		return tasks.NotYet(a.asking, fmt.Sprintf("the group %s for %s does not exist", said.Missing[0], a.Name),
			"create it with the group module first")
	}
	warnings := a.unhashed()
	if !exists {
		plan := a.create(said, values)
		plan.Warnings = warnings
		return plan, nil
	}
	uid, _ := strconv.Atoi(line[2])
	gid, _ := strconv.Atoi(line[3])
	values["uid"], values["group"], values["comment"], values["home"], values["shell"] = uid, gid, line[4], line[5], line[6]
	values["groups"] = strings.Join(said.Groups, ",")
	if a.Groups != nil {
		values["groups"] = strings.Join(a.Groups, ",")
	}
	plan, err := a.modify(said, line, uid, values)
	plan.Warnings = warnings
	return plan, err
}

// unhashed warns of a password that looks like no hash: it would be written as it is, and nobody could log in with it.
func (a *userAction) unhashed() []string {
	if a.Password == nil || *a.Password == "" || strings.Trim(*a.Password, "*!") == "" {
		return nil
	}
	fields := strings.Split(*a.Password, "$")
	lengths := map[string]int{"1": 22, "5": 43, "6": 86, "y": 43}
	if len(fields) < 3 || strings.ContainsAny(*a.Password, "*!") || lengths[fields[1]] != 0 &&
		len(fields[len(fields)-1]) != lengths[fields[1]] {
		return []string{"the password of " + a.Name + " looks like no hash, and nobody can log in with what is none: " +
			"give what mkpasswd or the filter password_hash makes of it"}
	}
	return nil
}

func (a *userAction) create(said userFound, values map[string]any) tasks.Plan {
	words := []string{"useradd"}
	option := func(flag, value string) { words = append(words, flag, value) }
	if a.UID != nil {
		option("-u", strconv.Itoa(*a.UID))
		values["uid"] = *a.UID
		if a.NonUnique {
			words = append(words, "-o")
		}
	}
	if a.SELinuxUser != "" {
		option("-Z", a.SELinuxUser)
	}
	switch {
	case a.Group != "":
		option("-g", a.Group)
	case said.SameGroup:
		// useradd refuses to make a group of the account's name when there is one.
		words = append(words, "-N")
	}
	if len(a.Groups) > 0 {
		option("-G", strings.Join(a.Groups, ","))
		values["groups"] = strings.Join(a.Groups, ",")
	}
	if a.Comment != nil {
		option("-c", *a.Comment)
	}
	if a.Home != "" {
		option("-d", a.Home)
	}
	if a.Shell != nil {
		option("-s", *a.Shell)
	}
	if a.Expires != nil {
		option("-e", expiryDate(*a.Expires))
	}
	if a.Inactive != nil {
		option("-f", strconv.Itoa(*a.Inactive))
	}
	if a.System {
		words = append(words, "-r")
	}
	if a.UIDMin != nil {
		option("-K", "UID_MIN="+strconv.Itoa(*a.UIDMin))
	}
	if a.UIDMax != nil {
		option("-K", "UID_MAX="+strconv.Itoa(*a.UIDMax))
	}
	if a.CreateHome {
		if a.Umask != "" {
			option("-K", "UMASK="+a.Umask)
		}
		if a.Home == "" {
			words = append(words, "-m")
		}
		if a.Skeleton != "" {
			option("-k", a.Skeleton)
		}
	} else {
		words = append(words, "-M")
	}
	text := script.Preamble + script.Words(append(words, a.Name)) + " || exit\n"
	if a.CreateHome && a.Home != "" {
		// useradd makes it by its path: that is for where only root can have that lead elsewhere.
		text = scripts.Script("user_home_option", script.Values{"home": script.Path(a.Home)}) +
			script.Words(words) + " $make " + remote.Quote(a.Name) + " || exit\n" + a.makeHome(a.Home)
	}
	if a.Password != nil {
		text += a.setPassword()
	}
	return tasks.Plan{
		Change: true, Msg: "create the account " + a.Name, Values: values, Script: text +
			a.ages(a.ExpireMin, a.ExpireMax, a.ExpireWarn), Output: true,
	}
}

// setPassword gives the hash to chpasswd's standard input; printf is a builtin, so it is on no command line.
func (a *userAction) setPassword() string {
	hash := *a.Password
	if a.PasswordLock != nil && *a.PasswordLock {
		hash = "!" + hash
	}
	if hash == "" {
		return "usermod -p '' " + remote.Quote(a.Name) + " || exit\n"
	}
	return fmt.Sprintf("printf '%%s\\n' %s | chpasswd -e || exit\n", remote.Quote(a.Name+":"+hash))
}

func (a *userAction) ages(least, most, warn *int) string {
	words := []string{"chage"}
	for _, age := range []struct {
		option string
		days   *int
	}{{"-m", least}, {"-M", most}, {"-W", warn}} {
		if age.days != nil {
			words = append(words, age.option, strconv.Itoa(*age.days))
		}
	}
	if len(words) == 1 {
		return ""
	}
	return script.Words(append(words, a.Name)) + " || exit\n"
}

func expiryDate(seconds float64) string {
	if seconds < 0 {
		return ""
	}
	return time.Unix(int64(seconds), 0).UTC().Format("2006-01-02")
}
