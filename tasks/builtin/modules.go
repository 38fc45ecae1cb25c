package builtin

import "github.com/polarbook/polarbook/tasks"

// Modules returns Ansible's modules, in the order of the documentation. A module is a variable in the file of its name.
func Modules() []tasks.Module {
	return []tasks.Module{
		fileModule, copyModule, templateModule, statModule, commandModule, shellModule, lineinfileModule, blockinfileModule,
		fetchModule, iniFileModule, scriptModule, assembleModule, knownHostsModule,
		replaceModule, unarchiveModule, hostnameModule, timezoneModule, waitForModule, userModule, groupModule, sysctlModule,
		systemdModule, systemdServiceModule, serviceModule, assertModule, failModule, debugModule, setFactModule, setupModule, gatherFactsModule,
		pingModule, rawModule, pamLimitsModule, firewalldModule, iptablesModule, ufwModule, selinuxModule, slurpModule, findModule,
		getURLModule, uriModule, aptRepositoryModule, cronModule, cronvarModule, htpasswdModule,
		tempfileModule, getentModule, authorizedKeyModule, atModule, asyncStatusModule, packageModule, aptModule, dnfModule, yumModule,
		packageFactsModule, serviceFactsModule, yumRepositoryModule, deb822Module, dnf5Module,
	}
}
