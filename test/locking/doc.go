// Package locking tests that one operator at a time works on hosts: two of polarbook against the same hosts, one of
// them killed, cleared away or made to wait. It also holds what a run that was killed still owes a host, and that nothing
// is destroyed before somebody said yes.
//
// It must not import polarbook's packages: it asserts what a user sees.
package locking
