// Package datadir is what lies in PGDATA and POLARDATA: the control file, the snapshot of the data, the
// directories initdb makes and polar-initdb.sh moves. It must not know running servers.
package datadir
