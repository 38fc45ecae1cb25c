// Package ospackage reads the packages of operating systems, .deb and .rpm, on the control node: their names and versions, and the
// libraries that they bring. It runs no program, and believes nothing that a file says of its own size.
//
// It must know neither modules nor hosts.
package ospackage
