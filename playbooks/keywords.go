package playbooks

import (
	"slices"
	"strings"

	"github.com/polarbook/polarbook/templates/suggest"
)

// where are the kinds of thing that a keyword can be written on.
type where uint

const (
	onPlay where = 1 << iota
	onBlock
	onTask
	onHandler
	onRole    // an entry of roles:
	onInclude // include_tasks and include_role
	onImport  // import_tasks and import_role
	onApply   // apply: of an include
	onImportPlaybook
)

const (
	onTasks    = onTask | onHandler
	everywhere = onPlay | onBlock | onTasks | onRole | onImport | onApply
)

func (w where) String() string {
	switch w {
	case onPlay:
		return "a play"
	case onBlock:
		return "a block"
	case onTask:
		return "a task"
	case onHandler:
		return "a handler"
	case onRole:
		return "a role"
	case onInclude:
		return "include_tasks and include_role"
	case onImport:
		return "import_tasks and import_role"
	case onApply:
		return "apply"
	case onImportPlaybook:
		return "import_playbook"
	}
	var names []string
	for one := onPlay; one <= onImportPlaybook; one <<= 1 {
		if w&one != 0 {
			names = append(names, one.String())
		}
	}
	return strings.Join(names, ", ")
}

// keyword is one of Ansible's words. Without is what to do instead of one that polarbook does not have.
type keyword struct {
	on      where
	without string
}

// gone begins what to do instead of a keyword that Ansible has no more.
const gone = "gone: "

// keywords are all that Ansible has, ansible-core 2.14's and the later ones.
var keywords = map[string]keyword{
	"any_errors_fatal":    {on: everywhere},
	"become":              {on: everywhere},
	"become_flags":        {on: everywhere},
	"become_method":       {on: everywhere},
	"become_user":         {on: everywhere},
	"check_mode":          {on: everywhere},
	"diff":                {on: everywhere},
	"environment":         {on: everywhere},
	"ignore_errors":       {on: everywhere | onInclude},
	"ignore_unreachable":  {on: everywhere},
	"module_defaults":     {on: everywhere},
	"name":                {on: everywhere | onInclude | onImportPlaybook},
	"no_log":              {on: everywhere | onInclude},
	"port":                {on: everywhere},
	"remote_user":         {on: everywhere},
	"run_once":            {on: everywhere | onInclude},
	"tags":                {on: everywhere | onInclude | onImportPlaybook},
	"throttle":            {on: everywhere},
	"timeout":             {on: everywhere | onInclude},
	"vars":                {on: everywhere | onInclude | onImportPlaybook},
	"when":                {on: everywhere&^onPlay | onInclude | onImportPlaybook},
	"delegate_to":         {on: everywhere &^ onPlay},
	"delegate_facts":      {on: everywhere &^ onPlay},
	"collections":         {on: everywhere | onInclude},
	"connection":          {on: everywhere},
	"force_handlers":      {on: onPlay},
	"gather_facts":        {on: onPlay},
	"gather_subset":       {on: onPlay},
	"handlers":            {on: onPlay},
	"hosts":               {on: onPlay},
	"max_fail_percentage": {on: onPlay},
	"order":               {on: onPlay},
	"post_tasks":          {on: onPlay},
	"pre_tasks":           {on: onPlay},
	"roles":               {on: onPlay},
	"serial":              {on: onPlay},
	"strategy":            {on: onPlay},
	"tasks":               {on: onPlay},
	"vars_files":          {on: onPlay},
	"vars_prompt":         {on: onPlay},
	"block":               {on: onBlock},
	"rescue":              {on: onBlock},
	"always":              {on: onBlock},
	"notify":              {on: onTasks | onBlock | onImport | onApply},
	"action":              {on: onTasks},
	"args":                {on: onTasks | onInclude | onImport},
	"changed_when":        {on: onTasks},
	"delay":               {on: onTasks},
	"failed_when":         {on: onTasks},
	"listen":              {on: onHandler | onInclude},
	"local_action":        {on: onTasks},
	"loop":                {on: onTasks | onInclude},
	"loop_control":        {on: onTasks | onInclude},
	"register":            {on: onTasks},
	"retries":             {on: onTasks},
	"async":               {on: onTasks},
	"poll":                {on: onTasks},
	"until":               {on: onTasks},
	"role":                {on: onRole},
	"import_playbook":     {on: onImportPlaybook},

	"become_exe":       {on: everywhere, without: "sudo and su are found on the host"},
	"debugger":         {on: everywhere | onInclude},
	"fact_path":        {on: onPlay, without: "write gather_facts: false, and a task setup that has fact_path"},
	"gather_timeout":   {on: onPlay, without: "limit a task with timeout"},
	"validate_argspec": {on: onPlay, without: "check variables with assert"},
	"sudo":             {on: everywhere, without: gone + "write become"},
	"sudo_user":        {on: everywhere, without: gone + "write become_user"},
}

