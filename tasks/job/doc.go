// Package job has scripts go on by themselves on a host, whatever becomes of the connection, and finds them again by their id: what
// the keyword async needs. Jobs are noted where Ansible notes its own, by the account that starts them: what either program began,
// the other finds.
//
// It knows shells, and neither modules nor the engine.
package job
