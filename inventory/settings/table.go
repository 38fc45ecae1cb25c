package settings

import "strings"

// Setting names one thing that can be set, by its key in ansible.cfg.
type Setting string

// The settings that are read.
const (
	Inventory            Setting = "inventory"
	IgnoreExtensions     Setting = "ignore_extensions"
	IgnorePatterns       Setting = "ignore_patterns"
	UnparsedFails        Setting = "unparsed_is_failed"
	AnyUnparsedFails     Setting = "any_unparsed_is_failed"
	Home                 Setting = "home"
	RolesPath            Setting = "roles_path"
	CollectionsPath      Setting = "collections_path"
	Library              Setting = "library"
	RemoteUser           Setting = "remote_user"
	PrivateKeyFile       Setting = "private_key_file"
	RemotePort           Setting = "remote_port"
	AskPass              Setting = "ask_pass"
	PasswordFile         Setting = "connection_password_file"
	Transport            Setting = "transport"
	Become               Setting = "become"
	BecomeMethod         Setting = "become_method"
	BecomeUser           Setting = "become_user"
	BecomeFlags          Setting = "become_flags"
	BecomeAskPass        Setting = "become_ask_pass"
	BecomePasswordFile   Setting = "become_password_file"
	Forks                Setting = "forks"
	Timeout              Setting = "timeout"
	TaskTimeout          Setting = "task_timeout"
	Managed              Setting = "ansible_managed"
	HostKeyChecking      Setting = "host_key_checking"
	HashBehaviour        Setting = "hash_behaviour"
	Gathering            Setting = "gathering"
	GatherSubset         Setting = "gather_subset"
	VaultPasswordFile    Setting = "vault_password_file"
	VaultIdentityList    Setting = "vault_identity_list"
	VaultIdentity        Setting = "vault_identity"
	VaultIDMatch         Setting = "vault_id_match"
	VaultEncryptIdentity Setting = "vault_encrypt_identity"
	AskVaultPass         Setting = "ask_vault_pass"
	ForceHandlers        Setting = "force_handlers"
	AnyErrorsFatal       Setting = "any_errors_fatal"
	NoLog                Setting = "no_log"
	Strategy             Setting = "strategy"
	RetryFiles           Setting = "retry_files_enabled"
	RetryFilesPath       Setting = "retry_files_save_path"
	RunTags              Setting = "run"
	SkipTags             Setting = "skip"
	AlwaysDiff           Setting = "always"
	Verbosity            Setting = "verbosity"
	SSHArgs              Setting = "ssh_args"
	SSHCommonArgs        Setting = "ssh_common_args"
	SSHExtraArgs         Setting = "ssh_extra_args"
	SSHRetries           Setting = "retries"
)

// entry is where a setting may stand. Of several places the last one counts, as in Ansible.
type entry struct {
	ini []string // section.key
	env []string
}

func at(ini, env string) entry { return entry{strings.Fields(ini), strings.Fields(env)} }

