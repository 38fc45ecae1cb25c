package tasks

// polardbModules returns the modules that know the engine, in the order of the documentation.
func polardbModules() []Module {
	return []Module{
		polardbFirewallModule, polardbFactsModule, polardbIdentityModule, polardbMoveModule, polardbSoftwareModule,
		polardbInitdbModule, polardbKeepModule, polardbBasebackupModule, polardbMetaModule, polardbServiceModule,
		polardbWaitModule, polardbMemberModule, polardbWeightModule, polardbSwitchoverModule, polardbElectionModule,
		polardbSingletonModule, polardbRecoveryModule, polardbDropModule, polardbRetireModule, polardbPurgeModule,
		polardbActivateModule, polardbDestroyModule, polardbBackupModule, polardbTablespacesModule, polardbRelationsModule,
		polardbSetModule, polardbTurnModule, polardbSettingsModule, polardbValidateModule, polardbRoleModule,
		polardbPasswordsModule, polardbSuperuserPasswordModule, polardbRotationModule, polardbRotationHBAModule,
		polardbReplicationLoginModule, polardbExtensionModule, polardbQueryModule, polardbProofModule, polardbStatusModule,
		polardbChosenModule, polardbLocaleModule, polardbConfirmModule, polardbCertificateModule, polardbCAModule,
		polardbTrustModule, polardbTLSModule,
	}
}
