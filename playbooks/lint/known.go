package lint

import (
	"regexp"
	"strings"

	"github.com/polarbook/polarbook/tasks"
	"github.com/polarbook/polarbook/templates/suggest"
)

// magic are the variables that what runs a playbook sets itself.
var magic = words(`hostvars vars groups group_names inventory_hostname inventory_hostname_short inventory_dir inventory_file playbook_dir
	role_path role_name role_names omit play_hosts environment polarbook_run_id polarbook_offline
	ansible_check_mode ansible_diff_mode ansible_forks ansible_run_tags ansible_skip_tags ansible_version ansible_verbosity ansible_limit
	ansible_play_name ansible_play_hosts_all ansible_play_batch ansible_play_hosts ansible_play_role_names ansible_role_names
	ansible_role_name ansible_collection_name ansible_parent_role_names ansible_inventory_sources ansible_search_path ansible_facts
	ansible_local ansible_loop ansible_loop_var ansible_index_var ansible_failed_task ansible_failed_result ansible_managed
	ansible_dependent_role_names ansible_delegated_vars ansible_config_file ansible_playbook_python ansible_python_interpreter`)

// connections are how a host is reached; an inventory need not say it.
var connections = words(`ansible_host ansible_port ansible_user ansible_password ansible_ssh_pass ansible_ssh_host ansible_ssh_port
	ansible_ssh_user ansible_ssh_private_key_file ansible_private_key_file ansible_connection ansible_become ansible_become_user
	ansible_become_method ansible_become_password ansible_become_pass ansible_become_exe ansible_become_flags ansible_shell_type
	ansible_shell_executable ansible_ssh_common_args ansible_ssh_extra_args ansible_sftp_extra_args ansible_scp_extra_args
	ansible_ssh_executable ansible_pipelining ansible_remote_tmp ansible_host_key_checking ansible_timeout ansible_ssh_timeout
	ansible_ssh_pipelining ansible_async_dir`)

// facts are those that Ansible gathers on Linux, without their ansible_.
var facts = words(`all_ipv4_addresses all_ipv6_addresses apparmor architecture bios_date bios_vendor bios_version board_asset_tag
	board_name board_serial board_vendor board_version caps chassis_asset_tag chassis_serial chassis_vendor chassis_version cmdline
	date_time default_ipv4 default_ipv6 device_links devices discovered_interpreter_python distribution distribution_file_parsed
	distribution_file_path distribution_file_variety distribution_major_version distribution_minor_version distribution_release
	distribution_version dns domain effective_group_id effective_user_id env fibre_channel_wwn fips form_factor fqdn gather_subset
	hostname hostnqn interfaces is_chroot iscsi_iqn kernel kernel_version lo loadavg local locally_reachable_ips lsb lvm machine
	machine_id memfree_mb memory_mb memtotal_mb module_setup mounts nodename os_family pkg_mgr proc_cmdline processor processor_cores
	processor_count processor_nproc processor_threads_per_core processor_vcpus product_name product_serial product_uuid
	product_version python python_version real_group_id real_user_id selinux selinux_python_present service_mgr
	ssh_host_key_dsa_public ssh_host_key_dsa_public_keytype ssh_host_key_ecdsa_public ssh_host_key_ecdsa_public_keytype
	ssh_host_key_ed25519_public ssh_host_key_ed25519_public_keytype ssh_host_key_rsa_public ssh_host_key_rsa_public_keytype swapfree_mb
	swaptotal_mb system system_capabilities system_capabilities_enforced system_vendor systemd uptime_seconds user_dir user_gecos
	user_gid user_id user_shell user_uid userspace_architecture userspace_bits virtualization_role virtualization_tech_guest
	virtualization_tech_host virtualization_type packages services getent_passwd getent_group getent_hosts getent_services
	getent_shadow mount_points system_wide_trust ec2_instance_id`)

func words(text string) map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields(text) {
		all[word] = true
	}
	return all
}

// ownFacts are the variables of a host that a module says it sets.
var ownFacts = regexp.MustCompile(`^polardb_\w+`)

// factsOf are the variables that modules of facts set beside ansible_facts.
func factsOf(module string, m *tasks.Module) []string {
	if m != nil {
		for _, r := range m.Returns {
			if name := ownFacts.FindString(r.Doc); r.Name == "ansible_facts" && name != "" {
				return []string{name}
			}
		}
	}
	switch module {
	case "service_facts":
		return []string{"services"}
	case "package_facts":
		return []string{"packages"}
	case "mount_facts":
		return []string{"mount_points"}
	}
	return nil
}

// nearFact is the fact that a name was probably meant to be; empty: it is one, or may be.
func nearFact(name string) string {
	if facts[name] || len(name) < 5 {
		return ""
	}
	var known []string
	for fact := range facts {
		if len(fact) > 4 {
			known = append(known, fact)
		}
	}
	near := suggest.Nearest(name, known)
	// Names of interfaces and other things are facts too, and so are several of one kind.
	if near == "" || strings.HasPrefix(near, name) || strings.HasPrefix(name, near) {
		return ""
	}
	return near
}
