// Package postgresql holds Ansible's modules for PostgreSQL (community.postgresql), which work on a PolarDB cluster too: a module in
// the file of its name.
//
// A module is questions, which are asked in one session; a function that decides by the answers what there is to do; and
// statements. login.go knows how a server is reached: through the host's SSH connection by pgx (direct.go), on the leader of a
// cluster, or by the host's psql as the task's user (psql.go), for a server that asks nothing but who that is.
package postgresql
