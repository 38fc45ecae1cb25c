package tasks

func init() { knowing(preflightModules()) }
