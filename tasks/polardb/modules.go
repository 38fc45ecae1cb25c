package polardb

import "github.com/polarbook/polarbook/tasks"

// Modules returns the modules that know the engine, in the order of the documentation.
func Modules() []tasks.Module {
	return []tasks.Module{
		firewallModule, factsModule, discoverModule, adoptionModule, adoptModule, identityModule, moveModule, osPackagesModule, softwareModule,
		initdbModule, keepModule, basebackupModule, metaModule, serviceModule,
		waitModule, memberModule, weightModule, switchoverModule, electionModule,
		singletonModule, recoveryModule, dropModule, retireModule, purgeModule,
		activateModule, destroyModule, backupModule, backupsModule, copyBackupModule, fetchBackupModule, restoreModule, replayModule,
		verifyModule, tablespacesModule, relationsModule,
		setModule, quorumModule, settingsModule, validateModule, roleModule,
		passwordsModule, superuserPasswordModule, rotationModule, rotationHBAModule,
		replicationLoginModule, extensionModule, queryModule, proofModule, statusModule,
		chosenModule, localeModule, confirmModule, certificateModule, caModule, endpointModule, endpointPortModule,
		trustModule, tlsModule,
	}
}
