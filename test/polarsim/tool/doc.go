// Package tool holds the stand-in's command line programs. Each is a function from arguments to exit code; which
// one runs is decided by the name the binary was called by. It must not know how the server works inside.
package tool