// table holds what is read.
var table = map[Setting]entry{
	Inventory:          at("defaults.inventory", "ANSIBLE_INVENTORY"),
	IgnoreExtensions:   at("defaults.inventory_ignore_extensions inventory.ignore_extensions", "ANSIBLE_INVENTORY_IGNORE"),
	IgnorePatterns:     at("defaults.inventory_ignore_patterns inventory.ignore_patterns", "ANSIBLE_INVENTORY_IGNORE_REGEX"),
	UnparsedFails:      at("inventory.unparsed_is_failed", "ANSIBLE_INVENTORY_UNPARSED_FAILED"),
	AnyUnparsedFails:   at("inventory.any_unparsed_is_failed", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"),
	Home:               at("defaults.home", "ANSIBLE_HOME"),
	RolesPath:          at("defaults.roles_path", "ANSIBLE_ROLES_PATH"),
	CollectionsPath:    at("defaults.collections_paths defaults.collections_path", "ANSIBLE_COLLECTIONS_PATHS ANSIBLE_COLLECTIONS_PATH"),
	Library:            at("defaults.library", "ANSIBLE_LIBRARY"),
	RemoteUser:         at("defaults.remote_user", "ANSIBLE_REMOTE_USER"),
	PrivateKeyFile:     at("defaults.private_key_file", "ANSIBLE_PRIVATE_KEY_FILE"),
	RemotePort:         at("defaults.remote_port", "ANSIBLE_REMOTE_PORT"),
	AskPass:            at("defaults.ask_pass", "ANSIBLE_ASK_PASS"),
	PasswordFile:       at("defaults.connection_password_file", "ANSIBLE_CONNECTION_PASSWORD_FILE"),
	Transport:          at("defaults.transport", "ANSIBLE_TRANSPORT"),
	Become:             at("privilege_escalation.become", "ANSIBLE_BECOME"),
	BecomeMethod:       at("privilege_escalation.become_method", "ANSIBLE_BECOME_METHOD"),
	BecomeUser:         at("privilege_escalation.become_user sudo_become_plugin.user", "ANSIBLE_BECOME_USER ANSIBLE_SUDO_USER"),
	BecomeFlags:        at("privilege_escalation.become_flags sudo_become_plugin.flags", "ANSIBLE_BECOME_FLAGS ANSIBLE_SUDO_FLAGS"),
	BecomeAskPass:      at("privilege_escalation.become_ask_pass", "ANSIBLE_BECOME_ASK_PASS"),
	BecomePasswordFile: at("defaults.become_password_file", "ANSIBLE_BECOME_PASSWORD_FILE"),
	Forks:              at("defaults.forks", "ANSIBLE_FORKS"),
	Timeout:            at("defaults.timeout ssh_connection.timeout", "ANSIBLE_TIMEOUT ANSIBLE_SSH_TIMEOUT"),
	TaskTimeout:        at("defaults.task_timeout", "ANSIBLE_TASK_TIMEOUT"),
	Managed:            at("defaults.ansible_managed", ""),
	HostKeyChecking: at("defaults.host_key_checking ssh_connection.host_key_checking",
		"ANSIBLE_HOST_KEY_CHECKING ANSIBLE_SSH_HOST_KEY_CHECKING"),
	HashBehaviour:        at("defaults.hash_behaviour", "ANSIBLE_HASH_BEHAVIOUR"),
	Gathering:            at("defaults.gathering", "ANSIBLE_GATHERING"),
	GatherSubset:         at("defaults.gather_subset", "ANSIBLE_GATHER_SUBSET"),
	VaultPasswordFile:    at("defaults.vault_password_file", "ANSIBLE_VAULT_PASSWORD_FILE"),
	VaultIdentityList:    at("defaults.vault_identity_list", "ANSIBLE_VAULT_IDENTITY_LIST"),
	VaultIdentity:        at("defaults.vault_identity", "ANSIBLE_VAULT_IDENTITY"),
	VaultIDMatch:         at("defaults.vault_id_match", "ANSIBLE_VAULT_ID_MATCH"),
	VaultEncryptIdentity: at("defaults.vault_encrypt_identity", "ANSIBLE_VAULT_ENCRYPT_IDENTITY"),
	AskVaultPass:         at("defaults.ask_vault_pass", "ANSIBLE_ASK_VAULT_PASS"),
	ForceHandlers:        at("defaults.force_handlers", "ANSIBLE_FORCE_HANDLERS"),
	AnyErrorsFatal:       at("defaults.any_errors_fatal", "ANSIBLE_ANY_ERRORS_FATAL"),
	NoLog:                at("defaults.no_log", "ANSIBLE_NO_LOG"),
	Strategy:             at("defaults.strategy", "ANSIBLE_STRATEGY"),
	RetryFiles:           at("defaults.retry_files_enabled", "ANSIBLE_RETRY_FILES_ENABLED"),
	RetryFilesPath:       at("defaults.retry_files_save_path", "ANSIBLE_RETRY_FILES_SAVE_PATH"),
	RunTags:              at("tags.run", "ANSIBLE_RUN_TAGS"),
	SkipTags:             at("tags.skip", "ANSIBLE_SKIP_TAGS"),
	AlwaysDiff:           at("diff.always", "ANSIBLE_DIFF_ALWAYS"),
	Verbosity:            at("defaults.verbosity", "ANSIBLE_VERBOSITY"),
	SSHArgs:              at("ssh_connection.ssh_args", "ANSIBLE_SSH_ARGS"),
	SSHCommonArgs:        at("ssh_connection.ssh_common_args", "ANSIBLE_SSH_COMMON_ARGS"),
	SSHExtraArgs:         at("ssh_connection.ssh_extra_args", "ANSIBLE_SSH_EXTRA_ARGS"),
	SSHRetries:           at("connection.retries ssh_connection.retries", "ANSIBLE_SSH_RETRIES"),
}

// withoutEffect are settings that say how Ansible itself works or what it shows, by section and key. They change nothing in
// what hosts become, and pass without a word.
var withoutEffect = words(`
	defaults.action_warnings defaults.bin_ansible_callbacks defaults.callback_whitelist defaults.callbacks_enabled
	defaults.callback_result_format defaults.result_format defaults.pretty_results defaults.check_mode_markers
	defaults.callback_format_pretty defaults.collections_on_ansible_version_mismatch defaults.collections_scan_sys_path
	defaults.command_warnings defaults.cow_selection defaults.cow_whitelist defaults.cowpath defaults.cowsay_enabled_stencils
	defaults.debug defaults.deprecation_warnings defaults.devel_warning defaults.display_args_to_stdout
	defaults.display_failed_stderr defaults.display_ok_hosts defaults.display_skipped_hosts defaults.display_traceback
	defaults.docsite_root_url defaults.editor defaults.force_color defaults.internal_poll_interval defaults.interpreter_python
	defaults.jinja2_native_warning defaults.keep_remote_files defaults.local_tmp defaults.localhost_warning
	defaults.log_filter defaults.log_verbosity defaults.max_diff_size defaults.module_compression defaults.module_ignore_exts
	defaults.module_strict_utf8_response defaults.nocolor defaults.nocows defaults.no_target_syslog defaults.pager
	defaults.pipelining defaults.poll_interval defaults.python_module_rlimit_nofile defaults.remote_tmp
	defaults.show_custom_stats defaults.show_per_host_start defaults.show_task_path_on_failure defaults.stdout_callback
	defaults.string_conversion_action defaults.syslog_facility defaults.system_warnings defaults.target_log_info
	defaults.task_debugger_ignore_errors defaults.use_persistent_connections defaults.validate_action_group_metadata
	defaults.verbose_to_stderr defaults.win_async_startup_timeout defaults.allow_world_readable_tmpfiles
	defaults.old_plugin_cache_clear defaults.jinja2_native
	privilege_escalation.agnostic_become_prompt connection.pipelining
	diff.context inventory.inventory_unparsed_warning inventory.export inventory.unparsed_warning
	ssh_connection.control_path ssh_connection.control_path_dir ssh_connection.password_mechanism ssh_connection.pipelining
	ssh_connection.scp_executable ssh_connection.scp_extra_args ssh_connection.scp_if_ssh ssh_connection.sftp_batch_mode
	ssh_connection.sftp_executable ssh_connection.sftp_extra_args ssh_connection.sshpass_prompt
	ssh_connection.transfer_method ssh_connection.usetty ssh_connection.verbosity`)

// otherTools are sections, or beginnings of their names, that are for what polarbook does not have a part of.
var otherTools = []string{
	"colors", "galaxy", "galaxy_server.", "callback_", "persistent_connection", "netconf_connection", "accelerate", "winrm",
	"molecule", "jinja2_native_warning",
}

// asHere are settings whose value may be named so long as it is what polarbook does anyway: the first is Ansible's default.
var asHere = map[string][]string{
	"defaults.error_on_undefined_vars":       {"true"},
	"defaults.error_on_missing_handler":      {"true"},
	"defaults.invalid_task_attribute_failed": {"true"},
	"defaults.inject_facts_as_vars":          {"true"},
	"defaults.private_role_vars":             {"false"},
	"defaults.duplicate_dict_key":            {"warn", "error"},
	"defaults.executable":                    {"/bin/sh"},
	"defaults.fact_caching":                  {"memory", "ansible.builtin.memory"},
	"defaults.enable_task_debugger":          {"false"},
	"defaults.allow_unsafe_lookups":          {"false"},
	"defaults.playbook_vars_root":            {"top"},
	"defaults.run_vars_plugins":              {"demand"},
	"defaults.vars_plugins_enabled":          {"host_group_vars"},
	"defaults.force_valid_group_names":       {"never", "ignore", "silently"},
	"inventory.host_pattern_mismatch":        {"warning"},
	"inventory.cache":                        {"false"},
	"inventory.enable_plugins":               nil, // any: see inventoryPlugins
	"ssh_connection.ssh_executable":          {"ssh", "/usr/bin/ssh"},
	"privilege_escalation.become_exe":        {"sudo", "su"},
	"connection.ssh_agent":                   {"none"},
}

// unreadVariables are environment variables of Ansible that say what the settings do that are not read.
var unreadVariables = words(`
	ANSIBLE_ACTION_PLUGINS ANSIBLE_BECOME_PLUGINS ANSIBLE_CACHE_PLUGIN ANSIBLE_CONNECTION_PLUGINS ANSIBLE_FILTER_PLUGINS
	ANSIBLE_INVENTORY_PLUGINS ANSIBLE_JINJA2_EXTENSIONS ANSIBLE_LOG_PATH ANSIBLE_LOOKUP_PLUGINS
	ANSIBLE_MODULE_UTILS ANSIBLE_STRATEGY_PLUGINS ANSIBLE_TEST_PLUGINS ANSIBLE_VARS_PLUGINS ANSIBLE_PRECEDENCE
	ANSIBLE_BECOME_EXE ANSIBLE_EXECUTABLE ANSIBLE_SSH_EXECUTABLE ANSIBLE_PRIVATE_KEY ANSIBLE_PKCS11_PROVIDER`)

// variablesAsHere are those that may be set so long as they say what polarbook does anyway.
var variablesAsHere = map[string][]string{
	"ANSIBLE_ERROR_ON_UNDEFINED_VARS":  {"true"},
	"ANSIBLE_ERROR_ON_MISSING_HANDLER": {"true"},
	"ANSIBLE_INJECT_FACT_VARS":         {"true"},
	"ANSIBLE_PRIVATE_ROLE_VARS":        {"false"},
	"ANSIBLE_HOST_PATTERN_MISMATCH":    {"warning"},
}

func words(text string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(text) {
		all[w] = true
	}
	return all
}
