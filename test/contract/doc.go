// Package contract holds what polarbook assumes about the engine, as cases that run against an install prefix: always the
// stand-in, and the engine named by POLARDB_TARBALL when it is set. A case that passes on one and fails on the other is an
// error of the stand-in.
package contract
