// Package contract holds what polarbook believes about the engine, as cases that run against an install prefix:
// the stand-in always, and the engine named by POLARDB_TARBALL when it is set. A case that passes on one and fails on
// the other is a lie in the stand-in.
package contract