// loopsWith are the with_ forms that there are; loopsWithout Ansible's others, that polarbook does not have.
var (
	loopsWith = []string{
		"items", "list", "dict", "together", "nested", "cartesian", "sequence", "fileglob", "first_found",
		"indexed_items", "subelements", "flattened", "random_choice", "env", "file", "template", "vars", "varnames",
		"lines", "password", "pipe", "url", "csvfile", "ini", "inventory_hostnames", "unvault",
	}
	loopsWithout = []string{"config", "filetree"}
)

// modulesWithout are modules of ansible-core and words of its tasks that polarbook may lack, so that a user is told
// that it is not a misspelling. A module that is registered is never looked for here.
var modulesWithout = strings.Fields(`add_host apt apt_key apt_repository assemble assert async_status blockinfile command
	copy cron deb822_repository debconf debug dnf dnf5 dpkg_selections expect fail fetch file find gather_facts get_url
	getent git group group_by hostname import_playbook import_role import_tasks include_role include_tasks include_vars
	iptables known_hosts lineinfile meta mount_facts package package_facts pause ping pip raw reboot replace rpm_key
	script service service_facts set_fact set_stats setup shell slurp stat subversion systemd systemd_service sysvinit
	tempfile template unarchive uri user validate_argument_spec wait_for wait_for_connection yum yum_repository
	acl at authorized_key firewalld firewalld_info mount patch seboolean selinux synchronize sysctl
	alternatives archive cronvar filesystem htpasswd ini_file interfaces_file java_keystore locale_gen lvg lvol modprobe
	nmcli pam_limits parted sefcontext timezone ufw xml
	postgresql_db postgresql_user postgresql_query postgresql_ext postgresql_privs postgresql_set`)

// keywordNames lists what can be written on a thing, for hints.
func keywordNames(on where) []string {
	var names []string
	for name, k := range keywords {
		if k.on&on != 0 && k.without == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// keyword reports whether a key is a keyword of such a thing; when it is not, the problem that it adds names what the key is instead.
func (l *loader) keyword(f *file, e entry, on where) bool {
	k, known := keywords[e.key]
	width := len([]rune(e.key))
	switch {
	case known && strings.HasPrefix(k.without, gone) && k.on&on != 0:
		l.fail(f.at(e.at), width, strings.TrimPrefix(k.without, gone), "there is no keyword %q any more: Ansible has removed it", e.key)
	case known && k.without != "" && k.on&on != 0:
		l.fail(f.at(e.at), width, k.without, "%q is not implemented by polarbook, though Ansible has it", e.key)
	case known && k.on&on != 0:
		return true
	case known:
		l.fail(f.at(e.at), width, "it is one of "+k.on.String(), "%q is not a keyword of %s", e.key, on)
	default:
		l.fail(f.at(e.at), width, suggest.Hint(e.key, keywordNames(on)), "there is no keyword %q on %s", e.key, on)
	}
	return false
}
