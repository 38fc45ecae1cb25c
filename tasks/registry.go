package tasks

import "strings"

// All lists every module, in the order of the documentation.
func All() []Module {
	return registry
}

// registry is the one visible list of modules. A module is a variable in the file of its name.
var registry = []Module{
	fileModule, copyModule, templateModule, statModule, commandModule, shellModule, lineinfileModule, blockinfileModule, replaceModule,
	unarchiveModule, hostnameModule, timezoneModule, waitForModule, userModule, groupModule, sysctlModule, systemdModule, systemdServiceModule, serviceModule,
	assertModule, failModule, debugModule, setFactModule, setupModule, pingModule, rawModule,
	pamLimitsModule, firewalldModule, ufwModule, selinuxModule, slurpModule, findModule, tempfileModule, getentModule, authorizedKeyModule,
	packageModule, aptModule, dnfModule, yumModule,

	polardbCheckModule, polardbCheckReportModule, polardbFirewallModule,
	polardbFactsModule, polardbIdentityModule, polardbMoveModule, polardbSoftwareModule, polardbInitdbModule, polardbKeepModule, polardbBasebackupModule, polardbMetaModule, polardbServiceModule, polardbWaitModule, polardbMemberModule,
	polardbWeightModule, polardbSwitchoverModule, polardbElectionModule, polardbSingletonModule, polardbRecoveryModule, polardbDropModule, polardbRetireModule, polardbPurgeModule, polardbActivateModule, polardbDestroyModule, polardbBackupModule, polardbTablespacesModule, polardbRelationsModule, polardbSetModule, polardbTurnModule, polardbSettingsModule, polardbValidateModule, polardbRoleModule, polardbPasswordsModule, polardbSuperuserPasswordModule, polardbRotationModule, polardbRotationHBAModule, polardbReplicationLoginModule, polardbExtensionModule, polardbQueryModule, polardbProofModule, polardbStatusModule,
	polardbChosenModule, polardbLocaleModule,
	polardbConfirmModule, polardbCertificateModule, polardbCAModule, polardbTrustModule, polardbTLSModule,
}

// Lookup finds a module by its short name or by one of its collections' names: "copy", "ansible.builtin.copy".
func Lookup(name string) (*Module, bool) {
	collection, short := "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		collection, short = name[:i], name[i+1:]
	}
	for i := range registry {
		m := &registry[i]
		if m.Name != short {
			continue
		}
		if collection == "" {
			return m, true
		}
		for _, c := range m.Collections {
			if c == collection {
				return m, true
			}
		}
	}
	return nil, false
}
