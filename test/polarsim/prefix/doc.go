// Package prefix lays the stand-in out as an install prefix, as a directory or as a tarball, the way a real one is
// shipped: bin, lib and share under one top folder. Tests and the demo use it; it must not know what is in the
// binary.
package prefix
